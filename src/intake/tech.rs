//! Mail from a tech: authority, directives all together or not at all, and the receipt.

use std::sync::Arc;

use chrono::TimeDelta;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::orders::{self, Orders};
use super::process::{Decided, store, store_text};
use super::read::Ready;
use super::thread::Thread;
use super::trust::{self, Distrust};
use super::{list, pending, pricing, receipt, review, statement, tech_new};
use crate::desk::directive;
use crate::desk::firm::Tech;
use crate::store::inbound::Fate;
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, tickets};
use crate::words::{Actor, MessageRow, Status, TicketNumber};

pub(super) async fn mail(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Decided, ActError> {
    judged(unit, ready, thread, None).await
}

/// `noted`: the internal comment that the mail is already, where it had to wait for DNS.
pub(super) async fn judged(
    unit: &mut Unit<'_>,
    ready: &Ready,
    thread: &Thread,
    noted: Option<MessageRow>,
) -> Result<Decided, ActError> {
    let Some((tech, token)) = trust::claimed(unit, ready, thread) else {
        return super::client::mail(unit, ready, thread).await;
    };
    let trusted = trust::is_tech(unit, ready, tech, token.as_deref()).await?;
    let token = thread.token.clone().filter(|found| token.as_ref() == Some(&found.token));
    let trusted = match &token {
        Some(token) if ended(unit, token).await? => Err(Distrust {
            reason: "the ticket was closed more than 30 days ago, and its reply address has ended".to_owned(),
            again: false,
        }),
        _ => trusted,
    };
    match (trusted, token) {
        (Ok(()), Some(token)) => answer(unit, ready, tech, &token).await,
        (Ok(()), None) => tech_new::mail(unit, ready, tech, thread).await,
        // The token was mailed to the tech's own address; that it comes back from there is the confirmation.
        (Err(_), Some(token)) if token.purpose == Purpose::Confirm && trust::one_author(ready, tech).is_ok() => {
            answer(unit, ready, tech, &token).await
        }
        (Err(why), _) if why.again => pending::wait(unit, ready, tech, thread).await,
        (Err(why), _) => distrusted(unit, ready, tech, thread, (why, noted)).await,
    }
}

/// A token lives as long as its ticket and 30 days more: 7 days from resolved to closed, then 30.
async fn ended(unit: &mut Unit<'_>, token: &Token) -> Result<bool, StoreError> {
    let Some(number) = token.ticket else { return Ok(false) };
    let row = tickets::row(unit.tx, number).await?;
    let closed = row.filter(|row| row.status == Status::Closed).and_then(|row| row.resolved_at);
    Ok(closed.is_some_and(|resolved| unit.now - resolved > TimeDelta::days(37)))
}

/// Kept as an internal comment that names the reason; nothing is relayed; the tech is told on a fresh mail.
async fn distrusted(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    thread: &Thread,
    (why, noted): (Distrust, Option<MessageRow>),
) -> Result<Decided, ActError> {
    let reason = format!("claims to be {} but {}", tech.name, why.reason);
    let case = match thread.ticket() {
        Some(number) => Case::found(unit, number).await?,
        None => None,
    };
    let Some(mut case) = case else {
        return tech_new::confirm(unit, ready, tech, &why.reason).await;
    };
    let message = match noted {
        Some(message) => message,
        None => store(unit, ready, &case, (false, Actor::Stranger), Some(&reason)).await?,
    };
    let deed = Deed { actor: Actor::Stranger, at: ready.row.arrived_at, cause: ready.cause() };
    case.act(unit, &deed, Action::Note { message, reason: Some(reason.clone()) }).await?;
    receipt::unverified(unit, &case, ready, tech, &why.reason).await?;
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Reply, number).with_reason(format!("kept internally: {reason}")))
}

/// A trusted answer to one of our mails.
async fn answer(unit: &mut Unit<'_>, ready: &Ready, tech: &Tech, token: &Token) -> Result<Decided, ActError> {
    match (token.purpose, token.ticket) {
        (Purpose::Confirm, _) => tech_new::confirmed(unit, ready, tech, token).await,
        (Purpose::Public | Purpose::Internal, Some(number)) => {
            on_ticket(unit, ready, tech, (number, token.purpose)).await
        }
        _ => match (statement::number_of(token), pricing::id_of(token)) {
            (Some(number), _) => statement::answered(unit, ready, tech, number).await,
            (None, Some(id)) => pricing::answered(unit, ready, tech, id).await,
            (None, None) => match review::about(token) {
                Some(review) => review::answered(unit, ready, tech, review).await,
                None => digest(unit, ready, tech).await,
            },
        },
    }
}

/// Does what the mail says on its ticket, or nothing of it.
pub(super) async fn on_ticket(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    (number, purpose): (TicketNumber, Purpose),
) -> Result<Decided, ActError> {
    let context = directive::Context { now: ready.row.arrived_at, zone: tech.time_zone, may_name_tickets: false };
    let reading = directive::read(&ready.new.text, &context);
    // In a client's chat the words are said, whatever becomes of the directives.
    let heard = (purpose == Purpose::Public && ready.place().is_some()).then(|| reading.rest.trim().to_owned());
    let orders = Orders::new(tech, ready, purpose, reading);
    unit.tx.deed().await?;
    let mut case = Case::load(unit, number).await?;
    case.arrived = Some(Arc::clone(&ready.mail));
    let done = match &orders {
        Ok(orders) => orders::carry_out(unit, &mut case, orders).await,
        Err((line, why)) => Err(orders::refusal(line, why.clone())),
    };
    match done {
        Ok(done) => {
            unit.tx.deed_done().await?;
            receipt::receipt(unit, &case, ready, tech, done).await?;
            let number = case.save(unit).await?;
            Ok(Decided::on(Fate::Reply, number))
        }
        Err(orders::NotDone::Refused(refused)) => {
            unit.undo_deed().await?;
            let mut case = Case::load(unit, number).await?;
            let reason = format!("not sent: {}", refused.why);
            let deed = Deed { actor: Actor::Tech(tech.login.clone()), at: ready.row.arrived_at, cause: ready.cause() };
            match heard.filter(|words| !words.is_empty()) {
                Some(words) => {
                    let message = store_text(unit, ready, number, (true, deed.actor.clone()), None, &words).await?;
                    case.act(unit, &deed, Action::Answer { message, by: tech.login.clone() }).await?;
                }
                None => {
                    let message = store(unit, ready, &case, (false, deed.actor.clone()), Some(&reason)).await?;
                    case.act(unit, &deed, Action::Note { message, reason: Some(reason.clone()) }).await?;
                }
            }
            receipt::not_sent(unit, Some(&case), ready, tech, (purpose, &refused)).await?;
            let number = case.save(unit).await?;
            Ok(Decided::on(Fate::Reply, number).with_reason(reason))
        }
        Err(orders::NotDone::Store(error)) => Err(error.into()),
    }
}

/// A reply to a list: each line names its ticket; all of them together or none.
pub(super) async fn digest(unit: &mut Unit<'_>, ready: &Ready, tech: &Tech) -> Result<Decided, ActError> {
    let context = directive::Context { now: ready.row.arrived_at, zone: tech.time_zone, may_name_tickets: true };
    let reading = directive::read(&ready.new.text, &context);
    unit.tx.deed().await?;
    match list::carry_out_list(unit, ready, tech, reading).await {
        Ok(lines) => {
            unit.tx.deed_done().await?;
            let first = lines.iter().find_map(|line| line.number);
            receipt::list(unit, ready, tech, lines).await?;
            let decided = Decided::because(Fate::Reply, "an answer to a list");
            Ok(Decided { ticket: first, ..decided })
        }
        Err(orders::NotDone::Refused(refused)) => {
            unit.undo_deed().await?;
            receipt::not_sent(unit, None, ready, tech, (Purpose::Digest, &refused)).await?;
            Ok(Decided::because(Fate::Refused, format!("not done: {}", refused.why)))
        }
        Err(orders::NotDone::Store(error)) => Err(error.into()),
    }
}
