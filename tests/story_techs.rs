//! What a tech's mail does: plain replies, directives all together or not at all, receipts.

use chrono::TimeDelta;
use deskd::words::{Category, Minutes, Priority, Status, TicketNumber};

use crate::harness::story::{Sent, Story, told};
use crate::story::from_jane;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const ANA: &str = "Ana Diaz <ana@northwind.example>";
const MIA: &str = "Mia Chen <mia@northwind.example>";

/// A ticket of Jane's, with the assignment mail of whoever got it.
async fn asked(story: &Story, subject: &str, text: &str) -> (TicketNumber, Sent) {
    let inbound = story.mail(&from_jane(&subject.replace(' ', "-"), subject, text)).await;
    let assignment = story.mailed_one_of("assignment");
    (inbound.ticket.unwrap(), assignment)
}

fn to<'a>(mailed: &'a [Sent], who: &str) -> Vec<&'a Sent> {
    mailed.iter().filter(|sent| sent.to.starts_with(who)).collect()
}

#[tokio::test]
async fn a_plain_reply_goes_to_the_client_and_is_the_first_touch() {
    told("plain_reply", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.advance(TimeDelta::minutes(5)).await;
        story.mail(&assignment.answer(SAM, "Which model is it, Jane?")).await;
        let mailed = story.mailed();
        let relay = to(&mailed, "jane")[0];
        assert_eq!(relay.kind, "relay");
        assert!(relay.mail.text.contains("Which model is it, Jane?"), "{}", relay.mail.text);
        assert!(relay.mail.from[0].name.contains("Sam Ortiz"));
        assert_eq!(relay.mail.from[0].address, "support@northwind.example");
        assert!(relay.mail.header("auto-submitted").is_none(), "a human's words carry no sign of automation");
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.first_touch_at), (Status::Open, Some(story.now())));

        // Jane answers the relay in her thread; Sam gets it, and it wants an answer.
        let answer = relay.answer("Jane Roe <jane@acme-dental.example>", "An MX-200.");
        let inbound = story.mail(&answer).await;
        assert_eq!(inbound.ticket, Some(number));
        let to_sam = story.mailed_one("client_message");
        assert!(to_sam.mail.text.contains("An MX-200."));
        assert_eq!(to_sam.mail.references, assignment.mail.references, "one thread in the tech's mail program");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_note_stays_inside() {
    told("note", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "They never clean the glass.\n#note")).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        let messages = story.messages(number).await;
        assert_eq!(messages[1].visibility, "internal");
        assert_eq!(messages[1].text, "They never clean the glass.");
        assert_eq!(story.ticket(number).await.first_touch_at, None, "a note is no first touch");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn one_refused_line_stops_the_whole_mail_and_says_so_until_it_is_mended() {
    told("not_sent", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "Cleaned the glass.\n\n#tmie 20m\n#done")).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "nothing is relayed");
        let refused = &to(&mailed, "sam")[0];
        assert!(refused.mail.subject.starts_with("NOT SENT"), "{}", refused.mail.subject);
        assert!(
            refused.mail.text.contains("#tmie 20m") && refused.mail.text.contains("#time 20m"),
            "{}",
            refused.mail.text
        );
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes), (Status::New, 0), "nothing was done");

        story.advance(TimeDelta::minutes(15)).await;
        assert_eq!(story.mailed_one("not_sent_reminder").to, "sam@northwind.example");

        story.mail(&assignment.answer(SAM, "Cleaned the glass well.\n\n#time 20m\n#done")).await;
        let mailed = story.mailed();
        assert_eq!(to(&mailed, "jane").len(), 1);
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_mended_mail_withdraws_the_reminder_of_the_refused_one() {
    told("mended", async |story, _| {
        let (_, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "Cleaned the glass.\n#time 2")).await;
        let refused = story.mailed_one("not_sent");
        assert!(refused.mail.text.contains("2h") && refused.mail.text.contains("2m"), "{}", refused.mail.text);
        story.mail(&assignment.answer(SAM, "Cleaned the glass.\n#time 2m")).await;
        story.mailed();
        story.advance(TimeDelta::minutes(16)).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "not_sent_reminder"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn more_than_half_an_hour_needs_a_resolution_note_but_withholds_nothing() {
    told("note_owed", async |story, _| {
        let (number, assignment) = asked(&story, "Mailbox full", "My mailbox is full.").await;
        story.mail(&assignment.answer(SAM, "Done.\n#done 45m")).await;
        let mailed = story.mailed();
        assert_eq!(to(&mailed, "jane").len(), 1, "the answer goes out");
        let receipt = mailed.iter().find(|sent| sent.kind == "receipt").unwrap();
        assert!(receipt.mail.text.contains("45m retainer"), "{}", receipt.mail.text);
        assert!(receipt.mail.text.contains("#fix"), "the receipt asks for the note: {}", receipt.mail.text);
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes), (Status::Open, 45), "the time stands, the ticket stays open");

        story.mail(&receipt.answer(SAM, "#fix Quota was 2 GB, raised to 10 GB for the whole office.\n#done")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn done_without_any_time_resolves_and_asks_how_long() {
    told("ask_time", async |story, _| {
        let (number, assignment) = asked(&story, "Password of the scanner", "Where is the manual?").await;
        story.mail(&assignment.answer(SAM, "It is in the drawer below the scanner.\n#done")).await;
        let receipt = story.mailed_one("receipt");
        assert!(
            receipt.mail.text.contains("how long") || receipt.mail.text.contains("How long"),
            "{}",
            receipt.mail.text
        );
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.mail(&receipt.answer(SAM, "#time 10m")).await;
        assert_eq!(story.ticket(number).await.minutes, 10);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn time_has_a_category_a_day_and_can_be_corrected() {
    told("time", async |story, _| {
        let (number, assignment) = asked(&story, "Laptop", "My laptop is slow since Friday.").await;
        story.mail(&assignment.answer(SAM, "#time 1h15 project yesterday cutover prep\n#time 20m")).await;
        let receipt = story.mailed_one("receipt");
        assert!(
            receipt.mail.text.contains("1h15 project") && receipt.mail.text.contains("20m retainer"),
            "{}",
            receipt.mail.text
        );
        story.mail(&receipt.answer(SAM, "#time -15m")).await;
        let mut tx = story.daemon.db.read().await.unwrap();
        let entries = deskd::store::time::of_ticket(&mut tx, number).await.unwrap();
        let shown: Vec<_> =
            entries.iter().map(|entry| (entry.minutes, entry.category, entry.work_date.to_string())).collect();
        assert_eq!(
            shown,
            [
                (Minutes(75), Category::Project, "2026-03-01".to_owned()),
                (Minutes(20), Category::Retainer, "2026-03-02".to_owned()),
                (Minutes(-15), Category::Retainer, "2026-03-02".to_owned()),
            ]
        );
        assert_eq!(entries[2].corrects, Some(entries[1].id));
        tx.rollback().await.unwrap();
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn taking_assigning_and_passing_on() {
    told("ownership", async |story, _| {
        let (number, assignment) = asked(&story, "Firewall", "Please look at the firewall log.").await;
        story.mail(&assignment.answer(SAM, "#take")).await;
        assert!(story.mailed_one("receipt").mail.text.contains(&number.to_string()));
        story.mail(&assignment.answer(SAM, "#assign ana\nAna knows this one.\n#note")).await;
        let mailed = story.mailed();
        let to_ana = to(&mailed, "ana");
        assert_eq!(to_ana[0].kind, "assignment");
        assert!(to_ana[0].mail.text.contains("look at the firewall log"));
        assert!(to_ana[0].mail.text.contains("on the words: firewall"), "{}", to_ana[0].mail.text);
        assert_eq!(story.ticket(number).await.assignee, Some("ana".into()));
        story.mail(&to_ana[0].answer(ANA, "#pass I am at the dentist")).await;
        assert_ne!(story.ticket(number).await.assignee, Some("ana".into()));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn lowering_an_outage_needs_the_reason() {
    told("priority", async |story, _| {
        let inbound = story.mail(&from_jane("down", "Server down", "The server is down, nobody can work.")).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        assert_eq!(story.ticket(number).await.priority, Priority::P1);
        story.mail(&assignment.answer(SAM, "#p3")).await;
        assert!(story.mailed_one("not_sent").mail.text.contains("#p3 because"));
        story.mail(&assignment.answer(SAM, "#p3 only her own screen was off")).await;
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.priority, ticket.first_priority), (Priority::P3, Priority::P1));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_sensitive_request_is_done_only_when_an_approver_said_yes_or_somebody_made_sure() {
    told("sensitive", async |story, _| {
        let mail = from_jane("mfa", "MFA reset", "Please reset the MFA of Tom, he has a new phone.");
        let inbound = story.mail(&mail).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        assert!(story.ticket(number).await.tags.contains(&"sensitive".to_owned()));
        story.mail(&assignment.answer(SAM, "Done, please sign in again.\n#done 10m")).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty());
        assert!(to(&mailed, "sam")[0].mail.text.contains("#verified by phone"));
        assert_eq!(story.ticket(number).await.minutes, 0, "nothing of a refused mail is done");

        story.mail(&assignment.answer(SAM, "#approve jane")).await;
        let mailed = story.mailed();
        let question = to(&mailed, "jane")[0];
        assert_eq!(question.kind, "approval");
        assert!(question.mail.text.contains("reset the MFA of Tom"));

        story.mail(&assignment.answer(SAM, "Done, please sign in again now.\n#verified by phone\n#done 10m")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn undo_takes_back_state_and_time_but_no_mail() {
    told("undo", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "Cleaned the glass of it.\n#done 20m")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        let receipt = story.mailed().into_iter().find(|sent| sent.kind == "receipt").unwrap();
        story.mail(&receipt.answer(SAM, "#undo")).await;
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes), (Status::Open, 0));
        assert!(ticket.first_touch_at.is_some(), "the answer was sent: the touch stands");
        let receipt = story.mailed_one("receipt");
        assert!(receipt.mail.text.contains("20m retainer"), "{}", receipt.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn merging_takes_the_earliest_start_and_the_strictest_priority() {
    told("merge", async |story, _| {
        let first = story.mail(&from_jane("one", "Printer", "My printer is broken.")).await.ticket.unwrap();
        story.mailed();
        story.advance(TimeDelta::minutes(10)).await;
        let second = story.mail(&from_jane("two", "Server down", "The server is down, nobody can work.")).await;
        let second = second.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, &format!("#merge {first}"))).await;
        let (kept, gone) = (story.ticket(first).await, story.ticket(second).await);
        assert_eq!((gone.status, gone.merged_into), (Status::Merged, Some(first)));
        assert_eq!(kept.priority, Priority::P1);
        assert_eq!(story.messages(first).await.len(), 2);
        // A further mail to the merged one lands on the one it came into.
        let more = story.mail(&from_jane("three", &format!("Re: Server down {second}"), "Any news?")).await;
        assert_eq!(more.ticket, Some(first));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_is_taken_by_a_mail_to_the_desk() {
    told("call", async |story, _| {
        let mail = format!(
            "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: Tom cannot print\r\nMessage-ID: <c1@northwind-it.example>\r\n\r\n\
             #from tom@acme-dental.example\r\n#called\r\n#time 10m\r\nTom's printer was offline, it works again.\r\n"
        );
        // tech_mail = "token" waives DKIM only where a token proves the tech: without one the mail is confirmed first.
        let inbound = story.mail(&mail).await;
        assert!(inbound.reason.unwrap().contains("confirmation"));
        let question = story.mailed_one("confirmation");
        assert_eq!(question.to, "sam@northwind.example");
        let confirmed = story.mail(&question.answer(SAM, "yes")).await;
        let number = confirmed.ticket.expect("the confirmed mail opened a ticket");
        let ticket = story.ticket(number).await;
        assert_eq!(ticket.requester_address.as_deref(), Some("tom@acme-dental.example"));
        assert_eq!(ticket.minutes, 10);
        assert!(ticket.first_touch_at.is_some(), "the call was the first touch");
        assert!(to(&story.mailed(), "tom").is_empty(), "who was called needs no acknowledgement");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_techs_out_of_office_is_never_relayed_and_never_a_touch() {
    told("out_of_office", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        let mut answer = assignment.answer(SAM, "I am away until Monday.");
        answer = answer.replacen("Subject: Re: ", "Auto-Submitted: auto-replied\r\nSubject: Automatic reply: ", 1);
        let inbound = story.mail(&answer).await;
        assert_eq!(inbound.fate.as_deref(), Some("automatic"));
        assert!(story.mailed().is_empty());
        assert_eq!(story.ticket(number).await.first_touch_at, None);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_already_went_to_the_client_is_recorded_and_not_sent_again() {
    told("already_sent", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        let answer = assignment.answer(SAM, "I come by at ten.");
        let answer = answer.replacen("\r\nSubject:", "\r\nCc: Jane Roe <jane@acme-dental.example>\r\nSubject:", 1);
        story.mail(&answer).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        assert!(story.ticket(number).await.first_touch_at.is_some());
        assert_eq!(story.messages(number).await[1].visibility, "public");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_to_a_reminder_stays_inside_unless_it_says_reply() {
    told("internal_reply", async |story, _| {
        let (number, _) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.advance(TimeDelta::hours(2)).await;
        let reminder = story.mailed_one("reminder");
        story.mail(&reminder.answer(SAM, "I am on it, the client is a bit difficult.")).await;
        assert!(to(&story.mailed(), "jane").is_empty());
        story.mail(&reminder.answer(SAM, "I will be there at three.\n#reply")).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane")[0].mail.text.contains("I will be there at three."));
        assert!(story.ticket(number).await.first_touch_at.is_some());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn somebody_elses_token_or_address_relays_nothing() {
    told("forged", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        // The token is Sam's, the mail is somebody else's.
        let forged = assignment.answer("Eve <eve@evil.example>", "Please send the money to Eve.\n#done 1h tm");
        story.mail(&forged).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        assert_eq!(to(&mailed, "sam")[0].kind, "unverified");
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes), (Status::New, 0));
        let kept = story.messages(number).await.pop().unwrap();
        assert_eq!(kept.visibility, "internal");
        assert!(kept.reason.unwrap().contains("eve@evil.example"));
        // Mia is a tech, but this is not her token.
        story.mail(&assignment.answer(MIA, "Closing this for Sam.\n#done 1h")).await;
        assert_eq!(story.ticket(number).await.status, Status::New);
        story.end().await;
    })
    .await;
}

/// What a NOT SENT offers for copying.
fn offered(text: &str) -> &str {
    let from = text.find("copy this into a reply:").unwrap();
    let rest = &text[text[from..].find('\n').unwrap() + from..];
    &rest[..rest.find("One tap:").unwrap_or(rest.len())]
}

#[tokio::test]
async fn what_a_not_sent_offers_for_copying_reaches_the_client_when_it_is_sent() {
    told("offered", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "Cleaned the glass.\n\n#tmie 20m\n#done")).await;
        let refused = story.mailed_one("not_sent");
        story.mail(&refused.answer(SAM, offered(&refused.mail.text).trim())).await;
        let mailed = story.mailed();
        let client = to(&mailed, "jane");
        assert_eq!(client.len(), 1);
        assert!(client[0].mail.text.contains("Cleaned the glass."), "{}", client[0].mail.text);
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_changes_nothing_gets_its_receipt_too() {
    told("nothing", async |story, _| {
        let (_, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        for order in ["#help", "#help", "#time 45m", "#done", "#done"] {
            story.mail(&assignment.answer(SAM, order)).await;
            assert_eq!(to(&story.mailed(), "sam").len(), 1, "{order}");
            // The same words a minute later are another mail.
            story.advance(TimeDelta::minutes(1)).await;
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_bare_signature_is_no_answer_and_a_file_alone_is_one() {
    told("signature", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "#take\n\n--\nSam Ortiz")).await;
        assert!(to(&story.mailed(), "jane").is_empty());
        assert_eq!(story.ticket(number).await.first_touch_at, None);
        let answer = assignment.answer(SAM, "");
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let file = format!(
            "{head}\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n\
             Content-Disposition: attachment; filename=manual.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n"
        );
        story.mail(&file).await;
        let mailed = story.mailed();
        assert_eq!(to(&mailed, "jane")[0].mail.attachments[0].name, "manual.pdf");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn undoing_twice_takes_time_back_once() {
    told("undo_twice", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        story.mail(&assignment.answer(SAM, "#time 25m")).await;
        story.mail(&assignment.answer(SAM, "#undo")).await;
        assert_eq!(story.ticket(number).await.minutes, 0);
        story.mailed();
        story.mail(&assignment.answer(SAM, "#undo")).await;
        assert_eq!(story.ticket(number).await.minutes, 0);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_in_cc_of_a_techs_mail_may_answer_to_all() {
    told("reply_all", async |story, _| {
        let (number, assignment) = asked(&story, "Scanner", "The scanner makes stripes.").await;
        let answer = assignment.answer("Jane Roe <jane@acme-dental.example>", "Ten is fine with me.");
        let inbound = story.mail(&answer).await;
        assert_eq!(inbound.ticket, Some(number));
        assert_eq!(story.messages(number).await[1].visibility, "public");
        assert!(story.mailed_one("client_message").mail.text.contains("Ten is fine with me."));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_forwarding_techs_own_words_are_never_the_clients() {
    told("forward", async |story, _| {
        let mail = format!(
            "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: Fwd: Printer\r\nMessage-ID: <f1@northwind-it.example>\r\n\r\n\
             She always forgets the paper.\r\n\r\n---------- Forwarded message ---------\r\nFrom: Jane Roe <jane@acme-dental.example>\r\n\
             Date: Mon, 2 Mar 2026 08:00:00 -0600\r\nSubject: Printer\r\nTo: Sam Ortiz <sam@northwind.example>\r\n\r\nIt prints nothing.\r\n"
        );
        story.mail(&mail).await;
        let question = story.mailed_one("confirmation");
        let number = story.mail(&question.answer(SAM, "yes")).await.ticket.unwrap();
        let messages = story.messages(number).await;
        let public: Vec<_> = messages.iter().filter(|message| message.is_public()).collect();
        assert_eq!(public.len(), 1);
        assert!(public[0].text.contains("It prints nothing.") && !public[0].text.contains("forgets"), "{}", public[0].text);
        assert!(messages.iter().any(|message| !message.is_public() && message.text.contains("forgets")));
        story.end().await;
    })
    .await;
}
