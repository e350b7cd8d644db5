//! What our mails say: every text with its facts, escaping, what clients never see, and overrides.

use std::path::Path;

use deskd::notice::{Texts, client_subject, samples, tech_subject};
use deskd::words::TicketNumber;

const MARKER: &str = "Please write above this line";
const CLIENT: [&str; 6] = ["acknowledgement", "approval", "relay", "resolution", "waiting_reminder", "closed_notice"];

fn texts() -> Texts {
    Texts::load(None, MARKER).unwrap()
}

fn first(name: &str) -> String {
    let notice = samples(&str::to_owned).into_iter().find(|notice| notice.name() == name).unwrap();
    let mail = texts().show("en", &*notice);
    format!("{}\n\n{}", mail.subject, mail.text)
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

#[test]
fn every_text_has_a_subject_a_text_and_a_whole_html_page() {
    for notice in samples(&str::to_owned) {
        let mail = texts().show("en", &*notice);
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
        for internal in ["P2", "degradation", "retainer", MARKER, "#take", "mailto:", "rule", "used in"] {
            assert!(!mail.text.contains(internal), "{}: {internal}", notice.name());
            assert!(!mail.html.contains(internal), "{}: {internal}", notice.name());
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
fn relay_reads_like_this() {
    insta::assert_snapshot!(first("relay"), @r##"
    Re: Front desk printer is down

    Sam Ortiz, Northwind IT, about your request #1042:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    Too large for this mail, so not attached: driver-pack.zip

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn resolution_reads_like_this() {
    insta::assert_snapshot!(first("resolution"), @r##"
    Re: Front desk printer is down

    Sam Ortiz, Northwind IT, about your request #1042:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    With this your request is resolved. If it is not, just reply and we take it up
    again.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn waiting_reminder_reads_like_this() {
    insta::assert_snapshot!(first("waiting_reminder"), @r##"
    Re: Front desk printer is down

    Hello Jane Roe,

    we still need your answer to go on with your request #1042.

    Sam Ortiz wrote:

      | Does the printer show a message on its own display?
      | Which one?

    Without an answer we take it as solved and close it: Wed 25 Nov. You can
    reopen it at any time by replying.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn closed_notice_reads_like_this() {
    insta::assert_snapshot!(first("closed_notice"), @r##"
    Re: Front desk printer is down

    Hello Jane Roe,

    we have not heard from you, so we take your request #1042 as solved.

    If it is not, just reply to this mail: we take it up again.

    --
    Northwind IT · request #1042 · just reply to this mail
    "##);
}

#[test]
fn assignment_reads_like_this() {
    insta::assert_snapshot!(first("assignment"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 is yours: P2 degradation, Acme Dental.
    First answer due today 14:45 CST (in 40 min).

    CAREFUL, sensitive request. The sender is NOT verified and NOT an approver of
    this client.
    Before #done it needs #approve (may approve: Jane Roe
    <jane@acme-dental.example>) or #verified by phone.

    The sender is not verified: the domain acme-dental.example signs its mail, but
    this mail is not signed.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    Attached: photo.jpg
    Too large for this mail: video.mov
    In Cc, not added to the ticket: bob@printers.example

    Contact: Jane Roe, +1 312 555 0100, jane@acme-dental.example, manager, approver
    Earlier tickets: 4
      #1017 Scanner does not mail (resolved, Thu 19 Nov, 14:05)
    Similar, resolved:
      #871 Label printer offline
      | DHCP lease ran out; fixed address set on the print server.
    Billed as: retainer · Acme: 6h10 of 10–20h used in November
    Rule "device down" on the words: printer, offline
    Solution due tomorrow 18:05 CST (in 28 h)
    Why you: has the skill network and the lightest load

    --
    A plain reply goes to Jane Roe.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
      Done, 15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn reassignment_reads_like_this() {
    insta::assert_snapshot!(first("reassignment"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 is now yours, from Ana Lima: P2 degradation, Acme Dental.
    Ana Lima: needs somebody on site
    First answer due today 14:45 CST (in 40 min).

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    Attached: photo.jpg
    Too large for this mail: video.mov
    In Cc, not added to the ticket: bob@printers.example

    Contact: Jane Roe, +1 312 555 0100, jane@acme-dental.example, manager, approver
    Earlier tickets: 4
      #1017 Scanner does not mail (resolved, Thu 19 Nov, 14:05)
    Similar, resolved:
      #871 Label printer offline
      | DHCP lease ran out; fixed address set on the print server.
    Billed as: retainer · Acme: 6h10 of 10–20h used in November
    Rule "device down" on the words: printer, offline
    Solution due tomorrow 18:05 CST (in 28 h)
    Why you: has the skill network and the lightest load

    --
    A plain reply goes to Jane Roe.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
      Done, 15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn client_message_reads_like_this() {
    insta::assert_snapshot!(first("client_message"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Jane Roe wrote on #1042, today 14:02:

      | It prints again, but every page comes out twice now.

    Attached: page.pdf
    Too large for this mail: video.mov

    Answer due today 15:02 CST (in 57 min).
    The ticket was resolved and is open again.
    Nobody has this ticket yet.
    Kept as an internal note: mallory@elsewhere.example is not on this ticket.
    The sender is not verified: the mail is not signed.

    P2 degradation, new, Acme Dental, with Sam Ortiz
    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
      Done, 15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn reminder_reads_like_this() {
    insta::assert_snapshot!(first("reminder"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    The first answer on #1042 is due today 14:35 CST (in 30 min).
    P2 degradation, Acme Dental.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
      Done, 15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23done%2015m%0D%0A
      Wait for client: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23wait%20client%0D%0A
    "##);
}

#[test]
fn escalation_reads_like_this() {
    insta::assert_snapshot!(first("escalation"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    MISSED on #1042: nobody has answered the client yet.
    It was due today 13:50 CST (15 min ago). Reminder number 1.
    P2 degradation, Acme Dental, with Sam Ortiz.
    Told: Sam Ortiz, Mo Reed

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
      I have seen this: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23ack%0D%0A
      Done, 15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%0D%0A%0D%0A%23done%2015m%0D%0A
    "##);
}

#[test]
fn receipt_reads_like_this() {
    insta::assert_snapshot!(first("receipt"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    #1042 answer sent to Jane Roe · resolved · 25m retainer · Acme: 6h10 of 10–20h
    used in November
    October's statement is frozen: these 25m go into the next one as late.
    Too large to send along: driver-pack.zip

    Not resolved yet: 45m are logged, and more than 30 minutes need a resolution
    note of at least a sentence. Your answer and your time are kept. Reply with

    #fix cause and cure

      Write the note: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23fix%20%0D%0A
    How long did it take? Reply with #time 25m, or one tap:
      15 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23time%2015m%0D%0A
      30 min: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23time%2030m%0D%0A
      1 h: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23time%201h%0D%0A
      2 h: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23time%202h%0D%0A
    Undo: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23undo%0D%0A

    --
    A plain reply is an internal note; the client does not see it.
    "##);
}

#[test]
fn not_sent_reads_like_this() {
    insta::assert_snapshot!(first("not_sent"), @r##"
    NOT SENT #1042 Acme Dental: Front desk printer is down

    Please write above this line

    NOT SENT, because of this line:

      #time 2

    2 can mean 2 minutes or 2 hours; write #time 2m or #time 2h

    Nothing of your mail was done, and nothing went to the client.
    To send it put right, copy this into a reply:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    #time 2h

    One tap:
      Send it corrected: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=Hi%20Jane%2C%0D%0A%0D%0Athe%20print%20server%20had%20lost%20its%20network%20address.%20I%20gave%20it%20a%20fixed%20one%2C%20and%20the%20printer%20works%20again.%0D%0A%0D%0ASam%0D%0A%0D%0A%23time%202h%0D%0A
    "##);
}

#[test]
fn not_sent_reminder_reads_like_this() {
    insta::assert_snapshot!(first("not_sent_reminder"), @r##"
    NOT SENT Re: Front desk printer is down

    Please write above this line

    STILL NOT SENT: your mail of today 13:50 waits, because of this line:

      #time 2

    2 can mean 2 minutes or 2 hours; write #time 2m or #time 2h

    Nothing of your mail was done, and nothing went to the client.
    To send it put right, copy this into a reply:

    Hi Jane,

    the print server had lost its network address. I gave it a fixed one, and the printer works again.

    Sam

    #time 2h
    "##);
}

#[test]
fn confirmation_reads_like_this() {
    insta::assert_snapshot!(first("confirmation"), @r##"
    Please confirm: Acme: switch replaced

    Please write above this line

    Was this mail yours? "Acme: switch replaced", today 14:03.

    If it was, reply to this mail with ok: it then counts from the moment it
    arrived. If it was not, do nothing.

    It would:
      - open a ticket for Acme Dental
      - log 1h15 retainer

      | Replaced the switch in the server room.

    One tap:
      Yes, this was me: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=ok%0D%0A
    "##);
}

#[test]
fn unverified_reads_like_this() {
    insta::assert_snapshot!(first("unverified"), @r##"
    NOT SENT #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Your mail "Re: #1042 Acme Dental: Front desk printer is down" (today 14:03)
    could not be verified as yours.

    Why: your mail carries no DKIM signature of northwind.example

    Way out: Send it again through smtp.northwind.example; mail from there is
    signed.

    Nothing went to the client. Its text is kept as an internal comment on #1042.

      | Hi Jane,
      |
      | the print server had lost its network address. I gave it a fixed one, and the printer works again.
      |
      | Sam
    "##);
}

#[test]
fn help_reads_like_this() {
    insta::assert_snapshot!(first("help"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Write a line of its own in a reply; any other text goes where the last line of
    the mail you answer says.

    #done [25m] [category]
        resolve, and log time; your text goes to the client
    #time 1h15 [category] [day] [note]
        log time
    #take
        it is yours
    "##);
}

#[test]
fn unsorted_digest_reads_like_this() {
    insta::assert_snapshot!(first("unsorted_digest"), @r##"
    2 unsorted requests

    Please write above this line

    At least one looks like an outage. These came from people nobody vouches for.
    Nobody works on them, and nobody was answered. Reply with the lines you want
    done:

    #1043 P1 outage: Server down at our new office!
    From Rob New <rob@unknown.example>, today 13:35
    rob@unknown.example is not known, and no client has the domain
      | Hello, nobody can work here since 8. We are the new Acme branch.

    #1043 accept acme
    #1043 spam

    #1044 P4 request: Quote
    From Rob New <rob@unknown.example>, today 13:35
    rob@unknown.example is not known, and no client has the domain
      | Hello, nobody can work here since 8. We are the new Acme branch.

    #1044 accept
    #1044 spam
    "##);
}

#[test]
fn late_list_reads_like_this() {
    insta::assert_snapshot!(first("late_list"), @r##"
    2 old mails became tickets

    Please write above this line

    The inbox of support held mail over 3 days old when deskd saw it first. Each
    became a ticket; nobody was sent an acknowledgement.

    #1001 P3 Acme Dental: Old request
        Sat 14 Nov, 14:05, Jane Roe, with Sam Ortiz
    #1001 P3 Jane Roe: Old request
        Sat 14 Nov, 14:05, Jane Roe, nobody has it
    "##);
}

#[test]
fn storm_reads_like_this() {
    insta::assert_snapshot!(first("storm"), @r##"
    PAUSED: too much automatic mail to robot@shop.example

    Please write above this line

    Automatic mail to robot@shop.example is paused: 31 since today 13:15.

    Until: tomorrow 13:05
    Subjects: Your order, Your order

    Most likely two programs answer each other. Mail from people goes on as ever;
    nothing was lost.
    "##);
}

#[test]
fn undeliverable_reads_like_this() {
    insta::assert_snapshot!(first("undeliverable"), @r##"
    #1042 NOT DELIVERED to jane@acme-dental.example

    Please write above this line

    A mail to jane@acme-dental.example will not arrive. The client does not know
    yet.

    Ticket: #1042
    Subject: Re: Front desk printer is down
    Server: 550 5.1.1 no such user
    Tried: 1 time since today 14:04

    Call the client, or put the address right and run: deskd outbox retry 5120
    "##);
}

#[test]
fn quarantined_reads_like_this() {
    insta::assert_snapshot!(first("quarantined"), @r##"
    QUARANTINED: a mail to support that deskd could not read

    Please write above this line

    deskd could not read a mail, so it is no ticket. It is kept whole.

    Source: support, today 13:59
    From: jane@acme-dental.example
    Subject: Fwd: Fwd: Fwd:
    Size: 1368 KiB
    Reason: reading it took over 30 s

    Read it in the mailbox itself and answer its sender from there. To try it
    again: deskd inbound retry 771
    "##);
}

#[test]
fn no_candidate_reads_like_this() {
    insta::assert_snapshot!(first("no_candidate"), @r##"
    #1042 Acme Dental: Front desk printer is down

    Please write above this line

    Nobody can take #1042: P2 degradation, Acme Dental.
    First answer due today 14:45 CST (in 40 min).

    Skill wanted: network
    - Sam Ortiz is away until Mon 30 Nov
    - Ana Lima lacks the skill network

    Reply with #assign and a login, or #take it yourself.

    Subject: Front desk printer is down
    From: Jane Roe <jane@acme-dental.example>, today 13:45

      | Hi,
      |
      | the printer at the front desk shows "offline" since this morning. Patients are waiting for their papers, we write them by hand now.
      |
      | Could somebody look at it today?
      |
      | Thanks
      | Jane

    --
    A plain reply is an internal note; the client does not see it.
    One tap:
      Take it: mailto:support+rmfrggzdfmztwq2lknnwg23tpob@northwind.example?subject=Re%3A%20%231042%20Acme%20Dental%3A%20Front%20desk%20printer%20is%20down&body=%23take%0D%0A
    "##);
}

#[test]
fn source_down_reads_like_this() {
    insta::assert_snapshot!(first("source_down"), @r##"
    SOURCE DOWN: support

    Please write above this line

    support cannot be reached since today 13:54. New requests there are not seen.

    Error: imap.northwind.example refuses the password of support@northwind.example

    Put the new password into the credential support-imap and reload deskd.
    "##);
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
