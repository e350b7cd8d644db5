//! The monthly talk with a client: the pack for the account manager, the invitation that `#send` makes of it, and what moves it.

use std::process::Command;

use deskd::mail::Mailbox;
use deskd::mail::invitation::Invitation;
use icalendar::parser::{Component, read_calendar, unfold};

use crate::harness::at;
use crate::harness::reading::{of_kind, until, words};
use crate::harness::rows::rows;
use crate::harness::story::{Sent, Story, told_with};
use crate::story::from_jane;
use crate::trust::SAM;

const COST: &str = "[billing]\nhourly_cost = \"61.50 USD\"\n";

/// Two printers that stop in one month, one of them mended badly, the other still open and partly no work of the retainer.
async fn march(story: &Story) {
    story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.mail(&assignment.answer(&assignment.to, "A new drum is in.\n\n#done 3h")).await;
    let resolution = story.mailed_one_of("resolution");
    story.mail(&resolution.answer("jane@acme-dental.example", "Bad")).await;
    story.mail(&from_jane("q", "printer", "My printer prints nothing again.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.mail(&assignment.answer(&assignment.to, "#note\n#time 45m tm\n#time 15m retainer")).await;
    story.mailed();
}

/// Draft and `#send` of March's statement: what was mailed then.
async fn stated(story: &Story) -> Vec<Sent> {
    until(story, "2026-04-01 12:00").await;
    let draft = story.mailed_one("statement_draft");
    story.mail(&draft.answer(SAM, "#send")).await;
    story.mailed()
}

/// The invitation of a mail, as a calendar program reads it: method, then each property of the meeting.
fn invitation(sent: &Sent) -> (String, Vec<(String, String)>) {
    let raw = String::from_utf8(sent.raw.clone()).unwrap();
    // Among the ways to read the mail, not behind it.
    let head = raw.split("multipart/alternative").nth(1).unwrap();
    assert!(head.contains("Content-Type: text/calendar; charset=utf-8; method=REQUEST"), "{raw}");
    assert!(!raw.contains("multipart/mixed"), "{raw}");
    let file = sent.mail.attachments.iter().find(|file| file.content_type.starts_with("text/calendar")).unwrap();
    read(&String::from_utf8(file.bytes.clone()).unwrap())
}

fn read(text: &str) -> (String, Vec<(String, String)>) {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).unwrap();
    let method = calendar.properties.iter().find(|property| property.name == "METHOD").unwrap().val.to_string();
    let event: &Component<'_> = calendar.components.iter().find(|component| component.name == "VEVENT").unwrap();
    let all = event.properties.iter().map(|property| (property.name.to_string(), property.val.to_string()));
    (method, all.collect())
}

fn of<'a>(event: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    event.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn the_account_manager_gets_the_pack_with_the_statement_once() {
    told_with("review_pack", COST, async |story, _| {
        march(&story).await;
        let mailed = stated(&story).await;
        let packs = of_kind(&mailed, "review");
        assert_eq!(packs.len(), 1, "one retainer, one account manager");
        let pack = &packs[0];
        assert_eq!(
            (pack.to.as_str(), pack.mail.subject.as_str()),
            ("sam@northwind.example", "Acme Dental: what to talk about, March 2026")
        );
        let text = words(pack);
        for part in [
            "Hours: 3h15 of 10–20h, 16 %",
            "Requests: 2",
            "How their people found it: 0 good, 0 fair, 1 bad",
            "Printer: 2 tickets in three months",
            "Asked for beyond the retainer #1002 45m printer",
            "Still open #1002 P3",
            "What their people were not content with",
            "What comes again, and how it could end",
            "once, or from now on?",
            "jane@acme-dental.example and you are invited",
        ] {
            assert!(text.contains(part), "{part}: {}", pack.mail.text);
        }
        for cost in ["61.50", "cost", "2400.00"] {
            assert!(!pack.mail.text.contains(cost), "{cost}: {}", pack.mail.text);
        }
        // The statement once more brings no second pack.
        let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
            .arg("--config")
            .arg(story.config())
            .args(["statement", "resend", "1"])
            .output()
            .unwrap();
        assert!(output.status.success());
        let packs = async || {
            rows::<(String,)>(&story.daemon.db, "SELECT dedupe_key FROM outbox WHERE kind = 'review' ORDER BY id").await
        };
        assert_eq!(packs().await, [("review/acme/2026-03/sam".to_owned(),)]);
        // After a long time away each month has its own, with its statement.
        until(&story, "2026-06-03 12:00").await;
        until(&story, "2026-06-09 12:00").await;
        let keys: Vec<String> = packs().await.into_iter().map(|(key,)| key).collect();
        assert_eq!(keys, ["review/acme/2026-03/sam", "review/acme/2026-04/sam", "review/acme/2026-05/sam"]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn send_invites_the_clients_managers_and_a_second_one_moves_the_talk() {
    told_with("review_invitation", COST, async |story, _| {
        march(&story).await;
        let pack = of_kind(&stated(&story).await, "review").remove(0);
        for (wrong, why) in [
            ("#send", "is no day with a time"),
            ("#send fri", "is no day with a time"),
            ("#send 2026-03-10 14:00", "2026-03-10 14:00 is over"),
            ("#done", "answered with #send and when"),
        ] {
            story.mail(&pack.answer(SAM, wrong)).await;
            let mailed = story.mailed();
            let refused = of_kind(&mailed, "not_sent");
            assert!(words(&refused[0]).contains(why), "{wrong}: {}", refused[0].mail.text);
            assert!(of_kind(&mailed, "review_invitation").is_empty(), "{wrong}");
        }
        // It is Wednesday the 1st of April; Sam is in Chicago, Jane in New York.
        story.mail(&pack.answer(SAM, "#send fri 14:00")).await;
        let mailed = story.mailed();
        let sent = of_kind(&mailed, "review_invitation");
        let to: Vec<&str> = sent.iter().map(|sent| sent.to.as_str()).collect();
        assert_eq!(to, ["jane@acme-dental.example", "sam@northwind.example"]);
        assert!(words(&sent[0]).contains("Sam Ortiz would like to go through your support in March 2026 with you: Fri 3 Apr, 15:00 EDT, for 30 minutes."), "{}", sent[0].mail.text);
        let receipt = of_kind(&mailed, "receipt").remove(0);
        assert!(words(&receipt).contains("Acme Dental: the invitation for 2026-04-03 14:00 CDT is on its way to jane@acme-dental.example"), "{}", receipt.mail.text);
        let (method, first) = invitation(&sent[0]);
        assert_eq!(method, "REQUEST");
        assert_eq!((of(&first, "DTSTART"), of(&first, "DTEND")), (vec!["20260403T190000Z"], vec!["20260403T193000Z"]));
        assert_eq!(of(&first, "SEQUENCE"), ["0"]);
        assert_eq!(of(&first, "ORGANIZER"), ["mailto:support@northwind.example"]);
        assert_eq!(of(&first, "ATTENDEE"), ["mailto:jane@acme-dental.example", "mailto:sam@northwind.example"]);
        assert_eq!(invitation(&sent[1]).1, first);

        story.mail(&pack.answer(SAM, "#send 2026-04-07 9:30")).await;
        let mailed = story.mailed();
        let moved = of_kind(&mailed, "review_invitation");
        assert_eq!(moved.len(), 2);
        let (_, second) = invitation(&moved[0]);
        assert_eq!((of(&second, "SEQUENCE"), of(&second, "DTSTART")), (vec!["1"], vec!["20260407T143000Z"]));
        assert_eq!(of(&second, "UID"), of(&first, "UID"));
        assert!(words(&moved[0]).contains("our talk is at another time now"), "{}", moved[0].mail.text);
        assert!(words(&of_kind(&mailed, "receipt")[0]).contains("was moved"));
        // Nothing of ours is in what the client gets.
        for sent in sent.iter().chain(&moved) {
            let raw = String::from_utf8_lossy(&sent.raw).into_owned();
            for internal in ["61.50", "USD", "cost", "#send", "Printer", "beyond the retainer"] {
                assert!(!sent.mail.text.contains(internal) && !raw.contains(internal), "{internal}: {raw}");
            }
        }
        story.end().await;
    })
    .await;
}

#[test]
fn nothing_that_people_are_called_can_add_a_line_to_an_invitation() {
    let person = |name: &str, address: &str| Mailbox { name: name.to_owned(), address: address.to_owned() };
    let invitation = Invitation {
        uid: "review-acme-2026-03@northwind.example".to_owned(),
        sequence: 3,
        summary: "Support; March,\nATTENDEE:mailto:evil@x.example".to_owned(),
        starts: at("2026-04-03 19:00"),
        ends: at("2026-04-03 19:30"),
        written_at: at("2026-04-01 12:00"),
        organizer: person("Northwind \"IT\", Chicago", "support@northwind.example"),
        attendees: vec![person("Jane\r\nROLE: x; Roe", "jane@acme-dental.example"), person("", "müller@x.example")],
    };
    let part = invitation.part();
    let text = String::from_utf8(part.bytes).unwrap();
    assert!(text.lines().all(|line| line.len() <= 75), "{text}");
    let (_, event) = read(&text);
    assert_eq!(of(&event, "ATTENDEE"), ["mailto:jane@acme-dental.example", "mailto:müller@x.example"]);
    assert_eq!((of(&event, "ROLE").len(), of(&event, "SEQUENCE")), (0, vec!["3"]));
    assert_eq!(of(&event, "SUMMARY").len(), 1);
}
