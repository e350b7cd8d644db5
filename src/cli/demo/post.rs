//! The post of the demo: drops mails into the Maildir and reads what deskd put into the folder of sent mails.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};

use super::morning::{Letter, Sent};
use crate::mail::{self, Mail};

pub struct Post {
    folder: PathBuf,
    /// Mails dropped so far, for names and Message-IDs.
    dropped: usize,
}

impl Post {
    pub fn new(folder: &Path) -> Post {
        Post { folder: folder.to_owned(), dropped: 0 }
    }

    pub fn inbox(&self) -> PathBuf {
        self.folder.join("inbox/new")
    }

    pub fn sent(&self) -> PathBuf {
        self.folder.join("sent")
    }

    /// Whole or not at all: written beside and moved. Returns the file's name, which is the source key of the arrival.
    pub fn drop(&mut self, mail: &str) -> io::Result<String> {
        self.dropped += 1;
        let name = format!("morning-{:02}.eml", self.dropped);
        let temporary = self.folder.join("inbox/tmp").join(&name);
        std::fs::write(&temporary, mail)?;
        std::fs::rename(temporary, self.inbox().join(&name))?;
        Ok(name)
    }

    pub fn write(&self, letter: &Letter, now: DateTime<Utc>) -> String {
        let Letter { name, address, subject, text, header } = letter;
        let more: String = header.iter().map(|line| format!("{line}\r\n")).collect();
        let head = self.head((name, address), "support@northwind.example", subject, now);
        format!("{head}{more}\r\n{}\r\n", lines(text))
    }

    /// An answer to a mail of ours, as a mail program writes it: to its Reply-To, in its thread, with the quote below.
    pub fn answer(&self, to: &Mail, text: &str, automatic: bool, now: DateTime<Utc>) -> anyhow::Result<String> {
        let author = to.to.first().context("a mail of deskd has no recipient")?;
        let back = to.reply_to.first().or_else(|| to.from.first()).context("a mail of deskd has no sender")?;
        let id = to.message_id.as_deref().context("a mail of deskd has no Message-ID")?;
        let subject = to.subject.strip_prefix("Re: ").unwrap_or(&to.subject);
        let (prefix, auto) = match automatic {
            true => ("Automatic reply: ", "Auto-Submitted: auto-replied\r\n"),
            false => ("Re: ", ""),
        };
        let head = self.head((&author.name, &author.address), &back.address, &format!("{prefix}{subject}"), now);
        let quoted: String = to.text.lines().map(|line| format!("> {line}\r\n")).collect();
        let from = to.from.first().map_or("", |from| from.address.as_str());
        let quote = match automatic {
            true => String::new(),
            false => format!("\r\nOn {}, <{from}> wrote:\r\n{quoted}", now.format("%a, %b %-d, %Y at %H:%M")),
        };
        Ok(format!("{head}{auto}In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n\r\n{}\r\n{quote}", lines(text)))
    }

    fn head(&self, (name, address): (&str, &str), to: &str, subject: &str, now: DateTime<Utc>) -> String {
        let from = if name.is_empty() { format!("<{address}>") } else { format!("\"{name}\" <{address}>") };
        let domain = address.rsplit_once('@').map_or("demo.example", |(_, domain)| domain);
        let id = format!("morning-{}-{}@{domain}", self.dropped + 1, now.timestamp_millis());
        format!(
            "From: {from}\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
            now.to_rfc2822()
        )
    }

    /// The newest mail of a kind about something, with its file.
    pub fn find(&self, wanted: &Sent) -> anyhow::Result<Option<(PathBuf, Mail)>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.sent())
            .context("the folder of sent mails is not there")?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_of_kind(path, wanted.kind))
            .collect();
        files.sort();
        for path in files.into_iter().rev() {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let mail = mail::parse::parse(&bytes);
            if mail.subject.contains(wanted.about) {
                return Ok(Some((path, mail)));
            }
        }
        Ok(None)
    }
}

/// `000007-assignment-sam@northwind.example.eml`
fn is_of_kind(path: &Path, kind: &str) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".eml") && name.split('-').nth(1) == Some(kind)
}

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}
