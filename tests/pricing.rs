//! The trap of retainers: a range that is passed two months in a row is talked about, every week, until somebody says what came of it.

use deskd::money::proposal;
use deskd::store::pricing;
use deskd::words::{Category, Minutes, RetainerTerm};

use crate::harness::reading::{of_kind, until, words};
use crate::harness::story::{Sent, Story, told, told_with};
use crate::story::from_jane;
use crate::trust::SAM;

/// So many hours of work today, in entries that one day can hold.
async fn hours(story: &Story, assignment: &Sent, hours: i64) {
    let mut left = hours;
    let mut lines = Vec::new();
    while left > 0 {
        lines.push(format!("#time {}h retainer {}", left.min(11), story.now().format("%Y-%m-%d")));
        left -= 11;
    }
    story.mail(&assignment.answer(SAM, &lines.join("\n"))).await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one contract's life, month by month")]
async fn ten_fifteen_and_so_on_to_forty_hours_are_talked_about_after_the_second_month_over() {
    told("pricing_story", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        // 10 to 20 hours are agreed.
        for (month, used) in [("2026-03-10 15:00", 10), ("2026-04-10 15:00", 15), ("2026-05-12 15:00", 25)] {
            until(&story, month).await;
            hours(&story, &assignment, used).await;
            assert!(of_kind(&story.mailed(), "pricing").is_empty(), "{month}");
        }
        until(&story, "2026-06-10 15:00").await;
        hours(&story, &assignment, 20).await;
        assert!(of_kind(&story.mailed(), "pricing").is_empty(), "twenty is not over");
        hours(&story, &assignment, 10).await;
        let opened = of_kind(&story.mailed(), "pricing");
        assert_eq!(opened.len(), 1);
        assert_eq!(
            (opened[0].to.as_str(), opened[0].mail.subject.as_str()),
            ("sam@northwind.example", "Acme Dental: two months over the range, talk about the price")
        );
        let text = words(&opened[0]);
        for part in [
            "An hour of the whole range brings 120.00 USD.",
            "May 2026: 25h of 10–20h, over, 96.00 USD an hour",
            "June 2026: 30h of 10–20h, over, 80.00 USD an hour",
            "Jane Roe: 55h",
            "Proposal: 25–35h for 4200.00 USD a month from August 2026",
        ] {
            assert!(text.contains(part), "{part}: {}", opened[0].mail.text);
        }
        // Every week, and not more often; more hours open no second one.
        until(&story, "2026-06-16 15:00").await;
        hours(&story, &assignment, 5).await;
        assert!(of_kind(&story.mailed(), "pricing").is_empty());
        until(&story, "2026-06-17 15:00").await;
        let again = of_kind(&story.mailed(), "pricing");
        assert_eq!((again.len(), again[0].mail.subject.starts_with("STILL OPEN Acme Dental")), (1, true));
        // The client's statement names it: the account manager has had it for longer than two working days.
        until(&story, "2026-07-01 12:00").await;
        until(&story, "2026-07-03 12:00").await;
        let mailed = story.mailed();
        let statement = of_kind(&mailed, "statement").remove(0);
        assert!(words(&statement).contains("over the range for two months in a row"), "{}", statement.mail.text);
        for cost in ["96.00", "80.00", "120.00", "an hour"] {
            assert!(!statement.mail.text.contains(cost), "{cost}: {}", statement.mail.text);
        }
        // What came of it.
        story.mail(&again[0].answer(SAM, "#pricing agreed more")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("#pricing agreed 15-30h from 2027-01 for 3600.00 USD"));
        story.mail(&again[0].answer(SAM, "#pricing agreed 25-35h from 2026-08 for 4100.00 USD")).await;
        let receipt = story.mailed_one("receipt");
        for line in [
            "Acme Dental: agreed, 25-35h from 2026-08 for 4100.00 USD",
            "hours = \"25-35\"",
            "fee = \"4100.00 USD\"",
            "since = \"2026-08-01\"",
        ] {
            assert!(receipt.mail.text.contains(line), "{line}: {}", receipt.mail.text);
        }
        story.mail(&again[0].answer(SAM, "#pricing declined too late")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("said before"));
        until(&story, "2026-07-24 15:00").await;
        assert!(of_kind(&story.mailed(), "pricing").is_empty());
        let mut tx = story.daemon.db.read().await.unwrap();
        let all = pricing::list(&mut tx, 10).await.unwrap();
        drop(tx);
        assert_eq!((all.len(), all[0].outcome.as_deref()), (1, Some("agreed")));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn two_months_under_the_range_are_told_softly_and_once() {
    told("pricing_under", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        story.mailed();
        until(&story, "2026-04-01 12:00").await;
        assert!(of_kind(&story.mailed(), "under_range").is_empty(), "of February nothing is known");
        until(&story, "2026-05-01 12:00").await;
        assert_eq!(story.mailed_one_of("under_range").mail.subject, "Acme Dental: two months under the range");
        for month in ["2026-06-01 12:00", "2026-07-01 12:00"] {
            until(&story, month).await;
            assert!(of_kind(&story.mailed(), "under_range").is_empty(), "{month}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_hours_cost_is_told_to_the_account_manager_and_to_no_client() {
    told_with("pricing_cost", "[billing]\nhourly_cost = \"61.50 USD\"\n", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        let mut mailed = Vec::new();
        for (month, used) in [("2026-03-10 15:00", 25), ("2026-04-10 15:00", 20), ("2026-04-10 15:01", 10)] {
            until(&story, month).await;
            hours(&story, &assignment, used).await;
            mailed.extend(story.mailed());
        }
        let opened = of_kind(&mailed, "pricing").remove(0);
        let text = words(&opened);
        for part in [
            "March 2026: 25h of 10–20h, over, 96.00 USD an hour these hours cost us 1537.50 USD, of the fee 862.50 USD is left",
            "April 2026: 30h of 10–20h, over, 80.00 USD an hour these hours cost us 1845.00 USD, of the fee 555.00 USD is left",
        ] {
            assert!(text.contains(part), "{part}: {}", opened.mail.text);
        }
        // What the client may be sent has none of it.
        let draft = text.split("A draft to the client:").nth(1).unwrap().split("Reply with").next().unwrap();
        assert!(draft.contains("Shall we talk about it?"), "{draft}");
        let html = opened.mail.html.clone().unwrap();
        let quoted = html.split("class=\"quoted\"").nth(1).unwrap().split("</div>").next().unwrap();
        until(&story, "2026-05-01 12:00").await;
        until(&story, "2026-05-05 12:00").await;
        mailed.extend(story.mailed());
        let theirs: Vec<&Sent> = mailed.iter().filter(|sent| sent.to.ends_with("@acme-dental.example")).collect();
        for kind in ["usage_client", "statement"] {
            assert!(theirs.iter().any(|sent| sent.kind == kind), "{kind}");
        }
        let mut read: Vec<String> = theirs.iter().map(|sent| String::from_utf8_lossy(&sent.raw).into_owned()).collect();
        read.extend(theirs.iter().map(|sent| sent.mail.text.clone()));
        read.extend([draft.to_owned(), quoted.to_owned()]);
        for text in read {
            for internal in ["1537.50", "862.50", "1845.00", "555.00", "61.50", "cost us"] {
                assert!(!text.contains(internal), "{internal}: {text}");
            }
        }
        story.end().await;
    })
    .await;
}

#[test]
fn a_proposal_is_the_mean_of_the_months_at_the_price_of_an_hour() {
    let term = RetainerTerm {
        since: "2026-01-01".parse().unwrap(),
        until: None,
        bottom: Minutes(600),
        top: Minutes(1200),
        fee: "2400.00 USD".parse().unwrap(),
        overage_rate: None,
        after_hours: 100,
        rollover: None,
        rounding: None,
        covers: vec![Category::Retainer],
        skills: Vec::new(),
        tells_client: true,
        due: deskd::words::contract::Due::Advance,
    };
    let found = proposal::proposal(&term, &[Minutes(1500), Minutes(1800)]);
    assert_eq!(
        (found.bottom, found.top, found.fee.to_string().as_str()),
        (Minutes(1500), Minutes(2100), "4200.00 USD")
    );
    assert_eq!(proposal::hourly(term.fee, Minutes(1500)).unwrap().to_string(), "96.00 USD");
    assert_eq!(proposal::hourly(term.fee, Minutes(0)), None);
    let line = proposal::agreed("15-30h from 2027-01", &term).unwrap();
    assert_eq!(line, "[[client.retainer]]\nhours = \"15-30\"\nfee = \"3600.00 USD\"\nsince = \"2027-01-01\"");
    for wrong in [
        "",
        "15-30h",
        "30-15h from 2027-01",
        "15-30h from January",
        "15-30h from 2025-01",
        "15-30h from 2027-01 for much",
    ] {
        assert!(proposal::agreed(wrong, &term).is_err(), "{wrong}");
    }
}
