//! What the tests stand on: fresh databases, moments in time, test data, private servers.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

use chrono::{DateTime, NaiveDateTime, Utc};

pub mod chat;
pub mod daemon;
pub mod desk;
pub mod discord;
pub mod disk_postgres;
pub mod dns;
pub mod dovecot;
pub mod each_db;
pub mod form;
pub mod look;
pub mod lying_imap;
pub mod mailhost;
pub mod postfix;
pub mod postgres;
pub mod provider;
pub mod reading;
pub mod receiver;
pub mod rows;
pub mod shapes;
pub mod signer;
pub mod smtp;
pub mod speed;
pub mod story;
pub mod twilio;

pub use each_db::{each_db, each_url};

/// The smallest config that is complete: one Maildir, one tech, who is the last table.
pub const SMALL_FIRM: &str = r#"
[firm]
name = "Northwind IT"
time_zone = "America/Chicago"
domain = "northwind.example"
url = "https://desk.northwind.example/"
[priority.P1]
first_touch = "15m"
resolve = "4h"
[priority.P2]
first_touch = "1h"
resolve = "8h"
[[maildir]]
name = "drop"
address = "Support@Northwind.example"
path = "."
[smtp]
outbox = "sent"
[[tech]]
login = "sam"
name = "Sam Ortiz"
email = "sam@northwind.example"
roles = ["manager"]
"#;

/// `at("2026-03-02 09:00")`, also with seconds (`09:00:30`) and milliseconds: a moment in UTC.
#[track_caller]
pub fn at(moment: &str) -> DateTime<Utc> {
    ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(moment, format).ok())
        .unwrap_or_else(|| panic!("\"{moment}\" is no moment; write 2026-03-02 09:00"))
        .and_utc()
}

/// A file or folder of the shared test data; `None` (and a line that says so) where the data is not on this machine.
/// In CI its absence fails the test.
#[track_caller]
pub fn testdata(path: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("DESKD_TESTDATA") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/testdata"),
    };
    let found = root.join(path);
    if found.exists() {
        return Some(found);
    }
    skipped(&format!("no test data ({} is not there; set DESKD_TESTDATA)", found.display()));
    None
}

/// Says on the terminal, past the test runner's capture, that a test did not run; in CI that is a failure.
#[track_caller]
pub fn skipped(why: &str) {
    assert!(!in_ci(), "in CI nothing may be skipped: {why}");
    say(&format!("skipped: {why}"));
}

pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

/// Prints a line that is shown even when the test passes: figures, what was skipped.
pub fn say(line: &str) {
    // One write, past the capture of `println!`; a closed stderr is no reason to fail.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// rustls asks for its provider once a process; every test that opens TLS calls this first.
pub fn ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A fresh folder in memory where there is room for it, else in the usual place; gone when dropped.
pub fn scratch(name: &str) -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    let prefix = format!("deskd-{name}-");
    builder.prefix(&prefix);
    let memory = Path::new("/dev/shm");
    memory.is_dir().then(|| builder.tempdir_in(memory).ok()).flatten().unwrap_or_else(|| builder.tempdir().unwrap())
}

/// A loopback port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
