//! What came by another door than mail: it goes on in its thread's ticket, or opens one. The same triage, clock and assignment as mail.

use super::action::{ActError, Action};
use super::approval;
use super::case::{Case, Deed, Unit};
use super::client;
use super::managers;
use super::paging;
use super::process::{Decided, store, store_text};
use super::quiet;
use super::read::Ready;
use super::storm;
use super::survey;
use super::thread::Thread;
use crate::channel::Post;
use crate::channel::phone::Keyword;
use crate::store::inbound::Fate;
use crate::store::tickets::{self, Row};
use crate::store::{StoreError, conversations, maintenance, people};
use crate::words::{Actor, ClientKey, MessageRow, Priority, Status, TicketNumber};

pub(super) async fn take(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Decided, ActError> {
    if let Some(decided) = no_request(unit, ready, post).await? {
        return Ok(decided);
    }
    let (sender, source) = (ready.sender(), &ready.row.source);
    // What waits for the end of a maintenance and is over by then was none.
    if post.resolved && quiet::over(unit, ready, post).await? {
        return Ok(Decided::because(Fate::Automatic, "it was over before the maintenance ended"));
    }
    let who = client::sender(unit, ready).await?;
    let machines_client = who.certain_client().filter(|_| sender.is_empty()).cloned();
    let there = match &post.thread {
        Some(place) => there(unit, source, place).await?,
        None => None,
    };
    if post.remark && !post.resolved && sender.is_empty() {
        return match there {
            Some(there) => Ok(one_more(unit, ready, there.row.number).await?.with_reason("a word about the alert")),
            None => Ok(Decided::because(Fate::Automatic, "a word about an alert of which there is no ticket")),
        };
    }
    // Somebody works on it already: one more of the same disturbs nobody.
    let worked_on = there.as_ref().is_some_and(|there| there.row.status.is_active());
    if let Some(client) = machines_client.as_ref().filter(|_| !post.resolved && !worked_on)
        && let Some(until) = maintenance::until(unit.tx, client, ready.row.arrived_at).await?
    {
        return quiet::keep(unit, ready, post, (client, until)).await;
    }
    let answers = match &there {
        Some(there) if !sender.is_empty() => survey::is_answer(unit, ready, there.row.number).await?,
        _ => false,
    };
    if let Some(there) = there.filter(|there| answers || goes_on(unit, &there.row, ready, post)) {
        if sender.is_empty() {
            return by_machine(unit, ready, post, there).await;
        }
        conversations::touch(unit.tx, source, &there.place, ready.row.arrived_at).await?;
        let case = Case::load(unit, there.row.number).await?;
        let heard = (post.spoken && there.row.first_touch_at.is_none()).then_some(there.row.priority);
        let decided = client::join(unit, ready, &Thread::default(), case, (who, approval::Ordinary::default())).await?;
        if let Some(before) = heard {
            raise(unit, ready, &decided, before).await?;
        }
        return Ok(decided);
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

/// What is between somebody and the desk itself, and what comes from one who is heard no more.
async fn no_request(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Option<Decided>, ActError> {
    let sender = ready.sender();
    if !sender.is_empty() && unit.is_muted(&sender).await? {
        return Ok(Some(Decided::because(Fate::Refused, "the sender was muted with #spam")));
    }
    if let Some(keyword) = post.keyword
        && let Some(decided) = asked_of_the_line(unit, ready, post, keyword).await?
    {
        return Ok(Some(decided));
    }
    paging::from_tech(unit, ready, post).await
}

/// STOP, START and HELP are between a person and the line. A "yes" of one who has not stopped, and a "help" in a conversation, are words
/// like any other.
async fn asked_of_the_line(
    unit: &mut Unit<'_>,
    ready: &Ready,
    post: &Post,
    keyword: Keyword,
) -> Result<Option<Decided>, ActError> {
    let number = ready.sender();
    // Nobody can be written to under a name instead of a number.
    if number.is_empty() {
        return Ok(None);
    }
    let there = match &post.thread {
        Some(place) => there(unit, &ready.row.source, place).await?.filter(|there| there.row.status.is_active()),
        None => None,
    };
    let why = match keyword {
        Keyword::Stop => {
            // A stranger's wish counts too, so that he is somebody.
            client::contact_for(unit, &number, "").await?;
            people::stop_texts(unit.tx, &number, Some(ready.row.arrived_at)).await?;
            "no more text messages go to this number"
        }
        Keyword::Start if people::has_stopped(unit.tx, &number).await? => {
            people::stop_texts(unit.tx, &number, None).await?;
            "text messages may go to this number again"
        }
        Keyword::Help if there.is_none() => "asked for help, which the line has answered",
        Keyword::Start | Keyword::Help => return Ok(None),
    };
    let Some(there) = there else { return Ok(Some(Decided::because(Fate::Automatic, why))) };
    store_text(unit, ready, there.row.number, (false, Actor::Desk), Some(why), &ready.new.text).await?;
    Ok(Some(Decided::on(Fate::Automatic, there.row.number).with_reason(why)))
}

/// What was said shows only once it is written down how urgent a call was: a ticket that nobody has touched yet goes up.
async fn raise(unit: &mut Unit<'_>, ready: &Ready, decided: &Decided, before: Priority) -> Result<(), ActError> {
    let (Fate::Reply, Some(number)) = (decided.fate, decided.ticket) else { return Ok(()) };
    let Some(row) = tickets::row(unit.tx, number).await? else { return Ok(()) };
    let (to, words) = client::urgency(unit, ready, row.client.as_ref());
    if to >= before {
        return Ok(());
    }
    let why = format!("what the caller said: {words}");
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    super::act(unit, &deed, number, Action::Prioritise { to, why: Some(why) }).await?;
    if row.status == Status::Unsorted {
        managers::list_again(unit, number).await?;
    }
    Ok(())
}

/// A place that was spoken in before, and its ticket.
struct There {
    place: String,
    row: Row,
    /// Its machine said that its trouble is over.
    over: bool,
}

async fn there(unit: &mut Unit<'_>, source: &str, place: &str) -> Result<Option<There>, StoreError> {
    let Some((number, over)) = conversations::found(unit.tx, source, place).await? else { return Ok(None) };
    let row = tickets::row(unit.tx, number).await?;
    Ok(row.map(|row| There { place: place.to_owned(), row, over }))
}

/// What is closed is over for good. A machine's trouble that is back soon after the ticket was resolved goes on there, later it is a
/// new one; a person's words reopen.
fn goes_on(unit: &Unit<'_>, row: &Row, ready: &Ready, post: &Post) -> bool {
    let flaps = |at| ready.row.arrived_at - at < unit.firm().alerts.flap;
    match row.status {
        Status::Closed | Status::Spam => false,
        Status::Resolved => !post.sender.is_empty() || post.resolved || row.resolved_at.is_some_and(flaps),
        _ => true,
    }
}

/// A machine's further words are kept and told to nobody, but that it is back. When all of it is over, what no human has touched is
/// resolved.
async fn by_machine(
    unit: &mut Unit<'_>,
    ready: &Ready,
    post: &Post,
    There { place, row, over }: There,
) -> Result<Decided, ActError> {
    if over != post.resolved {
        let over_at = post.resolved.then_some(ready.row.arrived_at);
        conversations::set_over(unit.tx, &ready.row.source, &place, over_at).await?;
    }
    let why = if post.resolved { "it says that it is over" } else { "more of the same" };
    let all_over = post.resolved && conversations::going_on(unit.tx, row.number, storm::CHANNEL).await? == 0;
    if row.status.is_active() && !all_over {
        return Ok(one_more(unit, ready, row.number).await?.with_reason(why));
    }
    let mut case = Case::load(unit, row.number).await?;
    let message = keep(unit, ready, &mut case).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    let action = if post.resolved { Action::Recovered } else { Action::FiresAgain { message } };
    case.act(unit, &deed, action).await?;
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Automatic, number).with_reason(why))
}

/// Kept with its ticket and no more: no event, so that the history of a ticket with a thousand alerts stays short.
pub(super) async fn one_more(unit: &mut Unit<'_>, ready: &Ready, number: TicketNumber) -> Result<Decided, ActError> {
    store_text(unit, ready, number, (false, Actor::Desk), None, &ready.new.text).await?;
    Ok(Decided::on(Fate::Automatic, number))
}

/// Stores a machine's words on a ticket, internally.
async fn keep(unit: &mut Unit<'_>, ready: &Ready, case: &mut Case) -> Result<MessageRow, ActError> {
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
