//! What becomes of a mail: exactly one fate, nothing doubled, nothing dropped, machines never argue, strangers page nobody.

use chrono::TimeDelta;
use deskd::words::Status;

use crate::harness::story::{Sent, told};
use crate::story::from_jane;

const MIA: &str = "Mia Chen <mia@northwind.example>";

fn from(who: &str, id: &str, subject: &str, text: &str) -> String {
    format!(
        "From: {who}\r\nTo: support@northwind.example\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\r\n{text}\r\n"
    )
}

fn to<'a>(mailed: &'a [Sent], who: &str) -> Vec<&'a Sent> {
    mailed.iter().filter(|sent| sent.to.starts_with(who)).collect()
}

#[tokio::test]
async fn the_same_content_is_one_ticket_and_the_same_message_id_with_other_content_is_another() {
    told("duplicates", async |story, _| {
        let raw = from_jane("d1", "Printer", "My printer is broken.");
        let first = story.mail(&raw).await;
        story.mailed();
        let again =
            story.mail(&format!("Received: from elsewhere by here; Mon, 2 Mar 2026 09:00:01 -0600\r\n{raw}")).await;
        assert_eq!((again.fate.as_deref(), again.ticket), (Some("duplicate"), first.ticket));
        assert!(story.mailed().is_empty(), "a duplicate is told nobody");
        let other = story.mail(&from_jane("d1", "Scanner", "My scanner is broken.")).await;
        assert_eq!(other.fate.as_deref(), Some("ticket"));
        assert_ne!(other.ticket, first.ticket);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_pages_nobody_until_somebody_accepts() {
    told("stranger", async |story, _| {
        let raw = from(
            "Bob <bob@nowhere.example>",
            "s1@nowhere.example",
            "Server down",
            "The server is down, nobody can work.",
        );
        let inbound = story.mail(&raw).await;
        let number = inbound.ticket.unwrap();
        assert!(inbound.reason.unwrap().starts_with("unsorted"));
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.assignee, ticket.first_touch_due), (Status::Unsorted, None, None));
        story.quiet().await;
        let mailed = story.mailed();
        assert!(to(&mailed, "bob").is_empty(), "no acknowledgement");
        let digest = to(&mailed, "mia")[0].clone();
        assert_eq!(digest.kind, "unsorted_digest", "at once, because it looks like an outage");
        assert!(to(&mailed, "sam").is_empty() && to(&mailed, "ana").is_empty());

        story.advance(TimeDelta::minutes(5)).await;
        story.mail(&digest.answer(MIA, &format!("{number} accept globex"))).await;
        let ticket = story.ticket(number).await;
        assert_eq!(ticket.status, Status::New);
        assert_eq!(ticket.client, Some("globex".into()));
        assert_eq!(
            ticket.first_touch_due,
            Some(ticket.received_at + TimeDelta::minutes(15)),
            "with the clock from arrival"
        );
        let mailed = story.mailed();
        assert_eq!(to(&mailed, "bob")[0].kind, "acknowledgement");
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap();
        assert!(assignment.mail.text.contains("on the words: "), "why it is a P1:\n{}", assignment.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn spam_is_closed_and_its_sender_is_heard_no_more() {
    told("spam", async |story, _| {
        let raw = from("Bob <bob@nowhere.example>", "s1@nowhere.example", "Cheap pills", "Buy my pills.");
        let number = story.mail(&raw).await.ticket.unwrap();
        story.advance(TimeDelta::minutes(61)).await;
        story.quiet().await;
        let digest = story.mailed_one_of("unsorted_digest");
        story.mail(&digest.answer(MIA, &format!("{number} spam"))).await;
        assert_eq!(story.ticket(number).await.status, Status::Spam);
        let raw = from("Bob <bob@nowhere.example>", "s2@nowhere.example", "More pills", "Buy more pills.");
        let inbound = story.mail(&raw).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("refused"), None));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn automatic_mail_is_never_acknowledged_and_our_own_never_comes_in_again() {
    told("machines", async |story, _| {
        let machine = from(
            "Backup <backup@acme-dental.example>",
            "b1@acme-dental.example",
            "Backup failed",
            "Job 7 failed on NAS2.",
        )
        .replacen("Subject:", "Auto-Submitted: auto-generated\r\nSubject:", 1);
        let inbound = story.mail(&machine).await;
        assert_eq!(inbound.fate.as_deref(), Some("ticket"));
        let mailed = story.mailed();
        assert!(to(&mailed, "backup").is_empty());
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap();
        // Our own mail comes back to us.
        let back = story.mail_bytes(&assignment.raw, story.now()).await;
        assert_eq!(back.fate.as_deref(), Some("refused"));
        let own = from("Support <support@northwind.example>", "x@elsewhere.example", "Hello", "Hello from ourselves.");
        assert_eq!(story.mail(&own).await.fate.as_deref(), Some("refused"));
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_out_of_office_stays_with_its_ticket_and_does_not_reopen_it() {
    told("ooo", async |story, _| {
        let number = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await.ticket.unwrap();
        let mailed = story.mailed();
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap().clone();
        story.mail(&assignment.answer("Sam Ortiz <sam@northwind.example>", "It is repaired now.\n#done 10m")).await;
        let resolution = story.mailed().into_iter().find(|sent| sent.kind == "resolution").unwrap();
        let away = resolution.answer("Jane Roe <jane@acme-dental.example>", "I am away until Monday.");
        let away = away.replacen("Subject:", "Auto-Submitted: auto-replied\r\nSubject:", 1);
        let inbound = story.mail(&away).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("automatic"), Some(number)));
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        assert!(story.mailed().is_empty());
        // Her own words do reopen it.
        story.mail(&resolution.answer("Jane Roe <jane@acme-dental.example>", "It is broken again.")).await;
        assert_eq!(story.ticket(number).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_bounce_is_kept_with_its_ticket_and_a_manager_is_told() {
    told("bounce", async |story, _| {
        let number = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer("Sam Ortiz <sam@northwind.example>", "Which one?")).await;
        let relay = story.mailed().into_iter().find(|sent| sent.kind == "relay").unwrap();
        let id = relay.mail.message_id.clone().unwrap();
        let bounce = format!(
            "Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@mx.example>\r\nTo: support@northwind.example\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <b@mx.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
             Could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; jane@acme-dental.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\nMessage-ID: <{id}>\r\nSubject: Re: Printer\r\n\r\nWhich one?\r\n--b--\r\n"
        );
        let inbound = story.mail(&bounce).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("bounce"), Some(number)), "{:?}", inbound.reason);
        story.quiet().await;
        let told = story.mailed_one("undeliverable");
        assert_eq!(told.to, "mia@northwind.example");
        assert!(told.mail.text.contains("jane@acme-dental.example"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn only_people_of_the_ticket_join_it() {
    told("outsider", async |story, _| {
        let number = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await.ticket.unwrap();
        story.mailed();
        // A colleague at the same client, with the tag.
        let tom = from(
            "Tom Lee <tom@acme-dental.example>",
            "t@acme-dental.example",
            &format!("Re: Printer {number}"),
            "Mine too.",
        );
        assert_eq!(story.mail(&tom).await.ticket, Some(number));
        assert!(story.mailed_one("client_message").mail.text.contains("Mine too."));
        // Another client with the same tag: the text is kept for the tech, and he is added to nothing.
        let hank =
            from("Hank <hank@globex.example>", "h@globex.example", &format!("Re: Printer {number}"), "What is this?");
        let inbound = story.mail(&hank).await;
        assert_eq!(inbound.ticket, Some(number));
        assert!(inbound.reason.unwrap().contains("kept internally"));
        let assignee = story.mailed_one("client_message");
        story.mail(&assignee.answer("Sam Ortiz <sam@northwind.example>", "On my way.\n#reply")).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "hank").is_empty(), "an outsider gets nothing: {mailed:?}");
        assert_eq!(to(&mailed, "jane").len() + to(&mailed, "tom").len(), 2);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn automatic_mail_to_one_contact_is_limited() {
    told("limits", async |story, _| {
        let (mut acknowledged, mut storms) = (0, 0);
        // Each about something else: alike they would look like a machine's, and the breaker would be first.
        let subjects =
            "toner webcam phone screen docking keyboard mouse scanner headset router cable laptop monitor speaker";
        for (number, subject) in subjects.split(' ').enumerate() {
            let words = format!("Please look at the {subject}.");
            story.mail(&from_jane(&format!("m{number}"), subject, &words)).await;
            let mailed = story.mailed();
            acknowledged += mailed.iter().filter(|sent| sent.kind == "acknowledgement").count();
            storms += mailed.iter().filter(|sent| sent.kind == "storm" && sent.to.starts_with("mia")).count();
        }
        assert_eq!(acknowledged, 10, "ten an hour");
        assert_eq!(storms, 1, "the manager is told once");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn poison_becomes_a_ticket_that_says_so_and_the_next_mail_goes_on() {
    told("poison", async |story, _| {
        let mut poison = from_jane("bad", "Look at this", "").into_bytes();
        poison.truncate(poison.len() - 4);
        poison.extend_from_slice(b"MIME-Version: 1.0\r\n");
        for _ in 0..33_000 {
            poison.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n");
        }
        let inbound = story.mail_bytes(&poison, story.now()).await;
        assert_eq!(inbound.fate.as_deref(), Some("ticket"), "{:?}", inbound.reason);
        let text = story.messages(inbound.ticket.unwrap()).await[0].text.clone();
        assert!(text.contains("could not be read whole"), "{text}");
        assert_eq!(story.mail(&from_jane("good", "Printer", "Broken.")).await.fate.as_deref(), Some("ticket"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn mails_without_anything_in_them_have_a_fate_too() {
    told("empty", async |story, _| {
        for raw in [
            "",
            "\r\n\r\n",
            "no header at all",
            "Subject: only this\r\n\r\n",
            "From: a@b.example\r\nFrom: c@d.example\r\n\r\nx\r\n",
        ] {
            let inbound = story.mail(raw).await;
            assert!(inbound.fate.is_some(), "{raw:?}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn files_travel_both_ways_and_the_mail_says_what_did_not_fit() {
    told("files", async |story, _| {
        let raw = "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Scan\r\n\
                   Message-ID: <f1@acme-dental.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                   --b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf\r\n\
                   Content-Disposition: attachment; filename=scan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQK\r\n--b--\r\n";
        story.mail(raw).await;
        let assignment = story.mailed_one_of("assignment");
        assert_eq!(assignment.mail.attachments[0].name, "scan.pdf");
        let answer = assignment.answer("Sam Ortiz <sam@northwind.example>", "Here is the driver.");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer = format!(
            "{head}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain\r\n\r\n{body}\r\n\
             --c\r\nContent-Type: application/zip\r\nContent-Disposition: attachment; filename=driver.zip\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nUEsDBAo=\r\n--c--\r\n"
        );
        story.mail(&answer).await;
        let relay = story.mailed().into_iter().find(|sent| sent.kind == "relay").unwrap();
        assert_eq!(relay.mail.attachments[0].name, "driver.zip");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_techs_own_request_goes_to_another_where_another_can_do_it() {
    told("own_request", async |story, _| {
        for (who, login, subject, wanted) in [
            // Ana and Sam know the mail server; nobody but Sam is in charge of security.
            ("Sam Ortiz <sam@northwind.example>", "sam", "Outlook cannot send mail", "ana"),
            ("Ana Diaz <ana@northwind.example>", "ana", "Outlook cannot receive mail", "sam"),
            ("Sam Ortiz <sam@northwind.example>", "sam", "My account was hacked", "sam"),
        ] {
            let mail = format!(
                "From: {who}\r\nTo: support@northwind.example\r\nSubject: {subject}\r\nMessage-ID: <{login}{wanted}@x.example>\r\n\r\n\
                 {subject}.\r\n"
            );
            story.mail(&mail).await;
            let question = story.mailed_one("confirmation");
            let confirmed = story.mail(&question.answer(who, "yes")).await;
            let ticket = story.ticket(confirmed.ticket.unwrap()).await;
            assert_eq!(ticket.assignee.map(|login| login.0).as_deref(), Some(wanted), "{subject} {:?}", ticket.skill);
            story.mailed();
        }
        story.end().await;
    })
    .await;
}
