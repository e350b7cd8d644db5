//! Nobody acts as a tech but that tech: forged, copied, old and misdirected mail through the real door, with DKIM checked.

use chrono::TimeDelta;
use deskd::store::inbound::Listed;
use deskd::words::{Status, TicketNumber};

use crate::harness::signer::Signer;
use crate::harness::story::{Sent, Story, told, told_by_dns};
use crate::story::from_jane;

pub const SAM: &str = "Sam Ortiz <sam@northwind.example>";

/// Jane's ticket, and the mails that Sam and Jane got about it.
pub async fn asked(story: &Story) -> (TicketNumber, Sent, Sent) {
    let inbound = story.mail(&from_jane("scanner", "Scanner", "The scanner makes stripes.")).await;
    let mailed = story.mailed();
    let of = |kind: &str| mailed.iter().find(|sent| sent.kind == kind).cloned().expect(kind);
    (inbound.ticket.unwrap(), of("assignment"), of("acknowledgement"))
}

/// With the Date and Message-ID that a mail program gives it when it is sent.
pub fn dated(story: &Story, id: &str, mail: &str) -> String {
    dated_at(story, TimeDelta::zero(), id, mail)
}

fn dated_at(story: &Story, ago: TimeDelta, id: &str, mail: &str) -> String {
    let date = (story.now() - ago).to_rfc2822();
    let fields = format!("\r\nDate: {date}\r\nMessage-ID: <{id}@mail.northwind.example>\r\nSubject:");
    mail.replacen("\r\nSubject:", &fields, 1)
}

pub fn to<'a>(mailed: &'a [Sent], who: &str) -> Vec<&'a Sent> {
    mailed.iter().filter(|sent| sent.to.starts_with(who)).collect()
}

/// Nothing of it reached the client or changed the ticket; it is kept inside with this reason, and Sam was told.
async fn refused(story: &Story, inbound: &Listed, number: TicketNumber, why: &str) {
    assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), Some(number)), "{inbound:?}");
    let mailed = story.mailed();
    assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
    let told = to(&mailed, "sam")[0];
    assert_eq!(told.kind, "unverified");
    let unwrapped = told.mail.text.replace('\n', " ");
    assert!(unwrapped.contains(why), "{why} in {unwrapped}");
    let ticket = story.ticket(number).await;
    assert_eq!((ticket.status, ticket.minutes, ticket.first_touch_at), (Status::New, 0, None));
    let kept = story.messages(number).await.pop().unwrap();
    assert_eq!(kept.visibility, "internal");
    let reason = kept.reason.unwrap();
    assert!(reason.contains(why), "{why} in {reason}");
}

#[tokio::test]
async fn an_unsigned_answer_is_kept_inside_and_a_signed_one_counts() {
    told_by_dns("trust_signed", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let text = "I clean the glass today.\n\n#time 20m";
        let unsigned = story.mail(&dated(&story, "u", &assignment.answer(SAM, text))).await;
        refused(&story, &unsigned, number, "nothing vouches for northwind.example").await;
        story.mail(&signer.sign(&dated(&story, "s", &assignment.answer(SAM, text)))).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane")[0].mail.text.contains("I clean the glass today."));
        assert_eq!(story.ticket(number).await.minutes, 20);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_signed_answer_with_another_subject_acts_once() {
    told_by_dns("trust_replay", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        // As Microsoft 365 signs, but for the subject: whoever has the mail can change what is not signed.
        let mail = dated(&story, "once", &assignment.answer(SAM, "I clean the glass today.\n\n#time 20m"));
        let signed = signer.sign_fields(&["From", "Date", "Message-ID"], &mail);
        story.mail(&signed).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1);
        let copy = story.mail(&signed.replacen("Subject: Re: ", "Subject: Re: Re: ", 1)).await;
        assert_eq!(copy.fate.as_deref(), Some("reply"), "it is no duplicate: {copy:?}");
        assert!(copy.reason.unwrap().contains("its signature was used before"));
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        assert_eq!(to(&mailed, "sam")[0].kind, "unverified");
        assert_eq!(story.ticket(number).await.minutes, 20, "the time is logged once");
        // The very same mail again is a duplicate and tells nobody.
        assert_eq!(story.mail(&signed).await.fate.as_deref(), Some("duplicate"));
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_date_older_than_three_days_is_refused() {
    told_by_dns("trust_old", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let answer = assignment.answer(SAM, "I clean the glass today.");
        let old = story.mail(&signer.sign(&dated_at(&story, TimeDelta::hours(73), "old", &answer))).await;
        refused(&story, &old, number, "its signed Date is older than three days").await;
        let future = story.mail(&signer.sign(&dated_at(&story, TimeDelta::hours(-73), "future", &answer))).await;
        refused(&story, &future, number, "its signed Date lies in the future").await;
        let undated = dated(&story, "undated", &answer);
        let undated = story.mail(&signer.sign_fields(&["From", "To", "Subject"], &undated)).await;
        refused(&story, &undated, number, "its signature does not cover a Date").await;
        story.mail(&signer.sign(&dated_at(&story, TimeDelta::hours(71), "late", &answer))).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1, "a mail may be two days on its way");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_signed_mail_to_somebody_else_does_not_count_with_a_reference_put_in_later() {
    told_by_dns("trust_misdirected", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let thread = assignment.mail.message_id.clone().unwrap();
        let elsewhere = |id: &str, to: &str| {
            let mail = format!("From: {SAM}\r\nTo: {to}\r\nSubject: The offer\r\n\r\nYes, please order all of it.\r\n");
            dated(&story, id, &mail)
        };
        let put_in = |signed: String| {
            signed.replacen(
                "\r\nSubject:",
                &format!("\r\nIn-Reply-To: <{thread}>\r\nReferences: <{thread}>\r\nSubject:"),
                1,
            )
        };
        // Sam wrote that to a shop; somebody who saw it and the token sends it to the desk.
        let signed = signer.sign_fields(&["From", "To", "Subject", "Date"], &elsewhere("shop", "shop@shop.example"));
        let inbound = story.mail(&put_in(signed)).await;
        refused(&story, &inbound, number, "its signature covers other recipients than this ticket's").await;
        // A second To on top of the signed one is nobody's word either.
        let signed = signer.sign_fields(&["From", "To", "Subject", "Date"], &elsewhere("shop2", "shop@shop.example"));
        let inbound = story.mail(&format!("To: {}\r\n{signed}", assignment.reply_to())).await;
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{inbound:?} {mailed:?}");
        assert_eq!(story.messages(number).await.iter().filter(|message| message.is_public()).count(), 1);
        // One covered field that carries the token is enough: a program that drops plus addresses keeps References.
        let answer = assignment.answer(SAM, "I clean the glass today.");
        let plain = dated(&story, "plain", &answer.replace(&assignment.reply_to(), "support@northwind.example"));
        story.mail(&signer.sign_fields(&["From", "To", "Date", "References"], &plain)).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn two_from_fields_are_nobody() {
    told_by_dns("trust_two_from", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let signed = |id: &str| {
            let answer = dated(&story, id, &assignment.answer(SAM, "Please pay to this account.\n\n#time 20m"));
            signer.sign(&answer)
        };
        let eve = "From: Eve <eve@evil.example>\r\n";
        let own = format!("From: {SAM}\r\n");
        for (id, from) in
            [("two1", format!("{eve}{own}")), ("two2", format!("{own}{eve}")), ("two3", format!("{own}{own}"))]
        {
            let mail = signed(id).replacen(&own, &from, 1);
            let inbound = story.mail(&mail).await;
            refused(&story, &inbound, number, "it does not have exactly one author in its From").await;
        }
        let both = signed("two4").replacen(&own, &format!("From: {SAM}, Eve <eve@evil.example>\r\n"), 1);
        refused(&story, &story.mail(&both).await, number, "it does not have exactly one author in its From").await;
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_techs_address_in_sender_and_reply_to_does_not_help() {
    told_by_dns("trust_sender", "", async |story, _, dns| {
        let evil = Signer::new("evil.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let forged = assignment.answer("Sam Ortiz <sam@evil.example>", "Please pay to this account.\n\n#time 20m");
        let forged = dated(&story, "f", &forged);
        let forged = forged.replacen("\r\nSubject:", &format!("\r\nSender: {SAM}\r\nReply-To: {SAM}\r\nSubject:"), 1);
        let inbound = story.mail(&evil.sign(&forged)).await;
        refused(&story, &inbound, number, "it comes from sam@evil.example, which is none of Sam Ortiz's").await;
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_token_never_becomes_a_techs() {
    told_by_dns("trust_client_token", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, _, acknowledgement) = asked(&story).await;
        // Sam got the client's mail forwarded and answers it: signed, from his address, with the ticket's own token.
        let answer = dated(&story, "c", &acknowledgement.answer(SAM, "I clean the glass today.\n\n#done 20m"));
        let inbound = story.mail(&signer.sign(&answer)).await;
        assert_eq!(inbound.fate.as_deref(), Some("refused"));
        assert!(inbound.reason.as_ref().unwrap().starts_with("waits for Sam Ortiz's confirmation"), "{inbound:?}");
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        assert_eq!(to(&mailed, "sam")[0].kind, "confirmation");
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.minutes), (Status::New, 0));
        // And a stranger who has it is an outsider.
        let eve = dated(&story, "e", &acknowledgement.answer("Eve <eve@evil.example>", "#done 20m"));
        story.mail(&eve).await;
        assert_eq!(story.ticket(number).await.status, Status::New);
        assert_eq!(story.messages(number).await.pop().unwrap().visibility, "internal");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_thirty_days_after_its_ticket_was_closed_and_threads_for_ever() {
    told_by_dns("trust_end", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let answer = |id: &str, text: &str| signer.sign(&dated(&story, id, &assignment.answer(SAM, text)));
        story.mail(&answer("d", "I cleaned the glass.\n\n#done 20m")).await;
        story.advance(TimeDelta::days(7)).await;
        assert_eq!(story.ticket(number).await.status, Status::Closed);
        story.mailed();

        // The 37th day after it was resolved: closed for 30 days all but an hour.
        story.advance(TimeDelta::days(30) - TimeDelta::hours(1)).await;
        story.mail(&answer("n", "By the way, the glass is scratched.\n#note")).await;
        assert_eq!(story.messages(number).await.pop().unwrap().reason, None, "it still counts");
        story.mailed();

        story.advance(TimeDelta::hours(2)).await;
        let late = story.mail(&answer("l", "It is clean again.\n\n#time 20m")).await;
        assert_eq!((late.fate.as_deref(), late.ticket), (Some("reply"), Some(number)), "it finds its ticket: {late:?}");
        assert!(late.reason.unwrap().contains("closed more than 30 days ago"));
        let mailed = story.mailed();
        assert!(to(&mailed, "jane").is_empty(), "{mailed:?}");
        assert_eq!(to(&mailed, "sam")[0].kind, "unverified");
        assert_eq!(story.ticket(number).await.minutes, 20);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn tech_mail_token_waives_the_signature_and_nothing_else() {
    told("trust_token_only", async |story, _| {
        let (number, assignment, _) = asked(&story).await;
        let eve = dated(&story, "e", &assignment.answer("Eve <eve@evil.example>", "Please pay to this account."));
        refused(&story, &story.mail(&eve).await, number, "it comes from eve@evil.example").await;
        let unsigned = dated(&story, "u", &assignment.answer(SAM, "I clean the glass today.\n\n#time 20m"));
        story.mail(&unsigned).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1);
        assert_eq!(story.ticket(number).await.minutes, 20);
        // Without a token there is nothing that proves the tech.
        let new = format!(
            "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: A call\r\n\r\n#from tom@acme-dental.example\r\n"
        );
        let inbound = story.mail(&dated(&story, "n", &new)).await;
        assert_eq!(inbound.ticket, None, "{inbound:?}");
        assert!(inbound.reason.unwrap().starts_with("waits for Sam Ortiz's confirmation"));
        story.end().await;
    })
    .await;
}
