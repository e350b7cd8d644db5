//! Time on a retainer: only for a client that has one on that day, and the refusal says what else to write.

use chrono::TimeDelta;

use crate::harness::story::told;
use crate::story::from_jane;
use crate::trust::{SAM, to};

const ANA: &str = "Ana Diaz <ana@northwind.example>";

#[tokio::test]
async fn time_on_a_retainer_needs_a_client_that_has_one() {
    told("no_retainer", async |story, _| {
        let mail = from_jane("hank", "Scanner", "The scanner makes stripes.")
            .replace("Jane Roe <jane@acme-dental", "Hank <hank@globex");
        let number = story.mail(&mail).await.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        let who = story.ticket(number).await.assignee.unwrap();
        let who = if who.0 == "sam" { SAM } else { ANA };
        for order in ["#time 25m retainer", "#done 25m retainer", "#cat retainer"] {
            story.mail(&assignment.answer(who, &format!("I cleaned the glass.\n\n{order}"))).await;
            let mailed = story.mailed();
            assert!(to(&mailed, "hank").is_empty(), "{order}");
            let text = mailed[0].mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains("Globex has no retainer: write #"), "{order}: {text}");
            assert!(text.contains(" tm (or project"), "{order}: {text}");
            assert!(!text.contains("copy this into a reply"), "there is nothing better to copy: {text}");
            assert!(text.contains("Write it once more, as an answer to the same mail"), "{text}");
            assert_eq!(story.ticket(number).await.minutes, 0);
            story.advance(TimeDelta::minutes(1)).await;
        }
        story.mail(&assignment.answer(who, "I cleaned the glass.\n\n#done 25m")).await;
        assert!(
            story
                .mailed()
                .iter()
                .any(|sent| sent.kind == "receipt" && sent.mail.text.contains("25m time and materials"))
        );
        // Acme's began this year.
        let acme = story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "#time 25m retainer 2025-12-30")).await;
        assert!(story.mailed_one("not_sent").mail.text.contains("30 December 2025"));
        story.mail(&assignment.answer(SAM, "#time 25m retainer")).await;
        assert_eq!(story.ticket(acme).await.minutes, 25);
        story.mail(&assignment.answer(SAM, "#time -10m")).await;
        assert_eq!(story.ticket(acme).await.minutes, 15, "what was logged can be taken back");
        story.end().await;
    })
    .await;
}
