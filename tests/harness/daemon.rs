//! deskd itself as a test runs it: the config of the example firm, the real process, and what it tells its service manager.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Instant;

/// The folder of one deskd: config, secrets, state.
pub struct Home {
    folder: PathBuf,
}

/// The example firm; sources, `[smtp]`, `[store]` and the rest of a test's own come after it.
const FIRM: &str = r#"
[firm]
name = "Northwind IT"
time_zone = "America/Chicago"
domain = "northwind.example"
url = "https://desk.northwind.example"
[calendar.office]
hours = { mon-fri = ["08:00-18:00"] }
[priority.P1]
first_touch = "15m"
resolve = "4h"
calendar = "always"
[priority.P2]
first_touch = "1h"
resolve = "8h"
calendar = "always"
[[tech]]
login = "sam"
name = "Sam Ortiz"
email = "sam@techs.example"
skills = ["network", "firewall", "accounts", "mail", "windows", "printing", "backup", "security", "hardware", "web"]
calendar = "office"
roles = ["manager"]
[[client]]
key = "acme"
name = "Acme Dental"
domains = ["acme-dental.example"]
contacts = [{ name = "Jane Roe", email = "jane@acme-dental.example" }]
calendar = "office"
# As the firm: these tests go by the real clock, and a day in two zones may be in two months.
time_zone = "America/Chicago"
default_category = "retainer"
[[client.retainer]]
hours = "10-20"
fee = "2400.00 USD"
since = "2026-06-01"
"#;

impl Home {
    /// Writes `deskd.toml` and the file `secret` (the password of every account is `secret`).
    pub fn new(folder: &Path, more: &str) -> Home {
        use std::os::unix::fs::PermissionsExt;
        let secret = folder.join("secret");
        std::fs::write(&secret, "secret\n").unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
        let home = Home { folder: folder.to_owned() };
        home.write(more);
        home
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("deskd.toml")
    }

    /// Writes the config anew, for a reload.
    pub fn write(&self, more: &str) {
        std::fs::write(self.config(), format!("state_dir = \"state\"\n{FIRM}{more}")).unwrap();
    }

    /// Puts a mail into the Maildir `inbox` beside the config.
    pub fn drop_in(&self, name: &str, raw: &[u8]) {
        let inbox = self.folder.join("inbox");
        for part in ["tmp", "new"] {
            std::fs::create_dir_all(inbox.join(part)).unwrap();
        }
        std::fs::write(inbox.join("tmp").join(name), raw).unwrap();
        std::fs::rename(inbox.join("tmp").join(name), inbox.join("new").join(name)).unwrap();
    }

    /// What all lives of the process have written to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Starts the real program; it dies with the returned value.
    pub fn run(&self) -> Process {
        self.start(Command::new(env!("CARGO_BIN_EXE_deskd")))
    }

    /// The same, and what a limit on its files refuses is an error to it instead of its end.
    pub fn run_ignoring_limits(&self) -> Process {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_deskd")]);
        self.start(shell)
    }

    fn start(&self, mut program: Command) -> Process {
        let path = self.folder.join("notify");
        let _ = std::fs::remove_file(&path);
        let notify = UnixDatagram::bind(&path).unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = program
            .arg("--config")
            .arg(self.config())
            .arg("run")
            .env("NOTIFY_SOCKET", &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Process { child, told: listen(notify), begun: Instant::now() }
    }
}

pub struct Process {
    child: Child,
    told: UnboundedReceiver<String>,
    begun: Instant,
}

impl Process {
    /// Waits for READY=1 and gives the time since the start.
    pub async fn ready(&mut self) -> Duration {
        while self.told.recv().await.expect("it runs") != "READY=1" {}
        self.begun.elapsed()
    }

    /// The next time that it says it has nothing left to do.
    pub async fn at_rest(&mut self) {
        while !self.told.recv().await.expect("it runs").starts_with("STATUS=at rest") {}
    }

    /// Lets it run until `after` its start and kills it then (SIGKILL). It must not end by itself. Gives the time from the start
    /// to READY=1, where it came so far.
    pub async fn kill_at(&mut self, after: Duration) -> Option<Duration> {
        let Process { child, told, begun } = self;
        let mut ready = None;
        let life = async {
            let listening = async {
                while let Some(line) = told.recv().await {
                    ready = ready.or((line == "READY=1").then(|| begun.elapsed()));
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                ended = child.wait() => ended.unwrap(),
                () = listening => unreachable!(),
            }
        };
        if let Ok(ended) = tokio::time::timeout(after.saturating_sub(begun.elapsed()), life).await {
            panic!("deskd ended by itself: {ended}");
        }
        child.kill().await.unwrap();
        ready
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub fn signal(&self, signal: Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// SIGKILL, and it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGHUP; returns when it says that it has read its config, used or refused.
    pub async fn reload(&mut self) {
        self.signal(Signal::SIGHUP);
        let told = async {
            while self.told.recv().await.expect("it runs") != "RELOADING=1" {}
            while self.told.recv().await.expect("it runs") != "READY=1" {}
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("it reloads");
    }

    /// The most memory that it has ever held, in MB (VmHWM).
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
    }

    /// SIGTERM; it ends with exit code 0 within 10 seconds.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let ended = tokio::time::timeout(Duration::from_secs(10), self.child.wait()).await.expect("stops in time");
        assert_eq!(ended.unwrap().code(), Some(0));
    }
}

/// Reads what it tells its service manager, line by line, so that it never waits for a reader.
fn listen(notify: UnixDatagram) -> UnboundedReceiver<String> {
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut bytes = [0u8; 4096];
        while let Ok(length) = notify.recv(&mut bytes).await {
            for line in String::from_utf8_lossy(&bytes[..length]).lines() {
                if tell.send(line.to_owned()).is_err() {
                    return;
                }
            }
        }
    });
    told
}
