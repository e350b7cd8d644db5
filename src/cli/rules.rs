//! `deskd rules`: explains a verdict of triage, and shows which stored tickets changed rules would move.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use serde::Serialize;

use super::open::{self, Opened};
use super::paper::{Ink, Paper, person, plain, say, say_json};
use super::{Failure, mail};
use crate::clock::Clock;
use crate::config::{self, Config, Secrets, rules};
use crate::desk::firm::Firm;
use crate::desk::rules::{Request, Rules, Verdict};
use crate::store::queue;
use crate::words::{ClientKey, Priority, TicketNumber};

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Explain what the rules make of a mail: which matched on which words, and what lost
    ///
    /// Uses the config's rules; where there is no config, the built-in ones.
    #[command(
        after_help = "Examples:\n  deskd rules test request.eml\n  deskd inbound show 17 --raw | deskd rules test - --json"
    )]
    Test {
        /// A mail, or - for standard input
        file: PathBuf,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
    /// Show which stored tickets the rules as they are now would give another priority; changes nothing
    #[command(after_help = "Example:\n  deskd rules replay --since 90d")]
    Replay {
        /// How far back: 90d, 12w, 24h
        #[arg(long, default_value = "90d", value_name = "TIME", value_parser = length)]
        since: TimeDelta,
        /// For scripts (docs/cli.md)
        #[arg(long)]
        json: bool,
    },
}

/// `90d`, `12w`, `24h`.
fn length(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("\"{text}\" is no length of time; write 90d, 12w or 24h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let length = match unit {
        'h' => TimeDelta::try_hours(count),
        'd' => TimeDelta::try_days(count),
        'w' => TimeDelta::try_weeks(count),
        _ => None,
    };
    length.filter(|length| *length > TimeDelta::zero() && *length < TimeDelta::days(36_500)).ok_or_else(wrong)
}

#[derive(Serialize)]
struct TestJson<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
    rules: String,
    from: &'a str,
    client: Option<&'a ClientKey>,
    kind: String,
}

/// `deskd rules test`
pub fn test(named: Option<&Path>, file: &Path, json: bool) -> Result<(), Failure> {
    let config = match named.map(Path::to_owned).or_else(open::usual_config) {
        Some(path) => Some(open::load(Some(&path), Secrets::Unread)?),
        None => None,
    };
    let seen = mail::look(mail::bytes_of(file)?)?;
    let from = seen.mail.from.first().map(|from| from.address.to_lowercase()).unwrap_or_default();
    let firm = config.as_ref().map(|(_, config)| &config.firm);
    let client = firm.and_then(|firm| {
        let client = firm.client_by_contact(&from).or_else(|| firm.client_by_domain(&from));
        client.map(|client| client.key.clone())
    });
    let at = seen.mail.date.unwrap_or_else(|| Clock::System.now());
    let request = Request {
        subject: &seen.mail.subject,
        body: &seen.new.text,
        from: &from,
        client: client.as_ref(),
        source: firm.and_then(|firm| firm.desks.first()).map_or("", |desk| desk.source.as_str()),
        is_open: &|name| firm.is_none_or(|firm| is_open(firm, name, at)),
    };
    let (verdict, origin) = match &config {
        Some((path, Config { firm, .. })) => (firm.rules.triage(&request), path.display().to_string()),
        None => (built_in()?.triage(&request), "built in (there is no config)".to_owned()),
    };
    if json {
        let kind = format!("{:?}", seen.sign.kind).to_lowercase();
        return Ok(say_json(&TestJson {
            verdict: &verdict,
            rules: origin,
            from: &from,
            client: client.as_ref(),
            kind,
        })?);
    }
    let mut text = format!("{}\n", plain(&seen.mail.subject));
    let name = seen.mail.from.first().map_or("", |from| from.name.as_str());
    let known = match (&client, firm) {
        (Some(client), _) => format!("of client {client}"),
        (None, Some(_)) => "a stranger: the ticket would be unsorted".to_owned(),
        (None, None) => "no config, so nobody is known".to_owned(),
    };
    let _ = writeln!(text, "  from {}, {known}", plain(&person(name, &from)));
    if !seen.sign.may_answer {
        let _ = writeln!(text, "  read as {:?}: {}", seen.sign.kind, plain(&seen.sign.why.to_string()));
    }
    let _ = write!(text, "  rules {origin}\n\n{}", super::paper::plain_lines(&verdict.explain()));
    Ok(say(&text)?)
}

fn is_open(firm: &Firm, calendar: &str, at: DateTime<Utc>) -> bool {
    firm.calendars.get(calendar).is_none_or(|calendar| calendar.is_open(at))
}

/// The rules that come with the program.
fn built_in() -> Result<Rules, Failure> {
    let file: rules::RulesFile = toml::from_str(config::rules::DEFAULT).map_err(anyhow::Error::from)?;
    let broken = |problems: Vec<crate::desk::rules::RuleProblem>| {
        let first = problems.first().map(|problem| format!("{}: {}", problem.rule, problem.why)).unwrap_or_default();
        anyhow::anyhow!("the built-in rules are broken: {first}")
    };
    Ok(Rules::compile(file.build().map_err(broken)?).map_err(broken)?)
}

#[derive(Serialize)]
struct Move {
    number: TicketNumber,
    subject: String,
    from: Priority,
    to: Priority,
    /// The rules that would decide.
    rules: Vec<String>,
}

#[derive(Serialize)]
struct ReplayJson<'a> {
    since: DateTime<Utc>,
    tickets: u64,
    moves: &'a [Move],
}

/// Tickets read at a time.
const PAGE: i64 = 500;

/// `deskd rules replay`
pub async fn replay(opened: &Opened, paper: Paper, since: TimeDelta, json: bool) -> Result<(), Failure> {
    let firm = &opened.config.firm;
    let since = opened.now - since;
    let (mut looked, mut moves, mut after) = (0u64, Vec::new(), TicketNumber(0));
    let mut tx = opened.db.read().await?;
    loop {
        let page = queue::requests_since(&mut tx, since, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.number;
        looked += page.len() as u64;
        moves.extend(page.into_iter().filter_map(|request| moved(firm, request)));
    }
    tx.rollback().await?;
    if json {
        return Ok(say_json(&ReplayJson { since, tickets: looked, moves: &moves })?);
    }
    let mut text = String::new();
    if !moves.is_empty() {
        let cells = |one: &Move| {
            let ink = if one.to < one.from { Ink::Yellow } else { Ink::Plain };
            let rules = if one.rules.is_empty() { "no rule".to_owned() } else { one.rules.join(", ") };
            let cells = vec![
                one.number.to_string(),
                format!("{} → {}", one.from, one.to),
                super::paper::cut(&rules, 28),
                one.subject.clone(),
            ];
            (ink, cells)
        };
        let rows: Vec<(Ink, Vec<String>)> = moves.iter().map(cells).collect();
        text = paper.table(&["TICKET", "MOVE", "BY RULE", "SUBJECT"], &rows);
        text.push('\n');
    }
    let raised = moves.iter().filter(|one| one.to < one.from).count();
    let _ = writeln!(
        text,
        "{looked} tickets looked at: {} would move, {raised} up and {} down; nothing was changed",
        moves.len(),
        moves.len() - raised
    );
    Ok(say(&text)?)
}

fn moved(firm: &Firm, request: queue::Request) -> Option<Move> {
    let verdict = firm.rules.triage(&Request {
        subject: &request.subject,
        body: &request.text,
        from: &request.sender_address,
        client: request.client.as_ref(),
        source: &request.source,
        is_open: &|name| is_open(firm, name, request.received_at),
    });
    (verdict.priority != request.priority).then(|| Move {
        number: request.number,
        from: request.priority,
        to: verdict.priority,
        rules: verdict.rules(),
        subject: request.subject,
    })
}
