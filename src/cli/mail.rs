//! `deskd mail read`: shows how deskd reads a mail; the daemon itself lets a child read suspicious mail this way first.

use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::Failure;
use super::paper::{moment, person, plain, plain_lines, say};
use crate::channel::delivery::Delivery;
use crate::channel::mapping::Mapping;
use crate::channel::told::Told;
use crate::channel::{Form, Post, phone};
use crate::chat;
use crate::mail::{Attachment, Mail, automatic, guard, parse, reply};
use crate::words::shown;

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Read one mail (a file, or - for standard input) and show what deskd sees in it
    #[command(
        after_help = "Examples:\n  deskd mail read request.eml\n  deskd inbound show 17 --raw | deskd mail read -"
    )]
    Read {
        file: PathBuf,
        /// Say nothing: only the exit code tells whether it could be read
        #[arg(long)]
        quiet: bool,
        /// How the bytes are read: as a mail, or as what `deskd inbound show N --raw` gives of something else
        #[arg(long, value_parser = PossibleValuesParser::new(Form::ALL.map(Form::as_str)).map(|word| Form::named(&word).unwrap_or_default()), default_value = "mail")]
        form: Form,
    },
}

pub fn run(command: MailCommand) -> Result<ExitCode, Failure> {
    let MailCommand::Read { file, quiet, form } = command;
    let raw = bytes_of(&file)?;
    let text = read_as(form, (&Mapping::default(), form.as_str()), raw, None)?;
    if !quiet {
        say(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What deskd reads in an arrival, in words. `mapping` is for a delivery to the hook of that name.
pub fn read_as(
    form: Form,
    (mapping, source): (&Mapping, &str),
    raw: Vec<u8>,
    zone: Option<Tz>,
) -> Result<String, Failure> {
    let source = source.to_owned();
    match form {
        Form::Mail | Form::Portal => read(raw, zone),
        Form::Hook => super::hooks::read(mapping, &source, raw),
        Form::Phone => apart(move || match Delivery::from_bytes(&raw).and_then(|delivery| delivery.data()) {
            Ok(data) => posted(&phone::post(&source, &data), &[]),
            Err(error) => format!("unreadable: {error}\n"),
        }),
        Form::Told => apart(move || match serde_json::from_slice::<Told>(&raw) {
            Ok(told) => posted(&told.post(), &[]),
            Err(error) => format!("unreadable: {error}\n"),
        }),
        Form::Chat => apart(move || match chat::kept_post(&source, &raw) {
            Ok((post, files)) => posted(&post, &files),
            Err(why) => format!("unreadable: {why}\n"),
        }),
    }
}

/// What came by another door, in words.
fn posted(post: &Post, files: &[Attachment]) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "{}", format!("{name:<13} {}", plain(value)).trim_end());
    };
    field("from", &person(&post.sender_name, shown(&post.sender)));
    field("by", &post.origin);
    field("subject", &post.subject);
    if let Some(said) = &post.chat {
        field("room", &said.rooms.join(", "));
    }
    if let Some(place) = &post.place {
        field("answered at", place);
    }
    for file in files {
        field("attachment", &format!("{} ({}, {} bytes)", file.name, file.content_type, file.bytes.len()));
    }
    let _ = writeln!(text, "\ntext:\n{}", plain_lines(&post.text).trim_end());
    text
}

/// A mail from a file, or from standard input (`-`).
pub fn bytes_of(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut raw).context("cannot read standard input")?;
        return Ok(raw);
    }
    match std::fs::read(file) {
        Ok(raw) => Ok(raw),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::Missing(format!("there is no file {}", file.display())))
        }
        Err(error) => Err(anyhow::Error::from(error).context(format!("cannot read {}", file.display())).into()),
    }
}

/// What deskd sees in a mail, in words; its date in the firm's zone, or in UTC where no firm is known.
pub fn read(raw: Vec<u8>, zone: Option<Tz>) -> Result<String, Failure> {
    Ok(show(&look(raw)?, zone))
}

pub struct Seen {
    /// Why only its header was read.
    pub refused: Option<String>,
    pub mail: Mail,
    pub sign: automatic::Sign,
    pub new: reply::NewText,
}

/// The same steps as the intake, in the same order, on the stack of an async worker thread, so that what would overflow
/// there overflows here.
pub fn look(raw: Vec<u8>) -> Result<Seen, Failure> {
    let steps = move || {
        let refused = guard::check(&raw).err().map(|too_much| too_much.to_string());
        let mail = if refused.is_some() { parse::headers_only(&raw) } else { parse::parse(&raw) };
        let sign = automatic::sign(&mail, if refused.is_some() { &[] } else { &raw });
        let new = reply::new_text(&mail);
        Seen { refused, mail, sign, new }
    };
    apart(steps)
}

/// On the stack of an async worker thread; a panic is a failure.
pub fn apart<T: Send + 'static>(steps: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(steps).context("cannot start a thread")?;
    reader.join().map_err(|_| {
        Failure::Other(anyhow::anyhow!("reading the mail made deskd panic; please report it with the mail"))
    })
}

fn show(seen: &Seen, zone: Option<Tz>) -> String {
    let mail = &seen.mail;
    let people = |all: &[crate::mail::Mailbox]| {
        all.iter().map(|one| person(&one.name, &one.address)).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "{}", format!("{name:<13} {}", plain(value)).trim_end());
    };
    if let Some(why) = &seen.refused {
        field("read in part", why);
    }
    field("from", &people(&mail.from));
    field("to", &people(&mail.to));
    if !mail.cc.is_empty() {
        field("cc", &people(&mail.cc));
    }
    field("subject", &mail.subject);
    let told = |date: DateTime<Utc>| zone.map_or_else(|| date.to_rfc3339(), |zone| moment(date, zone));
    field("date", &mail.date.map_or_else(|| "none".to_owned(), told));
    field("message-id", mail.message_id.as_deref().unwrap_or("none"));
    field("kind", &format!("{:?}: {}", seen.sign.kind, seen.sign.why));
    for file in &mail.attachments {
        field("attachment", &format!("{} ({}, {} bytes)", file.name, file.content_type, file.bytes.len()));
    }
    let sure = if seen.new.sure { "" } else { " (in doubt: nothing would be relayed)" };
    let _ = writeln!(text, "\nnew text{sure}:\n{}", plain_lines(&seen.new.text).trim_end());
    text
}
