//! A part of the desk that ends by a fault of its own makes the desk begin again: it never stands still and looks well.

use chrono::{DateTime, TimeDelta, Utc};
use deskd::outbox::{Class, NewMail};
use deskd::store::outbox;

use crate::harness::rows::until;
use crate::harness::story::{Story, told};

fn mail(key: &str, now: DateTime<Utc>) -> NewMail {
    NewMail {
        channel: deskd::store::outbox::MAIL.into(),
        dedupe_key: key.to_owned(),
        class: Class::MustArrive,
        kind: "assignment",
        automatic: true,
        ticket: None,
        envelope_from: None,
        recipient: "sam@northwind.example".to_owned(),
        message_id: format!("{key}@northwind.example"),
        subject: key.to_owned(),
        content: format!("Message-ID: <{key}@northwind.example>\r\n\r\nHello\r\n").into_bytes().into(),
        next_at: now,
    }
}

async fn put(story: &Story, key: &str, now: DateTime<Utc>) {
    let mut tx = story.daemon.db.write().await.unwrap();
    outbox::insert(&mut tx, mail(key, now), now);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_loop_that_panics_is_begun_again_with_all_others_and_the_work_goes_on() {
    told("desk_restart", async |story, _| {
        let db = story.daemon.db.clone();
        let now = story.now();
        story.mail("From: jane@acme-dental.example\r\nSubject: Printer\r\n\r\nIt is empty.\r\n").await;
        let sql = "SELECT CAST(epoch AS BIGINT) FROM lease";
        let before = until::<(i64,)>(&db, "the lease", sql, |rows| rows.len() == 1).await[0].0;
        // At the end of all time the sender's claim on a mail ends behind it: that sum panics.
        let end = DateTime::<Utc>::MAX_UTC - TimeDelta::minutes(1) - now;
        story.clock.advance(end);
        put(&story, "due", now).await;
        until::<(i64,)>(&db, "a desk that began again", sql, |rows| rows.iter().any(|row| row.0 > before)).await;
        story.clock.advance(-end);
        let sql = "SELECT subject FROM outbox WHERE state = 'sent' AND subject = 'due'";
        until::<(String,)>(&db, "the mail", sql, |rows| rows.len() == 1).await;
        let later = story.mail("From: jane@acme-dental.example\r\nSubject: Screen\r\n\r\nIt is dark.\r\n").await;
        assert_eq!(later.fate.as_deref(), Some("ticket"));
        story.end().await;
    })
    .await;
}
