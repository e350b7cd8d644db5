//! A mailbox that stays away is told to the managers: nobody else notices that no mail comes in.

use chrono::TimeDelta;

use crate::harness::lying_imap::LyingImap;
use crate::harness::rows::until;
use crate::harness::story::told_with;
use crate::harness::{free_port, scratch};

#[tokio::test]
async fn a_mailbox_that_is_away_for_a_quarter_of_an_hour_is_told_to_the_managers() {
    let folder = scratch("away");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let well = LyingImap::start(|_, _| None).await;
    let mailbox = |name: &str, port: u16| {
        format!(
            "[[mailbox]]\nname = \"{name}\"\naddress = \"{name}@northwind.example\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             tls = \"none\"\nuser = \"support\"\npassword = {{ file = \"{}\" }}\npoll = \"1s\"\n",
            secret.display()
        )
    };
    let more = mailbox("gone", free_port()) + &mailbox("fine", well.port);
    told_with("source_down", &more, async |story, _| {
        let db = story.daemon.db.clone();
        let sql = "SELECT recipient, subject, dedupe_key FROM outbox WHERE kind = 'source_down'";
        // The desk is running once it has worked on a mail.
        story.mail("From: jane@acme-dental.example\r\nSubject: Printer\r\n\r\nIt is empty.\r\n").await;
        story.advance(TimeDelta::minutes(14)).await;
        assert!(crate::harness::rows::rows::<(String, String, String)>(&db, sql).await.is_empty(), "not yet");
        story.advance(TimeDelta::minutes(2)).await;
        let told = until::<(String, String, String)>(&db, "the warning", sql, |rows| !rows.is_empty()).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, "mia@northwind.example");
        assert!(told[0].1.contains("gone"), "{}", told[0].1);
        story.quiet().await;
        let sent = story.mailed_one_of("source_down");
        assert!(sent.mail.text.contains("cannot connect to 127.0.0.1"), "{}", sent.mail.text);
        story.end().await;
    })
    .await;
}
