//! Mail to techs and managers that grows: what goes beyond the limit is held and told in one list, never dropped (rule 11).

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::case::{Case, Unit};
use super::letter::{self, TechLetter};
use crate::desk::firm::{Firm, Tech};
use crate::mail::{Attachment, parse, reply};
use crate::notice::{self, GatheredEntry, GatheredFacts, MailtoLinks, tech_subject};
use crate::outbox::Class;
use crate::store::outbox::held::{self, Flow, Held};
use crate::store::tokens::Purpose;
use crate::store::{StoreError, Tx, tickets};
use crate::words::{Priority, Status};

/// So much goes into one list; what is left over goes into the next one at once.
const ENTRIES: i64 = 20;
/// Bytes of words in one list: with their HTML and the links it stays under 100 KB, where Gmail cuts a mail off.
const WORDS: usize = 16 << 10;
/// Never held: what was missed, what is a list already, what must be answered by itself, what has a moment of its own.
const AT_ONCE: [&str; 7] =
    ["escalation", "unsorted_digest", "late_list", "gathered", "confirmation", "unverified", "unhappy"];
/// Of an outage these are never held either.
const OF_OUTAGES: [&str; 4] = ["assignment", "client_message", "no_candidate", "reminder"];

/// Whether this mail waits for a list, because its reader gets so much. Counts it.
pub(super) async fn holds(
    unit: &mut Unit<'_>,
    recipient: &str,
    kind: &str,
    case: Option<&Case>,
) -> Result<bool, StoreError> {
    if held::ANSWERS.contains(&kind) {
        return Ok(false);
    }
    let limit = unit.firm().gather;
    if !unit.flows.contains_key(recipient) {
        let flow = held::flow(unit.tx, recipient, unit.now - limit.within).await?;
        unit.flows.insert(recipient.to_owned(), flow);
    }
    let outage = case.is_some_and(|case| case.ticket.priority == Priority::P1);
    let may_wait = !(AT_ONCE.contains(&kind) || outage && OF_OUTAGES.contains(&kind));
    let flow = unit.flows.entry(recipient.to_owned()).or_default();
    let holds = may_wait && (flow.held > 0 || flow.written >= i64::from(limit.over));
    flow.written += 1;
    flow.held += i64::from(holds);
    Ok(holds)
}

/// What every tech was written lately, by address, looked up at once: a batch of mail goes to all of them.
pub(super) async fn flows(tx: &mut Tx, firm: &Firm, now: DateTime<Utc>) -> Result<HashMap<String, Flow>, StoreError> {
    let addresses: Vec<String> = firm.techs.iter().filter_map(|tech| tech.emails.first().cloned()).collect();
    let mut flows: HashMap<String, Flow> = addresses.iter().map(|address| (address.clone(), Flow::default())).collect();
    flows.extend(held::flows(tx, &addresses, now - firm.gather.within).await?);
    Ok(flows)
}

/// When the next list is to be written; `None` when nothing is held.
pub async fn next_list(unit: &mut Unit<'_>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(held::oldest(unit.tx).await?.map(|oldest| oldest + unit.firm().gather.within))
}

/// Writes one list for each who is due one: what it tells is withdrawn in the same transaction. What is over goes with the next look, so
/// that no transaction grows with the flood.
pub async fn lists(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let recipients = held::due(unit.tx, unit.now - unit.firm().gather.within).await?;
    for recipient in &recipients {
        match unit.firm().tech_by_address(recipient) {
            Some(tech) => {
                let all = held::of(unit.tx, recipient, ENTRIES).await?;
                write(unit, tech, all).await?;
            }
            // The tech's address has left the config: each goes as it was written.
            None => {
                for mail in held::of(unit.tx, recipient, ENTRIES).await? {
                    held::let_go(unit.tx, mail.id, unit.now).await?;
                }
            }
        }
    }
    Ok(!recipients.is_empty())
}

/// One list of as many mails as their files let it hold.
async fn write(unit: &mut Unit<'_>, tech: &Tech, all: Vec<Held>) -> Result<(), StoreError> {
    let cap = unit.firm().attachment_cap;
    let (mut entries, mut told, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let (mut of_files, mut of_words) = (0, 0);
    for mail in all {
        let read = parse::parse(&mail.bytes);
        let words = own_words(&read.text);
        of_files += read.attachments.iter().map(|file| file.bytes.len() as u64).sum::<u64>();
        of_words += words.len();
        if !entries.is_empty() && (of_files > cap || of_words > WORDS) {
            break;
        }
        entries.push(entry(unit, tech, &mail, words, &read.attachments).await?);
        files.extend(read.attachments);
        told.push(mail.id);
    }
    // One alone is no list.
    if let [only] = told.as_slice() {
        return held::let_go(unit.tx, *only, unit.now).await;
    }
    let Some(last) = told.last() else { return Ok(()) };
    let key = format!("gathered/{}/{}", tech.login, last.0);
    for id in &told {
        held::told(unit.tx, *id, &key).await?;
    }
    let address = letter::tech_token(unit, None, tech, Purpose::Digest).await?;
    let facts = GatheredFacts {
        now: unit.now,
        over: unit.firm().gather.over,
        within: unit.firm().gather.within,
        entries,
        links: MailtoLinks { address: address.reply_to.clone(), subject: String::new() },
    };
    let rendered = notice::gathered(&unit.office.texts, &unit.firm().language, &facts);
    // It carries assignments and clients' words: it must arrive.
    let letter = TechLetter { kind: "gathered", class: Class::MustArrive, key, rendered, files };
    letter::to_tech(unit, None, tech, &address, letter).await
}

async fn entry(
    unit: &mut Unit<'_>,
    tech: &Tech,
    mail: &Held,
    words: String,
    files: &[Attachment],
) -> Result<GatheredEntry, StoreError> {
    let files = files.iter().map(|file| file.name.clone()).collect();
    let bare = GatheredEntry {
        kind: mail.kind.clone(),
        subject: mail.subject.clone(),
        // What a reminder brings to mind the line says.
        words: if mail.kind == "reminder" { String::new() } else { words },
        files,
        ..GatheredEntry::default()
    };
    let row = match mail.ticket {
        Some(number) => tickets::row(unit.tx, number).await?,
        None => None,
    };
    let Some(row) = row else { return Ok(bare) };
    let client = row.client.as_ref().and_then(|key| unit.firm().client(key)).map(|client| client.name.clone());
    let due = match row.first_touch_at {
        None => row.first_touch_due,
        Some(_) => row.resolve_due,
    };
    let waits = matches!(row.status, Status::New | Status::Open | Status::Unsorted);
    // The token of the mail that is not sent: an answer from here does what an answer to that mail would have done.
    let token = letter::token_in(&mail.message_id).map(str::to_owned);
    let subject = format!("Re: {}", tech_subject(row.number, client.as_deref(), &row.subject));
    let address = token.and_then(|token| letter::tech_address(unit, token).reply_to);
    let other = row.assignee.as_ref().filter(|login| **login != tech.login);
    Ok(GatheredEntry {
        number: Some(row.number),
        subject: row.subject,
        client_name: client,
        priority: Some(row.priority),
        status: Some(row.status),
        assignee_name: other.map(|login| super::picture::tech_name(unit, login)),
        due: due.filter(|_| waits).map(|due| due.with_timezone(&tech.time_zone)),
        links: MailtoLinks { address, subject },
        ..bare
    })
}

/// What one of our mails to a tech says between its marker and its foot, without the long links.
fn own_words(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let from = lines.iter().position(|line| *line == reply::MARKER).map_or(0, |at| at + 1);
    let body = &lines[from..];
    let a_link = |line: &str| line.contains(": mailto:") && !line.starts_with("  |");
    // A client's words stand behind a bar, so only the foot has these lines; the last ones count.
    let foot = ["--", "One tap:"].iter().filter_map(|mark| body.iter().rposition(|line| line == mark)).min();
    let own = body[..foot.unwrap_or(body.len())].iter().filter(|line| !a_link(line));
    own.copied().collect::<Vec<&str>>().join("\n").trim().to_owned()
}
