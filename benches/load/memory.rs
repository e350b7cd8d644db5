//! (e) Resident memory of the whole daemon in a process of its own, idle and while it drains; and how long a start takes.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use deskd::clock::Clock;
use deskd::daemon::{Daemon, Start};
use deskd::store::Db;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::dovecot::Dovecot;
use crate::drain::{deliver, one};
use crate::office;

/// The child: runs until it is killed.
pub async fn daemon(config: &Path) {
    let config = deskd::config::load(config).unwrap_or_else(|problems| panic!("{problems}"));
    let start = Start { config, clock: Clock::System, verifier: None, program: None };
    let _daemon = Daemon::start(start).await.unwrap();
    println!("ready");
    std::future::pending().await
}

/// Starts the child and returns it with the time until it was ready.
pub async fn start(folder: &Path) -> (Child, Duration) {
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("_daemon")
        .arg(folder.join("deskd.toml"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
    (child, begun.elapsed())
}

pub async fn end(mut child: Child) {
    child.kill().await.unwrap();
}

/// MB of a line of /proc/PID/status.
fn megabytes(child: &Child, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().unwrap())).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    value.trim_matches([':', ' ', '\t']).trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

pub async fn run(mails: usize) {
    let server = Dovecot::start("").await;
    deliver(&server, "first", 0);
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    std::fs::write(folder.path().join("password"), "secret").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path().join("password"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let mailbox = format!(
        "[[mailbox]]\nname = \"support\"\naddress = \"support@northwind.example\"\nhost = \"localhost\"\nport = {}\n\
         tls = \"none\"\nuser = \"support\"\npassword = {{ file = \"password\" }}\npoll = \"10s\"\n",
        server.imap
    );
    office::config(folder.path(), &url, &mailbox);
    let (child, ready) = start(folder.path()).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!(
        "idle: {:.1} MB resident; ready {:.0} ms after its start",
        megabytes(&child, "VmRSS"),
        ready.as_secs_f64() * 1e3
    );
    deliver(&server, "support", mails);
    let db = Db::open(&url).await.unwrap();
    let mut most = 0.0f64;
    while one(&db, "SELECT COUNT(*) FROM ticket").await < i64::try_from(mails).unwrap() {
        most = most.max(megabytes(&child, "VmRSS"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!(
        "while draining {mails} mails (sending into a folder): {most:.1} MB seen, {:.1} MB at its peak; afterwards {:.1} MB",
        megabytes(&child, "VmHWM"),
        megabytes(&child, "VmRSS")
    );
    end(child).await;
}
