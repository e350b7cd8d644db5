//! Machines never argue, and what grows is gathered: two helpdesks, a flood of mail to one tech (rule 11).

use chrono::TimeDelta;
use deskd::words::{Status, TicketNumber};

use crate::harness::rows::number;
use crate::harness::story::{Sent, Story, told, told_with};
use crate::story::from_jane;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const FEW: &str = "[limits]\ngather_over = 3\ngather_within = \"10m\"";

/// The other helpdesk opens a ticket of its own for whatever we mail, and says so in a new thread without a sign of automation.
fn other_helpdesk(round: usize, subject: &str) -> String {
    format!(
        "From: Globex Helpdesk <helpdesk@globex.example>\r\nTo: support@northwind.example\r\n\
         Subject: [GLX-{}] We have received your request: {subject}\r\nMessage-ID: <glx{round}@globex.example>\r\n\r\n\
         Thank you, ticket GLX-{} was opened for your request.\r\n",
        8800 + round,
        8800 + round,
    )
}

fn count(mailed: &[Sent], kind: &str, to: &str) -> usize {
    mailed.iter().filter(|sent| sent.kind == kind && sent.to.starts_with(to)).count()
}

fn nothing_for_sam(mailed: &[Sent]) -> bool {
    mailed.iter().all(|sent| !sent.to.starts_with("sam"))
}

#[tokio::test]
async fn a_helpdesk_that_acknowledges_our_acknowledgements_gets_three_and_a_manager_is_told() {
    told("ping_pong", async |story, _| {
        let (mut subject, mut acknowledged, mut tickets) = ("VPN for the new branch".to_owned(), 0, 0);
        let mut storms = Vec::new();
        for round in 0..8 {
            let inbound = story.mail(&other_helpdesk(round, &subject)).await;
            assert_eq!(inbound.fate.as_deref(), Some("ticket"), "nothing is lost");
            tickets += 1;
            let mailed = story.mailed();
            if let Some(ours) = mailed.iter().find(|sent| sent.kind == "acknowledgement") {
                acknowledged += 1;
                subject = ours.mail.subject.clone();
            }
            storms.extend(mailed.into_iter().filter(|sent| sent.kind == "storm"));
            story.advance(TimeDelta::seconds(20)).await;
        }
        assert_eq!((tickets, acknowledged), (8, 3));
        assert_eq!(storms.len(), 1, "told once");
        assert_eq!(storms[0].to, "mia@northwind.example");
        assert!(storms[0].mail.text.contains("helpdesk@globex.example"), "{}", storms[0].mail.text);
        // It is the sender that is paused, for some hours, and nobody else.
        story.advance(TimeDelta::hours(1)).await;
        story.mailed();
        story.mail(&other_helpdesk(20, &subject)).await;
        assert_eq!(count(&story.mailed(), "acknowledgement", "helpdesk"), 0);
        story.mail(&from_jane("jane", "Printer", "My printer is broken.")).await;
        assert_eq!(count(&story.mailed(), "acknowledgement", "jane"), 1);
        story.advance(TimeDelta::hours(4)).await;
        story.mailed();
        story.mail(&other_helpdesk(21, &subject)).await;
        assert_eq!(count(&story.mailed(), "acknowledgement", "helpdesk"), 1, "the pause is over");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_person_with_many_requests_is_no_machine() {
    told("busy_person", async |story, _| {
        let requests = ["Printer is offline", "New mouse wanted", "VPN drops often", "Calendar sharing", "Fax gone"];
        let mut acknowledged = 0;
        for (round, subject) in requests.into_iter().enumerate() {
            story.mail(&from_jane(&format!("r{round}"), subject, "Please have a look.")).await;
            acknowledged += count(&story.mailed(), "acknowledgement", "jane");
            story.advance(TimeDelta::seconds(50)).await;
        }
        // The same thing again and again, but an hour apart: nobody answers an acknowledgement so late.
        for round in 0..4 {
            story.advance(TimeDelta::minutes(25)).await;
            story.mailed();
            story.mail(&from_jane(&format!("again{round}"), "Scanner stripes", "It has stripes again.")).await;
            acknowledged += count(&story.mailed(), "acknowledgement", "jane");
        }
        assert_eq!(acknowledged, 9);
        story.end().await;
    })
    .await;
}

/// Jane writes again on her ticket.
async fn again(story: &Story, number: TicketNumber, round: usize, words: &str) {
    let subject = format!("Re: Firewall {number}");
    let inbound = story.mail(&from_jane(&format!("again{round}"), &subject, words)).await;
    assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), Some(number)));
}

/// Sam has got three mails by themselves: the limit of `FEW`.
async fn three_for_sam(story: &Story) -> (TicketNumber, Sent) {
    let raw = from_jane("firewall", "Firewall", "Please look at the firewall log.");
    let number = story.mail(&raw).await.ticket.unwrap();
    again(story, number, 1, "It is the one in the hall.").await;
    again(story, number, 2, "It blinks red now.").await;
    let mailed = story.mailed();
    let kinds: Vec<_> = mailed.iter().filter(|sent| sent.to.starts_with("sam")).map(|sent| &sent.kind).collect();
    assert_eq!(kinds, ["assignment", "client_message", "client_message"]);
    let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap().clone();
    (number, assignment)
}

const HELD: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state = 'queued'";
const GATHERED: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state = 'withdrawn' AND last_error LIKE 'gathered into %'";

#[tokio::test]
async fn mail_to_a_tech_that_grows_comes_in_one_list_with_every_word_also_after_a_restart() {
    told_with("gathered", FEW, async |story, url| {
        let (number, _) = three_for_sam(&story).await;
        again(&story, number, 3, "The lamp below is green.").await;
        let file = "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Re: Firewall @N@\r\n\
                    Message-ID: <f1@acme-dental.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                    --b\r\nContent-Type: text/plain\r\n\r\nHere is its log.\r\n--b\r\nContent-Type: application/pdf\r\n\
                    Content-Disposition: attachment; filename=log.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n";
        story.mail(&file.replace("@N@", &number.to_string())).await;
        let second = story.mail(&from_jane("f2", "Firewall rule", "Please open the firewall for port 22.")).await;
        let second = second.ticket.unwrap();
        assert_eq!(story.ticket(second).await.assignee, Some("sam".into()));
        assert!(nothing_for_sam(&story.mailed()), "held");
        assert_eq!(number_of(&story, HELD).await, 3);

        let story = story.restart_after(&url, FEW, || ()).await;
        story.quiet().await;
        assert!(nothing_for_sam(&story.mailed()), "still held after a restart");
        story.advance(TimeDelta::minutes(10)).await;
        story.quiet().await;
        let mailed = story.mailed();
        let to_sam: Vec<_> = mailed.iter().filter(|sent| sent.to.starts_with("sam")).collect();
        assert_eq!(to_sam.len(), 1, "{to_sam:?}");
        let list = to_sam[0];
        assert_eq!((list.kind.as_str(), list.mail.subject.as_str()), ("gathered", "3 more things for you"));
        let text = &list.mail.text;
        let take = format!("{number} take");
        for words in ["The lamp below is green.", "Here is its log.", "open the firewall for port 22", "yours, due", &take] {
            assert!(text.contains(words), "no {words:?} in {text}");
        }
        assert!(!text.contains("It blinks red now."), "what he has is not told again");
        assert_eq!(list.mail.attachments[0].name, "log.pdf");
        assert_eq!((number_of(&story, HELD).await, number_of(&story, GATHERED).await), (0, 3));

        // Words in an answer to a list would reach nobody.
        story.mail(&list.answer(SAM, &format!("I replaced the cable.\n{second} done 10m"))).await;
        assert_eq!(count(&story.mailed(), "not_sent", "sam"), 1);
        assert_ne!(story.ticket(second).await.status, Status::Resolved);
        // It is answered like any list, and each line's link answers its own ticket.
        story.mail(&list.answer(SAM, &format!("{second} done 10m"))).await;
        assert_eq!(story.ticket(second).await.status, Status::Resolved);
        story.advance(TimeDelta::minutes(11)).await;
        story.mailed();
        again(&story, number, 4, "And now it is quiet.").await;
        assert_eq!(count(&story.mailed(), "client_message", "sam"), 1, "the flood is over: by itself again");
        story.end().await;
    })
    .await;
}

async fn number_of(story: &Story, sql: &'static str) -> i64 {
    number(&story.daemon.db, sql).await
}

#[tokio::test]
async fn an_outage_its_escalation_and_a_persons_answer_never_wait_for_a_list() {
    told_with("not_gathered", FEW, async |story, _| {
        let (ticket, _) = three_for_sam(&story).await;
        again(&story, ticket, 3, "The lamp below is green.").await;
        assert!(nothing_for_sam(&story.mailed()), "held");
        let raw = from_jane("down", "Server down", "The server is down, nobody can work.");
        let outage = story.mail(&raw).await.ticket.unwrap();
        let assignment = story.mailed_one("assignment");
        assert_eq!(assignment.to, "sam@northwind.example");
        // Sam's words go to Jane at once, whatever waits for him.
        story.mail(&assignment.answer(SAM, "I am on my way to you.\n#wait vendor")).await;
        assert_eq!(count(&story.mailed(), "relay", "jane"), 1);
        let raw = from_jane("down2", "Server down", "The other server is down, nobody can work.");
        let second = story.mail(&raw).await.ticket.unwrap();
        assert_ne!(outage, second);
        story.mailed();
        story.advance(TimeDelta::minutes(9)).await;
        story.advance(TimeDelta::minutes(6)).await;
        assert!(story.mailed().iter().any(|sent| sent.kind == "escalation"), "at its deadline");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn one_held_mail_alone_goes_as_it_is() {
    told_with("held_alone", FEW, async |story, _| {
        let (number, _) = three_for_sam(&story).await;
        again(&story, number, 3, "The lamp below is green.").await;
        assert!(story.mailed().is_empty());
        story.advance(TimeDelta::minutes(10)).await;
        story.quiet().await;
        let mail = story.mailed_one("client_message");
        assert!(mail.mail.text.contains("The lamp below is green."));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_longer_true_leaves_the_list() {
    told_with("held_untrue", FEW, async |story, _| {
        let (number, assignment) = three_for_sam(&story).await;
        // Three mails just before the reminder at half of four working hours: it is held.
        story.advance(TimeDelta::minutes(114)).await;
        for round in 3..6 {
            again(&story, number, round, &format!("Still the same, round {round}.")).await;
        }
        assert_eq!(count(&story.mailed(), "client_message", "sam"), 3);
        story.advance(TimeDelta::minutes(6)).await;
        let held = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state = 'queued' AND kind = 'reminder'";
        let untrue = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE state = 'withdrawn' AND kind = 'reminder'";
        assert_eq!((number_of(&story, held).await, number_of(&story, untrue).await), (1, 0));
        story.mail(&assignment.answer(SAM, "The firewall is fine again, it was a loose cable.")).await;
        assert_eq!((number_of(&story, held).await, number_of(&story, untrue).await), (0, 1));
        story.advance(TimeDelta::minutes(10)).await;
        story.quiet().await;
        assert!(story.mailed().iter().all(|sent| !sent.mail.text.contains("a deadline comes near")));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_is_told_in_several_lists_each_of_a_size_that_mail_programs_show_whole() {
    told_with("flood", FEW, async |story, _| {
        let (number, _) = three_for_sam(&story).await;
        let long = "The log of it goes on and on.\r\n".repeat(100);
        for round in 3..33 {
            again(&story, number, round, &format!("Line {round} of many.\r\n{long}")).await;
        }
        assert!(nothing_for_sam(&story.mailed()));
        story.advance(TimeDelta::minutes(10)).await;
        let lists: Vec<Sent> = story.mailed().into_iter().filter(|sent| sent.to.starts_with("sam")).collect();
        assert!(lists.len() > 1 && lists.iter().all(|list| list.kind == "gathered"), "{}", lists.len());
        assert!(
            lists.iter().all(|list| list.raw.len() < 100_000),
            "{:?}",
            lists.iter().map(|list| list.raw.len()).max()
        );
        for round in 3..33 {
            let line = format!("Line {round} of many.");
            assert_eq!(lists.iter().filter(|list| list.mail.text.contains(&line)).count(), 1, "{line}");
        }
        assert_eq!(number_of(&story, GATHERED).await, 30);
        story.end().await;
    })
    .await;
}

/// What answers a tech's own mail, and that somebody writes in his name, is told at once and is no part of the flood.
#[tokio::test]
async fn answers_to_a_techs_own_mail_and_a_forged_one_neither_wait_nor_make_others_wait() {
    told_with("answers_free", FEW, async |story, _| {
        let raw = from_jane("firewall", "Firewall", "Please look at the firewall log.");
        let number = story.mail(&raw).await.ticket.unwrap();
        let assignment = story.mailed_one("assignment");
        // As many answers as would be a flood.
        for words in ["#help", "#time 5m", "#note\nThe log is full.", "#time 2", "#tag firewall"] {
            story.mail(&assignment.answer(SAM, words)).await;
        }
        let mailed = story.mailed();
        let counts = ["help", "receipt", "not_sent"].map(|kind| count(&mailed, kind, "sam"));
        assert_eq!(counts, [1, 3, 1], "none waits");
        again(&story, number, 1, "It is the one in the hall.").await;
        again(&story, number, 2, "It blinks red now.").await;
        assert_eq!(count(&story.mailed(), "client_message", "sam"), 2, "they counted for nothing");
        again(&story, number, 3, "The lamp below is green.").await;
        assert!(nothing_for_sam(&story.mailed()), "the fourth that nobody asked for is held");

        story.mail(&assignment.answer(SAM, "#time 6m")).await;
        story.mail(&assignment.answer("Sam Ortiz <sam@elsewhere.example>", "I resign.")).await;
        let mailed = story.mailed();
        assert_eq!((count(&mailed, "receipt", "sam"), count(&mailed, "unverified", "sam")), (1, 1), "beside a list");
        assert_eq!(count(&mailed, "relay", "jane"), 0);
        story.advance(TimeDelta::minutes(15)).await;
        assert_eq!(count(&story.mailed(), "not_sent_reminder", "sam"), 0, "something was done since");
        story.end().await;
    })
    .await;
}
