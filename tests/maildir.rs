//! Mail from a Maildir: `new/` to `cur/` after the commit, and nothing twice.

use std::time::Duration;

use deskd::source::maildir::{MaildirSource, Settings};

use crate::harness::desk::Desk;

#[tokio::test]
async fn new_mail_is_taken_and_lies_in_cur_as_seen() {
    let mut desk = Desk::open().await;
    let path = desk.path().join("inbox");
    let mut settings = Settings::new("drop", &path);
    settings.poll = Duration::from_millis(50);
    let running = desk.start(MaildirSource::new(settings));
    running.until_well().await;
    std::fs::write(path.join("new/a.eml"), "Subject: a\n\nx").unwrap();
    std::fs::write(path.join("new/.hidden"), "no").unwrap();
    let kept = desk.until_kept(1).await;
    assert_eq!((kept[0].key.as_str(), kept[0].raw.as_slice()), ("a.eml", b"Subject: a\n\nx".as_slice()));
    std::fs::write(path.join("new/a.eml"), "Subject: b\n\ny").unwrap();
    assert_eq!(desk.until_kept(2).await[1].raw, b"Subject: b\n\ny");
    running.stop().await;
    assert!(path.join("cur/a.eml:2,S").exists());
}

#[tokio::test]
async fn mail_that_a_person_moved_to_cur_is_taken_and_a_folder_among_them_is_skipped() {
    let mut desk = Desk::open().await;
    let path = desk.path().join("inbox");
    std::fs::create_dir_all(path.join("cur")).unwrap();
    std::fs::create_dir_all(path.join("new/folder")).unwrap();
    std::fs::write(path.join("cur/read:2,S"), "Subject: read\n\n").unwrap();
    let running = desk.start(MaildirSource::new(Settings::new("drop", &path)));
    assert_eq!(desk.until_kept(1).await[0].key, "read");
    running.stop().await;
}

#[tokio::test]
async fn a_file_with_a_time_that_no_mail_can_have_counts_from_now_and_stops_nobody() {
    use std::time::SystemTime;
    let mut desk = Desk::open().await;
    // In memory, where a file may have any time.
    let folder = crate::harness::scratch("times");
    let new = folder.path().join("new");
    std::fs::create_dir_all(&new).unwrap();
    let far = Duration::from_secs(1 << 60);
    for (name, time) in [("future", SystemTime::UNIX_EPOCH + far), ("past", SystemTime::UNIX_EPOCH - far)] {
        std::fs::write(new.join(name), format!("Subject: {name}\n\nx")).unwrap();
        std::fs::File::options().write(true).open(new.join(name)).unwrap().set_modified(time).unwrap();
    }
    std::fs::write(new.join("today"), "Subject: today\n\nx").unwrap();
    let before = desk.inside.clock.now() - chrono::TimeDelta::seconds(1);
    let running = desk.start(MaildirSource::new(Settings::new("drop", folder.path())));
    let kept = desk.until_kept(3).await;
    assert!(kept.iter().all(|one| one.arrived_at >= before && one.arrived_at <= desk.inside.clock.now()), "{kept:?}");
    running.stop().await;
    assert_eq!(std::fs::read_dir(new).unwrap().count(), 0);
}
