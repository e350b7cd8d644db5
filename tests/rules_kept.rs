//! Rules of the design that no other story breaks: every arrival has its fate and is listed (3), change and mail are one (5), time has a
//! category (10), a list is told once a period (12).

use std::collections::BTreeMap;
use std::process::Command;

use chrono::TimeDelta;
use deskd::store::inbound;

use crate::harness::rows::{change_each, number, rows, try_change};
use crate::harness::story::{Sent, Story, told};
use crate::harness::{at, each_db};
use crate::story::from_jane;

const MIA: &str = "Mia Chen <mia@northwind.example>";

fn stranger(name: &str) -> String {
    format!(
        "From: {name} <{name}@nowhere.example>\r\nTo: support@northwind.example\r\nSubject: Offer of {name}\r\n\
         Message-ID: <{name}@nowhere.example>\r\n\r\nI am {name} and would like to know more.\r\n"
    )
}

/// What `deskd inbound` says: source key to fate and reason.
fn listed(story: &Story) -> BTreeMap<String, (String, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .arg("--config")
        .arg(story.config())
        .args(["inbound", "--json", "--limit", "1000"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let word = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    all.iter().map(|row| (word(row, "source_key"), (word(row, "fate"), word(row, "reason")))).collect()
}

#[tokio::test]
async fn every_arrival_ends_in_one_fate_and_the_command_line_lists_them_all() {
    told("fates", async |story, _| {
        let printer = from_jane("p", "Printer", "My printer is broken.");
        let automatic = |mail: String| mail.replacen("Subject:", "Auto-Submitted: auto-replied\r\nSubject:", 1);
        let bounce = "Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@mx.example>\r\nTo: support@northwind.example\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <b@mx.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
             Could not be delivered.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; somebody@else.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n";
        let first = story.mail(&printer).await;
        let tag = first.ticket.unwrap();
        let mut wanted = vec![(first.source_key, "ticket")];
        let spam = story.mail(&stranger("Rob")).await;
        wanted.push((spam.source_key, "ticket"));
        let digest = story.mailed().into_iter().find(|sent| sent.kind == "unsorted_digest").unwrap();
        let line = format!("{} spam", spam.ticket.unwrap());
        for (raw, fate) in [
            (printer.replacen("From:", "X-Other-Way: 2\r\nFrom:", 1), "duplicate"),
            (from_jane("p2", &format!("Re: Printer {tag}"), "It is the one in the hall."), "reply"),
            (automatic(from_jane("p3", &format!("Re: Printer {tag}"), "I am away.")), "automatic"),
            (automatic(from_jane("p4", "Out of office", "I am away.")), "automatic"),
            (bounce.to_owned(), "bounce"),
            (from_jane("p5", "Hello", "From ourselves.").replace("jane@acme-dental", "support@northwind"), "refused"),
            (digest.answer(MIA, &line), "reply"),
            (stranger("Rob").replace("would", "really would"), "refused"),
            (String::new(), "ticket"),
        ] {
            let key = story.mail(&raw).await.source_key;
            wanted.push((key, fate));
        }
        let listed = listed(&story);
        assert_eq!(listed.len(), wanted.len(), "all of them are listed: {listed:?}");
        for (key, fate) in wanted {
            let (found, reason) = &listed[&key];
            assert_eq!(found, fate, "{key}: {reason}");
            assert!(*found != "refused" || !reason.is_empty(), "{key} was refused without a reason");
        }
        let open = "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NULL OR processed_at IS NULL";
        assert_eq!(number(&story.daemon.db, open).await, 0);
        story.end().await;
    })
    .await;
}

/// The database refuses an acknowledgement while this stands.
const NO_ACKNOWLEDGEMENT: (&str, &str) = (
    "CREATE TRIGGER no_acknowledgement BEFORE INSERT ON outbox WHEN NEW.kind = 'acknowledgement'
     BEGIN SELECT RAISE(ABORT, 'no acknowledgement'); END",
    "CREATE FUNCTION no_acknowledgement() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN IF NEW.kind = 'acknowledgement' THEN RAISE EXCEPTION 'no acknowledgement'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER no_acknowledgement BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION no_acknowledgement()",
);
const ACKNOWLEDGEMENT: (&str, &str) = (
    "DROP TRIGGER no_acknowledgement",
    "DROP TRIGGER no_acknowledgement ON outbox; DROP FUNCTION no_acknowledgement()",
);

#[tokio::test]
async fn a_change_whose_mail_cannot_be_written_is_not_made_and_is_made_whole_later() {
    told("one_transaction", async |story, _| {
        let db = &story.daemon.db;
        change_each(db, NO_ACKNOWLEDGEMENT).await;
        let arrived = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await;
        assert_eq!(arrived.fate.as_deref(), Some("quarantined"), "{:?}", arrived.reason);
        for table in [
            "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket_event",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM message",
            "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE kind <> 'quarantined'",
        ] {
            assert_eq!(number(db, table).await, 0, "{table}");
        }
        assert_eq!(story.mailed_one("quarantined").to, "mia@northwind.example");

        change_each(db, ACKNOWLEDGEMENT).await;
        let mut tx = db.write().await.unwrap();
        assert!(inbound::retry(&mut tx, arrived.id).await.unwrap());
        tx.commit().await.unwrap();
        story.quiet().await;
        let mailed = story.mailed();
        let mut kinds: Vec<&str> = mailed.iter().map(|sent| sent.kind.as_str()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["acknowledgement", "assignment"]);
        assert_eq!(number(db, "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket").await, 1);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_database_takes_no_time_without_a_category() {
    each_db("category", async |db| {
        let tech = "INSERT INTO tech (login, name, email, active) VALUES ('sam', 'Sam', 'sam@n.example', TRUE)";
        change_each(&db, (tech, tech)).await;
        let entry = |category: &str| {
            format!(
                "INSERT INTO time_entry (tech, minutes, category, work_date, entered_at)
                 VALUES ('sam', 5, {category}, '2026-03-02', '2026-03-02 15:00:00+00:00')"
            )
        };
        for category in ["NULL", "''", "'other'"] {
            assert!(try_change(&db, &entry(category)).await.is_err(), "{category} was taken");
        }
        for category in ["'retainer'", "'project'", "'tm'", "'warranty'"] {
            try_change(&db, &entry(category)).await.unwrap();
        }
        let none = "UPDATE time_entry SET category = NULL";
        assert!(try_change(&db, none).await.is_err(), "a category was taken away");
    })
    .await;
}

fn digests(mailed: &[Sent]) -> Vec<String> {
    mailed.iter().filter(|sent| sent.kind == "unsorted_digest").map(|sent| sent.mail.text.clone()).collect()
}

fn names(digest: &str) -> Vec<&str> {
    ["Ann", "Bob", "Cay", "Dan", "Eve", "Fay", "Gus", "Hal"]
        .into_iter()
        .filter(|name| digest.contains(&format!("Offer of {name}")))
        .collect()
}

#[tokio::test]
async fn the_list_of_strangers_is_told_once_an_hour_across_restarts_downtime_and_a_doubled_hour() {
    told("once_a_period", async |story, url| {
        let told = |story: &Story| {
            let mailed = digests(&story.mailed());
            assert!(mailed.len() <= 1, "{mailed:?}");
            mailed.first().map(|digest| names(digest).join(" ")).unwrap_or_default()
        };
        story.mail(&stranger("Ann")).await;
        assert_eq!(told(&story), "Ann", "the first of the hour at once");
        story.advance(TimeDelta::minutes(20)).await;
        story.mail(&stranger("Bob")).await;
        assert_eq!(told(&story), "", "not twice in one hour");
        let story = story.restart_after(&url, "", || ()).await;
        story.quiet().await;
        assert_eq!(told(&story), "", "not after a restart either");
        story.advance(TimeDelta::minutes(40)).await;
        assert_eq!(told(&story), "Bob", "with the next hour, and nothing twice");
        story.advance(TimeDelta::hours(2)).await;
        assert_eq!(told(&story), "", "nothing new");

        // Hours of downtime are one list.
        story.mail(&stranger("Cay")).await;
        assert_eq!(told(&story), "Cay");
        story.mail(&stranger("Dan")).await;
        let clock = story.clock.clone();
        let story = story.restart_after(&url, "", || clock.advance(TimeDelta::hours(5))).await;
        story.quiet().await;
        assert_eq!(told(&story), "Dan");

        // 1:10 in Chicago, twice: the clocks go back at 2:00.
        story.clock.set(at("2026-11-01 06:10"));
        story.quiet().await;
        story.mail(&stranger("Eve")).await;
        assert_eq!(told(&story), "Eve");
        story.clock.set(at("2026-11-01 07:10"));
        story.quiet().await;
        story.mail(&stranger("Fay")).await;
        assert_eq!(told(&story), "", "the second 1 o'clock is the same hour");
        story.advance(TimeDelta::minutes(50)).await;
        assert_eq!(told(&story), "Fay");
        let runs = "SELECT CAST(COUNT(*) AS BIGINT), CAST(COUNT(DISTINCT period) AS BIGINT) FROM job_run WHERE job = 'unsorted_digest'";
        let (all, distinct) = rows::<(i64, i64)>(&story.daemon.db, runs).await[0];
        assert_eq!((all, distinct), (6, 6));
        story.end().await;
    })
    .await;
}
