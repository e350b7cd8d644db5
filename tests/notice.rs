//! What our mails say: every text with its facts, escaping, what clients never see, and overrides.

use std::path::Path;

use deskd::notice::{Texts, client_subject, samples, tech_subject};
use deskd::words::TicketNumber;

mod to_clients;
mod to_managers;
mod to_techs;

const MARKER: &str = "Please write above this line";
const CLIENT: [&str; 12] = [
    "review_invitation",
    "statement",
    "acknowledgement",
    "approval",
    "relay",
    "resolution",
    "waiting_reminder",
    "closed_notice",
    "link_code",
    "link_question",
    "linked",
    "usage_client",
];

fn texts() -> Texts {
    Texts::load(None, MARKER).unwrap()
}

fn first(name: &str) -> String {
    let notice = samples(&str::to_owned).into_iter().find(|notice| notice.name() == name).unwrap();
    let mail = texts().show("en", &*notice);
    format!("{}\n\n{}", mail.subject, short_links(&mail.text))
}

/// Address and subject of the one-tap links are the same everywhere; a test of their own has them whole.
fn short_links(text: &str) -> String {
    let short = |line: &str| match (line.find("mailto:"), line.find("&body=")) {
        (Some(from), Some(to)) => format!("{}mailto:…{}", &line[..from], &line[to..]),
        _ => line.to_owned(),
    };
    text.lines().map(|line| short(line) + "\n").collect()
}

#[test]
fn a_one_tap_link_opens_a_mail_to_the_token_that_names_its_ticket() {
    let notice = samples(&str::to_owned).into_iter().find(|notice| notice.name() == "assignment").unwrap();
    let text = texts().show("en", &*notice).text;
    assert!(
        text.contains(
            "Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20\
             Front%20desk%20printer%20is%20down&body=%23take%0D%0A\n"
        ),
        "{text}"
    );
}

fn overridden(files: &[(&str, &str)]) -> Result<Texts, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let shown = |path: &Path, text: String| text.replace(&format!("{}/", path.display()), "");
    Texts::load(Some(folder.path()), MARKER)
        .map_err(|problems| problems.iter().map(|problem| shown(folder.path(), problem.to_string())).collect())
}

/// With `DESKD_NOTICE_OUT=FOLDER` every page is written there, to be looked at.
#[test]
fn every_text_has_a_subject_a_text_and_a_whole_html_page() {
    let folder = std::env::var_os("DESKD_NOTICE_OUT");
    for (number, notice) in samples(&str::to_owned).iter().enumerate() {
        let mail = texts().show("en", &**notice);
        if let Some(folder) = &folder {
            let file = format!("{number:02}-{}.html", notice.name());
            std::fs::write(Path::new(folder).join(file), &mail.html).unwrap();
        }
        assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'), "{}", notice.name());
        assert!(mail.text.lines().count() >= 3, "{}: {}", notice.name(), mail.text);
        assert!(mail.html.contains("</html>"), "{}", notice.name());
        assert_eq!(mail.text.starts_with(MARKER), !CLIENT.contains(&notice.name()), "{}", notice.name());
    }
}

#[test]
fn no_fact_stands_in_html_unescaped_and_none_is_run_as_a_template() {
    for notice in samples(&|text| format!("{text}<b>&\"{{{{7*7}}}}")) {
        let mail = texts().show("en", &*notice);
        assert!(!mail.html.contains("<b>&\"") && !mail.html.contains("<b>&amp;"), "{}: {}", notice.name(), mail.html);
        assert!(!mail.html.contains("&\"{{"), "{}", notice.name());
        assert!(!mail.text.contains("49"), "{}: {}", notice.name(), mail.text);
    }
}

#[test]
fn a_clients_mail_holds_nothing_internal() {
    for notice in samples(&str::to_owned).iter().filter(|notice| CLIENT.contains(&notice.name())) {
        let mail = texts().show("en", &**notice);
        // What a statement is about is the client's own.
        let theirs: &[&str] = if notice.name() == "statement" { &["P2", "retainer", "used in"] } else { &[] };
        let all = ["P2", "degradation", "retainer", MARKER, "#take", "mailto:", "rule", "used in"];
        for internal in all.iter().filter(|word| !theirs.contains(word)) {
            assert!(!mail.text.contains(*internal), "{}: {internal}", notice.name());
            assert!(!mail.html.contains(*internal), "{}: {internal}", notice.name());
        }
    }
}

#[test]
fn an_acknowledgement_says_when_a_human_answers() {
    insta::assert_snapshot!(first("acknowledgement"), @r"
    Re: Front desk printer is down

    Hello Jane Roe,

    we have your request. Its number is #1042.

    Our desk is closed at the moment. A technician will take it up when we open:
    Mon 30 Nov, 15:05 EST.

    If it cannot wait, please call us: +1 312 555 0199

    Your mail was larger than we can take in, so its text or files did not reach
    us. Please send it again without the large files, or tell us what is in them.

    To add something, just reply to this mail.

    --
    Northwind IT · request #1042 · just reply to this mail
    ");
}

#[test]
fn a_receipt_names_the_effects_and_the_balance_in_one_line() {
    let receipt = first("receipt").replace('\n', " ");
    assert!(
        receipt.contains(
            "#1042 answer sent to Jane Roe · resolved · 25m retainer · Acme: 6h10 of 10–20h used in November"
        )
    );
}

#[test]
fn a_technicians_subject_stays_and_a_client_keeps_the_own_one() {
    assert_eq!(
        tech_subject(TicketNumber(1042), Some("Acme"), "AW: Re: printer\r\nBcc: x"),
        "#1042 Acme: printer Bcc: x"
    );
    assert_eq!(client_subject("SV: Re[2]: RE: Fwd: printer"), "Re: Fwd: printer");
    assert_eq!(client_subject("Reminder: invoice"), "Re: Reminder: invoice");
}

#[test]
fn a_folder_overrides_words_and_templates_and_other_languages_fall_back_to_english() {
    let texts = overridden(&[
        ("texts/de.toml", "[time]\ntoday = \"heute {time}\"\n"),
        ("templates/de/closed_notice.txt", "{{ ticket.number }} erledigt\n"),
    ])
    .unwrap();
    let closed = samples(&str::to_owned).into_iter().find(|notice| notice.name() == "closed_notice").unwrap();
    assert_eq!(texts.show("de-AT", &*closed).text, "#1042 erledigt\n");
    assert!(texts.show("fr", &*closed).text.starts_with("Hello Jane Roe"));
    assert_eq!(texts.words("de").get("time", "today"), "heute {time}");
    assert_eq!(texts.words("de").get("time", "now"), "now");
}

#[test]
fn a_broken_override_is_reported_with_file_and_line() {
    let problems = overridden(&[
        ("templates/en/relay.txt", "fine\n{{ ticket.nmber }}\n"),
        ("templates/en/acknowledgment.txt", "typo in the name"),
    ])
    .unwrap_err()
    .join("\n");
    assert!(problems.contains("templates/en/acknowledgment.txt: no mail uses this file"), "{problems}");
    let problems = overridden(&[("templates/en/relay.txt", "fine\n{{ ticket.nmber }}\n")]).unwrap_err().join("\n");
    assert!(problems.contains("templates/en/relay.txt:2: undefined value"), "{problems}");
    let problems = overridden(&[("templates/de/relay.txt", "{% if %}")]).unwrap_err().join("\n");
    assert!(problems.contains("templates/de/relay.txt:1: syntax error"), "{problems}");
    let problems = overridden(&[("texts/de.toml", "[time]\nnow = \"jetzt\"\nin = \"bald\"\nfoo = \"x\"\n")])
        .unwrap_err()
        .join("\n");
    assert!(problems.contains("texts/de.toml:3: time.in: must hold exactly {span}"), "{problems}");
    assert!(problems.contains("texts/de.toml:4: time.foo: no text uses this word"), "{problems}");
}

#[test]
fn every_word_of_the_closed_lists_is_in_the_language_file() {
    use deskd::desk::event::ClockKind;
    use deskd::words::{Category, Priority, Status};
    let texts = texts();
    let known: Vec<(&str, &str)> = texts.words("en").keys().collect();
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    wanted.extend(Priority::ALL.map(|priority| ("priority", priority.as_str())));
    wanted.extend(Status::ALL.map(|status| ("status", status.as_str())));
    wanted.extend(Category::ALL.map(|category| ("category", category.as_str())));
    for clock in [ClockKind::FirstTouch, ClockKind::Answer, ClockKind::Resolve] {
        wanted.extend([("clock", clock.as_str()), ("missed", clock.as_str())]);
    }
    // The words that the code asks for by name stand in it as the first strings after these calls.
    let source = ["facts", "language", "receipt", "tech", "manager"]
        .map(|file| std::fs::read_to_string(format!("{}/src/notice/{file}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap());
    for call in source
        .iter()
        .flat_map(|text| {
            ["words.get(\"", "words.fill(\"", "self.get(\"", "self.fill(\""].map(|call| text.split(call).skip(1))
        })
        .flatten()
    {
        if let Some((section, rest)) = call.split_once("\", \"")
            && let Some((key, _)) = rest.split_once('"')
            && !section.contains('"')
        {
            wanted.push((section, key));
        }
    }
    for text in &source {
        for call in ["plain(\"", "with(\""] {
            wanted.extend(text.split(call).skip(1).filter_map(|rest| Some(("effect", rest.split_once('"')?.0))));
        }
    }
    assert!(wanted.len() > 60, "{}", wanted.len());
    for word in wanted {
        assert!(known.contains(&word), "{word:?} is not in en.toml");
    }
}
