//! A client's mail becomes an answered ticket: the main story, and what can happen on its way.

use chrono::TimeDelta;
use deskd::words::{Priority, Status};

use crate::harness::story::{Sent, Story, told};

const JANE: &str = "Jane Roe <jane@acme-dental.example>";
const SAM: &str = "Sam Ortiz <sam@northwind.example>";

pub fn from_jane(id: &str, subject: &str, text: &str) -> String {
    format!(
        "From: {JANE}\r\nTo: support@northwind.example\r\nSubject: {subject}\r\nMessage-ID: <{id}@acme-dental.example>\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 -0600\r\n\r\n{}\r\n",
        text.replace('\n', "\r\n")
    )
}

/// Jane's printer is broken and Sam has it.
async fn printer(story: &Story) -> (deskd::words::TicketNumber, Sent, Sent) {
    let inbound = story.mail(&from_jane("p1", "Printer", "Hello,\nmy printer prints nothing.\n\nJane")).await;
    let number = inbound.ticket.unwrap();
    let mailed = story.mailed();
    let assignment = mailed.iter().find(|sent| sent.kind == "assignment").cloned().expect("an assignment");
    let acknowledgement =
        mailed.iter().find(|sent| sent.kind == "acknowledgement").cloned().expect("an acknowledgement");
    (number, assignment, acknowledgement)
}

#[tokio::test]
async fn a_clients_mail_becomes_an_answered_ticket() {
    told("main_story", async |story, _| {
        let (number, assignment, acknowledgement) = printer(&story).await;
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.priority), (Status::New, Priority::P3));
        assert_eq!(ticket.received_at, story.now());
        assert_eq!(acknowledgement.to, "jane@acme-dental.example");
        assert_eq!(acknowledgement.mail.in_reply_to, ["p1@acme-dental.example"]);
        assert_eq!(assignment.to, "sam@northwind.example", "the account's own tech has the skill and no load");

        story.advance(TimeDelta::minutes(20)).await;
        let answer = assignment.answer(SAM, "The toner was empty, I have put a new one in.\n\n#done 25m");
        let inbound = story.mail(&answer).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), Some(number)));
        let mailed = story.mailed();
        let to_jane: Vec<_> = mailed.iter().filter(|sent| sent.to == "jane@acme-dental.example").collect();
        assert_eq!(to_jane.len(), 1, "one mail, not an answer and a resolution");
        let resolution = to_jane[0];
        assert!(resolution.mail.text.contains("The toner was empty, I have put a new one in."));
        for internal in ["#done", "deskd: write above", "25m", "load", "Contact:", "wrote:"] {
            assert!(!resolution.mail.text.contains(internal), "{internal} in {}", resolution.mail.text);
        }
        assert_eq!(resolution.mail.subject, "Re: Printer");
        assert_eq!(resolution.mail.references, ["p1@acme-dental.example"]);
        let receipt = mailed.iter().find(|sent| sent.kind == "receipt").expect("a receipt");
        assert!(receipt.mail.text.contains("25m retainer"), "{}", receipt.mail.text);
        assert!(receipt.mail.text.contains("25m of 10–20h used in March"), "{}", receipt.mail.text);

        let ticket = story.ticket(number).await;
        assert_eq!(ticket.status, Status::Resolved);
        assert_eq!(ticket.minutes, 25);
        assert_eq!(ticket.first_touch_at, Some(story.now()));
        story.end().await;
    })
    .await;
}
