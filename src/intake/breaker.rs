//! Two machines that answer each other: a sender whose mail keeps coming back upon our acknowledgements gets no more of them for a while.

use chrono::TimeDelta;

use super::case::{Case, Unit};
use super::managers;
use crate::store::StoreError;
use crate::store::outbox::Acknowledged;

/// A mail that comes so soon after our acknowledgement, about the same, may be a machine's answer to it.
const QUICK: TimeDelta = TimeDelta::minutes(2);
/// A mailbox's arrival times are whole seconds: an answer may seem to come before what it answers.
const ROUNDED: TimeDelta = TimeDelta::seconds(1);
/// So many rounds …
pub(super) const ROUNDS: i64 = 3;
/// … within this time are an argument.
pub(super) const WITHIN: TimeDelta = TimeDelta::minutes(30);
/// How long acknowledgements to such a sender are paused.
const PAUSE: TimeDelta = TimeDelta::hours(4);

/// Whether this request may be acknowledged as far as the breaker goes; when it breaks, the managers are told. `lately`: how much
/// automatic mail the sender was written within the hour.
pub(super) async fn lets_through(
    unit: &mut Unit<'_>,
    case: &Case,
    address: &str,
    lately: i64,
) -> Result<bool, StoreError> {
    let name = pause_of(address);
    if unit.now.timestamp() < unit.paused_until(&name).await? {
        return Ok(false);
    }
    let ticket = &case.ticket;
    let this = Acknowledged { written_at: unit.now, received_at: ticket.received_at, subject: ticket.subject.clone() };
    if lately < ROUNDS {
        unit.note_acknowledged(address, this);
        return Ok(true);
    }
    let mut mails = unit.acknowledged(address, unit.now - WITHIN).await?;
    mails.push(this.clone());
    let rounds = rounds(&mails);
    if rounds < ROUNDS {
        unit.note_acknowledged(address, this);
        return Ok(true);
    }
    let until = unit.now + PAUSE;
    unit.pause_until(&name, until.timestamp()).await?;
    let since = mails.first().map_or(unit.now, |first| first.written_at);
    managers::storm(unit, address, rounds, (since, until)).await?;
    Ok(false)
}

/// The name under which a pause is kept.
pub(super) fn pause_of(address: &str) -> String {
    format!("paused/{address}")
}

/// How many of these mails, in order, look like an answer to the acknowledgement of the one before.
fn rounds(mails: &[Acknowledged]) -> i64 {
    mails.windows(2).map(|pair| i64::from(answers(&pair[1], &pair[0]))).sum()
}

fn answers(mail: &Acknowledged, before: &Acknowledged) -> bool {
    let after = mail.received_at - before.written_at;
    (-ROUNDED..=QUICK).contains(&after) && alike(&mail.subject, &before.subject)
}

/// At least half of the shorter subject's words stand in the other; numbers, `Re:` and other short words do not count.
fn alike(one: &str, other: &str) -> bool {
    let (one, other) = (words(one), words(other));
    let shared = one.iter().filter(|word| other.contains(word)).count();
    shared * 2 >= one.len().min(other.len())
}

fn words(subject: &str) -> Vec<String> {
    let mut words: Vec<String> = subject
        .split(|letter: char| !letter.is_alphabetic())
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}
