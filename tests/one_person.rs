//! Two mail addresses of one person: asked by a technician or by the person, joined by a yes from the other address alone, and by nobody else.

use chrono::TimeDelta;
use deskd::store::people;
use deskd::words::{ClientKey, Status, TicketNumber};

use crate::harness::dns::Dns;
use crate::harness::reading::words;
use crate::harness::signer::Signer;
use crate::harness::story::{Sent, Story, told_by_dns};
use crate::story::from_jane;
use crate::trust::{SAM, asked, dated, to};

const HOME: &str = "Jane at home <jane@abode.example>";
const JANE: &str = "Jane Roe <jane@acme-dental.example>";
const MALLORY: &str = "Mallory <mallory@evil.example>";

/// The domains, each with a key of its own.
struct Signers {
    firm: Signer,
    acme: Signer,
    home: Signer,
    evil: Signer,
}

impl Signers {
    fn new(dns: &Dns) -> Signers {
        let of = |domain| Signer::new(domain, dns);
        Signers {
            firm: of("northwind.example"),
            acme: of("acme-dental.example"),
            home: of("abode.example"),
            evil: of("evil.example"),
        }
    }
}

fn mail(from: &str, subject: &str, text: &str) -> String {
    format!("From: {from}\r\nTo: support@northwind.example\r\nSubject: {subject}\r\n\r\n{text}\r\n")
}

async fn contact(story: &Story, address: &str) -> Option<people::Contact> {
    let mut tx = story.daemon.db.read().await.unwrap();
    let found = people::by_address(&mut tx, address).await.unwrap();
    tx.rollback().await.unwrap();
    found
}

async fn are_one(story: &Story) -> bool {
    let (home, acme) = (contact(story, "jane@abode.example").await, contact(story, "jane@acme-dental.example").await);
    home.is_some_and(|home| Some(home.id) == acme.map(|acme| acme.id))
}

/// Sam has asked `jane@abode.example`; the assignment and the question.
async fn questioned(story: &Story, all: &Signers, id: &str) -> (TicketNumber, Sent, Sent) {
    let (number, assignment, _) = asked(story).await;
    let line = assignment.answer(SAM, "#link Jane@Abode.example");
    story.mail(&all.firm.sign(&dated(story, id, &line))).await;
    let mailed = story.mailed();
    let receipt = to(&mailed, "sam")[0];
    assert!(
        words(receipt).contains("jane@abode.example is asked whether it is Jane Roe's too"),
        "{}",
        receipt.mail.text
    );
    let question = to(&mailed, "jane@abode.example")[0].clone();
    assert_eq!((question.kind.as_str(), mailed.len()), ("link_question", 2));
    assert!(!question.mail.text.contains("Acme") && !question.mail.text.contains("1001"), "{}", question.mail.text);
    (number, assignment, question)
}

#[tokio::test]
async fn a_signed_yes_from_the_other_address_makes_one_contact_of_both() {
    told_by_dns("person_joined", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        // She wrote from home before: nobody knew who that was.
        let before = story.mail(&mail(HOME, "Laptop", "My laptop is slow.")).await.ticket.unwrap();
        assert_eq!(story.ticket(before).await.status, Status::Unsorted);
        let (number, assignment, question) = questioned(&story, &all, "ask").await;
        story.mail(&all.home.sign(&dated(&story, "yes", &question.answer(HOME, "Yes")))).await;
        let mailed = story.mailed();
        for address in ["jane@abode.example", "jane@acme-dental.example"] {
            let told = to(&mailed, address).into_iter().find(|sent| sent.kind == "linked").expect(address);
            assert!(words(told).contains("mails from jane@abode.example as mails of Jane Roe"), "{}", told.mail.text);
        }
        let sams = to(&mailed, "sam");
        assert!(
            sams.iter().any(|sent| words(sent).contains("jane@abode.example is Jane Roe's too from now on")),
            "{sams:?}"
        );
        assert!(are_one(&story).await);
        let old = story.ticket(before).await;
        assert_eq!((old.status, old.client), (Status::New, Some(ClientKey("acme".to_owned()))), "it is hers, and work");
        assert_eq!(old.requester_address.as_deref(), Some("jane@acme-dental.example"), "her own address goes first");

        // From either address she is on her tickets, and answered where she wrote last.
        let from_home = format!("Re: Scanner [{number}]");
        let joined = story.mail(&mail(HOME, &from_home, "It is the glass, I think.")).await;
        assert_eq!(joined.ticket, Some(number));
        assert!(story.messages(number).await.last().unwrap().is_public());
        story.mailed();
        story.mail(&all.firm.sign(&dated(&story, "a1", &assignment.answer(SAM, "Then I clean it.")))).await;
        let mailed = story.mailed();
        let relay = mailed.iter().filter(|sent| sent.kind == "relay").map(|sent| sent.to.as_str());
        assert_eq!(relay.collect::<Vec<_>>(), ["jane@abode.example"]);
        assert!(
            to(&mailed, "sam").iter().any(|sent| words(sent).contains("jane@abode.example")),
            "the receipt tells the truth"
        );
        story.mail(&mail(JANE, &from_home, "I am at work again.")).await;
        story.mailed();
        story.mail(&all.firm.sign(&dated(&story, "a2", &assignment.answer(SAM, "Cleaned.")))).await;
        assert_eq!(story.mailed_one_of("relay").to, "jane@acme-dental.example");
        let new = story.mail(&mail(HOME, "The mouse", "My mouse is broken.")).await.ticket.unwrap();
        let row = story.ticket(new).await;
        assert_eq!((row.client, row.requester_name.as_deref()), (Some(ClientKey("acme".to_owned())), Some("Jane Roe")));
        assert_eq!(story.mailed_one_of("acknowledgement").to, "jane@abode.example");

        // Once only: the yes is used up.
        story.mail(&all.home.sign(&dated(&story, "yes2", &question.answer(HOME, "Yes.")))).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "linked"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_but_the_owner_of_the_other_address_joins_it() {
    told_by_dns("person_forged", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        let (number, _, question) = questioned(&story, &all, "ask").await;
        let yes = |id: &str, from: &str| dated(&story, id, &question.answer(from, "Yes"));
        let unsigned = yes("u", HOME);
        let tampered =
            all.home.sign(&dated(&story, "t", &question.answer(HOME, "No"))).replacen("\r\n\r\nNo", "\r\n\r\nYes", 1);
        let two = all.home.sign(&yes("two", HOME)).replacen("From: ", "From: x@evil.example\r\nFrom: ", 1);
        for (mail, why) in [
            (unsigned, "nothing vouches for abode.example"),
            (tampered, "the signature of abode.example does not verify"),
            (all.evil.sign(&yes("m", MALLORY)), "jane@abode.example was asked, and it comes from mallory@evil.example"),
            // Not even the one that asks for it, or that it is asked for.
            (
                all.acme.sign(&yes("j", JANE)),
                "jane@abode.example was asked, and it comes from jane@acme-dental.example",
            ),
            (two, ""),
        ] {
            story.mail(&mail).await;
            assert!(!are_one(&story).await, "{why}");
            let kept = story.messages(number).await.pop().unwrap();
            let told = kept.reason.clone().unwrap_or_default();
            assert!(told.contains(why), "{why} is not in {told}");
            assert!(story.mailed().iter().all(|sent| sent.kind != "linked"), "{why}");
        }
        // Five that do not count end it, for the owner too.
        story.mail(&all.home.sign(&yes("late", HOME))).await;
        assert!(!are_one(&story).await);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_no_ends_it_and_so_do_two_days() {
    told_by_dns("person_no", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        let (number, assignment, question) = questioned(&story, &all, "ask").await;
        story.mail(&all.home.sign(&dated(&story, "hm", &question.answer(HOME, "Who are you?")))).await;
        assert!(!story.messages(number).await.pop().unwrap().is_public(), "other words are a note");
        story.mail(&all.home.sign(&dated(&story, "no", &question.answer(HOME, "No, that is not me")))).await;
        let mailed = story.mailed();
        assert!(mailed.iter().any(|sent| words(sent).contains("jane@abode.example says no to #link")), "{mailed:?}");
        story.mail(&all.home.sign(&dated(&story, "yes", &question.answer(HOME, "Yes")))).await;
        assert!(!are_one(&story).await);
        story.mailed();

        story.mail(&all.firm.sign(&dated(&story, "again", &assignment.answer(SAM, "#link jane@abode.example")))).await;
        let question = story.mailed_one_of("link_question");
        story.advance(TimeDelta::hours(49)).await;
        story.mail(&all.home.sign(&dated(&story, "slow", &question.answer(HOME, "Yes")))).await;
        assert!(!are_one(&story).await, "too late");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_somebody_elses_cannot_be_linked_and_the_technician_reads_why() {
    told_by_dns("person_refused", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        // A stranger who was put on a ticket that Globex has.
        story.mail(&mail("Hank Scorpio <hank@globex.example>", "VPN", "The VPN is slow.")).await;
        let theirs = story.mailed_one_of("assignment");
        let who = format!("T <{}>", theirs.to);
        story.mail(&all.firm.sign(&dated(&story, "cc", &theirs.answer(&who, "#cc mallory@evil.example")))).await;
        story.mailed();
        let (_, assignment, _) = asked(&story).await;
        for (place, (address, why)) in [
            ("hank@globex.example", "belongs to Globex, another client"),
            ("new@globex.example", "belongs to Globex, another client"),
            ("ana@northwind.example", "is an address of our own"),
            ("support@northwind.example", "is an address of our own"),
            ("jane@acme-dental.example", "is Jane Roe's already"),
            ("mallory@evil.example", "is on a ticket of another client"),
            ("tom@acme-dental.example", "is a contact of its own in the config"),
        ]
        .into_iter()
        .enumerate()
        {
            let line = assignment.answer(SAM, &format!("#link {address}"));
            story.mail(&all.firm.sign(&dated(&story, &format!("r{place}"), &line))).await;
            let mailed = story.mailed();
            let sent: Vec<(&str, &str)> = mailed.iter().map(|sent| (sent.kind.as_str(), sent.to.as_str())).collect();
            assert_eq!(sent, [("not_sent", "sam@northwind.example")], "{address}");
            assert!(words(&mailed[0]).contains(why), "{address}: {}", mailed[0].mail.text);
        }
        for id in ["q1", "q2", "q3"] {
            story.mail(&all.firm.sign(&dated(&story, id, &assignment.answer(SAM, "#link jane@abode.example")))).await;
            story.mailed_one_of("link_question");
        }
        story.mailed();
        story.mail(&all.firm.sign(&dated(&story, "q4", &assignment.answer(SAM, "#link jane@abode.example")))).await;
        assert!(words(&story.mailed_one("not_sent")).contains("three times within the hour"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_asked_for_again_goes_alone_and_takes_nobody_along() {
    told_by_dns("person_again", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        let (number, _, question) = questioned(&story, &all, "ask").await;
        story.mail(&all.home.sign(&dated(&story, "yes", &question.answer(HOME, "Yes")))).await;
        assert!(are_one(&story).await);
        story.mail(&mail(HOME, &format!("Re: Scanner [{number}]"), "It is the glass, I think.")).await;
        story.mailed();
        let jane = contact(&story, "jane@acme-dental.example").await.unwrap();

        let toms = mail("Tom Lee <tom@acme-dental.example>", "Screen", "My screen flickers.");
        let toms = story.mail(&toms).await.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        let who = format!("T <{}>", assignment.to);
        let line = assignment.answer(&who, "#link jane@abode.example");
        story.mail(&all.firm.sign(&dated(&story, "toms", &line))).await;
        let question = story.mailed_one_of("link_question");
        story.mail(&all.home.sign(&dated(&story, "yes2", &question.answer(HOME, "Yes")))).await;

        let tom = contact(&story, "tom@acme-dental.example").await.unwrap();
        assert_ne!(tom.id, jane.id);
        assert_eq!(contact(&story, "jane@abode.example").await.unwrap().id, tom.id, "the asked address is Tom's now");
        assert_eq!(contact(&story, "jane@acme-dental.example").await.unwrap(), jane, "and she is who she was");
        let hers = story.ticket(number).await;
        assert_eq!(hers.requester_address.as_deref(), Some("jane@acme-dental.example"));
        assert_eq!(story.ticket(toms).await.requester_address.as_deref(), Some("tom@acme-dental.example"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn whom_the_config_names_as_an_approver_alone_cannot_be_linked() {
    let more = "[[client]]\nkey = \"initech\"\nname = \"Initech\"\ndomains = [\"initech.example\"]\n\
                approvers = [\"bill@abode.example\"]\nmanagers = [\"dom@abode.example\"]\n";
    told_by_dns("person_approver", more, async |story, _, dns| {
        let all = Signers::new(&dns);
        let (_, assignment, _) = asked(&story).await;
        for who in ["bill", "dom"] {
            let line = assignment.answer(SAM, &format!("#link {who}@abode.example"));
            story.mail(&all.firm.sign(&dated(&story, who, &line))).await;
            let why = format!("{who}@abode.example is an approver or a manager of Initech in the config");
            assert!(words(&story.mailed_one("not_sent")).contains(&why), "{who}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_asks_for_it_with_one_line_in_a_mail_that_is_shown_to_be_his() {
    told_by_dns("person_asks", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        let line = |id: &str, address: &str| {
            dated(&story, id, &mail(JANE, "me", &format!("link {address}\r\n\r\n-- \r\nJane")))
        };
        let sent =
            |mailed: &[Sent]| mailed.iter().map(|sent| format!("{} to {}", sent.kind, sent.to)).collect::<Vec<_>>();
        // Whose address it is makes no difference to see.
        let inbound = story.mail(&all.acme.sign(&line("hank", "hank@globex.example"))).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("automatic"), None));
        let told = story.mailed();
        assert_eq!(sent(&told), ["linked to jane@acme-dental.example"]);
        assert!(words(&told[0]).contains("If hank@globex.example can be joined with yours"), "{}", told[0].mail.text);
        story.mail(&all.acme.sign(&line("home", "jane@abode.example"))).await;
        let mut mailed = story.mailed();
        mailed.sort_by(|one, other| one.kind.cmp(&other.kind));
        assert_eq!(sent(&mailed), ["link_question to jane@abode.example", "linked to jane@acme-dental.example"]);
        story.mail(&all.home.sign(&dated(&story, "yes", &mailed[0].answer(HOME, "yes")))).await;
        assert!(are_one(&story).await);
        story.mailed();

        // What nothing shows to be hers, and what a stranger writes, is a request like any other.
        let forged = story.mail(&line("forged", "mallory@evil.example")).await;
        assert_eq!(forged.fate.as_deref(), Some("ticket"));
        assert!(story.mailed().iter().all(|sent| sent.kind != "link_question"));
        let stranger = mail(MALLORY, "me", "link jane@acme-dental.example");
        story.mail(&all.evil.sign(&dated(&story, "stranger", &stranger))).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "link_question"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_that_was_joined_approves_nothing() {
    told_by_dns("person_approves", "", async |story, _, dns| {
        let all = Signers::new(&dns);
        let (_, _, question) = questioned(&story, &all, "ask").await;
        story.mail(&all.home.sign(&dated(&story, "yes", &question.answer(HOME, "yes")))).await;
        assert!(are_one(&story).await);
        story.mailed();
        let number = story
            .mail(&from_jane("mfa", "MFA reset", "Please reset the MFA of Tom, he has a new phone."))
            .await
            .ticket
            .unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&all.firm.sign(&dated(&story, "ask2", &assignment.answer(SAM, "#approve jane")))).await;
        let question = story.mailed_one_of("approval");
        assert_eq!(question.to, "jane@acme-dental.example");
        let ok = story.mail(&all.home.sign(&dated(&story, "ok", &question.answer(HOME, "ok")))).await;
        assert_ne!(ok.reason.as_deref(), Some("approved"));
        let why = story.messages(number).await.pop().unwrap().reason.unwrap_or_default();
        assert!(why.contains("and the answer is from jane@abode.example"), "{why}");
        story.end().await;
    })
    .await;
}
