//! How was it? The question with the resolution, answers by page and by word, whom nobody asks, and what managers hear.

use std::process::Command;

use chrono::TimeDelta;
use deskd::store::survey;
use deskd::words::{Satisfaction, Status, TicketNumber};

use crate::harness::free_port;
use crate::harness::reading::words;
use crate::harness::story::{Sent, Story, told, told_with};
use crate::story::from_jane;
use crate::trust::SAM;

const JANE: &str = "Jane Roe <jane@acme-dental.example>";
const TOM: &str = "Tom Lee <tom@acme-dental.example>";
const FIRST: TicketNumber = TicketNumber(1001);

/// What was answered about a ticket.
pub async fn rated(story: &Story, ticket: TicketNumber) -> Option<Satisfaction> {
    let mut tx = story.daemon.db.read().await.unwrap();
    survey::of_ticket(&mut tx, ticket).await.unwrap().and_then(|survey| survey.answer)
}

/// A printer that Sam mends; gives the mail that says so.
async fn resolved(story: &Story, key: &str) -> Sent {
    story.mail(&from_jane(key, "Printer", "My printer prints nothing.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.advance(TimeDelta::minutes(5)).await;
    story.mail(&assignment.answer(&assignment.to, "A new drum is in, it prints again.\n\n#done 10m")).await;
    story.mailed_one_of("resolution")
}

struct Page(String);

impl Page {
    /// Tells the story on a desk that serves pages.
    async fn told(name: &str, story: impl AsyncFn(Story, Page)) {
        let port = free_port();
        told_with(name, &format!("[web]\nlisten = \"127.0.0.1:{port}\"\n"), async |one, _| {
            story(one, Page(format!("http://127.0.0.1:{port}"))).await;
        })
        .await;
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = Page::client().get(format!("{}{path}", self.0)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let request = Page::client()
            .post(format!("{}{path}", self.0))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        let answer = request.send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    }
}

/// Paths of the links to the page, in the order of the faces.
fn links(sent: &Sent) -> Vec<String> {
    let urls = sent.mail.text.split_whitespace().filter_map(|word| word.strip_prefix("https://desk.northwind.example"));
    urls.filter(|path| path.starts_with("/survey/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn one_press_and_one_confirmation_answer_and_a_bad_answer_is_told_at_once() {
    Page::told("survey_page", async |story, page| {
        let links = links(&resolved(&story, "p").await);
        let path = links[0].strip_suffix("?answer=good").unwrap().to_owned();
        assert_eq!(links[1..], [format!("{path}?answer=fair"), format!("{path}?answer=bad")]);
        // A program that guards the mailbox looks at every link.
        for link in &links {
            assert_eq!(page.get(link).await.0, 200);
        }
        assert_eq!(rated(&story, FIRST).await, None, "looking answers nothing");
        let (_, form) = page.get(&links[0]).await;
        assert!(form.contains("value=\"good\" checked") && form.contains("Your request #1001: Printer"), "{form}");

        assert_eq!(page.post(&path, "words=hello").await.0, 422, "none was chosen");
        assert_eq!(page.post(&path, "answer=good&words=").await, (303, format!("{path}?kept=1")));
        let (_, thanks) = page.get(&format!("{path}?kept=1")).await;
        assert!(
            thanks.contains("Your answer: Good.") && thanks.contains("You may change it until Mon 9 Mar"),
            "{thanks}"
        );
        assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Good));
        story.quiet().await;
        assert!(story.mailed().iter().all(|sent| sent.kind == "receipt"));

        story.advance(TimeDelta::days(6)).await;
        story.mailed();
        let said = "answer=bad&words=Third+time.%0D%0ANobody+came+%3Cb%3E";
        assert_eq!(page.post(&path, said).await.0, 303);
        assert_eq!(page.post(&path, said).await.0, 303, "the button pressed twice");
        story.quiet().await;
        let told = story.mailed();
        let mut to: Vec<_> = told.iter().map(|sent| (sent.kind.as_str(), sent.to.as_str())).collect();
        to.sort_unstable();
        assert_eq!(to, [("unhappy", "mia@northwind.example"), ("unhappy", "sam@northwind.example")]);
        let text = words(&told[0]);
        for part in [
            "Jane Roe <jane@acme-dental.example>, Acme Dental, says that #1001 was handled badly",
            "Third time.",
            "Nobody came <b>",
            "A new drum is in",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);

        // To and fro: nobody is told the same again.
        assert_eq!(page.post(&path, "answer=good&words=").await.0, 303);
        assert_eq!(page.post(&path, said).await.0, 303);
        story.quiet().await;
        assert!(story.mailed().is_empty());

        // Seven days after the first answer it stands.
        story.advance(TimeDelta::days(1)).await;
        assert_eq!(page.get(&path).await.0, 410);
        assert_eq!(page.post(&path, "answer=good&words=").await.0, 410);
        assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Bad));
        let shown = Command::new(env!("CARGO_BIN_EXE_deskd"))
            .arg("--config")
            .arg(story.config())
            .args(["ticket", "show", "1001"])
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("[survey]: says: good") && shown.contains("says: bad: Third time."), "{shown}");
        assert_eq!(page.get("/survey/abcdefghijklmnopqrstuvwxyz").await.0, 404);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_word_in_reply_is_an_answer_and_a_sentence_is_a_message() {
    told("survey_words", async |story, _| {
        let resolution = resolved(&story, "p").await;
        assert!(
            words(&resolution).contains("How did we do? Reply with one word: good, fair or bad."),
            "{}",
            resolution.mail.text
        );
        assert!(links(&resolution).is_empty(), "no page is served");
        use Satisfaction::{Bad, Fair, Good};
        for (text, answer) in [
            ("so-so.", Fair),
            ("Great, thanks Sam!", Good),
            ("BAD", Bad),
            ("\u{1f44d}\u{1f3fd}", Good),
            ("\u{2639}\u{fe0f}", Bad),
            ("Good\n\nThanks a lot\nJane", Good),
        ] {
            let inbound = story.mail(&resolution.answer(JANE, text)).await;
            assert_eq!(inbound.reason, Some(format!("says that it was {answer}")), "{text}");
            assert_eq!(rated(&story, FIRST).await, Some(answer), "{text}");
        }
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);
        let kinds: Vec<_> = story.mailed().into_iter().map(|sent| sent.kind).filter(|kind| kind != "receipt").collect();
        assert_eq!(kinds, ["unhappy"; 2], "the manager and the account manager; of the second one nothing is new");

        for text in ["ok", "Good morning, it is back", "bad news: it is back", "Great thanks but it is back"] {
            story.mail(&resolution.answer(JANE, text)).await;
            assert_eq!(story.ticket(FIRST).await.status, Status::Open, "{text}");
            assert_eq!(rated(&story, FIRST).await, Some(Good), "{text}");
            let wrote = story.mailed_one("client_message");
            story.mail(&wrote.answer(SAM, "Again.\n\n#done 5m")).await;
            let again = story.mailed_one_of("resolution");
            assert!(!again.mail.text.contains("How did we do"), "it is answered");
        }
        // Who says more has something to be done.
        story.mail(&resolution.answer(JANE, "Bad.\n\nIt still prints nothing.")).await;
        assert_eq!((story.ticket(FIRST).await.status, rated(&story, FIRST).await), (Status::Open, Some(Bad)));
        let mailed = story.mailed();
        assert!(words(mailed.iter().find(|sent| sent.kind == "unhappy").unwrap()).contains("It still prints nothing."));
        assert_eq!(mailed.iter().filter(|sent| sent.kind == "client_message").count(), 1);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_is_asked_twice_in_two_weeks_and_only_who_was_asked_answers() {
    told("survey_asked", async |story, _| {
        let asks = |sent: &Sent| sent.mail.text.contains("How did we do?");
        let first = resolved(&story, "p1").await;
        assert!(asks(&first));
        assert!(!asks(&resolved(&story, "p2").await), "Jane was asked today");
        // Tom was not asked about hers.
        story.mail(&first.answer(TOM, "bad")).await;
        assert_eq!((rated(&story, FIRST).await, story.ticket(FIRST).await.status), (None, Status::Open));
        story.mailed();
        story.mail(&first.answer("Eve <eve@elsewhere.example>", "bad")).await;
        assert_eq!(rated(&story, FIRST).await, None);
        story.mailed();
        story.advance(TimeDelta::days(14)).await;
        story.mailed();
        let third = resolved(&story, "p3").await;
        assert!(asks(&third));
        // A month later the question is over, and a word is a message.
        story.advance(TimeDelta::days(31)).await;
        story.mail(&third.answer(JANE, "good")).await;
        assert_eq!(rated(&story, TicketNumber(1003)).await, None);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn tickets_that_no_human_asked_for_and_clients_who_want_none_are_left_in_peace() {
    let more = "[[client]]\nkey = \"own\"\nname = \"Northwind\"\ndomains = [\"own.example\"]\ninternal = true\n\
                [[client]]\nkey = \"quiet\"\nname = \"Quiet\"\ndomains = [\"quiet.example\"]\nsurvey = false\n";
    told_with("survey_none", more, async |story, _| {
        let machine = "Auto-Submitted: auto-generated\r\n";
        for (from, field) in [("ups@acme-dental.example", machine), ("ann@own.example", ""), ("bob@quiet.example", "")] {
            let mail = format!("From: {from}\r\nTo: support@northwind.example\r\nSubject: Printer of {from}\r\n{field}\r\nIt prints nothing.\r\n");
            story.mail(&mail).await;
            let assignment = story.mailed_one_of("assignment");
            story.mail(&assignment.answer(SAM, "#done 10m tm\n#reply\n\nIt prints again.")).await;
            for sent in story.mailed() {
                assert!(!sent.mail.text.contains("How did we do?"), "{from}: {}", sent.mail.text);
            }
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_merged_or_thrown_out_is_asked_no_more_and_counts_in_no_figure() {
    Page::told("survey_merged", async |story, page| {
        story.mail(&from_jane("p1", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "It prints again.\n\n#done 10m")).await;
        let mailed = story.mailed();
        let of = |kind: &str| mailed.iter().find(|sent| sent.kind == kind).unwrap();
        let (links, receipt) = (links(of("resolution")), of("receipt"));
        let path = links[0].strip_suffix("?answer=good").unwrap().to_owned();
        assert_eq!(page.post(&path, "answer=fair&words=").await.0, 303);
        story.mail(&from_jane("p2", "Scanner", "My scanner is broken too.")).await;
        story.mailed();
        story.mail(&receipt.answer(SAM, "#merge #1002")).await;
        story.quiet().await;
        assert_eq!(
            story.ticket(FIRST).await.status,
            Status::Merged,
            "{:?}",
            story.mailed().iter().map(words).collect::<Vec<_>>()
        );
        assert_eq!(page.get(&path).await.0, 410);
        assert_eq!(page.post(&path, "answer=bad&words=").await.0, 410);
        assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Fair));
        let mut tx = story.daemon.db.read().await.unwrap();
        let (from, until) = (story.now() - TimeDelta::days(1), story.now() + TimeDelta::days(1));
        let counted = survey::answers(&mut tx, &"acme".into(), (from, until)).await.unwrap();
        assert_eq!(counted.all(), 0);
        drop(tx);
        story.end().await;
    })
    .await;
}
