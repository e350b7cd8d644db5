//! The life of the process: heartbeats, the lock on the state folder, the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deskd::lifecycle::{Escaping, Heartbeats, Instance, LockError, Progress};
use futures_util::FutureExt;

use crate::harness::scratch;

#[test]
fn a_loop_that_has_not_beaten_within_its_allowance_is_late() {
    let heartbeats = Heartbeats::default();
    let outbox = heartbeats.expect("outbox", Duration::from_secs(30));
    let _worker = heartbeats.expect("worker", Duration::from_secs(300));
    let later = Instant::now() + Duration::from_secs(60);
    assert!(heartbeats.late(Instant::now()).is_empty());
    let late = heartbeats.late(later);
    assert_eq!(late.iter().map(|beat| beat.name.as_str()).collect::<Vec<_>>(), ["outbox"]);
    assert!(late[0].age >= Duration::from_secs(59), "{late:?}");
    outbox.beat();
    assert!(heartbeats.late(Instant::now()).is_empty());
}

#[test]
fn a_loop_that_died_stays_late_and_one_that_finished_is_forgotten() {
    let heartbeats = Heartbeats::default();
    let later = Instant::now() + Duration::from_secs(60);
    drop(heartbeats.expect("died", Duration::from_secs(30)));
    heartbeats.expect("finished", Duration::from_secs(30)).finish();
    let late: Vec<String> = heartbeats.late(later).into_iter().map(|beat| beat.name).collect();
    assert_eq!(late, ["died"]);
}

#[test]
fn a_restarted_loop_replaces_its_earlier_life() {
    let heartbeats = Heartbeats::default();
    let before = heartbeats.expect("imap support", Duration::from_secs(30));
    let _after = heartbeats.expect("imap support", Duration::from_secs(30));
    before.finish();
    assert_eq!(heartbeats.all(Instant::now()).len(), 1, "the earlier life cannot end the later one's");
}

#[test]
fn a_second_run_on_the_same_state_folder_is_told_who_holds_it() {
    let folder = scratch("lock");
    let first = Instance::lock(folder.path()).unwrap();
    let second = Instance::lock(folder.path()).unwrap_err();
    assert!(matches!(second, LockError::Running { .. }));
    let text = second.to_string();
    assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
    assert!(!first.id().is_empty());
}

#[test]
fn the_instance_id_survives_a_restart_but_not_a_copy_to_another_machine() {
    let folder = scratch("instance");
    let first = Instance::lock(folder.path()).unwrap().id().to_owned();
    assert_eq!(Instance::lock(folder.path()).unwrap().id(), first);

    std::fs::write(folder.path().join("deskd.lock"), format!("{first}\nanother-machine\n1\n")).unwrap();
    assert_ne!(Instance::lock(folder.path()).unwrap().id(), first);
}

#[test]
fn a_damaged_lock_file_gets_a_new_id() {
    let folder = scratch("damaged");
    std::fs::write(folder.path().join("deskd.lock"), [0xff, 0x00, 0x0a, 0x0a]).unwrap();
    assert_eq!(Instance::lock(folder.path()).unwrap().id().len(), 16);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_stranger_wrote_cannot_break_a_log_line_or_move_the_cursor() {
    let lines = Lines::default();
    let made = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(Escaping(move || made.clone())).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("subject: a\nERROR forged\r\u{1b}[2Jb\u{202e}c\u{9b}d é");
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(text.ends_with('\n') && text.contains("d é"), "{text:?}");
    let dangerous = |character: char| character.is_control() || character == '\u{202e}';
    assert!(!text.trim_end_matches('\n').contains(dangerous), "{text:?}");
}

#[tokio::test]
async fn the_desk_rests_when_every_loop_has_looked_since_the_last_step() {
    let progress = Progress::default();
    let (one, two, outside) = (progress.join("one"), progress.join("two"), progress.join("outside"));
    let rested = || progress.rested().now_or_never();
    assert_eq!(rested(), None, "nobody has looked yet");
    let (first, second) = (one.look(), two.look());
    one.rests(first);
    two.rests(second);
    outside.waits();
    assert_eq!(rested(), Some(0));
    assert!(progress.stirred(0).now_or_never().is_none());
    one.worked();
    assert_eq!(rested(), None, "the other has not seen what was done");
    assert!(two.stirred(second).now_or_never().is_some(), "and is woken");
    one.rests(one.look());
    two.rests(two.look());
    assert_eq!(rested(), Some(1));
    let look = two.look();
    assert_eq!(rested(), None, "it looks: it may find something");
    two.rests(look);
    progress.announce("three");
    assert_eq!(rested(), None, "one that is about to begin is waited for");
    drop(progress.join("three"));
    assert_eq!(rested(), Some(1), "one that has ended is not");
    drop((one, two, outside));
    assert_eq!(rested(), None, "without loops another daemon has the desk");
}
