//! A child process that reads a suspicious mail first, so that what would kill the daemon kills only the child.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::store::inbound::Unprocessed;

/// How the child is started.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The deskd binary; `None` trusts every mail (tests that run in one process).
    pub program: Option<PathBuf>,
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    Fine,
    /// By a fault of its own, or it took too long.
    Died {
        how: String,
    },
    /// We are stopping: that says nothing about the mail.
    Stopped,
}

impl Trial {
    /// `deskd mail read --form FORM -` with the raw bytes on standard input.
    pub(super) async fn read(&self, row: &Unprocessed, stop: &CancellationToken) -> Tried {
        let Some(program) = &self.program else { return Tried::Fine };
        let Ok(raw) = zstd::decode_all(row.compressed.as_slice()) else {
            return Tried::Died { how: "failed: the stored bytes are damaged".to_owned() };
        };
        let child = Command::new(program)
            .args(["mail", "read", "--quiet", "--form", &row.form, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                // Our own trouble, not the mail's.
                tracing::warn!(%error, "cannot start a child process to read a mail in; it is read here");
                return Tried::Fine;
            }
        };
        let mut stdin = child.stdin.take();
        let reading = async {
            if let Some(mut stdin) = stdin.take() {
                // A child that died early closes its end; its exit tells the story.
                let _ = stdin.write_all(&raw).await;
            }
            child.wait().await
        };
        let ended = tokio::select! {
            () = stop.cancelled() => return Tried::Stopped,
            ended = tokio::time::timeout(self.patience, reading) => ended,
        };
        match ended {
            Ok(Ok(status)) if status.success() => Tried::Fine,
            // The service manager signals the whole group when it stops us: that says nothing about the mail.
            Ok(Ok(status)) if stop.is_cancelled() || matches!(status.signal(), Some(2 | 15)) => {
                tracing::debug!(%status, "a trial ended with the daemon");
                Tried::Stopped
            }
            Ok(Ok(status)) => Tried::Died { how: format!("ended with {status}") },
            Ok(Err(error)) => Tried::Died { how: format!("failed: {error}") },
            Err(_) => Tried::Died { how: format!("took longer than {} s", self.patience.as_secs()) },
        }
    }
}
