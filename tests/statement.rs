//! Monthly statements: drafted, held, sent and frozen; the same figures in mail, sheet and command line; what comes late; what the client answers.

use chrono::TimeDelta;
use deskd::store::statements;
use deskd::words::{Priority, Status, TicketNumber};
use serde_json::Value;

use crate::harness::reading::{deskd, of_kind, until, words};
use crate::harness::story::{Sent, Story, told};
use crate::story::from_jane;
use crate::trust::SAM;

const JANE: &str = "Jane Roe <jane@acme-dental.example>";

/// March: three hours on a printer.
async fn march(story: &Story) -> Sent {
    story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.advance(TimeDelta::minutes(5)).await;
    story.mail(&assignment.answer(SAM, "A new drum is in, it prints again.\n\n#done 3h")).await;
    story.mailed();
    assignment
}

#[tokio::test]
async fn a_statement_is_drafted_on_the_first_working_day_and_goes_out_on_the_third() {
    told("statement_goes", async |story, _| {
        march(&story).await;
        // Wednesday the 1st of April, seven in Chicago.
        until(&story, "2026-04-01 11:59").await;
        assert!(of_kind(&story.mailed(), "statement_draft").is_empty());
        until(&story, "2026-04-01 12:00").await;
        let draft = story.mailed_one("statement_draft");
        assert_eq!(
            (draft.to.as_str(), draft.mail.subject.as_str()),
            ("sam@northwind.example", "DRAFT Acme Dental: statement 1, March 2026")
        );
        assert!(
            words(&draft).contains("goes to jane@acme-dental.example on Fri 3 Apr, 07:00, unless you answer before"),
            "{}",
            draft.mail.text
        );
        until(&story, "2026-04-03 11:59").await;
        assert!(of_kind(&story.mailed(), "statement").is_empty());
        until(&story, "2026-04-03 12:00").await;
        let sent = of_kind(&story.mailed(), "statement");
        let to: Vec<&str> = sent.iter().map(|sent| sent.to.as_str()).collect();
        assert_eq!(to, ["jane@acme-dental.example", "sam@northwind.example"]);
        let text = words(&sent[0]);
        for part in [
            "3h of 10–20h used in March 2026 (15 %).",
            "Not used, and not carried on: 17h",
            "Requests: 1; a first answer in time for 1 of 1",
            "#1001 3h Printer",
            "Mon 2 Mar, Jane Roe, P3, answered in time, resolved",
            "A new drum is in, it prints again.",
        ] {
            assert!(text.contains(part), "{part}: {}", sent[0].mail.text);
        }
        let sheet = String::from_utf8(sent[0].mail.attachments[0].bytes.clone()).unwrap();
        assert!(sheet.contains("1,2026-03,#1001,Printer,Jane Roe,P3,2026-03-02,yes,yes,180,0"), "{sheet}");
        // Mail, sheet, command line and ledger: the same to the minute.
        assert_eq!(deskd(&story, &["statement", "show", "1", "--csv"]), sheet);
        let json: Value = serde_json::from_str(&deskd(&story, &["statement", "show", "1", "--json"])).unwrap();
        let ledger: Value = serde_json::from_str(&deskd(&story, &["retainer", "show", "acme", "--json"])).unwrap();
        assert_eq!(
            (&json["used"], &json["top"], &json["expired"]),
            (&ledger[2]["burned"], &ledger[2]["top"], &ledger[2]["expired"])
        );
        let listed = deskd(&story, &["statement", "list"]);
        assert!(
            listed.lines().any(|line| line.starts_with("1 ")
                && line.contains("Acme Dental")
                && line.contains("sent")
                && line.contains("3h")),
            "{listed}"
        );
        let again = deskd(&story, &["statement", "resend", "1"]);
        assert_eq!(again, "statement 1 goes to 1 managers of the client once more\n");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_account_manager_sends_or_holds_a_draft_by_answering_it() {
    told("statement_answers", async |story, _| {
        march(&story).await;
        until(&story, "2026-04-01 12:00").await;
        let draft = story.mailed_one_of("statement_draft");
        story.mail(&draft.answer(SAM, "Looks good to me.")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("answered with #send, or with #hold and why"));
        story.mail(&draft.answer(SAM, "#hold")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("say why"));
        story.mail(&draft.answer(SAM, "#hold the drum was theirs")).await;
        assert!(
            words(&story.mailed_one("receipt")).contains("statement 1 is held until you answer its draft with #send")
        );
        until(&story, "2026-04-08 12:00").await;
        assert!(of_kind(&story.mailed(), "statement").is_empty(), "held is held");
        assert!(deskd(&story, &["statement", "list"]).contains("the drum was theirs"));
        story.mail(&draft.answer(SAM, "#send")).await;
        let mailed = story.mailed();
        assert_eq!(of_kind(&mailed, "statement").len(), 2);
        story.mail(&draft.answer(SAM, "#send it again")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("statement 1 was sent before"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_sent_statement_never_changes_and_late_time_stands_on_the_next() {
    told("statement_late", async |story, _| {
        let assignment = march(&story).await;
        until(&story, "2026-04-01 12:00").await;
        until(&story, "2026-04-03 12:00").await;
        story.mailed();
        let row = async || {
            let mut tx = story.daemon.db.read().await.unwrap();
            statements::one(&mut tx, 1).await.unwrap().unwrap()
        };
        let frozen = row().await;
        story.mail(&assignment.answer(SAM, "#time 45m retainer 2026-03-30\n#time 20m")).await;
        until(&story, "2026-05-01 12:00").await;
        until(&story, "2026-05-05 12:00").await;
        assert_eq!(row().await.content, frozen.content);
        assert_eq!(deskd::money::statement::hash(frozen.content.as_ref().unwrap()), frozen.hash.unwrap());
        let sent = of_kind(&story.mailed(), "statement");
        let text = words(&sent[0]);
        assert!(text.contains("20m of 10–20h used in April 2026"), "{text}");
        assert!(text.contains("Written down late, for March 2026: 45m"), "{text}");
        assert!(text.contains("Mar 3h45 of 20h"), "the trend is as it is known now: {text}");
        until(&story, "2026-06-01 12:00").await;
        until(&story, "2026-06-03 12:00").await;
        assert!(!words(&of_kind(&story.mailed(), "statement")[0]).contains("Written down late"), "told once");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_agrees_with_a_word_and_anything_else_is_a_ticket_for_the_account_manager() {
    told("statement_reply", async |story, _| {
        march(&story).await;
        until(&story, "2026-04-01 12:00").await;
        until(&story, "2026-04-03 12:00").await;
        let sent = of_kind(&story.mailed(), "statement").remove(0);
        let asked = story
            .mail(&sent.answer(JANE, "What were the three hours for? Nobody can work without knowing."))
            .await
            .ticket
            .unwrap();
        let ticket = story.ticket(asked).await;
        assert_eq!((ticket.priority, ticket.assignee.unwrap().0.as_str()), (Priority::P3, "sam"));
        assert!(ticket.tags.contains(&"statement-1".to_owned()), "{:?}", ticket.tags);
        assert_ne!(asked, TicketNumber(1001));
        assert_ne!(story.ticket(TicketNumber(1001)).await.status, Status::Open);
        // Somebody of the client's who is no manager of it agrees to nothing.
        story.mail(&sent.answer("Tom Lee <tom@acme-dental.example>", "ok")).await;
        let agreed = async || {
            let mut tx = story.daemon.db.read().await.unwrap();
            statements::one(&mut tx, 1).await.unwrap().unwrap().agreed_by
        };
        assert_eq!(agreed().await, None);
        assert_eq!(story.mail(&sent.answer(JANE, "Approved!")).await.ticket, None);
        assert_eq!(agreed().await.as_deref(), Some("jane@acme-dental.example"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_private_stays_so_and_a_desk_that_began_later_draws_no_statement() {
    told("statement_private", async |story, _| {
        story.mail(&from_jane("p", "Salary of Tom", "Please set up the payroll.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "The payroll runs.\n\n#tag private\n#done 1h")).await;
        until(&story, "2026-04-01 12:00").await;
        until(&story, "2026-04-03 12:00").await;
        let sent = of_kind(&story.mailed(), "statement").remove(0);
        let sheet = String::from_utf8(sent.mail.attachments[0].bytes.clone()).unwrap();
        for secret in ["Salary", "payroll"] {
            assert!(!sent.mail.text.contains(secret) && !sheet.contains(secret), "{}", sent.mail.text);
        }
        assert!(words(&sent).contains("#1001 1h confidential"), "{}", sent.mail.text);
        let mut tx = story.daemon.db.read().await.unwrap();
        let all = statements::list(&mut tx, None, 10).await.unwrap();
        drop(tx);
        assert_eq!(all.len(), 1, "Globex has no retainer, and nothing is known of February");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn months_that_passed_while_the_desk_was_away_are_drafted_too_and_not_sent_unread() {
    told("statement_away", async |story, _| {
        march(&story).await;
        until(&story, "2026-03-03 12:00").await;
        until(&story, "2026-06-10 15:00").await;
        let mailed = story.mailed();
        let drafts: Vec<String> =
            of_kind(&mailed, "statement_draft").into_iter().map(|draft| draft.mail.subject).collect();
        assert_eq!(
            drafts,
            [
                "DRAFT Acme Dental: statement 1, March 2026",
                "DRAFT Acme Dental: statement 2, April 2026",
                "DRAFT Acme Dental: statement 3, May 2026"
            ]
        );
        assert!(of_kind(&mailed, "statement").is_empty(), "nobody has read them");
        // Two working days later, each with its own month and nothing that is late.
        until(&story, "2026-06-12 15:00").await;
        let sent: Vec<Sent> =
            of_kind(&story.mailed(), "statement").into_iter().filter(|sent| sent.to.starts_with("jane")).collect();
        assert_eq!(sent.len(), 3);
        assert!(words(&sent[0]).contains("3h of 10–20h used in March 2026"), "{}", sent[0].mail.text);
        assert!(sent.iter().all(|sent| !sent.mail.text.contains("Written down late")));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_in_a_held_statement_is_not_late_on_the_next() {
    told("statement_held", async |story, _| {
        march(&story).await;
        until(&story, "2026-04-01 12:00").await;
        until(&story, "2026-04-03 12:00").await;
        story.mailed();
        until(&story, "2026-04-20 12:00").await;
        let worked = |minutes: &str, day: &str| {
            let line = ["time", "add", "--tech", "sam", "--client", "acme", "--minutes", minutes, "--day", day];
            assert!(deskd(&story, &line).contains(day));
        };
        worked("40m", "2026-04-20");
        until(&story, "2026-05-01 12:00").await;
        let april = story.mailed_one_of("statement_draft");
        story.mail(&april.answer(SAM, "#hold a call is due")).await;
        until(&story, "2026-06-01 12:00").await;
        // Of March, after its statement: it stands on the first one that is sent.
        worked("15m", "2026-03-30");
        until(&story, "2026-06-03 12:00").await;
        let may = of_kind(&story.mailed(), "statement").remove(0);
        assert!(words(&may).contains("Written down late, for March 2026: 15m"), "{}", may.mail.text);
        assert!(!may.mail.text.contains("for April"), "April has a statement of its own: {}", may.mail.text);
        story.mail(&april.answer(SAM, "#send")).await;
        let sent = of_kind(&story.mailed(), "statement").remove(0);
        assert!(words(&sent).contains("40m of 10–20h used in April 2026"), "{}", sent.mail.text);
        assert!(!sent.mail.text.contains("Written down late"), "told on May's: {}", sent.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_ticket_that_moved_to_another_client_is_confidential_to_the_one_that_had_it() {
    told("statement_moved", async |story, _| {
        let assignment = march(&story).await;
        story.mail(&assignment.answer(SAM, "#client globex")).await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.client.unwrap().0, "globex");
        until(&story, "2026-04-01 12:00").await;
        until(&story, "2026-04-03 12:00").await;
        let sent = of_kind(&story.mailed(), "statement").remove(0);
        let sheet = String::from_utf8(sent.mail.attachments[0].bytes.clone()).unwrap();
        assert!(words(&sent).contains("#1001 3h confidential"), "{}", sent.mail.text);
        assert!(!sent.mail.text.contains("drum") && !sheet.contains("Printer"), "{}", sent.mail.text);
        story.end().await;
    })
    .await;
}
