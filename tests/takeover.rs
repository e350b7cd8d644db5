//! Two daemons on one Postgres: the one without the desk takes over when the other dies, stops or was asleep too long, and nothing is lost
//! or doubled on the way.

use std::path::Path;
use std::time::Duration;

use deskd::store::Db;
use nix::sys::signal::Signal;

use crate::harness::daemon::Home;
use crate::harness::look;
use crate::harness::rows::{change, rows, until};
use crate::harness::smtp::{Act, SmtpServer};
use crate::harness::{postgres, scratch};

/// Both watch the same Maildir and send by the same server; each has a state folder of its own.
fn home(folder: &Path, name: &str, url: &str, smtp: u16) -> Home {
    let own = folder.join(name);
    std::fs::create_dir_all(&own).unwrap();
    let inbox = folder.join("inbox").display().to_string();
    let more = format!(
        "[security]\ndns = \"none\"\n[store]\nurl = \"{url}\"\n\
         [smtp]\nhost = \"127.0.0.1\"\nport = {smtp}\ntls = \"none\"\nuncertain_retry = \"1s\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"support@northwind.example\"\npath = \"{inbox}\"\n"
    );
    Home::new(&own, &more)
}

fn drop_in(folder: &Path, name: &str) {
    let inbox = folder.join("inbox");
    for part in ["tmp", "new"] {
        std::fs::create_dir_all(inbox.join(part)).unwrap();
    }
    let mail = format!(
        "From: Jane <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: {name}\r\n\
         Message-ID: <{name}@acme-dental.example>\r\n\r\nThe printer {name} is empty.\r\n"
    );
    std::fs::write(inbox.join("tmp").join(name), mail).unwrap();
    std::fs::rename(inbox.join("tmp").join(name), inbox.join("new").join(name)).unwrap();
}

/// Instance id of the daemon of that state folder.
fn id(folder: &Path, name: &str) -> String {
    let lock = std::fs::read_to_string(folder.join(name).join("state/deskd.lock")).unwrap();
    lock.lines().next().unwrap().to_owned()
}

async fn until_held(db: &Db, by: &str) {
    let sql = "SELECT owner FROM lease WHERE expires_at > now()";
    until::<(String,)>(db, "the lease", sql, |rows| rows.iter().any(|row| row.0 == by)).await;
}

/// As if half a minute had gone since the holder was last heard of.
async fn let_the_lease_run_out(db: &Db) {
    assert_eq!(change(db, "UPDATE lease SET expires_at = now() - interval '1 second'").await, 1);
}

async fn until_sent(db: &Db, mails: usize) {
    let sql = "SELECT kind, state FROM outbox ORDER BY id";
    until::<(String, String)>(db, "the mails", sql, |rows| {
        rows.len() == mails && rows.iter().all(|row| row.1 == "sent")
    })
    .await;
}

/// Each mail of the outbox once at its receiver.
async fn each_once(db: &Db, smtp: &SmtpServer) {
    let all = rows::<(String, String)>(db, "SELECT message_id, recipient FROM outbox").await;
    let taken = smtp.taken();
    for (id, recipient) in &all {
        let mine = |one: &&crate::harness::smtp::Taken| {
            one.recipient == *recipient && String::from_utf8_lossy(&one.bytes).contains(&format!("<{id}>\r\n"))
        };
        assert_eq!(taken.iter().filter(mine).count(), 1, "{id} to {recipient}");
    }
    assert_eq!(taken.len(), all.len());
}

#[tokio::test]
async fn when_the_holder_is_killed_the_other_takes_over_all_that_it_had_in_hand() {
    let folder = scratch("takeover");
    let Some(database) = postgres::fresh("takeover").await else { return };
    let smtp = SmtpServer::start().await;
    let (one, two) =
        (home(folder.path(), "one", &database.url, smtp.port), home(folder.path(), "two", &database.url, smtp.port));
    let db = Db::open(&database.url).await.unwrap();
    let mut first = one.run();
    first.ready().await;
    until_held(&db, &id(folder.path(), "one")).await;
    let mut second = two.run();
    second.ready().await;

    // The holder has claimed the first mail's two letters and hangs in the first when it dies.
    smtp.on("RCPT", Act::Silence, 1);
    drop_in(folder.path(), "before");
    let sql = "SELECT state FROM outbox ORDER BY id";
    until::<(String,)>(&db, "letters in hand", sql, |rows| {
        rows.len() == 2 && rows.iter().any(|row| row.0 == "sending") && !smtp.lines("RCPT").is_empty()
    })
    .await;
    first.kill().await;
    drop_in(folder.path(), "meanwhile");
    let waiting = rows::<(i64,)>(&db, "SELECT id FROM inbound").await;
    assert_eq!(waiting.len(), 1, "the other one keeps its hands off while the lease lives");
    let_the_lease_run_out(&db).await;
    let begun = tokio::time::Instant::now();
    until_held(&db, &id(folder.path(), "two")).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    until_sent(&db, 4).await;
    each_once(&db, &smtp).await;
    second.stop().await;
    db.close().await;
    database.remove().await;
}

#[tokio::test]
async fn when_the_holder_stops_the_other_has_the_desk_at_once() {
    let folder = scratch("handover");
    let Some(database) = postgres::fresh("handover").await else { return };
    let smtp = SmtpServer::start().await;
    let (one, two) =
        (home(folder.path(), "one", &database.url, smtp.port), home(folder.path(), "two", &database.url, smtp.port));
    let db = Db::open(&database.url).await.unwrap();
    let mut first = one.run();
    first.ready().await;
    until_held(&db, &id(folder.path(), "one")).await;
    let mut second = two.run();
    second.ready().await;
    drop_in(folder.path(), "before");
    until_sent(&db, 2).await;
    first.stop().await;
    let begun = tokio::time::Instant::now();
    until_held(&db, &id(folder.path(), "two")).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop_in(folder.path(), "after");
    until_sent(&db, 4).await;
    each_once(&db, &smtp).await;
    second.stop().await;
    db.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_holder_that_was_asleep_too_long_steps_back_when_it_wakes() {
    let folder = scratch("asleep");
    let Some(database) = postgres::fresh("asleep").await else { return };
    let smtp = SmtpServer::start().await;
    let (one, two) =
        (home(folder.path(), "one", &database.url, smtp.port), home(folder.path(), "two", &database.url, smtp.port));
    let db = Db::open(&database.url).await.unwrap();
    let mut first = one.run();
    first.ready().await;
    until_held(&db, &id(folder.path(), "one")).await;
    let mut second = two.run();
    second.ready().await;
    first.signal(Signal::SIGSTOP);
    drop_in(folder.path(), "meanwhile");
    let_the_lease_run_out(&db).await;
    until_held(&db, &id(folder.path(), "two")).await;
    first.signal(Signal::SIGCONT);
    drop_in(folder.path(), "after");
    until_sent(&db, 4).await;
    // It finds out when it wants to renew its lease.
    look::until("it steps back", async || one.log().contains("another daemon has the desk now")).await;
    drop_in(folder.path(), "later");
    until_sent(&db, 6).await;
    each_once(&db, &smtp).await;
    let tickets = rows::<(i64,)>(&db, "SELECT number FROM ticket").await;
    assert_eq!(tickets.len(), 3);
    first.stop().await;
    second.stop().await;
    db.close().await;
    database.remove().await;
}
