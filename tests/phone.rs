//! Telephone lines: calls, voicemail, text messages both ways, over the real listener and against a Twilio that checks what it is sent.

use chrono::TimeDelta;
use deskd::words::{Priority, Satisfaction, Status, TicketNumber};
use serde_json::Value;

use crate::harness::story::{Sent, Story};
use crate::harness::twilio::{self, NUMBER, Twilio, call, call_signed};
use crate::harness::{free_port, testdata};
use crate::survey::rated;

pub const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const ANA: &str = "Ana Diaz <ana@northwind.example>";
const JANE: &str = "+13125550100";
/// Sam's own.
pub const SAMS: &str = "+13125550177";
/// A contact of Acme without a mail address.
const JOHN: &str = "+15005550100";

pub struct Line {
    pub twilio: Twilio,
    pub port: u16,
    sids: std::cell::Cell<u32>,
}

impl Line {
    /// Somebody sends a text message; gives the TwiML.
    pub async fn text(&self, from: &str, words: &str) -> String {
        self.sids.set(self.sids.get() + 1);
        let form = reqwest::Url::parse_with_params(
            "form:?",
            [
                ("MessageSid", format!("SM{:032}", self.sids.get()).as_str()),
                ("From", from),
                ("To", NUMBER),
                ("Body", words),
                ("NumMedia", "0"),
            ],
        );
        let (status, answer) = call(self.port, "text", form.unwrap().query().unwrap()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

pub async fn told(name: &str, more: &str, story: impl AsyncFn(Story, Line)) {
    crate::harness::ring();
    let begin = async |url: String| {
        let folder = crate::harness::scratch("phone");
        let (twilio, port) = (Twilio::start().await, free_port());
        let config = format!("[web]\nlisten = \"127.0.0.1:{port}\"\n{}", twilio.config(folder.path(), more));
        (Story::begin_with(url, &config).await, Line { twilio, port, sids: Default::default() })
    };
    let (on_sqlite, line) = begin("sqlite:deskd.db".to_owned()).await;
    story(on_sqlite, line).await;
    if let Some(database) = crate::harness::postgres::bare(name).await {
        let (on_postgres, line) = begin(database.url.clone()).await;
        story(on_postgres, line).await;
        database.remove().await;
    }
}

fn kinds(mailed: &[Sent]) -> Vec<String> {
    let mut all: Vec<String> = mailed.iter().map(|sent| format!("{} to {}", sent.kind, sent.to)).collect();
    all.sort();
    all
}

/// A form of `testdata/webhooks/twilio`; `None` where the folder is not there.
fn sample(name: &str) -> Option<String> {
    Some(std::fs::read_to_string(testdata(&format!("webhooks/twilio/{name}.form"))?).unwrap().trim().to_owned())
}

#[tokio::test]
async fn who_writes_by_text_message_is_answered_there_while_the_tech_stays_in_the_inbox() {
    told("phone_texts", "", async |story, line| {
        line.text(JANE, "The front desk printer is out of order, can someone come?").await;
        story.quiet().await;
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.client.as_ref().unwrap().0.as_str(), ticket.source.as_str()), ("acme", "main"));
        assert_eq!(ticket.received_at, story.now());
        let mailed = story.mailed();
        assert_eq!(kinds(&mailed), ["assignment to sam@northwind.example"], "no mail to the client");
        let sent = line.twilio.sent();
        assert_eq!(
            sent,
            [(
                JANE.to_owned(),
                "Northwind IT: we have your request, #1001. A technician will answer you by today 15:00 EST."
                    .to_owned()
            )]
        );
        story.advance(TimeDelta::minutes(5)).await;
        story.mail(&mailed[0].answer(SAM, "I am on my way, Jane.\n\n#time 10m")).await;
        let words = "Sam Ortiz, Northwind IT (#1001): I am on my way, Jane.";
        assert_eq!(line.twilio.sent(), [(JANE.to_owned(), words.to_owned())]);
        assert!(story.ticket(TicketNumber(1001)).await.first_touch_at.is_some());
        assert_eq!(kinds(&story.mailed()), ["receipt to sam@northwind.example"]);

        line.text(JANE, "Thank you! The side door is open.").await;
        story.quiet().await;
        let further = story.mailed_one("client_message");
        assert!(further.mail.text.contains("The side door is open."), "{}", further.mail.text);
        story.mail(&further.answer(SAM, "New drum, prints again.\n\n#done 20m")).await;
        let words = "Sam Ortiz, Northwind IT (#1001): New drum, prints again. Your request is resolved. If it is not, just reply. How did we do? Reply good, fair or bad.";
        assert_eq!(line.twilio.sent(), [(JANE.to_owned(), words.to_owned())]);
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Resolved);
        line.text(JANE, "good").await;
        story.quiet().await;
        assert_eq!(rated(&story, TicketNumber(1001)).await, Some(Satisfaction::Good));
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Resolved);
        line.text(JANE, "It is jammed again").await;
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn answers_follow_the_client_from_text_message_to_mail() {
    told("phone_follow", "", async |story, line| {
        line.text(JANE, "The scanner beeps").await;
        story.quiet().await;
        let assignment = story.mailed_one("assignment");
        line.twilio.sent();
        story.mail("From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Re: The scanner beeps [#1001]\r\n\r\nHere is more.\r\n").await;
        assert_eq!(story.messages(TicketNumber(1001)).await.len(), 2);
        story.mailed();
        story.mail(&assignment.answer(SAM, "Got it, thanks.")).await;
        assert_eq!(story.mailed_one_of("relay").to, "jane@acme-dental.example");
        assert!(line.twilio.sent().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_is_a_ticket_at_once_and_goes_up_when_its_message_is_written_down() {
    told("phone_voicemail", "voicemail = true", async |story, line| {
        let Some(transcription) = sample("transcription_callback") else { return };
        let called = sample("voice_anonymous_caller").unwrap().replace("%2B266696687", "%2B15005550100");
        let (status, twiml) = call(line.port, "call", &called).await;
        assert_eq!(status, 200);
        assert!(twiml.contains("It will be recorded."), "a spoken notice: {twiml}");
        assert!(twiml.contains("<Record ") && twiml.contains("transcribe=\"true\""), "{twiml}");
        let notice = twiml.find("It will be recorded.").unwrap();
        assert!(notice < twiml.find("<Record ").unwrap(), "before the tone");
        story.quiet().await;
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.subject.as_str(), ticket.priority), ("Call from +15005550100", Priority::P3));
        assert_eq!((ticket.client.unwrap().0.as_str(), ticket.requester_name.unwrap().as_str()), ("acme", "John Poe"));
        assert!(line.twilio.sent().is_empty(), "nobody is texted who did not text");
        let first = story.mailed();

        story.advance(TimeDelta::minutes(2)).await;
        assert_eq!(call(line.port, "recording", &sample("record_action_voicemail").unwrap()).await.0, 200);
        assert_eq!(call(line.port, "transcription", &transcription).await.0, 200);
        // Twilio tries again after a hiccup.
        assert_eq!(call(line.port, "transcription", &transcription).await.0, 200);
        story.quiet().await;
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!(ticket.priority, Priority::P1, "the internet is down");
        assert_eq!(ticket.received_at, story.now() - TimeDelta::minutes(2), "the clock runs from the call");
        let messages = story.messages(TicketNumber(1001)).await;
        assert_eq!(messages.len(), 3);
        assert!(messages[2].text.contains("our internet is completely down"));
        assert!(messages[2].text.contains("Listen: https://api.twilio.com/"));
        let told = story.mailed();
        let first = first.iter().find(|sent| sent.kind == "assignment").unwrap();
        assert!(first.mail.text.contains("Contact: John Poe, +15005550100"), "one tap calls back: {}", first.mail.text);
        let to_sam = told.iter().find(|sent| sent.kind == "client_message").expect("a mail to the tech");
        // He has no mail address: the answer goes by text message.
        story.mail(&to_sam.answer(SAM, "We are on it, John.\n\n#time 5m")).await;
        let sent = line.twilio.sent();
        assert_eq!(sent, [(JOHN.to_owned(), "Sam Ortiz, Northwind IT (#1001): We are on it, John.".to_owned())]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_recorded_unless_the_firm_wants_it_and_a_failed_transcription_keeps_the_recording() {
    told("phone_plain", "", async |story, line| {
        let Some(failed) = sample("transcription_failed") else { return };
        let (_, twiml) = call(line.port, "call", &sample("voice_anonymous_caller").unwrap()).await;
        assert!(twiml.contains("Thank you for calling Northwind IT.") && twiml.contains("<Hangup/>"), "{twiml}");
        assert!(!twiml.contains("<Record") && !twiml.contains("recorded"), "{twiml}");
        story.quiet().await;
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.status, ticket.subject.as_str()), (Status::Unsorted, "Call from a withheld number"));
        assert!(story.messages(TicketNumber(1001)).await[0].reason.as_ref().unwrap().contains("withheld"));

        // A stranger whose words are urgent: the managers hear of it at once, and once more than when he only called.
        story.mailed();
        let called = sample("voice_anonymous_caller").unwrap();
        let stranger = called.replace("%2B266696687", "%2B15005550199").replace("CallSid=CA1", "CallSid=CC1");
        assert_eq!(call(line.port, "call", &stranger).await.0, 200);
        story.quiet().await;
        story.advance(TimeDelta::minutes(61)).await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.priority, Priority::P3);
        assert!(kinds(&story.mailed()).contains(&"unsorted_digest to mia@northwind.example".to_owned()));
        let said = sample("transcription_callback").unwrap();
        let said = said.replace("%2B15005550100", "%2B15005550199").replace("CallSid=CA1", "CallSid=CC1");
        assert_eq!(call(line.port, "transcription", &said).await.0, 200);
        story.quiet().await;
        let row = story.ticket(TicketNumber(1002)).await;
        assert_eq!((row.status, row.priority), (Status::Unsorted, Priority::P1));
        let digest = story.mailed_one("unsorted_digest");
        assert!(digest.mail.text.contains("+15005550199"), "{}", digest.mail.text);

        assert_eq!(
            call(line.port, "transcription", &failed.replace("CallSid=CA1", "CallSid=CB1").replace("TR3", "TR4"))
                .await
                .0,
            200
        );
        story.quiet().await;
        let message = story.messages(TicketNumber(1003)).await.remove(0);
        assert!(message.text.contains("could not be written down") && message.text.contains("Listen: https://"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_twilio_did_not_sign_is_not_kept() {
    told("phone_signed", "", async |story, line| {
        let form = "MessageSid=SM1&From=%2B13125550100&To=%2B13125550111&Body=Hello+there&NumMedia=0";
        let good = twilio::signature(&format!("{}/text", twilio::BASE), form);
        let turned = form.replace("Hello", "Iello");
        for (part, form, signature) in [
            ("text", turned.as_str(), good.as_str()),
            ("call", form, &good),
            ("text", form, ""),
            ("text", form, "AAAA"),
        ] {
            let (status, said) = call_signed(line.port, part, form, signature).await;
            assert_eq!(status, 403, "{part}");
            assert!(said.contains("auth_token"), "the way out: {said}");
        }
        assert_eq!(call_signed(line.port, "other", form, &good).await.0, 404);
        let (status, _) = call(line.port, "text", "From=%2B13125550100&Body=no+sid").await;
        assert_eq!(status, 422, "what has no id cannot be kept once only");
        story.quiet().await;
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[test]
fn published_signatures_of_twilio_fit_and_no_byte_of_them_may_turn() {
    let Some(file) = testdata("webhooks/signatures/vectors.json") else { return };
    let all: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut seen = 0;
    for vector in all.iter().filter(|vector| vector["scheme"] == "twilio") {
        let text = |name: &str| vector[name].as_str().unwrap().to_owned();
        let token = text("auth_token").into();
        let mut form = reqwest::Url::parse("form:?").unwrap();
        for (name, value) in vector["params"].as_object().unwrap() {
            let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for value in values {
                form.query_pairs_mut().append_pair(name, value.as_str().unwrap());
            }
        }
        let body = form.query().unwrap_or_default().trim_start_matches('&').to_owned();
        let check = |url: &str, body: &str, signature: &str| {
            deskd::channel::sign::twilio(&token, url, body.as_bytes(), signature).is_ok()
        };
        let (url, signature, valid) = (text("url"), text("signature"), vector["valid"].as_bool().unwrap());
        assert_eq!(check(&url, &body, &signature), valid, "{}", vector["name"]);
        if valid {
            assert!(!check(&format!("{url}x"), &body, &signature));
            assert!(!check(&url, &format!("{body}x"), &signature));
            let other = if signature.starts_with('A') { "B" } else { "A" };
            assert!(!check(&url, &body, &format!("{other}{}", &signature[1..])));
        }
        seen += 1;
    }
    assert!(seen >= 3, "{seen} vectors");
}

#[tokio::test]
async fn stop_is_honoured_and_help_is_answered() {
    told("phone_stop", "", async |story, line| {
        assert!(line.text(JANE, "Help").await.contains("<Message>Northwind IT: "));
        // A sender with a name instead of a number can be nobody.
        line.text("MyBank", "Stop").await;
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Unsorted);
        assert!(story.ticket(TicketNumber(1001)).await.requester.is_none());
        story.mailed();
        line.text(JANE, "The projector flickers").await;
        story.quiet().await;
        assert_eq!(line.twilio.sent().len(), 1);
        let assignment = story.mailed_one("assignment");
        assert!(!line.text(JANE, "STOP").await.contains("<Message>"));
        story.quiet().await;
        story.mail(&assignment.answer(SAM, "Try the other cable.")).await;
        assert_eq!(story.mailed_one_of("relay").to, "jane@acme-dental.example", "by mail then");
        assert!(line.twilio.sent().is_empty());
        let noted = story.messages(TicketNumber(1002)).await;
        assert!(!noted[1].is_public() && noted[1].reason.as_deref() == Some("no more text messages go to this number"));
        line.text(JANE, "start").await;
        story.quiet().await;
        story.mail(&assignment.answer(SAM, "Did it help?")).await;
        assert_eq!(line.twilio.sent().len(), 1);
        // A plain yes is an answer to the technician.
        line.text(JANE, "Yes").await;
        story.quiet().await;
        assert!(story.mailed_one_of("client_message").mail.text.contains("Yes"));

        // Who has nothing but the telephone cannot be reached: somebody hears of it.
        line.text(JOHN, "My screen is dark").await;
        story.quiet().await;
        line.twilio.sent();
        let to_ana = story.mailed().into_iter().rfind(|sent| sent.kind == "assignment").unwrap();
        line.text(JOHN, "Stop!").await;
        story.quiet().await;
        story.mail(&to_ana.answer(ANA, "Please press the button at the back.")).await;
        story.quiet().await;
        assert!(line.twilio.sent().is_empty());
        let told = story.mailed_one_of("undeliverable");
        assert!(told.mail.text.contains("no more text messages are wanted there (STOP)"), "{}", told.mail.text);
        assert!(told.mail.text.contains("The client does not know"), "{}", told.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_twilio_refuses_is_told_and_what_it_cannot_take_now_comes_later() {
    told("phone_errors", "", async |story, line| {
        line.text(JANE, "The lights blink").await;
        story.quiet().await;
        line.twilio.sent();
        let assignment = story.mailed_one("assignment");
        line.twilio.answers(&[(503, 0), (429, 20429), (400, 21211)]);
        story.mail(&assignment.answer(SAM, "Which ones?")).await;
        assert!(line.twilio.sent().is_empty());
        story.advance(TimeDelta::minutes(2)).await;
        story.advance(TimeDelta::minutes(7)).await;
        let told = story.mailed_one_of("undeliverable");
        assert!(told.mail.text.contains("21211") && told.mail.text.contains(JANE), "{}", told.mail.text);

        // Nobody knows whether it arrived: once more after half an hour, because it must arrive.
        line.twilio.answers(&[(twilio::HANGS_UP, 0)]);
        story.mail(&assignment.answer(SAM, "The red ones?")).await;
        assert_eq!(line.twilio.sent().len(), 1);
        story.advance(TimeDelta::minutes(20)).await;
        assert!(line.twilio.sent().is_empty());
        story.advance(TimeDelta::minutes(11)).await;
        let again = line.twilio.sent();
        assert!(again.len() == 1 && again[0].1.ends_with("The red ones?"), "{again:?}");

        // A wrong token stops the line, and loses nothing.
        line.twilio.answers(&[(401, 20003)]);
        let long = "word ".repeat(400);
        story.mail(&assignment.answer(SAM, &long)).await;
        assert!(line.twilio.sent().is_empty());
        story.advance(TimeDelta::minutes(2)).await;
        let sent = line.twilio.sent();
        assert_eq!(sent.len(), 2, "a long answer in two messages");
        assert!(sent[0].1.starts_with("(1/2) Sam Ortiz") && sent[1].1.starts_with("(2/2) word"), "{sent:?}");
        story.end().await;
    })
    .await;
}

pub fn code_in(text: &str) -> (String, String) {
    let mut words = text.split_whitespace().rev();
    let code = words.next().unwrap().to_owned();
    (words.next().unwrap().to_owned(), code)
}

#[tokio::test]
async fn an_outage_is_texted_until_somebody_acknowledges_it() {
    told("phone_paging", "page = [\"P1\"]", async |story, line| {
        let mail = |subject: &str| {
            format!(
                "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: {subject}\r\n\
                 Message-ID: <{}@acme-dental.example>\r\n\r\nPlease help.\r\n",
                subject.len()
            )
        };
        story.mail(&mail("A new keyboard")).await;
        assert!(line.twilio.sent().is_empty(), "what is not urgent disturbs nobody");
        story.mail(&mail("Our server is down, nobody can work")).await;
        let assignment = story.mailed().into_iter().rfind(|sent| sent.kind == "assignment").unwrap();
        assert_eq!(assignment.to, "sam@northwind.example");
        let text = &assignment.mail.text;
        assert!(text.contains("Environment:\n  | One line (ISP 0800 555 0111, contract 4711)."), "{text}");
        assert!(text.contains("Runbook: Server down: https://wiki.northwind.example/server-down"), "{text}");
        assert!(!text.contains("blue folder"), "only what fits: {text}");
        let paged = line.twilio.sent();
        assert_eq!(paged.len(), 1, "{paged:?}");
        assert_eq!(paged[0].0, SAMS);
        let text = "P1 #1002 Acme Dental: Our server is down, nobody can work. It is yours, answer due today 09:15. Seen it? Reply: ACK 1002 ";
        assert_eq!(paged[0].1.strip_prefix(text).map(str::len), Some(6), "{paged:?}");
        // At half of the time it goes to Ana, who has no telephone; Sam is on call. Then every quarter of an hour once it is over.
        story.advance(TimeDelta::minutes(8)).await;
        assert!(line.twilio.sent()[0].1.contains("Ana Diaz has it, answer due today 09:15."));
        story.advance(TimeDelta::minutes(8)).await;
        assert!(line.twilio.sent()[0].1.starts_with("OVERDUE P1 #1002 Acme Dental: "));
        story.advance(TimeDelta::minutes(15)).await;
        assert_eq!(line.twilio.sent().len(), 1);

        let (number, code) = code_in(&paged[0].1);
        let wrong = if code == "aaaaaa" { "bbbbbb" } else { "aaaaaa" };
        for words in [format!("ack {number} {wrong}"), format!("ack 1001 {code}"), "ok on my way".to_owned()] {
            line.text(SAMS, &words).await;
            story.quiet().await;
            let answer = line.twilio.sent();
            assert!(answer[0].1.starts_with("Nothing was acknowledged."), "{words}: {answer:?}");
        }
        // The right words from another telephone are nobody's.
        line.text("+13125550198", &format!("ACK {number} {code}")).await;
        story.quiet().await;
        assert!(line.twilio.sent().is_empty());
        story.advance(TimeDelta::minutes(15)).await;
        assert_eq!(line.twilio.sent().len(), 1, "so it goes on");

        line.text(SAMS, &format!("Ack #{number} {}", code.to_uppercase())).await;
        story.quiet().await;
        assert_eq!(line.twilio.sent(), [(SAMS.to_owned(), "#1002: noted that you have seen it.".to_owned())]);
        story.advance(TimeDelta::minutes(15)).await;
        story.advance(TimeDelta::minutes(15)).await;
        assert!(line.twilio.sent().is_empty(), "seen: no further escalation");
        assert!(story.ticket(TicketNumber(1002)).await.first_touch_at.is_none(), "seen is not answered");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_that_somebody_typed_in_is_a_ticket_of_the_caller() {
    told("phone_typed", "", async |story, _| {
        let run = async |args: &[&str]| {
            let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_deskd"));
            let output = command.arg("--config").arg(story.config()).args(["ticket", "new"]).args(args).output().await;
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            (output.status.code().unwrap(), said)
        };
        let (code, said) =
            run(&["--phone", "+1 (312) 555-0100", "--text", "The server is down, nobody can work"]).await;
        assert_eq!((code, said.as_str()), (0, "#1001 The server is down, nobody can work: P1, sam has it\n"));
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.source.as_str(), ticket.requester_name.unwrap().as_str()), ("cli", "Jane Roe"));
        let mailed = story.mailed();
        // Jane has a mail address: she has it in writing.
        assert!(mailed.iter().any(|sent| sent.kind == "acknowledgement" && sent.to == "jane@acme-dental.example"));

        let (code, said) = run(&[
            "--from",
            "New@Else.example",
            "--client",
            "Globex",
            "--priority",
            "p4",
            "--text",
            "A quote",
            "--json",
        ])
        .await;
        let json: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{code}: {said}"));
        assert_eq!((&json["client"], &json["priority"]), (&Value::from("globex"), &Value::from("P4")));
        let (code, said) = run(&["--phone", "+13125550198", "--text", "Who are you?"]).await;
        let unsorted = "#1003 Who are you?: unsorted: nobody knows the sender, and the data names no client\n";
        assert_eq!((code, said.as_str()), (0, unsorted));
        for (args, code, part) in [
            (&["--phone", "555-0100", "--text", "x"][..], 2, "with + and the country code"),
            (&["--text", "x"], 2, "--phone"),
            (&["--phone", JANE, "--text", " "], 4, "--text is empty"),
            (&["--phone", JANE, "--text", "x", "--client", "nobody"], 3, "there is no client \"nobody\""),
        ] {
            let (got, said) = run(args).await;
            assert!(got == code && said.contains(part), "{args:?}: {got} {said}");
        }
        story.end().await;
    })
    .await;
}
