//! Hours and money that nobody loses: the weekly reminder, the weekly report with its lines, entries put right or written off, the review
//! of old work, the leak meter.

use chrono::TimeDelta;
use deskd::words::TicketNumber;

use crate::harness::reading::{deskd, of_kind, until, words};
use crate::harness::rows::rows;
use crate::harness::story::{Story, told, told_with};
use crate::story::from_jane;
use crate::trust::SAM;

const MIA: &str = "Mia Chen <mia@northwind.example>";

fn add(story: &Story, client: &str, minutes: &str, category: &str, more: &[&str]) -> String {
    let head = ["time", "add", "--tech", "sam", "--client", client, "--minutes", minutes, "--category", category];
    deskd(story, &[&head, more].concat())
}

/// What each entry says: `1 50 tm`.
async fn entries(story: &Story) -> Vec<String> {
    let sql = "SELECT id, minutes, category FROM time_entry ORDER BY id";
    let all = rows::<(i64, i64, String)>(&story.daemon.db, sql).await;
    all.into_iter().map(|(id, minutes, category)| format!("{id} {minutes} {category}")).collect()
}

#[tokio::test]
async fn a_tech_is_reminded_of_work_without_time_and_answers_with_lines() {
    told("hygiene_reminder", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "I will look at it today, Jane.")).await;
        story.mail(&from_jane("q", "Scanner", "My scanner beeps.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(&assignment.to, "On my way.\n\n#time 2h")).await;
        story.mailed();
        // Friday the 6th, two in the afternoon.
        until(&story, "2026-03-06 19:59").await;
        assert!(of_kind(&story.mailed(), "time_reminder").is_empty());
        until(&story, "2026-03-06 20:00").await;
        let all = of_kind(&story.mailed(), "time_reminder");
        let sam = all.iter().find(|sent| sent.to == "sam@northwind.example").unwrap();
        assert_eq!(sam.mail.subject, "Time of this week: 1 tickets without any");
        let text = words(sam);
        assert!(text.contains("#1001 time 15m") && text.contains("#1001 Printer (Acme Dental)"), "{text}");
        assert!(!text.contains("#1002"), "it has time: {text}");
        assert!(text.contains("Thu 5 Mar 0m of 8h") && !text.contains("Fri 6 Mar"), "today is not over: {text}");
        story.mail(&sam.answer(SAM, "#1001 time 20m")).await;
        assert_eq!(entries(&story).await[1], "2 20 retainer");
        assert!(words(&story.mailed_one("receipt")).contains("#1001 20m retainer"));
        story.advance(TimeDelta::hours(1)).await;
        assert!(of_kind(&story.mailed(), "time_reminder").is_empty(), "once a week");
        // After three weeks away only the last one comes.
        until(&story, "2026-03-28 12:00").await;
        assert_eq!(of_kind(&story.mailed(), "time_reminder").iter().filter(|sent| sent.to == sam.to).count(), 1);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_weekly_report_names_what_is_in_the_wrong_place_with_the_line_that_puts_it_right() {
    told("hygiene_report", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "A new drum is in.\n\n#done 25m tm")).await;
        story.mail(&from_jane("q", "Scanner", "My scanner beeps.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(&assignment.to, "It was asleep.\n\n#done")).await;
        add(&story, "globex", "1h", "tm", &["--day", "2026-03-02", "--note", "racks"]);
        add(&story, "globex", "30m", "warranty", &["--day", "2026-03-03", "--note", "again"]);
        add(&story, "globex", "10m", "tm", &["--day", "2026-03-03"]);
        story.mailed();
        until(&story, "2026-03-06 22:00").await;
        let report = of_kind(&story.mailed(), "time_report").remove(0);
        assert_eq!(report.to, "mia@northwind.example");
        let text = words(&report);
        for part in [
            "Sam Ortiz 2h05 of 40h (5 %)",
            "Resolved this week without any time: #1002 Scanner (Acme Dental)",
            "e1 25m time and materials, sam, Mon 2 Mar, Acme Dental, #1001 time and materials for work that the retainer includes #recat e1 retainer",
            "e3 30m warranty, sam, Tue 3 Mar, Globex warranty that does not say which ticket it makes good",
            "e4 10m time and materials, sam, Tue 3 Mar, Globex without a ticket and without a word of what it was",
            "Leak meter 2026: 2 finds, worth 80.00 USD; nothing of it was billed since.",
        ] {
            assert!(text.contains(part), "{part}: {}", report.mail.text);
        }
        assert!(!text.contains("e2 "), "nothing is wrong with it: {text}");
        // 70 minutes at 160, and 25 more of Acme's at the same; the retainer of April.
        assert!(text.contains("2653.34 USD would be billed with the next run"), "{text}");

        // The line, sent back as it stands.
        story.mail(&report.answer(MIA, "#recat e1 retainer\n#1002 time 15m")).await;
        let receipt = words(&story.mailed_one("receipt"));
        assert!(receipt.contains("e1 billed as retainer, now e6") && receipt.contains("#1002 15m retainer"), "{receipt}");
        assert_eq!(entries(&story).await[4..], ["5 -25 tm", "6 25 retainer", "7 15 retainer"]);
        story.mail(&report.answer(MIA, "#recat e1 tm")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("nothing is left of e1"));
        story.mail(&report.answer(MIA, "#recat e6 warranty")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("#cat warranty #987 first"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_is_its_techs_or_a_managers_to_change_and_a_managers_to_write_off() {
    told("hygiene_recat", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "#time 25m")).await;
        deskd(&story, &["time", "add", "--tech", "ana", "--client", "globex", "--minutes", "1h", "--category", "tm", "--note", "racks"]);
        story.mailed();
        // A new category leaves what is there as it is, and says so.
        story.mail(&assignment.answer(SAM, "#cat project")).await;
        let receipt = words(&story.mailed_one("receipt"));
        assert!(receipt.contains("Time that #1001 has already keeps its category: e1 25m retainer. Is one of them wrong? Write for example #recat e12 tm"), "{receipt}");
        story.mail(&assignment.answer(SAM, "#recat e1 project")).await;
        assert!(words(&story.mailed_one("receipt")).contains("e1 billed as project, now e4"));
        assert_eq!(entries(&story).await, ["1 25 retainer", "2 60 tm", "3 -25 retainer", "4 25 project"]);
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!(ticket.minutes, 25);
        for (line, why) in [
            ("#recat e2 project", "you have no entry e2"),
            ("#recat e99 project", "you have no entry e99"),
            ("#recat e4 project", "e4 is project already"),
            ("#recat e4", "takes an entry and a category"),
            ("#writeoff e2 a favour", "#writeoff is for managers"),
        ] {
            story.mail(&assignment.answer(SAM, line)).await;
            let refused = words(&story.mailed_one("not_sent"));
            assert!(refused.contains(why), "{line}: {refused}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn old_work_comes_up_every_week_until_it_is_billed_or_written_off() {
    let more = "[schedule]\nbilling = \"off\"\n[billing]\nsince = \"2026-02-01\"\n";
    told_with("hygiene_review", more, async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        add(&story, "globex", "50m", "tm", &["--day", "2026-02-03", "--note", "racks"]);
        add(&story, "globex", "1h", "tm", &["--day", "2026-02-20", "--note", "cables"]);
        story.mailed();
        until(&story, "2026-03-06 22:00").await;
        let review = of_kind(&story.mailed(), "unbilled").remove(0);
        assert_eq!(
            (review.to.as_str(), review.mail.subject.as_str()),
            ("mia@northwind.example", "Not billed for 30 days: 1 entries, worth 133.33 USD")
        );
        assert!(
            words(&review)
                .contains("e1 50m time and materials, sam, Tue 3 Feb, Globex no run has billed it #writeoff e1 why"),
            "{}",
            review.mail.text
        );
        until(&story, "2026-03-13 21:00").await;
        assert_eq!(of_kind(&story.mailed(), "unbilled").len(), 1, "again the week after");
        story.mail(&review.answer(MIA, "#writeoff e1")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("the reason"));
        story.mail(&review.answer(MIA, "#writeoff e1 they are moving out")).await;
        assert!(words(&story.mailed_one("receipt")).contains("e1 written off: it will never be billed"));
        story.mail(&review.answer(MIA, "#writeoff e1 again")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("written off before"));
        until(&story, "2026-03-20 21:00").await;
        assert!(of_kind(&story.mailed(), "unbilled").is_empty(), "28 days are not 30");
        until(&story, "2026-03-27 21:00").await;
        let review = of_kind(&story.mailed(), "unbilled").remove(0);
        assert!(words(&review).contains("e2 1h") && !words(&review).contains("e1 "), "{}", review.mail.text);
        // Whatever is taken back of it is written off with it.
        deskd(&story, &["time", "correct", "e1", "20m", "--why", "it was less"]);
        story.mail(&review.answer(MIA, "#writeoff e3 that too")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("e3 corrects e1: write that one off"));
        story.mail(&review.answer(MIA, "#recat e1 project")).await;
        assert!(words(&story.mailed_one("not_sent")).contains("e1 was written off"));
        // Billed: no review, and the meter knows what came in.
        let run = deskd(&story, &["billing", "run", "--period", "2026-02"]);
        assert!(run.contains("run 1, 4960.00 USD"), "an hour and two fees; what was written off is not billed: {run}");
        until(&story, "2026-04-03 21:00").await;
        let mailed = story.mailed();
        assert!(of_kind(&mailed, "unbilled").is_empty());
        let report = words(&of_kind(&mailed, "time_report")[0]);
        assert!(
            report.contains("Leak meter 2026: 2 finds, worth 293.33 USD; 160.00 USD of it was billed since."),
            "{report}"
        );
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn time_of_a_ticket_without_a_client_is_named_and_is_the_clients_once_there_is_one() {
    told("hygiene_client", async |story, _| {
        story.mail("From: Rob <rob@unknown.example>\r\nTo: support@northwind.example\r\nSubject: Screen\r\n\r\nMy screen flickers.\r\n").await;
        story.advance(TimeDelta::hours(1)).await;
        let digest = story.mailed_one_of("unsorted_digest");
        story.mail(&digest.answer(MIA, "#1001 accept\n#1001 time 30m tm")).await;
        story.mailed();
        until(&story, "2026-03-06 22:00").await;
        let report = of_kind(&story.mailed(), "time_report").remove(0);
        let text = words(&report);
        assert!(text.contains("e1 30m time and materials, mia, Mon 2 Mar, #1001 its ticket has no client #1001 client acme"), "{text}");
        assert!(!text.contains("body=%231001"), "somebody has to think of the client: {text}");
        story.mail(&report.answer(MIA, "#1001 client globex")).await;
        let whose: Vec<(Option<String>,)> = rows(&story.daemon.db, "SELECT client FROM time_entry").await;
        assert_eq!(whose[0].0.as_deref(), Some("globex"));
        story.end().await;
    })
    .await;
}
