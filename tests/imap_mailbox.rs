//! Mail from a real Dovecot: taken once, put away after the commit, whatever the server can or cannot do.

use std::time::Duration;

use deskd::source::imap::{ImapSource, Login, Settings, Tls};

use crate::harness::desk::Desk;
use crate::harness::dovecot::Dovecot;

fn settings(server: &Dovecot, tls: Tls) -> Settings {
    let port = if matches!(tls, Tls::Implicit(_)) { server.imaps } else { server.imap };
    let login = Login::Password { user: "support".to_owned(), password: "secret".to_owned().into() };
    let mut settings = Settings::new("support", "localhost", port, tls, login);
    settings.poll = Duration::from_millis(300);
    settings
}

fn mail(subject: &str) -> String {
    format!(
        "From: jane@acme.example\r\nSubject: {subject}\r\nMessage-ID: <{subject}@acme.example>\r\n\r\nHello {subject}\r\n"
    )
}

#[tokio::test]
async fn mail_is_handed_in_whole_and_then_moved_to_processed() {
    let server = Dovecot::start("").await;
    for number in 0..5 {
        server.deliver("support", &format!("m{number}"), &mail(&format!("first{number}")));
    }
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server, Tls::Implicit(server.tls.clone()))));
    let kept = desk.until_kept(5).await;
    assert!(kept.iter().any(|one| one.raw == mail("first3").into_bytes()));
    running.until_well().await;
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (0, 5));
    server.deliver("support", "late", &mail("late"));
    assert_eq!(desk.until_kept(6).await.len(), 6);
    running.stop().await;
}

#[tokio::test]
async fn without_move_the_mail_is_copied_and_only_it_is_expunged() {
    let server = Dovecot::start("imap_capability = IMAP4rev1 UIDPLUS IDLE").await;
    server.deliver("support", "m1", &mail("one"));
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server, Tls::StartTls(server.tls.clone()))));
    desk.until_kept(1).await;
    running.until_well().await;
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (0, 1));
    running.stop().await;
}

/// Neither MOVE nor UIDPLUS: done mail stays where it is and carries a keyword.
#[tokio::test]
async fn where_mail_cannot_be_moved_a_keyword_marks_it_and_no_restart_takes_it_again() {
    let server = Dovecot::start("imap_capability = IMAP4rev1 IDLE").await;
    let keywords = server.maildir("support").join("dovecot-keywords");
    server.deliver("support", "m1", &mail("one"));
    server.deliver("support", "m2", &mail("two"));
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    desk.until_kept(2).await;
    running.until_well().await;
    running.stop().await;
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (2, 0));
    assert!(std::fs::read_to_string(&keywords).unwrap().contains("$DeskdDone"));
    assert_eq!(marked(&server), 2);

    // The next life, once with what it remembers and once with a cursor that was lost.
    for (number, name) in [(3, "three"), (4, "four")] {
        server.deliver("support", &format!("m{number}"), &mail(name));
        let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
        let kept = desk.until_kept(number).await;
        assert_eq!(kept[number - 1].raw, mail(name).into_bytes());
        running.until_well().await;
        running.stop().await;
        assert_eq!((desk.kept.borrow().len(), marked(&server)), (number, number));
        let deskd::store::Db::Sqlite { write, .. } = &desk.inside.db else { unreachable!() };
        sqlx::query("DELETE FROM source_cursor").execute(write).await.unwrap();
    }
    // Even where our own table of keys knows nothing of them: a human who takes the keyword away asks for the mail again.
    let deskd::store::Db::Sqlite { write, .. } = &desk.inside.db else { unreachable!() };
    sqlx::query("DELETE FROM raw").execute(write).await.unwrap();
    sqlx::query("DELETE FROM inbound").execute(write).await.unwrap();
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    running.until_well().await;
    running.stop().await;
    let again: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM inbound").fetch_one(write).await.unwrap();
    assert_eq!(again, (0,));
}

/// Files of the inbox that carry a keyword: Dovecot writes keywords as small letters behind the flags.
fn marked(server: &Dovecot) -> usize {
    let files = std::fs::read_dir(server.maildir("support").join("cur")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    files.map(name).filter(|name| name.rsplit_once(":2,").is_some_and(|(_, flags)| flags.contains('a'))).count()
}

#[tokio::test]
async fn a_wrong_password_is_told_and_stops_nothing_else() {
    let server = Dovecot::start("").await;
    let desk = Desk::open().await;
    let mut wrong = settings(&server, Tls::None);
    wrong.login = Login::Password { user: "support".to_owned(), password: "wrong".to_owned().into() };
    let running = desk.start(ImapSource::new(wrong));
    running.health.until(|now| now.last_error.is_some()).await;
    let (_, words) = running.health.snapshot().last_error.unwrap();
    assert!(words.contains("refuses the login"), "{words}");
    running.stop().await;
}

#[tokio::test]
async fn a_backlog_is_drained_in_batches() {
    let server = Dovecot::start("").await;
    for number in 0..1000 {
        server.deliver("support", &format!("m{number}"), &mail(&format!("b{number}")));
    }
    let mut desk = Desk::open().await;
    let begun = std::time::Instant::now();
    let running = desk.start(ImapSource::new(settings(&server, Tls::Implicit(server.tls.clone()))));
    assert_eq!(desk.until_kept(1000).await.len(), 1000);
    running.until_well().await;
    println!("1000 mails in {:?}", begun.elapsed());
    assert_eq!(server.count("support", ".Processed"), 1000);
    running.stop().await;
}

#[tokio::test]
async fn new_mail_is_noticed_by_idle_long_before_the_next_poll() {
    let server = Dovecot::start("").await;
    server.deliver("support", "m0", &mail("zero"));
    let mut desk = Desk::open().await;
    let mut patient = settings(&server, Tls::Implicit(server.tls.clone()));
    patient.poll = Duration::from_secs(300);
    let running = desk.start(ImapSource::new(patient));
    running.until_well().await;
    running.health.until(|now| now.state == "watching").await;
    server.deliver("support", "m1", &mail("one"));
    assert_eq!(desk.until_kept(2).await.len(), 2);
    running.stop().await;
}

#[tokio::test]
async fn mail_that_was_kept_before_a_crash_is_moved_and_not_handed_in_again() {
    let server = Dovecot::start("").await;
    server.deliver("support", "m1", &mail("one"));
    let mut desk = Desk::open().await;
    // As after a crash: committed, and still in the folder.
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    desk.until_kept(1).await;
    running.until_well().await;
    running.stop().await;
    let key = desk.kept.borrow()[0].key.clone();
    let (validity, _) = key.split_once('/').unwrap();
    // The next UID of the folder is taken as kept already.
    let deskd::store::Db::Sqlite { write, .. } = &desk.inside.db else { unreachable!() };
    sqlx::query("UPDATE inbound SET source_key = $1").bind(format!("{validity}/2")).execute(write).await.unwrap();
    server.deliver("support", "m2", &mail("two"));
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    running.until_well().await;
    running.stop().await;
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (0, 2));
    assert_eq!(desk.kept.borrow().len(), 1);
}

#[tokio::test]
async fn another_uidvalidity_lists_everything_again() {
    let server = Dovecot::start("").await;
    server.deliver("support", "m1", &mail("one"));
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    let first = desk.until_kept(1).await.remove(0).key;
    running.until_well().await;
    running.stop().await;
    // As after a restore from backup: the done mail is back, all UIDs are new.
    let done = server.maildir("support").join(".Processed");
    let back =
        ["new", "cur"].iter().flat_map(|part| std::fs::read_dir(done.join(part)).unwrap()).next().unwrap().unwrap();
    std::fs::rename(back.path(), server.maildir("support").join("cur/back:2,")).unwrap();
    for entry in std::fs::read_dir(server.maildir("support")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "dovecot-uidlist" {
            // Dovecot takes the time in seconds for a new UIDVALIDITY: too coarse for a quick test, so it is written here.
            let text = std::fs::read_to_string(&path).unwrap();
            let head = text.lines().next().unwrap();
            let other = head.split(' ').map(|word| match word.strip_prefix('V') {
                Some(number) => format!("V{}", number.parse::<u32>().unwrap() + 1000),
                None => word.to_owned(),
            });
            std::fs::write(&path, format!("{}\n", other.collect::<Vec<_>>().join(" "))).unwrap();
        } else if name.starts_with("dovecot") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    let again = desk.until_kept(2).await.remove(1);
    running.until_well().await;
    running.stop().await;
    let validity = |key: &str| key.split_once('/').unwrap().0.to_owned();
    assert_ne!(validity(&first), validity(&again.key));
    assert_eq!(again.raw, mail("one").into_bytes(), "handed in whole, so that the intake knows it by its content");
}

#[tokio::test]
async fn a_mail_over_the_cap_comes_as_its_header_and_its_size() {
    let server = Dovecot::start("").await;
    let huge = format!("{}{}", mail("huge"), "x\r\n".repeat(20_000));
    server.deliver("support", "m1", &huge);
    server.deliver("support", "m2", &mail("small"));
    let mut desk = Desk::open().await;
    let mut small = settings(&server, Tls::None);
    small.size_cap = 10_000;
    let running = desk.start(ImapSource::new(small));
    let kept = desk.until_kept(2).await;
    running.until_well().await;
    running.stop().await;
    let found = kept.iter().find(|one| one.oversize.is_some()).unwrap();
    assert_eq!(found.oversize, Some(huge.len() as u64));
    assert!(found.raw.starts_with(b"From: jane@acme.example") && found.raw.len() < 1_000);
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (0, 2));
}

#[tokio::test]
async fn mail_that_a_person_has_read_is_taken_and_one_moved_away_is_let_go() {
    let server = Dovecot::start("").await;
    server.deliver("support", "m1", &mail("one"));
    let maildir = server.maildir("support");
    std::fs::rename(maildir.join("new/m1"), maildir.join("cur/m1:2,FS")).unwrap();
    server.deliver("support", "m2", &mail("two"));
    let mut desk = Desk::open().await;
    let (holding, mut door) = deskd::intake::Intake::new(4);
    let keeping = std::mem::replace(&mut desk.inside.intake, holding);
    let running = desk.start(ImapSource::new(settings(&server, Tls::None)));
    let batch = tokio::time::timeout(Duration::from_secs(20), door.recv()).await.unwrap().unwrap();
    assert_eq!(batch.arrivals.len(), 2);
    // Fetched, not yet kept: somebody deletes one of them.
    for part in ["new", "cur"] {
        for entry in std::fs::read_dir(maildir.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("m2") {
                std::fs::remove_file(path).unwrap();
            }
        }
    }
    let _ = batch.kept.send(batch.arrivals.len());
    running.until_well().await;
    running.stop().await;
    assert_eq!((server.count("support", ""), server.count("support", ".Processed")), (0, 1));
    desk.inside.intake = keeping;
}
