//! How a retainer is used: marks that are announced when they happen, and the time and ledger of the command line.

use std::process::Command;

use chrono::TimeDelta;
use deskd::words::{Minutes, TicketNumber};
use serde_json::Value;

use crate::harness::reading::of_kind;
use crate::harness::story::{Story, told};
use crate::story::from_jane;
use crate::trust::SAM;

#[tokio::test]
async fn three_quarters_nine_tenths_and_all_of_a_retainer_are_announced_once_each() {
    told("usage_marks", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let assignment = story.mailed_one_of("assignment");
        // Acme has 10 to 20 hours a month.
        story.mail(&assignment.answer(SAM, "#time 10h\n#time 4h55")).await;
        assert!(of_kind(&story.mailed(), "usage").is_empty(), "14h55 is not three quarters");
        story.mail(&assignment.answer(SAM, "#time 5m")).await;
        let mailed = story.mailed();
        let (ours, theirs) = (of_kind(&mailed, "usage"), of_kind(&mailed, "usage_client"));
        assert_eq!((ours.len(), ours[0].to.as_str()), (1, "sam@northwind.example"), "the account manager");
        assert_eq!((theirs.len(), theirs[0].to.as_str()), (1, "jane@acme-dental.example"), "the client's manager");
        assert_eq!(ours[0].mail.subject, "Acme Dental: 75 % of 10–20h used in March");
        let text = ours[0].mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("15h of 10–20h in March (75 %). At this pace the range ends on Tue 3 Mar."), "{text}");
        assert!(text.contains("#1001 15h Printer"), "{text}");
        assert_eq!(theirs[0].mail.subject, "75 % of your support hours of March are used");
        // What went up and down again is not told twice; a leap over two marks is told once.
        story.mail(&assignment.answer(SAM, "#time -5m")).await;
        story.mail(&assignment.answer(SAM, "#time 5m again")).await;
        assert!(of_kind(&story.mailed(), "usage").is_empty());
        story.mail(&assignment.answer(SAM, "#time 6h")).await;
        let mailed = story.mailed();
        let ours = of_kind(&mailed, "usage");
        assert_eq!(ours.len(), 1);
        assert_eq!(ours[0].mail.subject, "Acme Dental: the 20h of March are used up");
        let text = ours[0].mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("1h over the top: the contract has no rate for them."), "{text}");
        assert_eq!(of_kind(&mailed, "usage_client").len(), 1);
        // The next month begins anew.
        story.advance(TimeDelta::days(31)).await;
        story.mailed();
        story.mail(&assignment.answer(SAM, "#time 11h")).await;
        story.mail(&assignment.answer(SAM, "#time 4h")).await;
        assert_eq!(of_kind(&story.mailed(), "usage")[0].mail.subject, "Acme Dental: 75 % of 10–20h used in April");
        story.end().await;
    })
    .await;
}

fn deskd(story: &Story, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .arg("--config")
        .arg(story.config())
        .args(args)
        .env("COLUMNS", "120")
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

fn json(story: &Story, args: &[&str]) -> Value {
    let (code, text) = deskd(story, args);
    assert_eq!(code, Some(0), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn time_is_added_corrected_imported_and_listed_and_the_ledger_shows_it() {
    told("usage_cli", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        let done = |args: &[&str]| {
            let (code, text) = deskd(&story, args);
            assert_eq!(code, Some(0), "{text}");
            text
        };
        let refused = |args: &[&str], why: &str| {
            let (code, text) = deskd(&story, args);
            assert_eq!((code, text.contains(why)), (Some(4), true), "{text}");
        };
        assert_eq!(
            done(&["time", "add", "--tech", "sam", "--ticket", "1001", "--minutes", "1h30", "--day", "2026-03-02"]),
            "e1: 1h30 of sam on 2026-03-02\n"
        );
        done(&["time", "add", "--tech", "ana", "--client", "acme", "--minutes", "45", "--day", "2026-03-03", "--after-hours", "--note", "new switch"]);
        assert_eq!(story.ticket(TicketNumber(1001)).await.minutes, 90);
        refused(&["time", "add", "--tech", "bob", "--client", "acme", "--minutes", "5m"], "there is no tech \"bob\"");
        refused(&["time", "add", "--tech", "sam", "--client", "globex", "--minutes", "5m", "--category", "retainer"], "has no retainer");
        refused(&["time", "add", "--tech", "sam", "--ticket", "1001", "--minutes", "13h"], "no time of one day");
        refused(&["time", "add", "--tech", "sam", "--ticket", "7", "--minutes", "5m"], "there is no ticket #7");
        assert_eq!(done(&["time", "correct", "e1", "20m", "--why", "not theirs"]), "e3: -1h10, so that e1 comes to 20m\n");
        assert_eq!(done(&["time", "correct", "e1", "20m", "--why", "again"]), "e1 comes to 20m already\n");
        refused(&["time", "correct", "e3", "5m", "--why", "x"], "e3 corrects e1 itself");
        assert_eq!(story.ticket(TicketNumber(1001)).await.minutes, 20);

        let file = story.config().with_file_name("march.csv");
        std::fs::write(&file, "tech,day,minutes,category,ticket,client,note\nsam,2026-03-04,1h,tm,,globex,cable\nana,2026-03-04,2,retainer,#1001,,\n").unwrap();
        let name = file.to_str().unwrap();
        refused(&["time", "import", name], "march.csv:3");
        assert_eq!(json(&story, &["time", "list", "--json"]).as_array().unwrap().len(), 3, "all of it or nothing");
        std::fs::write(&file, "tech,day,minutes,category,ticket,client,note\nsam,2026-03-04,1h,tm,,globex,cable\nana,2026-03-04,25m,,#1001,,\n").unwrap();
        assert_eq!(done(&["time", "import", name]), "2 entries, 1h25 in all\n");
        refused(&["time", "import", name], "was taken in before");
        let listed = done(&["time", "list", "--client", "acme"]);
        assert!(listed.contains("e3") && listed.contains("corrects e1 · not theirs") && listed.contains("after hours · new switch"), "{listed}");
        assert!(listed.ends_with("1h30 in all\n"), "{listed}");
        let march = &json(&story, &["retainer", "show", "acme", "--json"])[2];
        assert_eq!((march["month"].as_str(), march["burned"].as_i64(), march["top"].as_i64()), (Some("2026-03-01"), Some(90), Some(1200)));
        let shown = done(&["retainer", "show", "acme"]);
        assert!(shown.lines().any(|line| line.starts_with("2026-03  10h-20h") && line.contains("1h30") && line.contains("7 %")), "{shown}");
        assert_eq!(Minutes(90).to_string(), "1h30");
        story.end().await;
    })
    .await;
}
