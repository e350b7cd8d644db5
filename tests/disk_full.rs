//! A full or failing database: nothing is lost, mail stays at its source, the log says where and what to do, and deskd goes on by itself.

use std::path::Path;

use deskd::store::{Db, StoreError, inbound};
use tokio::process::Command;

use crate::harness::daemon::Home;
use crate::harness::look;
use crate::harness::rows::{rows, until};
use crate::harness::{at, postgres, scratch};

fn config(url: &str) -> String {
    format!(
        "[security]\ndns = \"none\"\n[store]\nurl = \"{url}\"\n[smtp]\noutbox = \"outbox\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"support@northwind.example\"\npath = \"inbox\"\n"
    )
}

fn mail(name: &str, filler: usize) -> Vec<u8> {
    // Letters that zstd cannot make smaller.
    let mut word = 9_u64;
    let noise: String = (0..filler)
        .map(|at| {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if at % 70 == 69 { '\n' } else { char::from(b'a' + u8::try_from(word >> 60).unwrap()) }
        })
        .collect();
    format!(
        "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: {name}\r\n\
         Message-ID: <{name}@acme-dental.example>\r\n\r\nThe printer {name} is empty.\r\n{noise}\r\n"
    )
    .into_bytes()
}

async fn until_logged(home: &Home, words: &str) {
    look::until(words, async || home.log().contains(words)).await;
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// How large a file of the process may become; `None`: as large as it likes.
async fn allow(process: u32, bytes: Option<u64>) {
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let done = Command::new("prlimit").args([format!("--pid={process}"), format!("--fsize={limit}:")]).status().await;
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn when_the_file_cannot_grow_mail_stays_in_its_folder_and_when_it_can_again_all_of_it_is_worked_on() {
    let folder = scratch("full");
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    let home = Home::new(folder.path(), &config(&url));
    let mut process = home.run_ignoring_limits();
    process.ready().await;
    let db = Db::open(&url).await.unwrap();
    home.drop_in("first", &mail("first", 100));
    let tickets = "SELECT subject FROM ticket ORDER BY subject";
    until::<(String,)>(&db, "the first ticket", tickets, |rows| rows.len() == 1).await;

    // From now on no file of it may grow over what the largest one has.
    let largest = std::fs::metadata(folder.path().join("deskd.db-wal")).unwrap().len();
    allow(process.id(), Some(largest)).await;
    for name in ["a", "b", "c"] {
        home.drop_in(name, &mail(name, 3_000_000));
    }
    until_logged(&home, "mail cannot be kept in").await;
    let file = folder.path().join("deskd.db").display().to_string();
    let log = home.log();
    let line = log.lines().find(|line| line.contains("mail cannot be kept in")).unwrap();
    assert!(line.contains(&file) && line.contains("it stays at its source"), "{line}");
    assert_eq!(files(&folder.path().join("inbox/new")), 3, "not one of them was moved");

    allow(process.id(), None).await;
    until::<(String,)>(&db, "all tickets", tickets, |rows| rows.len() == 4).await;
    assert_eq!(files(&folder.path().join("inbox/new")), 0);
    let fates = rows::<(String,)>(&db, "SELECT fate FROM inbound").await;
    assert!(fates.iter().all(|row| row.0 == "ticket"), "{fates:?}");
    let sql = "SELECT kind FROM outbox WHERE state <> 'sent'";
    until::<(String,)>(&db, "all is sent", sql, <[(String,)]>::is_empty).await;
    process.stop().await;
    db.close().await;
}

#[tokio::test]
async fn after_a_full_disk_the_one_connection_that_writes_can_begin_again() {
    let folder = scratch("full_db");
    let db = Db::open(&format!("sqlite:{}", folder.path().join("deskd.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    let Db::Sqlite { write, .. } = &db else { unreachable!() };
    let keep = async |key: &str, bytes: usize| -> Result<(), StoreError> {
        let compressed = vec![7_u8; bytes];
        let new = inbound::NewInbound {
            form: deskd::channel::Form::Mail,
            source: "drop",
            source_key: key,
            arrived_at: at("2026-03-02 09:00"),
            size: 1,
            junk: false,
            compressed: &compressed,
        };
        let mut tx = db.write().await?;
        inbound::keep(&mut tx, &[new], at("2026-03-02 09:00")).await?;
        tx.commit().await
    };
    keep("before", 10).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(write).await.unwrap();
    let full = keep("full", 4 << 20).await.unwrap_err();
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(full.to_string().contains("make room"), "{full}");
    keep("after", 10).await.unwrap();
    let keys = rows::<(String,)>(&db, "SELECT source_key FROM inbound ORDER BY id").await;
    assert_eq!(keys, [("before".to_owned(),), ("after".to_owned(),)]);
    db.close().await;
}

#[tokio::test]
async fn when_postgres_has_no_room_mail_stays_in_its_folder_and_none_is_blamed() {
    let folder = scratch("full_postgres");
    let Some(database) = postgres::fresh("full").await else { return };
    let home = Home::new(folder.path(), &config(&database.url));
    let db = Db::open(&database.url).await.unwrap();
    // What the server says when its disk is full, said by a trigger: to whoever keeps mail, then to whoever makes a ticket of it.
    for (table, code) in [("raw", "53100"), ("ticket", "53100"), ("message", "58030"), ("ticket_event", "25006")] {
        let name = format!("{table}-{code}");
        refuse(&db, table, code).await;
        let mut process = home.run();
        process.ready().await;
        let before = home.log().len();
        home.drop_in(&name, &mail(&name, 10));
        let words = if table == "raw" { "mail cannot be kept in" } else { "kept mail cannot be worked on" };
        look::until(words, async || home.log()[before..].contains(words)).await;
        if table == "raw" {
            assert_eq!(files(&folder.path().join("inbox/new")), 1, "it was not moved");
        }
        allow_again(&db, table).await;
        let sql = "SELECT fate FROM inbound WHERE fate IS NULL OR fate <> 'ticket'";
        until::<(Option<String>,)>(&db, "no other fate than a ticket", sql, <[(Option<String>,)]>::is_empty).await;
        process.stop().await;
    }
    until::<(i64,)>(&db, "four tickets", "SELECT number FROM ticket", |rows| rows.len() == 4).await;
    db.close().await;
    database.remove().await;
}

async fn refuse(db: &Db, table: &str, code: &str) {
    let Db::Postgres(pool) = db else { unreachable!() };
    let sql = format!(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{code}'; END $$;
         CREATE TRIGGER no_room BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

async fn allow_again(db: &Db, table: &str) {
    let Db::Postgres(pool) = db else { unreachable!() };
    let sql = format!("DROP TRIGGER no_room ON {table}; DROP FUNCTION no_room()");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.unwrap();
}
