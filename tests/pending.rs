//! A tech's mail that DNS left open: everybody sees it at once, it does nothing until it is verified, and then counts from its arrival.

use chrono::TimeDelta;
use deskd::store::{Db, time};
use deskd::words::{Login, Status};

use crate::harness::dns::Mood;
use crate::harness::signer::Signer;
use crate::harness::story::{Story, told_by_dns};
use crate::trust::{SAM, asked, dated, to};

const FIVE: TimeDelta = TimeDelta::minutes(5);

/// A call that Sam took, as a new mail.
fn call(story: &Story) -> String {
    let mail = format!(
        "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: Tom cannot print\r\n\r\n\
         #from tom@acme-dental.example\r\n#called\r\nTom's printer was offline, it works again.\r\n"
    );
    dated(story, "call", &mail)
}

#[tokio::test]
async fn it_waits_as_an_internal_comment_and_counts_from_its_arrival_once_verified() {
    told_by_dns("pending", "", async |story, url, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        let answer = dated(&story, "a", &assignment.answer(SAM, "I clean the glass today.\n\n#time 20m"));
        let (arrived, inbound) = (story.now(), story.mail(&signer.sign(&answer)).await);
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), Some(number)));
        assert!(inbound.reason.as_ref().unwrap().starts_with("waits for DNS"), "{inbound:?}");
        let kept = story.messages(number).await.pop().unwrap();
        assert_eq!((kept.visibility.as_str(), kept.at), ("internal", arrived));
        assert_eq!(
            kept.reason.as_deref(),
            Some("claims to be Sam Ortiz, but DNS gave no answer yet; it counts once verified, until 13:00")
        );
        // A later mail is not held up, and nobody is told of the one that waits.
        assert!(story.mailed().is_empty());
        story.advance(FIVE).await;
        let story = story.restart_after(&url, "", || {}).await;
        story.advance(FIVE).await;
        assert!(story.mailed().is_empty());
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes, ticket.first_touch_at), (Status::New, 0, None));

        dns.turns(Mood::Well);
        story.advance(FIVE).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane")[0].mail.text.contains("I clean the glass today."));
        assert_eq!(to(&mailed, "sam").iter().map(|sent| sent.kind.as_str()).collect::<Vec<_>>(), ["receipt"]);
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes, ticket.first_touch_at), (Status::Open, 20, Some(arrived)));
        let messages = story.messages(number).await;
        assert_eq!(messages[1].reason.as_deref(), Some("verified at 09:15; it counts from its arrival at 09:00"));
        assert!(messages[2].is_public() && messages[2].at == arrived);
        let inbound = story.inbound(inbound.id).await;
        assert_eq!(inbound.reason.as_deref(), Some("verified at 09:15; it counts from its arrival at 09:00"));
        // Once is enough.
        story.advance(FIVE).await;
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn after_four_hours_without_an_answer_it_has_failed_and_its_tech_is_told() {
    told_by_dns("pending_fails", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        story.mail(&signer.sign(&dated(&story, "a", &assignment.answer(SAM, "I clean the glass today.")))).await;
        story.advance(TimeDelta::minutes(239)).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "unverified" && sent.kind != "relay"));
        story.advance(TimeDelta::minutes(1)).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty());
        let told = mailed.iter().find(|sent| sent.kind == "unverified").unwrap();
        assert!(told.mail.text.contains("DNS gave no answer for 4 hours"), "{}", told.mail.text);
        let messages = story.messages(number).await;
        assert_eq!(messages.len(), 2, "the comment is there once");
        assert!(messages[1].reason.as_ref().unwrap().contains("DNS gave no answer for 4 hours"));
        // Too late is too late.
        dns.turns(Mood::Well);
        story.advance(TimeDelta::minutes(10)).await;
        assert!(to(&story.mailed(), "jane").is_empty());
        assert_eq!(story.ticket(number).await.first_touch_at, None);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn after_a_downtime_longer_than_the_four_hours_it_counts_no_more() {
    told_by_dns("pending_down", "", async |story, url, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        story.mail(&signer.sign(&dated(&story, "a", &assignment.answer(SAM, "I clean the glass today.")))).await;
        dns.turns(Mood::Well);
        let clock = story.clock.clone();
        let story = story.restart_after(&url, "", || clock.advance(TimeDelta::hours(5))).await;
        story.advance(TimeDelta::zero()).await;
        assert!(to(&story.mailed(), "jane").is_empty());
        assert_eq!(story.ticket(number).await.first_touch_at, None);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_forged_one_is_told_as_soon_as_dns_answers() {
    told_by_dns("pending_forged", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        let signed = signer.sign(&dated(&story, "a", &assignment.answer(SAM, "I clean the glass today.")));
        // A changed body needs no DNS to be found out; a changed header field does.
        story.mail(&signed.replacen("Subject: Re: ", "Subject: Re: Re: ", 1)).await;
        assert!(story.mailed().is_empty());
        dns.turns(Mood::Well);
        story.advance(FIVE).await;
        assert!(to(&story.mailed(), "jane").is_empty());
        let messages = story.messages(number).await;
        assert_eq!(messages.len(), 2);
        assert!(messages[1].reason.as_ref().unwrap().contains("the signature of northwind.example does not verify"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn of_two_copies_that_both_wait_one_counts() {
    told_by_dns("pending_copies", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        let mail = dated(&story, "a", &assignment.answer(SAM, "I clean the glass today.\n\n#time 20m"));
        let signed = signer.sign_fields(&["From", "Date", "Message-ID"], &mail);
        story.mail(&signed).await;
        story.mail(&signed.replacen("Subject: Re: ", "Subject: Re: Re: ", 1)).await;
        dns.turns(Mood::Well);
        story.advance(FIVE).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1);
        assert_eq!(story.ticket(number).await.minutes, 20);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_mail_of_a_techs_waits_without_a_ticket_and_opens_it_at_its_arrival() {
    told_by_dns("pending_new", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        dns.turns(Mood::ServFail);
        let (arrived, waiting) = (story.now(), story.mail(&signer.sign(&call(&story))).await);
        assert_eq!((waiting.fate.as_deref(), waiting.ticket), (Some("refused"), None));
        assert!(waiting.reason.unwrap().starts_with("waits for DNS: claims to be Sam Ortiz"));
        assert!(story.mailed().is_empty(), "no question yet: DNS may say yes");
        story.advance(FIVE).await;
        assert!(story.mailed().is_empty());
        dns.turns(Mood::Well);
        story.advance(FIVE).await;
        let opened = story.inbound(waiting.id).await;
        assert_eq!(opened.fate.as_deref(), Some("ticket"));
        let ticket = story.ticket(opened.ticket.unwrap()).await;
        assert_eq!((ticket.received_at, ticket.first_touch_at), (arrived, Some(arrived)));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_new_mail_of_a_techs_that_is_never_verified_is_confirmed_like_any_other() {
    told_by_dns("pending_new_fails", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        dns.turns(Mood::ServFail);
        let (arrived, waiting) = (story.now(), story.mail(&signer.sign(&call(&story))).await);
        story.advance(TimeDelta::hours(4)).await;
        let question = story.mailed_one("confirmation");
        // DNS still keeps silent: the token alone came from the tech's own mailbox.
        let yes = story.mail(&signer.sign(&dated(&story, "yes", &question.answer(SAM, "yes")))).await;
        let ticket = story.ticket(yes.ticket.expect("a ticket")).await;
        assert_eq!(ticket.received_at, arrived);
        assert_eq!(story.inbound(waiting.id).await.fate.as_deref(), Some("ticket"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn time_in_it_is_logged_on_the_day_it_arrived() {
    told_by_dns("pending_midnight", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        // 23:57 in Chicago.
        story.advance(TimeDelta::hours(14) + TimeDelta::minutes(57)).await;
        dns.turns(Mood::ServFail);
        story.mail(&signer.sign(&dated(&story, "a", &assignment.answer(SAM, "#time 20m")))).await;
        dns.turns(Mood::Well);
        story.mailed();
        story.advance(FIVE).await;
        let mut tx = story.daemon.db.read().await.unwrap();
        let entries = time::of_tech_on(&mut tx, number, &Login("sam".to_owned())).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(entries[0].work_date.to_string(), "2026-03-02");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_is_gone_stays_a_comment_that_says_so_and_stops_no_other() {
    told_by_dns("pending_gone", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        dns.turns(Mood::ServFail);
        for id in ["gone", "there"] {
            let text = format!("I clean the {id} glass.");
            story.mail(&signer.sign(&dated(&story, id, &assignment.answer(SAM, &text)))).await;
        }
        let sql = "DELETE FROM raw WHERE inbound = (SELECT MIN(inbound) FROM pending_check)";
        match &story.daemon.db {
            Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(drop).unwrap(),
            Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop).unwrap(),
        }
        dns.turns(Mood::Well);
        story.advance(FIVE).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane")[0].mail.text.contains("I clean the there glass."));
        let told: Vec<_> = mailed.iter().filter(|sent| sent.kind == "quarantined").collect();
        assert_eq!(told.iter().map(|sent| sent.to.as_str()).collect::<Vec<_>>(), ["mia@northwind.example"]);
        assert!(told[0].mail.text.contains("its bytes cannot be read back"), "{}", told[0].mail.text);
        let reasons: Vec<String> =
            story.messages(number).await.into_iter().filter_map(|message| message.reason).collect();
        assert!(reasons[0].contains("its bytes cannot be read back"), "{reasons:?}");
        assert!(reasons[1].starts_with("verified at 09:05"), "{reasons:?}");
        story.end().await;
    })
    .await;
}
