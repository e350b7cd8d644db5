//! What a tech's mail is refused for, what the refusal offers, and what stays inside.

use chrono::TimeDelta;
use deskd::words::{Status, TicketNumber};

use crate::harness::story::{Sent, Story, told};
use crate::story::from_jane;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";

fn of(mailed: &[Sent], kind: &str) -> Vec<Sent> {
    mailed.iter().filter(|sent| sent.kind == kind).cloned().collect()
}

/// Jane's request, and the assignment that it brings.
async fn assigned(story: &Story, subject: &str, text: &str) -> (TicketNumber, Sent, String) {
    let inbound = story.mail(&from_jane("r1", subject, text)).await;
    let assignment = story.mailed_one_of("assignment");
    let who = match assignment.to.split('@').next() {
        Some("ana") => "Ana Diaz <ana@northwind.example>",
        _ => SAM,
    };
    (inbound.ticket.unwrap(), assignment, who.to_owned())
}

#[tokio::test]
async fn a_bare_number_is_offered_in_both_readings() {
    told("both_readings", async |story, _| {
        let (_, assignment, who) = assigned(&story, "VPN drops", "The VPN drops at home.").await;
        story.mail(&assignment.answer(&who, "Fixed, Jane.\n\n#time 2")).await;
        let refused = story.mailed_one("not_sent");
        let text = &refused.mail.text;
        for wanted in ["Send with #time 2m", "Send with #time 2h", "%23time%202m", "%23time%202h"] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        assert_eq!(text.matches("Fixed, Jane.").count(), 2, "the whole mail in each reading:\n{text}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_answer_is_brought_to_mind_whatever_else_is_written_until_something_is_done() {
    told("reminded_still", async |story, _| {
        let (_, assignment, who) = assigned(&story, "VPN drops", "The VPN drops at home.").await;
        story.mail(&assignment.answer(&who, "Fixed, Jane.\n\n#time 2")).await;
        assert_eq!(of(&story.mailed(), "not_sent").len(), 1);
        story.mail(&assignment.answer(&who, "#help")).await;
        story.mail(&assignment.answer(&who, "#note\nWhat did it want of me?")).await;
        story.mailed();
        story.advance(TimeDelta::minutes(15)).await;
        assert_eq!(of(&story.mailed(), "not_sent_reminder").len(), 1, "still unsent");

        story.mail(&assignment.answer(&who, "Once more.\n\n#time 3")).await;
        story.mail(&assignment.answer(&who, "Once more.\n\n#time 3m")).await;
        story.mailed();
        story.advance(TimeDelta::minutes(16)).await;
        assert_eq!(of(&story.mailed(), "not_sent_reminder").len(), 0, "it was sent");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_another_tech_does_leaves_a_refused_answer_unsent() {
    told("reminded_of_own", async |story, _| {
        let (number, assignment, who) = assigned(&story, "VPN drops", "The VPN drops at home.").await;
        assert!(who.starts_with("Sam"), "the story needs two: {who}");
        story.mail(&assignment.answer(&who, "Fixed, Jane.\n\n#time 2")).await;
        story.mail(&assignment.answer(&who, "#assign ana")).await;
        story.mail(&assignment.answer(&who, "Once more, Jane.\n\n#time 2")).await;
        let anas = story.mailed_one_of("assignment");
        story.mail(&anas.answer("Ana Diaz <ana@northwind.example>", "#time 20m")).await;
        story.mailed();
        assert_eq!(story.ticket(number).await.minutes, 20);
        story.advance(TimeDelta::minutes(15)).await;
        let reminders = of(&story.mailed(), "not_sent_reminder");
        assert_eq!(reminders.len(), 1, "Sam's second one");
        assert_eq!(reminders[0].to, "sam@northwind.example");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_sensitive_request_offers_what_clears_it_and_words_beside_the_question_stay_inside() {
    told("sensitive_mails", async |story, _| {
        let text = "Please reset the password and MFA of our bookkeeper, she lost her phone.";
        let (number, assignment, who) = assigned(&story, "MFA reset for Anna", text).await;
        assert!(assignment.mail.text.contains("Verified by phone: mailto:"), "{}", assignment.mail.text);
        assert!(!assignment.mail.text.contains("Done, 15 min"), "what would be refused is not offered");
        story
            .mail(&from_jane("r2", "Re: MFA reset for Anna", "Any news?").replace(
                "Subject:",
                "In-Reply-To: <r1@acme-dental.example>\r\nReferences: <r1@acme-dental.example>\r\nSubject:",
            ))
            .await;
        let further = story.mailed_one("client_message");
        assert!(further.mail.text.contains("Sensitive request, not cleared yet"), "{}", further.mail.text);

        story.mail(&assignment.answer(&who, "Jane asks for the bookkeeper, sounds odd to me.\n\n#approve jane")).await;
        let mailed = story.mailed();
        assert_eq!(of(&mailed, "relay").len(), 0, "the words are not for who asked");
        assert_eq!(of(&mailed, "approval").len(), 1);
        let mut tx = story.daemon.db.read().await.unwrap();
        let history = deskd::store::tickets::history(&mut tx, number).await.unwrap();
        drop(tx);
        assert!(history.iter().any(|recorded| recorded.event.kind() == "approval_asked"), "{history:?}");
        let receipt = of(&mailed, "receipt").remove(0);
        assert!(receipt.mail.text.contains("The words beside #approve went to nobody"), "{}", receipt.mail.text);

        story.mail(&further.answer(&who, "#verified by phone")).await;
        story.mailed();
        story
            .mail(&from_jane("r3", "Re: MFA reset for Anna", "Thank you.").replace(
                "Subject:",
                "In-Reply-To: <r1@acme-dental.example>\r\nReferences: <r1@acme-dental.example>\r\nSubject:",
            ))
            .await;
        let cleared = story.mailed_one("client_message");
        assert!(!cleared.mail.text.contains("not cleared yet"), "{}", cleared.mail.text);
        assert!(cleared.mail.text.contains("Done, 15 min"));
        story.mail(&cleared.answer(&who, "It is done, Jane.\n\n#done 15m")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_outsider_is_shown_with_the_address_and_how_to_be_let_in() {
    told("outsider_shown", async |story, _| {
        let (number, assignment, who) = assigned(&story, "VPN drops", "The VPN drops at home.").await;
        let mail = format!(
            "From: Jane Roe <mallory@elsewhere.example>\r\nTo: support@northwind.example\r\nSubject: Re: [{number}] VPN drops\r\n\
             Message-ID: <x1@elsewhere.example>\r\nIn-Reply-To: <r1@acme-dental.example>\r\n\r\nSend me the password, please.\r\n"
        );
        story.mail(&mail).await;
        let told = story.mailed_one("client_message");
        let text = &told.mail.text;
        assert!(text.contains("Jane Roe <mallory@elsewhere.example> wrote on"), "{text}");
        assert!(text.contains("#cc mallory@elsewhere.example"), "{text}");
        assert!(!text.contains("The sender is not verified"), "one box is enough:\n{text}");
        story.mail(&told.answer(&who, "#cc mallory@elsewhere.example")).await;
        assert!(story.mailed_one("receipt").mail.text.contains("mallory@elsewhere.example"));
        let _ = assignment;
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn somebody_with_an_umlaut_left_of_the_at_is_served_like_anybody_else() {
    told("umlaut_left", async |story, _| {
        let mail = "From: =?utf-8?Q?J=C3=BCrgen?= <j\u{fc}rgen@acme-dental.example>\r\nTo: support@northwind.example\r\n\
                    Subject: Printer\r\nMessage-ID: <u1@acme-dental.example>\r\n\r\nMy printer prints nothing.\r\n";
        let inbound = story.mail(mail).await;
        assert_eq!(inbound.fate.as_deref(), Some("ticket"), "{inbound:?}");
        let acknowledgement = story.mailed_one_of("acknowledgement");
        assert_eq!(acknowledgement.mail.to[0].address, "j\u{fc}rgen@acme-dental.example");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_tech_who_denies_a_mail_in_his_name_is_believed_and_a_manager_is_told() {
    told("denied", async |story, _| {
        let mail = format!(
            "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: Bank details\r\nMessage-ID: <d1@northwind-it.example>\r\n\r\n\
             #from tom@acme-dental.example\r\nPlease pay to the new account.\r\n"
        );
        let forged = story.mail(&mail).await;
        let question = story.mailed_one("confirmation");
        let answer = story.mail(&question.answer(SAM, "No, this was not me!")).await;
        assert_eq!((answer.fate.as_deref(), answer.ticket), (Some("reply"), None));
        let forged = story.inbound(forged.id).await;
        assert_eq!(forged.fate.as_deref(), Some("refused"));
        assert!(forged.reason.unwrap().starts_with("Sam Ortiz says that it was somebody else"));
        let told = story.mailed_one("quarantined");
        assert_eq!(told.to, "mia@northwind.example");
        assert!(told.mail.text.contains("Sam Ortiz says that it was somebody else"), "{}", told.mail.text);
        // "No problem" is no no.
        let mail = mail.replace("<d1@", "<d2@").replace("new account", "old account");
        story.mail(&mail).await;
        let second = story.mailed_one("confirmation");
        let answer = story.mail(&second.answer(SAM, "No problem, that was me.")).await;
        assert!(answer.ticket.is_some(), "{answer:?}");
        // A late yes changes nothing any more.
        story.mail(&question.answer(SAM, "yes")).await;
        assert_eq!(story.inbound(forged.id).await.fate.as_deref(), Some("refused"));
        story.end().await;
    })
    .await;
}
