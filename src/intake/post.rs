//! What came by another door than mail: it goes on in its thread's ticket, or opens one. The same triage, clock and assignment as mail.

use super::action::{ActError, Action};
use super::approval;
use super::case::{Case, Deed, Unit};
use super::client;
use super::process::{Decided, store};
use super::quiet;
use super::read::Ready;
use super::storm;
use super::thread::Thread;
use crate::channel::Post;
use crate::store::inbound::Fate;
use crate::store::{StoreError, conversations, maintenance};
use crate::words::{Actor, ClientKey, MessageRow, Status};

pub(super) async fn take(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Decided, ActError> {
    let sender = ready.sender();
    if !sender.is_empty() && unit.is_muted(&sender).await? {
        return Ok(Decided::because(Fate::Refused, "the sender was muted with #spam"));
    }
    let source = &ready.row.source;
    // What waits for the end of a maintenance and is over by then was none.
    if post.resolved && quiet::over(unit, ready, post).await? {
        return Ok(Decided::because(Fate::Automatic, "it was over before the maintenance ended"));
    }
    let who = client::sender(unit, ready).await?;
    let machines_client = who.certain_client().filter(|_| sender.is_empty()).cloned();
    if let Some(client) = machines_client.as_ref().filter(|_| !post.resolved)
        && let Some(until) = maintenance::until(unit.tx, client, ready.row.arrived_at).await?
        && !has_open_ticket(unit, source, post).await?
    {
        return quiet::keep(unit, ready, post, (client, until)).await;
    }
    if let Some(place) = &post.thread
        && let Some(number) = conversations::ticket_of(unit.tx, source, place).await?
        && let Some(case) = Case::found(unit, number).await?
        && goes_on(unit, &case, ready, post)
    {
        conversations::touch(unit.tx, source, place, ready.row.arrived_at).await?;
        return match sender.is_empty() {
            true => by_machine(unit, ready, post, case).await,
            false => client::join(unit, ready, &Thread::default(), case, (who, approval::Ordinary::default())).await,
        };
    }
    if post.resolved {
        return Ok(Decided::because(
            Fate::Automatic,
            "it says that something is over of which there is no open ticket",
        ));
    }
    let decided = match machines_client {
        Some(key) => storm::take(unit, ready, post, (who, key)).await?,
        None => client::open(unit, ready, who).await?,
    };
    if let (Some(place), Some(number)) = (&post.thread, decided.ticket) {
        conversations::open(unit.tx, source, place, number, ready.row.arrived_at).await?;
    }
    Ok(decided)
}

/// Somebody works on it already: one more of the same disturbs nobody.
async fn has_open_ticket(unit: &mut Unit<'_>, source: &str, post: &Post) -> Result<bool, StoreError> {
    let Some(place) = &post.thread else { return Ok(false) };
    let Some(number) = conversations::ticket_of(unit.tx, source, place).await? else { return Ok(false) };
    Ok(Case::found(unit, number).await?.is_some_and(|case| case.ticket.status.is_active()))
}

/// What is closed is over for good. A machine's trouble that is back soon after the ticket was resolved goes on there, later it is a
/// new one; a person's words reopen.
fn goes_on(unit: &Unit<'_>, case: &Case, ready: &Ready, post: &Post) -> bool {
    let flaps = |at| ready.row.arrived_at - at < unit.firm().alerts.flap;
    match case.ticket.status {
        Status::Closed | Status::Spam | Status::Merged => false,
        Status::Resolved => !post.sender.is_empty() || post.resolved || case.ticket.resolved_at.is_some_and(flaps),
        _ => true,
    }
}

/// A machine's further words are kept and told to nobody, but that it is back. When all of it is over, what no human has touched is
/// resolved.
async fn by_machine(unit: &mut Unit<'_>, ready: &Ready, post: &Post, mut case: Case) -> Result<Decided, ActError> {
    let message = keep(unit, ready, &mut case).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    if let Some(place) = &post.thread {
        let over = post.resolved.then_some(ready.row.arrived_at);
        conversations::set_over(unit.tx, &ready.row.source, place, over).await?;
    }
    if !post.resolved {
        case.act(unit, &deed, Action::FiresAgain { message }).await?;
    } else if conversations::going_on(unit.tx, case.ticket.number, storm::CHANNEL).await? == 0 {
        case.act(unit, &deed, Action::Recovered).await?;
    }
    let number = case.save(unit).await?;
    let why = if post.resolved { "it says that it is over" } else { "more of the same" };
    Ok(Decided::on(Fate::Automatic, number).with_reason(why))
}

/// Stores a machine's words on a ticket, internally.
pub(super) async fn keep(unit: &mut Unit<'_>, ready: &Ready, case: &mut Case) -> Result<MessageRow, ActError> {
    let message = store(unit, ready, case, (false, Actor::Desk), None).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    case.act(unit, &deed, Action::KeepAutomatic { message }).await?;
    Ok(message)
}

/// The client that the payload or the config names, if the firm has it.
pub(super) fn client_of(unit: &Unit<'_>, post: &Post) -> Option<ClientKey> {
    let named = post.client.as_ref()?;
    unit.firm().client_called(named).map(|client| client.key.clone())
}
