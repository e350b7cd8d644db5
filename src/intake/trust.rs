//! Nobody acts as a tech but that tech: the three conditions of DESIGN.md section 7.

use chrono::TimeDelta;

use super::case::Unit;
use super::read::Ready;
use super::thread::Thread;
use crate::desk::firm::Tech;
use crate::mail::authentic::{Authentic, Signature};
use crate::store::{StoreError, inbound};

/// Why a mail is not taken as the tech's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distrust {
    pub reason: String,
    /// DNS gave no answer: worth another try.
    pub again: bool,
}

/// A signed Date may not be older.
const FRESH: TimeDelta = TimeDelta::hours(72);

fn distrust(reason: impl Into<String>) -> Distrust {
    Distrust { reason: reason.into(), again: false }
}

/// Conditions 2 and 3: the one From is the tech's, and its domain is authentic. Spends the signature.
pub(super) async fn is_tech(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    token: Option<&str>,
) -> Result<Result<(), Distrust>, StoreError> {
    if let Err(reason) = one_author(ready, tech) {
        return Ok(Err(reason));
    }
    if unit.firm().tech_mail_token_only && token.is_some() {
        return Ok(Ok(()));
    }
    let Some(verdict) = &ready.verdict else {
        return Ok(Err(distrust("the mail could not be checked: no verdict of its domain")));
    };
    match &verdict.authentic {
        Authentic::Yes { .. } => {}
        Authentic::No { why } => return Ok(Err(distrust(why.clone()))),
        Authentic::Unknown { why } => return Ok(Err(Distrust { reason: why.clone(), again: true })),
    }
    let Some(signature) = verdict.signatures.iter().find(|signature| signature.passed && signature.aligned) else {
        // The mailbox's own border vouched for it; there is no signature of ours to spend.
        return Ok(Ok(()));
    };
    if let Err(reason) = fresh(ready, signature).and_then(|()| covers_token(ready, signature, token)) {
        return Ok(Err(reason));
    }
    let first = inbound::spend_signature(unit.tx, &signature.b, ready.row.id, unit.now).await?;
    Ok(if first {
        Ok(())
    } else {
        Err(distrust("its signature was used before: the mail is a copy of an earlier one"))
    })
}

/// Condition 2: exactly one From, and it is one of the tech's registered addresses; never Sender, never Reply-To.
pub(super) fn one_author(ready: &Ready, tech: &Tech) -> Result<(), Distrust> {
    let Some(from) = ready.mail.single_from() else {
        return Err(distrust("it does not have exactly one author in its From"));
    };
    if tech.emails.contains(&from.address.to_lowercase()) {
        return Ok(());
    }
    Err(distrust(format!("it comes from {}, which is none of {}'s registered addresses", from.address, tech.name)))
}

/// The signed Date is not older than 72 hours, counted at the mail's arrival.
fn fresh(ready: &Ready, signature: &Signature) -> Result<(), Distrust> {
    let signed = signature.signed_headers.iter().any(|name| name.eq_ignore_ascii_case("date"));
    match ready.mail.date.filter(|_| signed) {
        None => Err(distrust("its signature does not cover a Date")),
        Some(date) if ready.row.arrived_at - date > FRESH => Err(distrust("its signed Date is older than three days")),
        Some(date) if date - ready.row.arrived_at > FRESH => Err(distrust("its signed Date lies in the future")),
        Some(_) => Ok(()),
    }
}

/// Where the signature covers any of To, In-Reply-To, References, at least one covered one must carry the token.
fn covers_token(ready: &Ready, signature: &Signature, token: Option<&str>) -> Result<(), Distrust> {
    let Some(token) = token else { return Ok(()) };
    let mut covered = ["to", "in-reply-to", "references"]
        .into_iter()
        .filter(|name| signature.signed_headers.iter().any(|signed| signed.eq_ignore_ascii_case(name)))
        .peekable();
    if covered.peek().is_none() {
        return Ok(());
    }
    // DKIM signs the lowest field of a name: one put on top later is nobody's word.
    let carries =
        |name: &str| ready.mail.headers_named(name).last().is_some_and(|value| value.to_lowercase().contains(token));
    if covered.any(carries) {
        return Ok(());
    }
    Err(distrust("its signature covers other recipients than this ticket's: the mail was sent elsewhere first"))
}

/// The tech that the mail claims to be, with the token that would prove it.
pub(super) fn claimed<'a>(unit: &Unit<'a>, ready: &Ready, thread: &Thread) -> Option<(&'a Tech, Option<String>)> {
    let firm = unit.firm();
    let token = thread.token.as_ref().filter(|_| thread.token_counts());
    let by_token = token.and_then(|token| Some((firm.tech(token.tech.as_ref()?)?, Some(token.token.clone()))));
    by_token.or_else(|| Some((firm.tech_by_address(&ready.sender())?, None)))
}
