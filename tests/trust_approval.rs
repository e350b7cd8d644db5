//! A sensitive request is cleared by an approver's plain yes only where something shows that the yes is the approver's.

use deskd::words::Status;

use crate::harness::dns::Mood;
use crate::harness::signer::Signer;
use crate::harness::story::{Sent, Story, told_by_dns};
use crate::story::from_jane;
use crate::trust::{SAM, dated};

const JANE: &str = "Jane Roe <jane@acme-dental.example>";
const TOM: &str = "Tom Lee <tom@acme-dental.example>";

/// Sam has asked Jane whether the MFA of Tom may be reset: the ticket's assignment, and the question.
async fn asked(story: &Story, sam: &Signer) -> (deskd::words::TicketNumber, Sent, Sent) {
    let inbound = story.mail(&from_jane("mfa", "MFA reset", "Please reset the MFA of Tom, he has a new phone.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.mail(&sam.sign(&dated(story, "ask", &assignment.answer(SAM, "#approve jane")))).await;
    (inbound.ticket.unwrap(), assignment, story.mailed_one("approval"))
}

#[tokio::test]
async fn an_approvers_signed_yes_clears_a_sensitive_request() {
    told_by_dns("approval_signed", "", async |story, _, dns| {
        let (sam, acme) = (Signer::new("northwind.example", &dns), Signer::new("acme-dental.example", &dns));
        let (number, assignment, question) = asked(&story, &sam).await;
        let done = |id: &str| sam.sign(&dated(&story, id, &assignment.answer(SAM, "It is reset.\n\n#done 10m")));
        story.mail(&done("early")).await;
        assert_eq!(story.ticket(number).await.status, Status::New, "nobody has approved yet");
        story.mailed();

        let yes = story.mail(&acme.sign(&dated(&story, "yes", &question.answer(JANE, "Ok.")))).await;
        assert_eq!(yes.reason.as_deref(), Some("approved"));
        let told = story.mailed_one("client_message");
        assert!(!told.mail.text.contains("not verified"), "{}", told.mail.text);
        story.mail(&done("late")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_yes_that_nothing_shows_to_be_the_approvers_clears_nothing_and_the_tech_is_told_why() {
    told_by_dns("approval_forged", "", async |story, _, dns| {
        let (sam, acme) = (Signer::new("northwind.example", &dns), Signer::new("acme-dental.example", &dns));
        let (number, assignment, question) = asked(&story, &sam).await;
        let yes = |id: &str, from: &str| dated(&story, id, &question.answer(from, "ok"));
        let tampered = acme.sign(&yes("t", JANE)).replacen("\r\n\r\nok", "\r\n\r\nyes", 1);
        for (mail, why) in [
            (acme.sign(&yes("d", JANE)), "DNS gave no answer for the signature of acme-dental.example"),
            (yes("u", JANE), "nothing vouches for acme-dental.example"),
            (tampered, "the signature of acme-dental.example does not verify"),
            (acme.sign(&yes("tom", TOM)), "the question went to jane@acme-dental.example, and the answer is from tom@"),
        ] {
            dns.turns(if why.starts_with("DNS") { Mood::ServFail } else { Mood::Well });
            let inbound = story.mail(&mail).await;
            dns.turns(Mood::Well);
            assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), Some(number)));
            let mailed = story.mailed();
            assert_eq!(mailed.len(), 1, "the approver hears nothing of it: {mailed:?}");
            let told = &mailed[0];
            assert_eq!((told.kind.as_str(), told.to.as_str()), ("client_message", "sam@northwind.example"));
            let text = told.mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
            for word in [why, "a yes that does not count", "#verified by phone", "#approve jane@acme-dental.example"] {
                assert!(text.contains(word), "{word} in {text}");
            }
            let done = sam.sign(&dated(&story, why, &assignment.answer(SAM, "It is reset.\n\n#done 10m")));
            story.mail(&done).await;
            assert_eq!(story.ticket(number).await.status, Status::New, "{why}");
            story.mailed();
        }
        // The way out that the mail names.
        let phoned = "It is reset, please sign in again.\n\n#verified by phone\n#done 10m";
        story.mail(&sam.sign(&dated(&story, "phone", &assignment.answer(SAM, phoned)))).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_approvers_no_is_kept_in_the_history_and_a_later_yes_still_counts() {
    told_by_dns("approval_declined", "", async |story, _, dns| {
        let (sam, acme) = (Signer::new("northwind.example", &dns), Signer::new("acme-dental.example", &dns));
        let (number, _, question) = asked(&story, &sam).await;
        let kinds = async || {
            let mut tx = story.daemon.db.read().await.unwrap();
            let history = deskd::store::tickets::history(&mut tx, number).await.unwrap();
            history.iter().map(|recorded| recorded.event.kind()).collect::<Vec<_>>()
        };
        // Neither a no that nothing shows to be Jane's, nor words that only begin like one.
        story.mail(&dated(&story, "forged", &question.answer(JANE, "No."))).await;
        story.mail(&acme.sign(&dated(&story, "fine", &question.answer(JANE, "No problem, I will ring you.")))).await;
        story.mail(&acme.sign(&dated(&story, "need", &question.answer(JANE, "No need to ask, go ahead.")))).await;
        story.mail(&acme.sign(&dated(&story, "do", &question.answer(JANE, "Do not worry, I know him.")))).await;
        assert!(!kinds().await.contains(&"approval_declined"));
        story.mailed();
        story.mail(&acme.sign(&dated(&story, "no", &question.answer(JANE, "No, Tom left us in June.")))).await;
        assert!(story.mailed_one("client_message").mail.text.contains("Tom left us in June"));
        assert!(kinds().await.contains(&"approval_declined"));
        let yes = story.mail(&acme.sign(&dated(&story, "yes", &question.answer(JANE, "ok")))).await;
        assert_eq!(yes.reason.as_deref(), Some("approved"));
        story.end().await;
    })
    .await;
}
