//! A folder instead of a server, for trials: each mail becomes one file, complete or not there at all.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::SendError;

#[derive(Debug, Clone)]
pub struct Folder {
    pub path: PathBuf,
}

impl Folder {
    /// Writes `NNNNNN-kind-recipient.eml`, unless a file with this Message-ID for this recipient is there already: a
    /// second attempt of the same mail leaves one file, copies to several people are one each.
    pub async fn put(&self, kind: &str, recipient: &str, message_id: &str, bytes: Vec<u8>) -> Result<(), SendError> {
        let path = self.path.clone();
        let name = format!("{}-{}", plain(kind), plain(recipient));
        let message_id = message_id.to_owned();
        let written = tokio::task::spawn_blocking(move || write(&path, &name, &message_id, &bytes)).await;
        let server = || self.path.display().to_string();
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(source)) => Err(SendError::Later { server: server(), source }),
            Err(stopped) => Err(SendError::Later { server: server(), source: io::Error::other(stopped) }),
        }
    }
}

fn write(folder: &Path, name: &str, message_id: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Where a file came from is one line of an index beside the mails, so that no mail has to be opened again.
    let index = folder.join(".message-ids");
    let copy = format!("{message_id} {name}");
    let known: HashSet<String> = match fs::read_to_string(&index) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => HashSet::new(),
        Err(error) => return Err(error),
    };
    let mut last = 0u64;
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        let file = file.to_string_lossy();
        let number = file.split_once('-').and_then(|(number, _)| number.parse().ok()).unwrap_or(0);
        last = last.max(number);
        // Written, but the process ended before the index had it.
        if number > 0
            && !known.iter().any(|line| line.starts_with(&format!("{number:06} ")))
            && file.ends_with(&format!("-{name}.eml"))
            && holds(folder, &file, message_id)?
        {
            return note(&index, number, &copy);
        }
    }
    if known.iter().any(|line| line.get(7..) == Some(copy.as_str())) {
        return Ok(());
    }
    let number = last + 1;
    let temporary = folder.join(format!(".{number:06}.tmp"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(format!("{number:06}-{name}.eml")))?;
    File::open(folder)?.sync_all()?;
    note(&index, number, &copy)
}

fn holds(folder: &Path, file: &str, message_id: &str) -> io::Result<bool> {
    let bytes = fs::read(folder.join(file))?;
    let wanted = format!("<{message_id}>");
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..head])
        .lines()
        .any(|line| line.to_ascii_lowercase().starts_with("message-id:") && line.contains(&wanted)))
}

fn note(index: &Path, number: u64, copy: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(index)?;
    writeln!(file, "{number:06} {copy}")
}

fn plain(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '+' | '-');
    text.chars().take(100).map(|c| if safe(c) { c } else { '_' }).collect()
}
