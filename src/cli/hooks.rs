//! `deskd hooks`: explains what a delivery to a hook would mean, field by field, without a daemon.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::open;
use super::paper::{plain, plain_lines, say, say_json};
use super::{Failure, mail};
use crate::channel::Post;
use crate::channel::delivery::Delivery;
use crate::channel::mapping::{Mapping, Traced};
use crate::clock::Clock;
use crate::config::Secrets;
use crate::desk::firm::Firm;
use crate::desk::rules::{Request, Verdict};
use crate::words::{ClientKey, Priority};

#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Explain what the mapping of a hook makes of a delivery: each field, the client, the rules; nothing is kept
    #[command(
        after_help = "Examples:\n  deskd hooks test monitoring alert.json\n  curl -s https://tool.example/last | deskd hooks test monitoring - --json"
    )]
    Test {
        /// The hook's name in the config
        name: String,
        /// The body of a delivery, JSON or a form; - for standard input
        file: PathBuf,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
}

#[derive(Serialize)]
struct TestJson<'a> {
    hook: &'a str,
    /// How many deliveries it is kept as; what follows is of the first.
    alerts: usize,
    fields: &'a [Traced],
    client: Option<&'a ClientKey>,
    priority: Priority,
    thread: Option<&'a str>,
    resolved: bool,
    /// Why it would be unsorted.
    missing: &'a [String],
    verdict: &'a Verdict,
}

/// `deskd hooks test`
pub fn test(named: Option<&Path>, name: &str, file: &Path, json: bool) -> Result<(), Failure> {
    let (_, config) = open::load(named, Secrets::Unread)?;
    let firm = &config.firm;
    let Some(hook) = firm.hook(name) else {
        let known: Vec<&str> = firm.hooks.iter().map(|hook| hook.name.as_str()).collect();
        let known =
            if known.is_empty() { "the config has none".to_owned() } else { format!("there are {}", known.join(", ")) };
        return Err(Failure::Missing(format!("there is no hook \"{name}\"; {known}")));
    };
    let body = mail::bytes_of(file)?;
    let is_data = |first: Option<&u8>| matches!(first, Some(b'{' | b'[' | b'"'));
    let kind = match is_data(body.iter().find(|byte| !byte.is_ascii_whitespace())) {
        true => "application/json",
        false => "application/x-www-form-urlencoded",
    };
    let delivery = Delivery { fields: vec![("content-type".to_owned(), kind.to_owned())], body };
    let data = delivery.data().map_err(|error| Failure::Refused(error.to_string()))?;
    let all = hook.mapping.split(data, delivery.body.len()).map_err(|error| Failure::Refused(error.to_string()))?;
    let alerts = all.len();
    if json {
        let first = all.first().map(|data| Meaning::of(firm, name, &hook.mapping, data));
        return Ok(say_json(&first.as_ref().map(|meaning| meaning.json(name, alerts)))?);
    }
    for (place, data) in all.iter().enumerate() {
        if alerts > 1 {
            say(&format!("Alert {} of {alerts}, kept as a delivery of its own\n\n", place + 1))?;
        }
        let meaning = Meaning::of(firm, name, &hook.mapping, data);
        say(&explained(&meaning.post, &meaning.fields, meaning.client, meaning.priority(), &meaning.verdict))?;
    }
    Ok(())
}

/// What one delivery, or one alert of it, would be.
struct Meaning<'a> {
    post: Post,
    fields: Vec<Traced>,
    client: Option<&'a ClientKey>,
    verdict: Verdict,
}

impl<'a> Meaning<'a> {
    fn of(firm: &'a Firm, hook: &str, mapping: &Mapping, data: &serde_json::Value) -> Meaning<'a> {
        let (post, fields) = mapping.explain(hook, data);
        let named = post.client.as_ref().and_then(|called| firm.client_called(called));
        let own = firm.client_by_contact(&post.sender).or_else(|| firm.client_by_domain(&post.sender));
        let client = own.or(named).map(|client| &client.key);
        let at = Clock::System.now();
        let verdict = firm.rules.triage(&Request {
            subject: &post.subject,
            body: &post.text,
            from: &post.sender,
            client,
            source: hook,
            is_open: &|name| firm.calendars.get(name).is_none_or(|calendar| calendar.is_open(at)),
        });
        Meaning { post, fields, client, verdict }
    }

    fn priority(&self) -> Priority {
        self.post.priority.unwrap_or(self.verdict.priority)
    }

    fn json(&self, hook: &'a str, alerts: usize) -> TestJson<'_> {
        TestJson {
            hook,
            alerts,
            fields: &self.fields,
            client: self.client,
            priority: self.priority(),
            thread: self.post.thread.as_deref(),
            resolved: self.post.resolved,
            missing: &self.post.missing,
            verdict: &self.verdict,
        }
    }
}

/// For people.
fn explained(
    post: &Post,
    fields: &[Traced],
    client: Option<&ClientKey>,
    priority: Priority,
    verdict: &Verdict,
) -> String {
    let mut text = listed(post, fields);
    let whose =
        client.map_or_else(|| "no client: the ticket would be unsorted".to_owned(), |key| format!("client {key}"));
    let who = if post.sender.is_empty() { "no person: nobody is acknowledged".to_owned() } else { plain(&post.sender) };
    let _ = writeln!(text, "\n  {whose}, {who}, {priority}");
    if !post.missing.is_empty() {
        let _ = writeln!(text, "  unsorted, for the data lacks {}", plain(&post.missing.join(", ")));
    }
    let _ = write!(text, "\nThe rules alone say:\n{}", plain_lines(&verdict.explain()));
    text
}

/// Each field with where it came from.
fn listed(post: &Post, fields: &[Traced]) -> String {
    let mut text = format!("{}\n\n", plain(&post.subject));
    for Traced { field, from, value, remark } in fields {
        let value = plain(&value.replace('\n', " "));
        let value: String = value.chars().take(60).collect();
        // The templates of the ready mappings are long.
        let from: String = match from.as_deref().unwrap_or("-") {
            from if from.chars().count() > 28 => from.chars().take(27).chain(['…']).collect(),
            from => from.to_owned(),
        };
        let remark = remark.as_deref().map(|remark| format!("  ({remark})")).unwrap_or_default();
        let line = format!("  {field:<12} {:<28} {value}{}", plain(&from), plain(&remark));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// What a kept delivery says by this mapping, in words; also where it says nothing.
pub fn read(mapping: &Mapping, hook: &str, raw: Vec<u8>) -> Result<String, Failure> {
    let (mapping, hook) = (mapping.clone(), hook.to_owned());
    mail::apart(move || match Delivery::from_bytes(&raw).and_then(|delivery| delivery.data()) {
        Ok(data) => {
            let (post, fields) = mapping.explain(&hook, &data);
            format!("{}\n{}\n", listed(&post, &fields), plain_lines(&post.text))
        }
        Err(error) => format!("unreadable: {error}\n"),
    })
}
