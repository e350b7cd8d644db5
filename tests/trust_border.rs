//! What the mailbox's own border says: its verdict on DMARC, mail within one Microsoft 365 tenant, and clients whose domain has a policy.

use deskd::mail::parse;
use deskd::words::Status;

use crate::harness::dovecot::Dovecot;
use crate::harness::signer::Signer;
use crate::harness::story::told_by_dns;
use crate::story::from_jane;
use crate::trust::{SAM, asked, dated, to};

/// Above a mail, as a server writes its verdict.
fn with(field: &str, mail: &str) -> String {
    format!("{field}\r\n{mail}")
}

#[tokio::test]
async fn a_border_that_says_dmarc_passed_by_spf_makes_a_techs_mail_count_without_dkim() {
    told_by_dns("border_dmarc", "", async |story, _, dns| {
        let signer = Signer::new("northwind.example", &dns);
        let (number, assignment, _) = asked(&story).await;
        let answer = |id: &str| dated(&story, id, &assignment.answer(SAM, "I clean the glass today."));
        let said = |server: &str, results: &str| format!("Authentication-Results: {server}; {results}");
        let passed = "spf=pass smtp.mailfrom=northwind.example; dkim=fail; dmarc=pass header.from=northwind.example";
        for (id, field) in [
            (
                "failed",
                said(
                    "mx.northwind.example",
                    "spf=pass smtp.mailfrom=evil.example; dmarc=fail header.from=northwind.example",
                ),
            ),
            ("foreign", said("mx.evil.example", passed)),
            ("spf", said("mx.northwind.example", "spf=pass smtp.mailfrom=northwind.example")),
        ] {
            story.mail(&with(&field, &answer(id))).await;
            let mailed = story.mailed();
            assert!(to(&mailed, "jane").is_empty(), "{field}");
            assert_eq!(to(&mailed, "sam")[0].kind, "unverified", "{field}");
        }
        // A list on its way has changed the body: the signature fails, the sending server was the right one all the same.
        let broken = signer.sign(&answer("broken")).replacen("today.", "today!", 1);
        story.mail(&with(&said("mx.northwind.example", passed), &broken)).await;
        assert_eq!(to(&story.mailed(), "jane").len(), 1);
        assert_eq!(story.ticket(number).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_unsigned_mail_is_no_dmarc_failure_merely_for_want_of_a_signature() {
    told_by_dns("border_spf_only", "", async |story, _, dns| {
        dns.txt("_dmarc.acme-dental.example", "v=DMARC1; p=reject");
        let mail = |id: &str| from_jane(id, &format!("Printer {id}"), "My printer prints nothing.");
        for (id, field, status) in [
            // Nothing says who sent it, or the domain's own server may have: served like any unverified sender.
            ("silent", "X-Nothing: said", Status::New),
            ("own", "Return-Path: <jane@acme-dental.example>", Status::New),
            ("sister", "Return-Path: <bounce+7@mail.acme-dental.example>", Status::New),
            ("null", "Return-Path: <>", Status::New),
            ("forwarded", "Return-Path: <SRS0=x9=tt=acme-dental.example=jane@forwarder.example>", Status::New),
            // What cannot have passed, and what the border saw fail.
            ("other", "Return-Path: <x@evil.example>", Status::Unsorted),
            (
                "failed",
                "Authentication-Results: mx.northwind.example; dmarc=fail header.from=acme-dental.example",
                Status::Unsorted,
            ),
        ] {
            let inbound = story.mail(&with(field, &mail(id))).await;
            let ticket = story.ticket(inbound.ticket.unwrap()).await;
            assert_eq!(ticket.status, status, "{id}: {inbound:?}");
            let failed =
                inbound.reason.is_some_and(|reason| reason.contains("DMARC policy of its own domain (reject)"));
            assert_eq!(failed, status == Status::Unsorted, "{id}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn mail_within_the_tenant_is_believed_in_an_exchange_online_mailbox_and_from_outside_it_is_not() {
    let cloud = Dovecot::start("").await;
    let secrets = crate::harness::scratch("cloud");
    std::fs::write(secrets.path().join("secret"), "secret\n").unwrap();
    let more = format!(
        "[[mailbox]]\nname = \"cloud\"\naddress = \"cloud@northwind.example\"\nhost = \"localhost\"\nport = {}\nca = \"{}\"\n\
         user = \"cloud\"\npassword = {{ file = \"{}\" }}\npoll = \"1s\"\nprofile = \"exchange-online\"\n",
        cloud.imaps,
        cloud.ca().display(),
        secrets.path().join("secret").display(),
    );
    let delivered = std::cell::Cell::new(0);
    told_by_dns("border_tenant", &more, async |story, _, _| {
        let (number, assignment, _) = asked(&story).await;
        let internal = "X-MS-Exchange-Organization-AuthAs: Internal";
        let outside = "X-MS-Exchange-Organization-AuthAs: Anonymous";
        let answer = |id: &str, from: &str| {
            dated(&story, id, &assignment.answer(from, &format!("Glass {id}."))).replacen(
                "Subject: ",
                &format!("Subject: {id} "),
                1,
            )
        };
        // Any server but Exchange Online passes the field on as the sender wrote it.
        story.mail(&with(internal, &answer("maildir", SAM))).await;
        let eve = "Eve <eve@northwind.example>";
        let mut cloudy = vec![
            // The border writes Anonymous over what comes from outside; a second field is not the border's.
            with(outside, &answer("anonymous", SAM)),
            with(outside, &with(internal, &answer("both", SAM))),
            with(internal, &with(internal, &answer("twice", SAM))),
            answer("bare", SAM),
            // Somebody else of the tenant is no tech for that.
            with(internal, &answer("eve", eve)),
        ];
        cloudy.push(with(internal, &answer("inside", SAM)));
        for mail in cloudy {
            delivered.set(delivered.get() + 1);
            let name = format!("{}.mail", delivered.get());
            let subject = parse::parse(mail.as_bytes()).subject;
            cloud.deliver("cloud", &name, &mail);
            let inbound = story.decided(&subject, |row| row.subject.as_deref() == Some(subject.as_str())).await;
            assert_eq!(inbound.ticket, Some(number), "{inbound:?}");
        }
        let messages = story.messages(number).await;
        let public: Vec<&str> =
            messages.iter().filter(|message| message.is_public()).map(|message| message.text.as_str()).collect();
        assert_eq!(public, ["The scanner makes stripes.", "Glass inside."], "{messages:?}");
        let mailed = story.mailed();
        assert_eq!(to(&mailed, "jane").len(), 1);
        assert_eq!(to(&mailed, "sam").iter().filter(|sent| sent.kind == "unverified").count(), 6);
        story.end().await;
    })
    .await;
}
