//! Reads a bounce: which addresses failed, with what status, for good or for now, and which mail of ours it was.

use std::sync::LazyLock;

use regex::Regex;

use super::{BOUNCE_BODY, DAEMON, REPLY_CODE, STATUS, Sign, pattern};
use crate::mail::Mail;

static DELAY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)delayed|will (?:continue|keep|be retried|retry)|not yet been delivered|warning message only|do not need to resend|still (?:trying|undelivered)|has not been delivered yet|temporar(?:y|ily) (?:fail|problem)",
    )
});
static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?im)^(?:[ >*-]*(?:original (?:mail|message)|copy of (?:the|your) message|unsent message|(?:below this line|this) is a copy|the following is the|message header|returned message|original mail|header of the|message text follows|begin(?:ning)? of)|content-type: (?:message/rfc822|text/rfc822-headers)|received: )",
    )
});
static MESSAGE_ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?im)^[ \t>]*Message-ID:\s*<([^>\s]{3,300})>"));
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"));
/// Words by which servers say that nobody has this address, or no such domain exists.
static GONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:user|recipient|address|mailbox|account|addressee|id)(?:'s)?(?: name| address)? ?(?:is |was |does |has |are |id )?(?:unknown|not (?:found|known|exist|recogni[sz]ed|valid)|invalid|no longer|nonexist|n't exist)|",
        r"(?:unknown|no such|invalid|nonexist\w*|bad destination|not a valid|inactive) (?:local[- ])?(?:user|recipient|address|mailbox|account|person|domain|host|email|final delivery)|does(?: not|n't) (?:exist|have an? .{0,40}account)|no mailbox here|no (?:user|account) (?:here|by)|unrouteable|",
        r"not our (?:user|customer)|(?:host|domain)(?: name)?(?: \S{1,60})?(?: or \w+ name)? (?:is )?(?:unknown|not (?:found|exist|reachable))|host (?:or domain name )?not found|couldn't find any host|name service error|no longer on server|recip(?:ient)?not ?found|not listed in|destinataire invalide|",
        r"unknown or (?:illegal|invalid) (?:alias|user)|nullmx|null mx|does not accept mail|not accept(?:ing)? (?:any )?mail|domain .{1,60} (?:is )?not exist|has moved|宛先.{0,12}(?:見つかりません|不明|存在)|メールアドレスが(?:見つか|存在)"
    ))
});
/// A cause that passes, or lies in the mail and not in the address.
static PASSES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:mailbox|quota|storage|disk|box|inbox)[^\n]{0,30}(?:full|exceed|over|exhaust)|over ?quota|quota|too (?:large|big|many)|size limit|spam|blacklist|blocklist|blocked|blocked using|dmarc|spf|virus|policy|relay(?:ing)? (?:access )?denied|greylist|rate limit|try again|timed? ?out|temporar|sender.{0,30}(?:reject|verify|denied)",
    )
});

pub(super) fn read(sign: &mut Sign, mail: &Mail, body: &str) {
    let reports: String = mail
        .attachments
        .iter()
        .filter(|file| file.content_type.ends_with("delivery-status"))
        .map(|file| format!("\n{}\n\n", String::from_utf8_lossy(&file.bytes).replace('\r', "")))
        .collect();
    let own = above_original(body);
    let mut found = delivery_status(&reports);
    if found.failed.is_empty() && found.delayed.is_empty() {
        found = delivery_status(body);
    }
    // The text part decoded, then what the daemon wrote around it.
    let text = format!("{}\n{own}", above_original(&mail.text));
    sign.failed = if found.failed.is_empty() { found.delayed.clone() } else { found.failed.clone() };
    if sign.failed.is_empty()
        && let Some(list) = mail.header("x-failed-recipients")
    {
        push_addresses(&mut sign.failed, list);
    }
    if sign.failed.is_empty() {
        sign.failed = named_in_text(mail, &text);
    }
    let said = found.status.clone().filter(|code| !vague(code));
    let spoken = || spoken_status(&found.diagnostic).or_else(|| spoken_status(&text));
    sign.status = said.or_else(spoken).or(found.status).or_else(|| spoken_status(&mail.text));
    let words = if found.diagnostic.is_empty() { text.as_str() } else { found.diagnostic.as_str() };
    let code = REPLY_CODE
        .captures(words)
        .or_else(|| REPLY_CODE.captures(&text))
        .and_then(|c| c.get(1))
        .map(|m| m.as_str().starts_with('5'));
    let delay = found.failed.is_empty()
        && (!found.delayed.is_empty() || DELAY.is_match(&mail.subject) || DELAY.is_match(&text) && code != Some(true));
    sign.hard = if delay { Some(false) } else { judge(sign.status.as_deref(), words, &text, code) };
    let original = body.get(own.len()..).unwrap_or_default();
    let id = MESSAGE_ID.captures_iter(original).last().or_else(|| MESSAGE_ID.captures_iter(body).last());
    sign.original_message_id = id.and_then(|c| c.get(1)).map(|m| m.as_str().to_string());
}

/// What the daemon itself wrote, above the mail that came back.
fn above_original(body: &str) -> &str {
    ORIGINAL
        .find_iter(body)
        .map(|m| m.start())
        .find(|&at| at > 0 && body[..at].trim().len() > 20)
        .map_or(body, |at| &body[..at])
}

fn vague(code: &str) -> bool {
    code.ends_with(".0.0")
}

fn spoken_status(text: &str) -> Option<String> {
    let codes = STATUS.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.as_str());
    codes.filter(|code| !code.starts_with('2') && !vague(code)).map(str::to_string).next()
}

/// Whether the address will not work again. The status decides where it is one of an address; where it is vague, the words do.
fn judge(status: Option<&str>, words: &str, text: &str, code: Option<bool>) -> Option<bool> {
    let gone = |text: &str| GONE.is_match(text) && !PASSES.is_match(text);
    if let Some(status) = status {
        let mut parts = status.split('.');
        return match (parts.next(), parts.next(), parts.next()) {
            (Some("5"), Some("1"), Some("0" | "1" | "2" | "3" | "6" | "10")) => {
                Some(!PASSES.is_match(words) || GONE.is_match(words))
            }
            (Some("5"), Some("4"), Some("4")) => Some(true),
            (Some("5"), Some("1"), Some("7" | "8")) => Some(false),
            (Some("5"), Some("2"), Some("1")) => Some(GONE.is_match(words)),
            (Some("4"), _, _) => Some(false),
            _ => Some(gone(words) || gone(text)),
        };
    }
    match code {
        Some(false) => Some(false),
        _ if gone(words) => Some(true),
        _ => code.map(|_| false),
    }
}

/// The per-recipient groups of RFC 3464, in short.
#[derive(Default)]
struct Groups {
    failed: Vec<String>,
    delayed: Vec<String>,
    status: Option<String>,
    /// The diagnostic code of the first group that failed.
    diagnostic: String,
}

#[derive(Default)]
struct Group {
    final_one: Option<String>,
    original: Option<String>,
    action: String,
    status: Option<String>,
    diagnostic: String,
}

impl Groups {
    fn settle(&mut self, group: &mut Group) {
        let group = std::mem::take(group);
        // The address that we wrote to is the original one; the final one is what the other side made of it.
        let written = group.original.filter(|value| ADDRESS.is_match(value));
        let Some(address) = written.or(group.final_one) else { return };
        match group.action.as_str() {
            "delivered" | "relayed" | "expanded" => return,
            "delayed" => push_addresses(&mut self.delayed, &address),
            _ => push_addresses(&mut self.failed, &address),
        }
        if self.status.is_none() {
            self.status = group.status.filter(|code| !code.starts_with('2'));
        }
        if self.diagnostic.is_empty() {
            self.diagnostic = group.diagnostic;
        }
    }
}

fn delivery_status(body: &str) -> Groups {
    let mut found = Groups::default();
    let mut group = Group::default();
    let mut folding = false;
    for line in body.lines() {
        if folding && line.starts_with([' ', '\t']) && group.diagnostic.len() < 2000 {
            group.diagnostic.push(' ');
            group.diagnostic.push_str(line.trim());
            continue;
        }
        folding = false;
        let Some((name, value)) = line.split_once(':') else {
            if line.trim().is_empty() {
                found.settle(&mut group);
            }
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "final-recipient" => group.final_one = Some(value.to_string()),
            "original-recipient" => group.original = Some(value.to_string()),
            "action" => {
                let word = value.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty());
                group.action = word.unwrap_or_default().to_ascii_lowercase();
            }
            "status" => group.status = STATUS.captures(value).and_then(|c| c.get(1)).map(|m| m.as_str().to_string()),
            "diagnostic-code" => {
                group.diagnostic = value.trim().to_string();
                folding = true;
            }
            _ => {}
        }
    }
    found.settle(&mut group);
    found
}

fn push_addresses(list: &mut Vec<String>, text: &str) {
    for found in ADDRESS.find_iter(text) {
        let address = found.as_str().trim_matches(['\'', '.']).to_lowercase();
        if !list.contains(&address) && list.len() < 200 {
            list.push(address);
        }
    }
}

/// Addresses that the text of a bounce without a machine-readable part names; ours and the daemon's are left out.
fn named_in_text(mail: &Mail, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().take(400).map(str::trim).filter(|line| line.len() < 500) {
        let small = line.to_ascii_lowercase();
        let header = ["to:", "cc:", "from:", "subject:", "reply-to:"].iter().any(|name| small.starts_with(name));
        let alone = line.starts_with('<') || ADDRESS.find(line).is_some_and(|m| m.start() <= 12);
        let told = ["recipient", "userid", "attempts", "addressed", "delivered to", "delivery to"];
        if !header && (alone || BOUNCE_BODY.is_match(line) || told.iter().any(|word| small.contains(word))) {
            push_addresses(&mut found, line);
        }
    }
    let ours = |address: &String| {
        let known = mail.from.iter().chain(&mail.to).any(|mailbox| mailbox.address.eq_ignore_ascii_case(address));
        !known && !DAEMON.is_match(address)
    };
    found.retain(ours);
    found
}
