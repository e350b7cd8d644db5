//! A Postgres of a test's own with its data on a real disk and full durability, for tests that time their blows.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{free_port, skipped};

/// Runs until dropped.
pub struct DiskPostgres {
    process: Child,
    /// `postgres://…/postgres`
    pub url: String,
    _folder: tempfile::TempDir,
}

impl DiskPostgres {
    /// `None` where it is not installed; in CI that fails.
    pub async fn start() -> Option<DiskPostgres> {
        let Some(bin) = programs() else {
            skipped("no PostgreSQL (tests/run installs it)");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("deskd-postgres-").tempdir_in("/var/tmp").unwrap();
        let user = server_user();
        if let Some(user) = &user {
            nix::unistd::chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let program = |name: &str| {
            let mut command = Command::new(bin.join(name));
            command.current_dir(folder.path()).env("HOME", folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command
        };
        let made = program("initdb")
            .args(["-U", "deskd", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D", "data"])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut process = program("postgres")
            .args(["-D", "data", "-k", "", "-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let told = until_it_is_ready(process.stderr.take().unwrap());
        let server =
            DiskPostgres { process, url: format!("postgres://deskd@127.0.0.1:{port}/postgres"), _folder: folder };
        let ready =
            tokio::time::timeout(std::time::Duration::from_secs(60), told).await.expect("Postgres is ready in time");
        ready.expect("Postgres says that it is ready");
        Some(server)
    }
}

impl Drop for DiskPostgres {
    fn drop(&mut self) {
        // SIGQUIT ends it at once; there is nothing to keep.
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// It says so in its log; what it says later is read too, so that it never waits for a reader.
fn until_it_is_ready(log: std::process::ChildStderr) -> tokio::sync::oneshot::Receiver<()> {
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.contains("ready to accept connections") {
                tell.take().map(|tell| tell.send(()));
            }
        }
    });
    told
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    found.retain(|bin: &PathBuf| ["initdb", "postgres"].iter().all(|name| Path::new(&bin.join(name)).exists()));
    found.sort();
    found.pop()
}

/// initdb and postgres refuse root.
fn server_user() -> Option<nix::unistd::User> {
    if !nix::unistd::Uid::effective().is_root() {
        return None;
    }
    let known = |name| nix::unistd::User::from_name(name).unwrap();
    Some(known("postgres").or_else(|| known("nobody")).expect("a user that is not root"))
}
