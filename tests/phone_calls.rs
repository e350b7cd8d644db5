//! Urgent tickets by call to the techs' own telephones: what is said, which key acknowledges, and that nobody else can.

use chrono::TimeDelta;
use deskd::words::TicketNumber;

use crate::harness::story::Story;
use crate::harness::twilio::{self, Called, call, call_signed, said_in};
use crate::phone::{SAMS, code_in, told};

const CALLS: &str = "page = [\"P1\"]\npage_by = \"call\"";

fn outage(subject: &str) -> String {
    format!(
        "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: {subject}\r\n\
         Message-ID: <{}@acme-dental.example>\r\n\r\nPlease help, the server is down and nobody can work.\r\n",
        subject.len()
    )
}

fn one(called: Vec<Called>) -> Called {
    assert_eq!(called.len(), 1, "{called:?}");
    called.into_iter().next().unwrap()
}

async fn is_seen(story: &Story, number: i64) -> bool {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_deskd"))
        .arg("--config")
        .arg(story.config())
        .args(["ticket", "show", &number.to_string()])
        .output()
        .await
        .unwrap();
    String::from_utf8_lossy(&output.stdout).contains("seen by sam")
}

#[tokio::test]
async fn a_technician_is_called_until_the_key_says_that_it_was_seen() {
    told("calls_until", CALLS, async |story, line| {
        story.mail(&outage("\"Server\" <down> & nobody can work, it's bad")).await;
        let first = one(line.twilio.called());
        assert_eq!(first.to, SAMS);
        assert!(line.twilio.sent().is_empty(), "page_by says call");
        assert_eq!(
            first.words(),
            "This is Northwind IT. P1, ticket 1 0 0 1, Acme Dental: \"Server\" <down> & nobody can work, it's bad. It is yours. \
             An answer is due today 09:15. Press 1 if you have seen it. Any other key says it again."
        );
        // Any other key says it again, and changes nothing.
        for key in ["2", "#", "11"] {
            assert_eq!(said_in(&first.press(line.port, key).await), first.words());
        }
        story.quiet().await;
        assert!(!is_seen(&story, 1001).await);
        // Nobody picked up, or a machine did: it goes on as with text messages.
        story.advance(TimeDelta::minutes(8)).await;
        let passed = one(line.twilio.called());
        assert!(passed.words().contains("Ana Diaz has it. An answer is due today 09:15."), "{}", passed.words());
        story.advance(TimeDelta::minutes(8)).await;
        let late = one(line.twilio.called());
        assert!(late.words().contains("Overdue: P1, ticket 1 0 0 1"), "{}", late.words());
        story.advance(TimeDelta::minutes(15)).await;
        let last = one(line.twilio.called());

        for _ in 0..2 {
            // Twilio posts it again after a hiccup.
            assert_eq!(said_in(&last.press(line.port, "1").await), "Noted that you have seen it. Goodbye.");
        }
        story.quiet().await;
        assert!(is_seen(&story, 1001).await);
        story.advance(TimeDelta::minutes(15)).await;
        story.advance(TimeDelta::minutes(15)).await;
        assert!(line.twilio.called().is_empty() && line.twilio.sent().is_empty(), "seen: no further escalation");
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert!(ticket.first_touch_at.is_none(), "seen is not answered");
        let kept = story.messages(TicketNumber(1001)).await;
        let keys: Vec<_> = kept.iter().filter(|message| message.text.contains("was pressed")).collect();
        assert!(keys.len() == 1 && !keys[0].is_public(), "once, and internal: {keys:?}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn only_the_call_itself_acknowledges_its_ticket() {
    told("calls_only", CALLS, async |story, line| {
        story.mail(&outage("The server is down")).await;
        let first = one(line.twilio.called());
        story.mail(&outage("The other server is down")).await;
        let other = line.twilio.called().pop().unwrap();
        assert_ne!(first.part(), other.part());

        // Not signed; signed for another address, another key, another line.
        let (part, form) = (first.part(), first.form("1"));
        let signed = |part: &str, form: &str| twilio::signature(&format!("{}/{part}", twilio::BASE), form);
        for signature in
            [String::new(), "AAAA".to_owned(), signed(&other.part(), &form), signed(&part, &first.form("2"))]
        {
            let (status, said) = call_signed(line.port, &part, &form, &signature).await;
            assert_eq!(status, 403, "{said}");
        }
        // Twilio itself, but of no call of ours, or of one to somebody else.
        let elsewhere = Called { to: "+13125550198".to_owned(), ..first.clone() };
        for (part, form) in [
            (&format!("key/{}", "a".repeat(26)), &form),
            (&"key/".to_owned(), &form),
            (&part, &elsewhere.form("1")),
            (&part, &"CallSid=CA1&Digits=1".to_owned()),
        ] {
            let (status, said) = call(line.port, part, form).await;
            if status == 200 {
                assert!(said.contains("Nothing was acknowledged"), "{part}: {said}");
            } else {
                assert_eq!(status, 404, "{part}: {said}");
            }
        }
        // The fields of a message cannot pretend to be a key.
        let name = part.strip_prefix("key/").unwrap();
        for (part, form) in [("text", format!("{form}&DeskdCall={name}")), ("call", format!("{form}&DeskdCall={name}"))]
        {
            let (status, _) = call_signed(line.port, part, &form, &signed(&first.part(), &form)).await;
            assert_eq!(status, 403);
        }
        story.quiet().await;
        assert!(!is_seen(&story, 1001).await && !is_seen(&story, 1002).await);

        // The right one acknowledges its own ticket and no other.
        other.press(line.port, "1").await;
        story.quiet().await;
        assert!(is_seen(&story, 1002).await && !is_seen(&story, 1001).await);
        line.twilio.called();
        story.advance(TimeDelta::minutes(8)).await;
        let again = line.twilio.called();
        assert!(again.iter().all(|call| call.words().contains("1 0 0 1")) && !again.is_empty(), "{again:?}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_text_message_that_acknowledges_takes_back_the_call_that_waits() {
    let both = "page = [\"P1\"]\npage_by = \"both\"";
    told("calls_both", both, async |story, line| {
        // The call cannot go now: it is tried again until the text message is answered.
        line.twilio.answers(&[(201, 0), (503, 0)]);
        story.mail(&outage("The server is down")).await;
        line.twilio.answers(&[]);
        assert!(line.twilio.called().is_empty());
        story.advance(TimeDelta::minutes(8)).await;
        assert_eq!(line.twilio.called().len(), 2, "that one, and the one that the passing on brings");
        let (number, code) = code_in(&line.twilio.sent().pop().unwrap().1);

        // Nobody knows whether these two rang: what must arrive is tried again after half an hour, but not what somebody has seen.
        line.twilio.answers(&[(201, 0), (twilio::HANGS_UP, 0)]);
        story.advance(TimeDelta::minutes(8)).await;
        assert_eq!(line.twilio.called().len(), 1);
        line.twilio.answers(&[]);
        line.text(SAMS, &format!("ACK {number} {code}")).await;
        story.quiet().await;
        assert!(is_seen(&story, 1001).await);
        line.twilio.sent();
        for _ in 0..3 {
            story.advance(TimeDelta::minutes(15)).await;
        }
        assert!(line.twilio.called().is_empty(), "not after the ACK");
        assert!(line.twilio.sent().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_of_which_nobody_knows_is_made_again_and_one_that_is_refused_is_told() {
    told("calls_unsure", CALLS, async |story, line| {
        line.text(SAMS, "STOP").await;
        story.quiet().await;
        story.mailed();
        line.twilio.answers(&[(twilio::HANGS_UP, 0)]);
        story.mail(&outage("The server is down")).await;
        let unsure = one(line.twilio.called());
        for _ in 0..2 {
            story.advance(TimeDelta::minutes(15)).await;
        }
        story.advance(TimeDelta::minutes(1)).await;
        let again = line.twilio.called();
        assert_eq!(again.iter().filter(|call| call.twiml == unsure.twiml).count(), 1, "the same bytes: {again:?}");

        story.mailed();
        line.twilio.answers(&[(400, 21215)]);
        story.mail(&outage("The other server is down")).await;
        let told = story.mailed_one_of("undeliverable");
        assert!(told.mail.text.contains("21215") && told.mail.text.contains(SAMS), "{}", told.mail.text);
        assert!(!told.mail.text.contains("The client does not know"), "{}", told.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_longest_and_worst_words_fit_into_a_call() {
    told("calls_long", CALLS, async |story, line| {
        story.mail(&outage(&format!("Server is down {}", "'\"&<>/".repeat(200)))).await;
        let called = one(line.twilio.called());
        assert!(called.words().contains("Server is down '\"&<>/"), "{}", called.words());
        let control = "=?UTF-8?Q?Server_is_down=08=1B=EF=BF=BE_again?=";
        story.mail(&outage(control)).await;
        let called = line.twilio.called().pop().unwrap();
        assert!(called.words().contains("Server is down"), "{}", called.words());
        story.end().await;
    })
    .await;
}
