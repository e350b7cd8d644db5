//! Requests from a Maildir: for mail servers on this machine, and for trials, where a person drops a file into `new/`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SubsecRound, Utc};
use data_encoding::HEXLOWER;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batch::batches;
use super::{Health, Inside, Source, SourceError};
use crate::channel::Form;
use crate::intake::Arrival;
use crate::store::cursor::known_keys;

/// One `[[maildir]]` of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub name: String,
    pub path: PathBuf,
    /// How often `new/` is looked at.
    pub poll: Duration,
    /// How often `cur/` is looked at: only mail that a person moved there before we saw it is taken from it.
    pub cur_poll: Duration,
    /// Files that are still being written change within this time.
    pub settle: Duration,
    /// Of a mail over this size only the header is taken.
    pub size_cap: u64,
}

impl Settings {
    pub fn new(name: &str, path: &Path) -> Settings {
        Settings {
            name: name.to_owned(),
            path: path.to_owned(),
            poll: Duration::from_secs(1),
            cur_poll: Duration::from_secs(30),
            settle: Duration::from_millis(50),
            size_cap: 35 * 1024 * 1024,
        }
    }
}

/// What its loop is called among the others of the desk.
pub fn turn_of(name: &str) -> String {
    format!("source {name}")
}

/// Header bytes that are taken of a mail over the cap.
const HEADER: u64 = 256 * 1024;

#[derive(Debug)]
pub struct MaildirSource {
    settings: Settings,
    /// Files that were told about as unreadable or in the way: once each is enough.
    told: Mutex<HashSet<PathBuf>>,
}

/// A mail file as the folder shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    path: PathBuf,
    /// The unique name: the file's name without the info part.
    key: String,
    size: u64,
    modified: SystemTime,
    /// It lies in `new/` and is to be moved.
    new: bool,
}

impl MaildirSource {
    pub fn new(settings: Settings) -> MaildirSource {
        MaildirSource { settings, told: Mutex::default() }
    }

    async fn watch(&self, inside: &Inside, health: &Health, stop: &CancellationToken) -> Result<(), SourceError> {
        self.create_folders()?;
        let turn = inside.progress.join(turn_of(&self.settings.name));
        let mut known_in_cur = HashSet::new();
        let mut looked_in_cur: Option<Instant> = None;
        let mut before = Vec::new();
        while !stop.is_cancelled() {
            let look = turn.look();
            let listed = self.list("new", true)?;
            // What lies there as it did before cannot be taken.
            let done = listed.is_empty() || listed == before;
            before.clone_from(&listed);
            let mut found = self.settled(listed).await;
            if looked_in_cur.is_none_or(|at| at.elapsed() >= self.settings.cur_poll) {
                let cur = self.list("cur", false)?;
                known_in_cur = cur.iter().map(|mail| mail.key.clone()).collect();
                found.extend(cur);
                looked_in_cur = Some(Instant::now());
            }
            self.take(found, &mut known_in_cur, inside, health, stop).await?;
            health.succeeded(inside.clock.now());
            health.state("watching");
            if !done {
                turn.worked();
                continue;
            }
            turn.rests(look);
            tokio::select! {
                () = tokio::time::sleep(self.settings.poll) => {}
                () = turn.stirred(look) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(())
    }

    fn create_folders(&self) -> Result<(), SourceError> {
        for folder in ["tmp", "new", "cur"] {
            let path = self.settings.path.join(folder);
            std::fs::create_dir_all(&path).map_err(|error| unusable(&path, &error))?;
        }
        Ok(())
    }

    /// Regular files of a folder, without dotfiles.
    fn list(&self, folder: &str, new: bool) -> Result<Vec<Found>, SourceError> {
        let path = self.settings.path.join(folder);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(|error| unusable(&path, &error))? {
            let entry = entry.map_err(|error| unusable(&path, &error))?;
            let name = entry.file_name();
            if name.as_bytes().starts_with(b".") {
                continue;
            }
            // Gone since: a person moved it, it shows up elsewhere.
            let Ok(meta) = entry.metadata() else { continue };
            let Ok(modified) = meta.modified() else { continue };
            if !meta.is_file() {
                self.tell_once(&entry.path(), "it is no regular file");
                continue;
            }
            found.push(Found { path: entry.path(), key: unique_name(&name), size: meta.len(), modified, new });
        }
        Ok(found)
    }

    /// Leaves out files that are still being written: a person's `cp` straight into `new/` is not finished at once.
    async fn settled(&self, found: Vec<Found>) -> Vec<Found> {
        if found.is_empty() {
            return found;
        }
        tokio::time::sleep(self.settings.settle).await;
        let unchanged = |mail: &Found| {
            std::fs::metadata(&mail.path)
                .is_ok_and(|meta| meta.len() == mail.size && meta.modified().is_ok_and(|at| at == mail.modified))
        };
        found.into_iter().filter(unchanged).collect()
    }

    async fn take(
        &self,
        mut found: Vec<Found>,
        in_cur: &mut HashSet<String>,
        inside: &Inside,
        health: &Health,
        stop: &CancellationToken,
    ) -> Result<(), SourceError> {
        if found.is_empty() {
            return Ok(());
        }
        health.state("fetching");
        found.sort_by(|a, b| (a.modified, &a.key).cmp(&(b.modified, &b.key)));
        for mail in found.iter_mut().filter(|mail| mail.new && in_cur.contains(&mail.key)) {
            // The name was used before and its mail lies in `cur/`: this is another mail, whatever its name says.
            mail.key = format!("{},again={}", mail.key, micros(mail.modified));
        }
        let keys: Vec<String> = found.iter().map(|mail| mail.key.clone()).collect();
        let mut tx = inside.db.read().await?;
        let kept = known_keys(&mut tx, &self.settings.name, &keys).await?;
        tx.rollback().await?;
        let (done, fresh): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|mail| kept.contains(&mail.key));
        self.put_away(&done, in_cur);
        for batch in batches(fresh, |mail| mail.size.min(self.settings.size_cap)) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let (taken, arrivals): (Vec<Found>, Vec<Arrival>) =
                batch.into_iter().filter_map(|mail| self.read(mail, inside)).unzip();
            if arrivals.is_empty() {
                continue;
            }
            inside.intake.receive(arrivals).await.map_err(|_| SourceError::Closed)?;
            health.handed_in(taken.len() as u64);
            self.put_away(&taken, in_cur);
        }
        Ok(())
    }

    fn read(&self, mail: Found, inside: &Inside) -> Option<(Found, Arrival)> {
        let oversize = (mail.size > self.settings.size_cap).then_some(mail.size);
        let raw = match read_up_to(&mail.path, oversize.map_or(self.settings.size_cap, |_| HEADER)) {
            Ok(raw) if oversize.is_some() => header_of(raw),
            Ok(raw) => raw,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.tell_once(&mail.path, &format!("it cannot be read: {error}; let the user of deskd read it"));
                return None;
            }
        };
        let arrival = Arrival {
            source: self.settings.name.clone(),
            form: Form::Mail,
            key: mail.key.clone(),
            arrived_at: arrived(mail.modified, inside.clock.now()),
            raw,
            junk: false,
            oversize,
        };
        Some((mail, arrival))
    }

    /// Moves committed mail from `new/` to `cur/`, marked as seen. What cannot be moved is known, and makes no second ticket.
    fn put_away(&self, done: &[Found], in_cur: &mut HashSet<String>) {
        for mail in done.iter().filter(|mail| mail.new) {
            let mut name = mail.key.clone();
            name.push_str(":2,S");
            match std::fs::rename(&mail.path, self.settings.path.join("cur").join(name)) {
                Ok(()) => {
                    in_cur.insert(mail.key.clone());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.tell_once(&mail.path, &format!("it is done and cannot be moved to cur/: {error}")),
            }
        }
    }

    fn tell_once(&self, path: &Path, what: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(path.to_owned()) {
            let name = &self.settings.name;
            tracing::error!(source.name = %name, file = %path.display(), "source {name}: {} is left where it is: {what}", path.display());
        }
    }
}

impl Source for MaildirSource {
    fn name(&self) -> &str {
        &self.settings.name
    }

    async fn run(self: Arc<Self>, inside: Inside, health: Health, stop: CancellationToken) -> Result<(), SourceError> {
        Box::pin(self.watch(&inside, &health, &stop)).await
    }
}

fn unusable(path: &Path, error: &io::Error) -> SourceError {
    SourceError::Lost(format!("{} cannot be used: {error}; let the user of deskd read and write it", path.display()))
}

fn micros(modified: SystemTime) -> u128 {
    modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros()
}

/// The file's time in milliseconds (what every database keeps), never later than now. A time that no mail can have is none: it counts as now.
fn arrived(modified: SystemTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let since_1970 = modified.duration_since(SystemTime::UNIX_EPOCH).ok();
    let moment =
        since_1970.and_then(|since| i64::try_from(since.as_millis()).ok()).and_then(DateTime::from_timestamp_millis);
    moment.unwrap_or_else(|| now.trunc_subsecs(3)).min(now)
}

/// The file's name without `:2,FLAGS`; a name that is not UTF-8 in hex, so that no two become one.
fn unique_name(name: &OsStr) -> String {
    let bytes = name.as_bytes();
    let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..end]) {
        Ok(name) => name.to_owned(),
        Err(_) => format!("hex-{}", HEXLOWER.encode(&bytes[..end])),
    }
}

fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut raw = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut raw)?;
    Ok(raw)
}

/// The header block with its empty line.
fn header_of(mut raw: Vec<u8>) -> Vec<u8> {
    let crlf = raw.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let lf = raw.windows(2).position(|two| two == b"\n\n").map(|at| at + 2);
    if let Some(end) = [crlf, lf].into_iter().flatten().min() {
        raw.truncate(end);
    }
    raw
}
