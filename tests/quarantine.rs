//! Rule 4: one poisonous mail stops nobody. What a start finds is read in a child first; what kills the child, or makes deskd panic, is
//! set aside and told, and the next mail goes on.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use deskd::channel::Form;
use deskd::clock::Clock;
use deskd::config::{self, Config};
use deskd::daemon::{Daemon, Start, texts};
use deskd::intake::{Changed, Office, Trial, Worker};
use deskd::lifecycle::Heartbeats;
use deskd::store::inbound::{self, NewInbound};
use deskd::store::{Db, people};
use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::harness::each_url;
use crate::harness::look;
use crate::harness::rows::{rows, until};

/// Reads a mail as deskd's child does, but for the mails that are meant to hurt: those do so while the file of that name is there.
const READER: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
cat > "mail.$$"
echo call >> calls
if [ -e dies ] && grep -q DIES "mail.$$"; then kill -SEGV $$; fi
if [ -e hangs ] && grep -q HANGS "mail.$$"; then echo $$ > pid.new; mv pid.new pid; exec sleep 1000; fi
exec DESKD "$@" < "mail.$$"
"#;

struct Scene<'a> {
    folder: &'a Path,
    db: Db,
    config: Config,
}

impl Scene<'_> {
    async fn set<'a>(folder: &'a Path, url: &str) -> Scene<'a> {
        let text = include_str!("firm/deskd.toml").replace("@STORE@", url).replace("@MORE@", "");
        std::fs::write(folder.join("deskd.toml"), text).unwrap();
        let config = config::load(&folder.join("deskd.toml")).unwrap_or_else(|problems| panic!("{problems}"));
        let reader = READER.replace("DESKD", env!("CARGO_BIN_EXE_deskd"));
        // Written by another process: a file that this one had open for writing could not be started while some other test forks.
        let made = Command::new("sh")
            .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &reader])
            .arg(folder.join("reader"))
            .status();
        assert!(made.await.unwrap().success());
        let db = Db::open(url).await.unwrap();
        db.migrate().await.unwrap();
        Scene { folder, db, config }
    }

    fn reader(&self) -> PathBuf {
        self.folder.join("reader")
    }

    fn mood(&self, name: &str, on: bool) {
        let path = self.folder.join(name);
        if on { std::fs::write(path, "").unwrap() } else { std::fs::remove_file(path).unwrap() }
    }

    /// How many mails were read in a child so far.
    fn calls(&self) -> usize {
        std::fs::read_to_string(self.folder.join("calls")).unwrap_or_default().lines().count()
    }

    /// As an earlier life left it behind: kept, and not worked on.
    async fn left_behind(&self, key: &str, text: &str) {
        self.left_behind_as(Form::Mail, key, &mail(key, text)).await;
    }

    async fn left_behind_as(&self, form: Form, key: &str, raw: &str) {
        let now = Clock::System.now();
        let compressed = zstd::bulk::compress(raw.as_bytes(), 1).unwrap();
        let size = raw.len() as u64;
        let new = NewInbound {
            form,
            source: "drop",
            source_key: key,
            arrived_at: now,
            size,
            junk: false,
            compressed: &compressed,
        };
        let mut tx = self.db.write().await.unwrap();
        inbound::keep(&mut tx, &[new], now).await.unwrap();
        tx.commit().await.unwrap();
    }

    fn arrives(&self, key: &str, raw: &str) {
        let inbox = self.folder.join("inbox");
        for part in ["tmp", "new"] {
            std::fs::create_dir_all(inbox.join(part)).unwrap();
        }
        std::fs::write(inbox.join("tmp").join(key), raw).unwrap();
        std::fs::rename(inbox.join("tmp").join(key), inbox.join("new").join(key)).unwrap();
    }

    async fn start(&self) -> Daemon {
        let start =
            Start { config: self.config.clone(), clock: Clock::System, verifier: None, program: Some(self.reader()) };
        Daemon::start(start).await.unwrap()
    }

    /// Source key, fate and reason of everything, in the order of arrival, once all have a fate.
    async fn decided(&self, count: usize) -> Vec<(String, String, String)> {
        let sql = "SELECT source_key, COALESCE(fate, ''), COALESCE(reason, '') FROM inbound ORDER BY id";
        until(&self.db, "a fate for each", sql, |rows: &[(String, String, String)]| {
            rows.len() == count && rows.iter().all(|row| !row.1.is_empty())
        })
        .await
    }

    async fn pid(&self) -> i32 {
        let path = self.folder.join("pid");
        let mut text = String::new();
        look::until("the child runs", async || {
            text = std::fs::read_to_string(&path).unwrap_or_default();
            !text.is_empty()
        })
        .await;
        std::fs::remove_file(&path).unwrap();
        text.trim().parse().unwrap()
    }
}

fn mail(key: &str, text: &str) -> String {
    format!(
        "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Printer {key}\r\n\
         Message-ID: <{key}@acme-dental.example>\r\n\r\n{text} ({key})\r\n"
    )
}

fn fates(decided: &[(String, String, String)]) -> Vec<(&str, &str)> {
    decided.iter().map(|(key, fate, _)| (key.as_str(), fate.as_str())).collect()
}

#[tokio::test]
async fn a_mail_that_kills_its_reader_is_set_aside_and_told_and_the_next_goes_on_and_a_human_can_retry_it() {
    each_url("quarantine", async |folder, url| {
        let scene = Scene::set(folder, url).await;
        scene.mood("dies", true);
        scene.left_behind("before", "Paper is stuck.").await;
        scene.left_behind("poison", "DIES").await;
        scene.left_behind("after", "Paper is out.").await;
        let daemon = scene.start().await;
        let decided = scene.decided(3).await;
        assert_eq!(fates(&decided), [("before", "ticket"), ("poison", "quarantined"), ("after", "ticket")]);
        assert!(decided[1].2.contains("signal: 11"), "{}", decided[1].2);
        assert_eq!(scene.calls(), 3, "each of them was read in a child");
        let sql = "SELECT recipient, class, subject FROM outbox WHERE kind = 'quarantined'";
        let told = rows::<(String, String, String)>(&scene.db, sql).await;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("mia@northwind.example", "must_arrive"));

        scene.arrives("fresh", &mail("fresh", "DIES not: it comes fresh."));
        assert_eq!(scene.decided(4).await[3].1, "ticket");
        assert_eq!(scene.calls(), 3, "a fresh mail needs no child");

        let sql = "SELECT id FROM inbound WHERE fate = 'quarantined'";
        let id = rows::<(i64,)>(&scene.db, sql).await[0].0;
        // The fault is still there: it is set aside a second time, and told a second time.
        scene.retry(id).await;
        let sql = "SELECT recipient FROM outbox WHERE kind = 'quarantined'";
        until(&scene.db, "a second warning", sql, |rows: &[(String,)]| rows.len() == 2).await;
        // After an upgrade it can be read.
        scene.mood("dies", false);
        scene.retry(id).await;
        let decided = scene.decided(4).await;
        assert_eq!(fates(&decided)[1], ("poison", "ticket"));
        assert_eq!(scene.calls(), 5, "both times it went through a child first");
        daemon.stop().await;
        scene.db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_delivery_to_a_hook_that_a_start_finds_is_read_in_a_child_first_too() {
    each_url("quarantine_hook", async |folder, url| {
        let scene = Scene::set(folder, url).await;
        scene.mood("dies", true);
        let delivery = |text: &str| format!("content-type: application/json\r\n\r\n{{\"title\": \"{text}\"}}");
        scene.left_behind_as(Form::Hook, "before", &delivery("Paper is stuck")).await;
        scene.left_behind_as(Form::Hook, "poison", &delivery("DIES")).await;
        scene.left_behind_as(Form::Hook, "broken", "content-type: application/json\r\n\r\n{").await;
        let daemon = scene.start().await;
        let decided = scene.decided(3).await;
        assert_eq!(fates(&decided), [("before", "ticket"), ("poison", "quarantined"), ("broken", "ticket")]);
        assert!(decided[1].2.contains("signal: 11"), "{}", decided[1].2);
        assert_eq!(scene.calls(), 3, "each of them was read in a child");
        daemon.stop().await;
        scene.db.close().await;
    })
    .await;
}

impl Scene<'_> {
    async fn retry(&self, id: i64) {
        let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
            .arg("--config")
            .arg(self.folder.join("deskd.toml"))
            .args(["inbound", "retry", &id.to_string()])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("goes through the door again"), "{said}");
    }
}

#[tokio::test]
async fn a_child_that_takes_too_long_is_ended_and_its_mail_set_aside() {
    each_url("quarantine_slow", async |folder, url| {
        let scene = Scene::set(folder, url).await;
        scene.mood("hangs", true);
        scene.left_behind("poison", "HANGS").await;
        scene.left_behind("after", "Paper is out.").await;
        let mut tx = scene.db.write().await.unwrap();
        people::mirror(&mut tx, &scene.config.firm).await.unwrap();
        tx.commit().await.unwrap();
        let office = Office { firm: scene.config.firm.clone(), texts: Arc::new(texts(&scene.config).unwrap()) };
        let (_office, office) = watch::channel(Arc::new(office));
        let stop = CancellationToken::new();
        // The worker as the daemon makes it, with less patience than half a minute.
        let worker = Worker {
            db: scene.db.clone(),
            office,
            verifier: None,
            clock: Clock::System,
            kept: Arc::new(Notify::new()),
            changed: Changed::default(),
            trial: Trial { program: Some(scene.reader()), patience: Duration::from_millis(500) },
            beat: Heartbeats::default().expect("worker", Duration::from_secs(60)),
            stop: stop.clone(),
            panics: Mutex::default(),
        };
        let running = tokio::spawn(worker.run());
        let child = scene.pid().await;
        let decided = scene.decided(2).await;
        assert_eq!(fates(&decided), [("poison", "quarantined"), ("after", "ticket")]);
        assert!(decided[0].2.contains("took longer than"), "{}", decided[0].2);
        gone(child).await;
        stop.cancel();
        running.await.unwrap();
        scene.db.close().await;
    })
    .await;
}

/// The process is not left behind.
async fn gone(id: i32) {
    let path = format!("/proc/{id}/cmdline");
    // What is still to be reaped has no command line.
    look::until("the child has ended", async || std::fs::read(&path).map_or(true, |words| words.is_empty())).await;
}

#[tokio::test]
async fn a_try_that_was_cut_short_from_outside_does_not_count_against_the_mail() {
    each_url("quarantine_stop", async |folder, url| {
        let scene = Scene::set(folder, url).await;
        scene.mood("hangs", true);
        scene.left_behind("slow", "HANGS").await;
        // The daemon stops while the child reads: nothing is decided, and the child does not stay behind.
        for _ in 0..3 {
            let daemon = scene.start().await;
            let child = scene.pid().await;
            tokio::time::timeout(Duration::from_secs(10), daemon.stop()).await.expect("it stops in time");
            gone(child).await;
            let left = rows::<(i64,)>(&scene.db, "SELECT id FROM inbound WHERE fate IS NULL").await;
            assert_eq!(left.len(), 1, "it still waits");
        }
        // The service manager signals the whole group, the child first; the daemon has not heard of it yet.
        let daemon = scene.start().await;
        let child = scene.pid().await;
        scene.mood("hangs", false);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(fates(&scene.decided(1).await), [("slow", "ticket")]);
        daemon.stop().await;
        scene.db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_makes_deskd_panic_is_tried_twice_and_set_aside_and_those_of_its_batch_go_on() {
    each_url("quarantine_panic", async |folder, url| {
        let mut scene = Scene::set(folder, url).await;
        // A target beyond all time: the sum of an outage's deadline panics.
        let mut firm = deskd::desk::firm::Firm::clone(&scene.config.firm);
        firm.targets[0].first_touch = TimeDelta::MAX;
        scene.config.firm = Arc::new(firm);
        scene.arrives("1.before", &mail("before", "Paper is stuck."));
        let poison = mail("poison", "The server is down, nobody can work.").replace("Printer poison", "Server down");
        scene.arrives("2.poison", &poison);
        scene.arrives("3.after", &mail("after", "Paper is out."));
        let daemon = scene.start().await;
        let decided = scene.decided(3).await;
        let mut found = fates(&decided);
        found.sort_unstable();
        assert_eq!(found, [("1.before", "ticket"), ("2.poison", "quarantined"), ("3.after", "ticket")]);
        let reason = decided.iter().find(|row| row.0 == "2.poison").map(|row| row.2.as_str());
        assert_eq!(reason, Some("working on it made deskd panic"));
        let told = rows::<(String,)>(&scene.db, "SELECT recipient FROM outbox WHERE kind = 'quarantined'").await;
        assert_eq!(told, [("mia@northwind.example".to_owned(),)]);
        // The loops are all well, and go on.
        scene.arrives("4.later", &mail("later", "Paper again."));
        assert_eq!(scene.decided(4).await.len(), 4);
        assert!(daemon.heartbeats().late(std::time::Instant::now()).is_empty());
        daemon.stop().await;
        scene.db.close().await;
    })
    .await;
}

/// A kill leaves arrivals of any form behind; each is read in a child before it is read in the daemon.
#[test]
fn what_came_by_any_door_is_read_by_the_child() {
    for form in Form::ALL {
        let raw = match form {
            Form::Mail | Form::Portal => mail("1", "The printer is jammed"),
            Form::Hook => "content-type: application/json\r\n\r\n{\"subject\": \"The printer is jammed\"}".to_owned(),
            Form::Phone => {
                "content-type: application/x-www-form-urlencoded\r\n\r\nMessageSid=SM1&From=%2B13125550100&Body=The+printer+is+jammed"
                    .to_owned()
            }
            Form::Told => serde_json::json!({ "from": "jane@acme-dental.example", "name": "Jane", "client": null, "subject": "Printer",
                    "text": "The printer is jammed", "priority": null })
                .to_string(),
            Form::Chat => {
                let message = serde_json::json!({ "message": { "message_id": 1, "date": 0, "chat": { "id": 1, "type": "group" },
                    "from": { "id": 1, "first_name": "Jane" }, "text": "The printer is jammed" } });
                serde_json::json!({ "platform": "telegram", "event": message }).to_string()
            }
        };
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_deskd"))
            .args(["mail", "read", "--form", form.as_str(), "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), raw.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("The printer is jammed"), "{form:?}: {text}");
    }
}
