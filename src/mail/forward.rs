//! Takes a forwarded mail apart: who wrote it to whom, and what the forwarder added above.

use std::sync::LazyLock;

use regex::Regex;

use crate::mail::reply::attribution::{attribution, separator};
use crate::mail::reply::block::{ADDRESS, Block, DATE, Field, bare, block, pattern};
use crate::mail::{Mail, Mailbox};

/// The mail within a forward, as far as the forwarding program wrote its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded {
    pub from: Option<Mailbox>,
    pub to: Vec<Mailbox>,
    pub cc: Vec<Mailbox>,
    pub subject: Option<String>,
    /// As the program wrote it, in its language.
    pub date: Option<String>,
    pub body: String,
    /// What the forwarder wrote above.
    pub message: Option<String>,
}

/// Subject prefixes of forwards; "I" is Italian Outlook, "PD" Polish, "VB" Swedish, "VS" Danish, Norwegian and Finnish.
static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(?:fwd?|wg|tr|rv|enc|i|pd|vb|vs|vl|doorst|i̇lt|ilt|ynt|fyi|továbbítás|trans|rif|пересл|ha|weitergeleitet|转发|轉寄|転送|전달)\s*[:：]\s*(.*)$",
    )
});
static MAILBOX_LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"<?\s*\[?<?mailto:[^>\]]*>?\]?\s*>?"));
/// Yahoo writes the whole header on one line, the names glued to the values before them.
static GLUED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(From|To|Cc|CC|Bcc|Sent|Date|Subject|Feladó|Címzett|Másolat|Elküldve|Tárgy|De|Para|Pour|À|Envoyé|Objet|Enviado|Enviada|Asunto|Assunto|Kimden|Kime|Bilgi|Gönderilen|Gönderildi|Konu|Von|An|Gesendet|Betreff|Da|A|Inviato|Oggetto|Od|Do|DW|Wysłano|Temat|Van|Aan|Verzonden|Onderwerp|Från|Till|Skickat|Ämne|Fra|Til|Sendt|Emne|От|Кому|Отправлено|Тема|De la|Către|Trimis|Subiect)\s?:\s",
    )
});

/// The forwarded mail within a mail; `None` for replies and plain mails.
pub fn forwarded(mail: &Mail) -> Option<Forwarded> {
    let prefixed = PREFIX.captures(&mail.subject);
    let lines: Vec<String> = mail.text.lines().map(|line| line.trim_start_matches('\u{feff}').to_string()).collect();
    let unquoted: Vec<&str> = lines.iter().map(|line| unquote(line)).collect();
    let subject = prefixed.as_ref().and_then(|found| found.get(1)).map(|m| m.as_str().trim().to_string());
    for at in 0..unquoted.len() {
        let marked = at_separator(&unquoted, at);
        if let Some(found) = marked.and_then(|(start, glued)| under(&lines, &unquoted, at, start, glued)) {
            return Some(found);
        }
        if marked.is_none()
            && let Some(found) = block(&unquoted, at)
            && (prefixed.is_some()
                || found.sure && !lines[at].trim_start().starts_with('>') && mail.in_reply_to.is_empty())
        {
            return Some(compose(&lines, at, found, subject));
        }
        if let Some(subject) = subject.clone()
            && let Some(found) = attribution(&unquoted, at)
        {
            return by_attribution(&lines, &unquoted, at, found.lines, subject);
        }
    }
    None
}

fn unquote(line: &str) -> &str {
    let mut line = line;
    for _ in 0..3 {
        let Some(rest) = line.trim_start().strip_prefix('>') else { break };
        line = rest.strip_prefix(' ').unwrap_or(rest);
    }
    line
}

/// Where the header begins below the line "Forwarded message"; the text beside it for programs that glue all on one line.
fn at_separator<'a>(lines: &[&'a str], at: usize) -> Option<(usize, Option<&'a str>)> {
    let line = lines[at];
    let trimmed = line.trim();
    if trimmed.starts_with("---") && trimmed.len() < 4000 {
        let inner = trimmed.trim_start_matches('-');
        if let Some((title, rest)) = inner.split_once("-----")
            && title.len() < 80
            && ADDRESS.is_match(rest)
        {
            return Some((at + 1, Some(rest.trim_start_matches('-'))));
        }
    }
    separator(line, &lines[at + 1..lines.len().min(at + 8)]).map(|_| (at + 1, None))
}

fn under(lines: &[String], unquoted: &[&str], at: usize, start: usize, glued: Option<&str>) -> Option<Forwarded> {
    if let Some(glued) = glued {
        let mut starts: Vec<usize> = GLUED.find_iter(glued).map(|m| m.start()).collect();
        starts.push(glued.len());
        let parts: Vec<&str> = starts.windows(2).map(|pair| glued[pair[0]..pair[1]].trim()).collect();
        let mut found = block(&parts, 0)?;
        found.end = start;
        return Some(compose(lines, at, found, None));
    }
    let first = (start..unquoted.len().min(start + 4)).find(|&i| !bare(unquoted[i]).is_empty())?;
    let found = block(unquoted, first)?;
    Some(compose(lines, at, found, None))
}

fn by_attribution(lines: &[String], unquoted: &[&str], at: usize, count: usize, subject: String) -> Option<Forwarded> {
    let head = unquoted[at..at + count].join(" ");
    let address = ADDRESS.find(&head)?;
    let before = head[..address.start()].trim_end_matches(['<', '(', ' ']);
    let name = before.rsplit_once('"').and_then(|(rest, _)| rest.rsplit_once('"')).map(|(_, name)| name.to_string());
    let name = name.unwrap_or_else(|| before.rsplit([',', ':']).next().unwrap_or(before).trim().to_string());
    let date = DATE.find(&head).map(|first| {
        let last = DATE.find_iter(&head).last().map_or(first.end(), |m| m.end());
        head[first.start()..last].to_string()
    });
    let from = Mailbox { name: name.trim_matches(['"', '\'', ' ']).to_string(), address: address.as_str().to_string() };
    Some(Forwarded {
        from: Some(from),
        to: Vec::new(),
        cc: Vec::new(),
        subject: Some(subject),
        date,
        body: body(lines, at + count),
        message: message(lines, at),
    })
}

fn compose(lines: &[String], at: usize, found: Block, outer: Option<String>) -> Forwarded {
    let value = |field: Field| found.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| value.clone());
    let list = |field: Field| value(field).map(|value| mailboxes(&value)).unwrap_or_default();
    Forwarded {
        from: value(Field::From).and_then(|value| mailboxes(&value).into_iter().next()),
        to: list(Field::To),
        cc: list(Field::Cc),
        subject: value(Field::Subject).filter(|value| !value.is_empty()).or(outer),
        date: value(Field::Sent).filter(|value| !value.is_empty()),
        body: body(lines, found.end),
        message: message(lines, at),
    }
}

/// The lines from `at` on, with one level of quote marks taken off where most lines carry it.
fn body(lines: &[String], at: usize) -> String {
    let lines = &lines[at.min(lines.len())..];
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let quoted = full.clone().filter(|line| line.starts_with('>')).count() * 2 > full.count();
    let indented = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .all(|line| line.starts_with("    ") || line.starts_with('\t'));
    let text: Vec<&str> = lines
        .iter()
        .map(|line| match line.strip_prefix('>') {
            Some(rest) if quoted => rest.strip_prefix(' ').unwrap_or(rest),
            _ if indented => line.trim_start(),
            _ => line.as_str(),
        })
        .map(str::trim_end)
        .collect();
    text.join("\n").trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}')).to_string()
}

fn message(lines: &[String], at: usize) -> Option<String> {
    let text = lines[..at].join("\n");
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '_' | '-' | '>' | '*')).trim();
    (!text.is_empty()).then(|| text.to_string())
}

/// The people of a header value as mail programs print it: commas or semicolons, `<a@b>`, `[mailto:a@b]`, `a@b<mailto:a@b>`.
fn mailboxes(value: &str) -> Vec<Mailbox> {
    let value = value.split(" on behalf of ").next().unwrap_or(value);
    let mut list: Vec<Mailbox> = Vec::new();
    let mut rest = 0;
    for found in ADDRESS.find_iter(value) {
        let address = found.as_str().strip_prefix("mailto:").unwrap_or(found.as_str());
        let before = value.get(rest..found.start()).unwrap_or_default();
        rest = found.end();
        let same = list.last().is_some_and(|last| last.address.eq_ignore_ascii_case(address));
        let apart = before.contains([',', ';']);
        if same && !apart {
            continue;
        }
        let before = before.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | ',' | ';' | ']' | ')'));
        let before = before.strip_suffix("mailto:").unwrap_or(before);
        let name = MAILBOX_LINK.replace_all(before, " ");
        let name =
            name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '[' | '(' | '*' | ','));
        let name = if name.contains('@') { "" } else { name };
        list.push(Mailbox { name: name.to_string(), address: address.to_string() });
    }
    list
}
