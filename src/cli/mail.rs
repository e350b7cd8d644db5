//! `deskd mail read`: shows how deskd reads a mail; the daemon itself lets a child read suspicious mail this way first.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::Failure;
use crate::mail::{automatic, guard, parse, reply};

#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Read one mail (a file, or - for standard input) and show what deskd sees in it
    Read {
        file: PathBuf,
        /// Say nothing: only the exit code tells whether it could be read
        #[arg(long)]
        quiet: bool,
    },
}

pub fn run(command: MailCommand) -> Result<ExitCode, Failure> {
    let MailCommand::Read { file, quiet } = command;
    let raw = if file.as_os_str() == "-" {
        let mut raw = Vec::new();
        std::io::stdin().lock().read_to_end(&mut raw).context("cannot read standard input")?;
        raw
    } else {
        std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?
    };
    // The stack of an async worker thread, so that what would overflow there overflows here.
    let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(move || look(&raw));
    let seen = reader.context("cannot start a thread")?.join();
    let Ok(seen) = seen else {
        return Err(Failure::Other(anyhow::anyhow!(
            "reading the mail made deskd panic; please report it with the mail"
        )));
    };
    if !quiet {
        show(&seen);
    }
    Ok(ExitCode::SUCCESS)
}

struct Seen {
    refused: Option<String>,
    mail: crate::mail::Mail,
    sign: automatic::Sign,
    new: reply::NewText,
}

/// The same steps as the intake, in the same order.
fn look(raw: &[u8]) -> Seen {
    let refused = guard::check(raw).err().map(|too_much| too_much.to_string());
    let mail = if refused.is_some() { parse::headers_only(raw) } else { parse::parse(raw) };
    let sign = automatic::sign(&mail, if refused.is_some() { &[] } else { raw });
    let new = reply::new_text(&mail);
    Seen { refused, mail, sign, new }
}

#[expect(clippy::print_stdout, reason = "a command line speaks on standard output")]
fn show(seen: &Seen) {
    let mail = &seen.mail;
    let people = |all: &[crate::mail::Mailbox]| {
        let one = |mailbox: &crate::mail::Mailbox| match mailbox.name.as_str() {
            "" => mailbox.address.clone(),
            name => format!("{name} <{}>", mailbox.address),
        };
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    if let Some(why) = &seen.refused {
        println!("read in part  {why}");
    }
    println!("from          {}", people(&mail.from));
    println!("to            {}", people(&mail.to));
    if !mail.cc.is_empty() {
        println!("cc            {}", people(&mail.cc));
    }
    println!("subject       {}", mail.subject);
    println!("date          {}", mail.date.map_or_else(|| "none".to_owned(), |date| date.to_rfc3339()));
    println!("message-id    {}", mail.message_id.as_deref().unwrap_or("none"));
    println!("kind          {:?}: {}", seen.sign.kind, seen.sign.why);
    for file in &mail.attachments {
        println!("attachment    {} ({}, {} bytes)", file.name, file.content_type, file.bytes.len());
    }
    let sure = if seen.new.sure { "" } else { " (in doubt: nothing would be relayed)" };
    println!("\nnew text{sure}:\n{}", seen.new.text);
}
