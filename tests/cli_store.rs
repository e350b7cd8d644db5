//! How the command line comes to its database: never migrates, refuses other versions, and as root becomes the owner; and what it asks of both databases.

use std::process::{Command, Output};

use deskd::store::{Db, Schema, queue};
use deskd::words::TicketNumber;

use crate::harness::{at, each_db, scratch};

fn deskd(folder: &std::path::Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder)
        .env_remove("DESKD_CONFIG")
        .args(args)
        .output()
        .unwrap()
}

fn write_config(folder: &std::path::Path) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    std::fs::copy(root.join("demo/deskd.toml"), folder.join("deskd.toml")).unwrap();
    std::fs::copy(root.join("rules.toml"), folder.join("rules.toml")).unwrap();
    format!("sqlite:{}", folder.join("deskd.db").display())
}

/// The documented secrets of systemd, in a shell that has no credentials: to look around needs none, the daemon needs all.
#[tokio::test]
async fn a_command_that_needs_no_secret_asks_for_none() {
    let folder = scratch("cli-secrets");
    let path = folder.path();
    write_config(path);
    let file = path.join("deskd.toml");
    let demo = std::fs::read_to_string(&file).unwrap();
    let mailbox = |secret: &str| {
        format!(
            "{demo}\n[[mailbox]]\nname = \"second\"\naddress = \"help@northwind.example\"\n\
             host = \"imap.northwind.example\"\nuser = \"help\"\npassword = {secret}\n\
             trusted_authserv = \"mx.northwind.example\"\n"
        )
    };
    std::fs::write(&file, mailbox("{ credential = \"imap\" }")).unwrap();
    let told = |output: Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
    };
    let checked = told(deskd(path, &["check"]));
    assert_eq!(checked.0, Some(0), "{}", checked.1);
    assert!(checked.1.contains("cannot be looked at outside systemd"), "{}", checked.1);
    assert!(checked.1.contains(" 1 mailbox, 1 Maildir"), "{}", checked.1);
    assert_eq!(told(deskd(path, &["migrate"])), (Some(0), "the database is new: its schema was made\n".to_owned()));
    assert_eq!(told(deskd(path, &["migrate"])), (Some(0), "the schema is up to date\n".to_owned()));
    for look in [&["queue"][..], &["inbound"], &["outbox", "list"]] {
        let looked = told(deskd(path, look));
        assert_eq!(looked.0, Some(0), "{look:?}: {}", looked.1);
    }
    let ran = told(deskd(path, &["run"]));
    assert_eq!(ran.0, Some(2), "{}", ran.1);
    assert!(ran.1.contains("$CREDENTIALS_DIRECTORY is not set"), "{}", ran.1);
    // A secret that could be looked at and is not there is wrong, but no matter of the queue.
    std::fs::write(&file, mailbox("{ file = \"nowhere\" }")).unwrap();
    assert_eq!(told(deskd(path, &["check"])).0, Some(2));
    assert_eq!(told(deskd(path, &["queue"])).0, Some(0));
}

/// Exit code and what is said on standard error.
fn refusal(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_database_of_another_version_is_refused_and_left_alone() {
    let folder = scratch("cli-schema");
    let url = write_config(folder.path());
    let (code, text) = refusal(&deskd(folder.path(), &["queue"]));
    assert_eq!(code, Some(5));
    assert!(text.contains("there is no database at") && text.contains("deskd migrate"), "{text}");
    assert!(!folder.path().join("deskd.db").exists(), "a look creates nothing");
    let db = Db::open(&url).await.unwrap();
    let (code, text) = refusal(&deskd(folder.path(), &["queue"]));
    assert_eq!(code, Some(5));
    assert!(text.contains("the database is empty"), "{text}");
    assert!(deskd(folder.path(), &["migrate"]).status.success());
    assert!(db.schema_is_current().await.unwrap());
    assert!(deskd(folder.path(), &["queue"]).status.success());
    let Db::Sqlite { write, .. } = &db else { unreachable!() };
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of the future', TRUE, x'00', 0)",
    )
    .execute(write)
    .await
    .unwrap();
    let (code, text) = refusal(&deskd(folder.path(), &["why", "1001"]));
    assert_eq!(code, Some(5));
    assert!(text.contains("another schema than this program"), "{text}");
    db.close().await;
}

#[tokio::test]
async fn each_database_tells_its_schema_and_its_queue() {
    each_db("cli-store", async |db| {
        assert_eq!(db.schema().await.unwrap(), Schema::Current);
        let mut tx = db.read().await.unwrap();
        assert!(queue::by_urgency(&mut tx, true, 10).await.unwrap().is_empty());
        assert_eq!(queue::figures(&mut tx, at("2026-11-02 15:00")).await.unwrap().working, 0);
        let since = at("2026-11-02 15:00");
        assert!(queue::requests_since(&mut tx, since, TicketNumber(0), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn root_becomes_the_owner_of_the_database_before_it_is_opened() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let folder = scratch("cli-owner");
    let url = write_config(folder.path());
    let db = Db::open(&url).await.unwrap();
    db.migrate().await.unwrap();
    db.close().await;
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let give = |path: &std::path::Path| nix::unistd::chown(path, Some(nobody.uid), Some(nobody.gid)).unwrap();
    give(folder.path());
    give(&folder.path().join("deskd.db"));
    assert!(deskd(folder.path(), &["queue"]).status.success());
    // What SQLite leaves beside the database, and a lock-out of root's own: a folder that only nobody may enter.
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("deskd.db") {
            use std::os::unix::fs::MetadataExt;
            assert_eq!(entry.metadata().unwrap().uid(), nobody.uid.as_raw(), "{name} belongs to another user");
        }
    }
    std::fs::remove_file(folder.path().join("deskd.db")).unwrap();
    assert!(deskd(folder.path(), &["migrate"]).status.success());
    use std::os::unix::fs::MetadataExt;
    let made = std::fs::metadata(folder.path().join("deskd.db")).unwrap();
    assert_eq!(made.uid(), nobody.uid.as_raw(), "a new database belongs to the folder's owner");
}

/// A keyword may lean on the end of a sentence; what is shown of it is words.
#[test]
fn the_words_of_a_rule_are_shown_without_marks_and_blanks() {
    let folder = scratch("cli-words");
    let path = folder.path();
    write_config(path);
    let mail =
        "From: jane@acme-dental.example\r\nSubject: A strange mail\r\n\r\nI clicked on a link. What should I do?\r\n";
    std::fs::write(path.join("my.eml"), mail).unwrap();
    for more in [&["--json"][..], &[]] {
        let output = deskd(path, &[&["rules", "test", "my.eml"], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("\"what should i do\""), "{text}");
        assert!(!text.contains("\\u00"), "{text}");
    }
}
