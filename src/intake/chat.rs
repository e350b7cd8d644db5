//! What is said in a chat: which ticket it belongs to, whether a tech or a client says it, and what follows.

use std::sync::Arc;

use chrono::TimeDelta;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Spoken, Unit};
use super::process::{Decided, store_text};
use super::read::Ready;
use super::{client, letter, link, post, survey, tech, texting};
use crate::channel::Post;
use crate::channel::said::{Did, Said};
use crate::desk::directive;
use crate::desk::firm::{Chat, Tech};
use crate::mail::reply::NewText;
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, conversations, links, messages, tickets};
use crate::words::{Actor, TicketNumber};

/// People write one request in several messages: what the same person says in the same room so soon belongs to it.
const BREATH: TimeDelta = TimeDelta::minutes(10);

/// A ticket that is talked about there.
struct Known {
    /// The place among the conversations by which it was found.
    key: String,
    ticket: TicketNumber,
}

pub(super) async fn take(unit: &mut Unit<'_>, ready: &Ready, post: &Post, said: &Said) -> Result<Decided, ActError> {
    let sender = ready.sender();
    if unit.is_muted(&sender).await? {
        return Ok(Decided::because(Fate::Refused, "the sender was muted with #spam"));
    }
    let chat = unit.firm().chat(&ready.row.source);
    if let Some(chat) = chat
        && let Some(decided) = link::asked(unit, ready, chat, said).await?
    {
        return Ok(decided);
    }
    let login = links::tech(unit.tx, &ready.row.source, &said.author).await?;
    // A tech who has left the config is one no more.
    let tech = login.and_then(|login| unit.firm().tech(&login)).cloned();
    if said.did == Did::Deleted || (said.did == Did::Edited && tech.is_some()) {
        return changed(unit, ready, said).await;
    }
    let known = known(unit, ready, said).await?;
    if let (Some(tech), Some(chat)) = (&tech, chat) {
        return by_tech(unit, ready, said, (tech, chat), known).await;
    }
    let whose = chat.and_then(|chat| chat.client_of(said)).cloned();
    if chat.is_some_and(|chat| chat.is_internal(said)) {
        return Ok(Decided::because(Fate::Automatic, "said among technicians by somebody who is not linked"));
    }
    let meant = known.is_some() || said.did == Did::Asked || said.direct || said.mentions_us || whose.is_some();
    if !meant {
        return Ok(Decided::because(Fate::Automatic, "said in a room of no client"));
    }
    if said.did == Did::Edited && known.is_none() {
        return Ok(Decided::because(Fate::Automatic, "a change of a message of which there is no ticket"));
    }
    // A picture that could not be fetched is something all the same.
    if said.text.trim().is_empty() && said.files.is_empty() {
        return greeted(unit, ready, chat, said).await;
    }
    let post = Post { client: whose.map(|key| key.0), ..post.clone() };
    by_client(unit, ready, (post, said), known).await
}

/// Which ticket it belongs to, if any.
async fn known(unit: &mut Unit<'_>, ready: &Ready, said: &Said) -> Result<Option<Known>, StoreError> {
    let source = &ready.row.source;
    let mut keys = Vec::new();
    if said.did == Did::Asked {
        return Ok(None);
    }
    if said.did == Did::Edited {
        keys.push(conversations::message_key(&said.message));
    } else {
        keys.extend(said.answers.as_deref().map(conversations::message_key));
        if said.threaded || said.direct {
            keys.push(said.place.clone());
        }
    }
    for key in keys {
        if let Some((ticket, _)) = conversations::found(unit.tx, source, &key).await? {
            return Ok(Some(Known { key, ticket }));
        }
    }
    if said.threaded || said.direct || said.did == Did::Edited {
        return Ok(None);
    }
    let key = breath_key(said);
    let Some((ticket, at)) = conversations::last(unit.tx, source, &key).await? else { return Ok(None) };
    // "good", where nobody opens a thread for a word: it answers what was asked about the person's last request there.
    if survey::is_answer(unit, ready, ticket).await? {
        return Ok(Some(Known { key, ticket }));
    }
    if ready.row.arrived_at - at >= BREATH {
        return Ok(None);
    }
    let row = tickets::row(unit.tx, ticket).await?.filter(|row| row.status.is_active() && at <= ready.row.arrived_at);
    Ok(row.map(|_| Known { key, ticket }))
}

fn breath_key(said: &Said) -> String {
    format!("b/{}/{}", said.room(), said.author)
}

async fn by_client(
    unit: &mut Unit<'_>,
    ready: &Ready,
    (mut post, said): (Post, &Said),
    known: Option<Known>,
) -> Result<Decided, ActError> {
    let source = ready.row.source.clone();
    let mut ready = ready.clone();
    if let Some(known) = &known {
        post.thread = Some(known.key.clone());
        // One goes on where the ticket is talked about: the second message of a breath opens no second thread.
        if known.key == breath_key(said)
            && let Some((_, place)) = messages::last_place(unit.tx, known.ticket).await?
        {
            post.place = Some(place);
        }
    } else {
        post.thread = Some(said.place.clone()).filter(|place| said.did != Did::Asked && !place.is_empty());
    }
    if said.did == Did::Edited {
        let changed = unit.office.texts.words(&unit.firm().language).fill("chat", "changed", &[("text", &said.text)]);
        ready.new = NewText { text: changed, ..ready.new };
    }
    let place = post.place.clone();
    ready.post = Some(Arc::new(post.clone()));
    ready.triage = None;
    let decided = post::take(unit, &ready, &post).await?;
    if let Some(ticket) = decided.ticket {
        let now = ready.row.arrived_at;
        let mut keys: Vec<String> = place.into_iter().collect();
        if !said.message.is_empty() {
            keys.push(conversations::message_key(&said.message));
        }
        if !said.direct && !said.threaded && said.answers.is_none() && said.did == Did::Wrote {
            keys.push(breath_key(said));
        }
        for key in keys {
            conversations::open(unit.tx, &source, &key, ticket, now).await?;
        }
    }
    Ok(decided)
}

/// A linked tech: in a ticket's thread the same as an answer to its mail; among technicians as an answer to a list.
async fn by_tech(
    unit: &mut Unit<'_>,
    ready: &Ready,
    said: &Said,
    (tech, chat): (&Tech, &Chat),
    known: Option<Known>,
) -> Result<Decided, ActError> {
    let among_us = said.direct || chat.is_internal(said);
    let purpose = if among_us { Purpose::Internal } else { Purpose::Public };
    let place = said.place.clone();
    let context = directive::Context { now: ready.row.arrived_at, zone: tech.time_zone, may_name_tickets: true };
    let reading = directive::read(&ready.new.text, &context);
    let names_tickets = reading.lines.iter().any(|line| line.ticket.is_some());
    // What is answered to a tech is answered where nobody of the client's reads it; else by mail.
    unit.spoken = among_us.then(|| Spoken { chat: chat.clone(), place: place.clone() });
    let decided = match known {
        Some(known) if !(among_us && names_tickets) => {
            conversations::open(
                unit.tx,
                &chat.name,
                &conversations::message_key(&said.message),
                known.ticket,
                ready.row.arrived_at,
            )
            .await?;
            tech::on_ticket(unit, ready, tech, (known.ticket, purpose)).await
        }
        _ if among_us && !reading.lines.is_empty() => tech::digest(unit, ready, tech).await,
        _ if said.direct || said.did == Did::Asked => {
            let words = unit.office.texts.words(&unit.firm().language);
            let text = words.fill("chat", "tech_help", &[("name", &tech.name)]);
            answer(unit, ready, (chat, &place), &text).await?;
            Ok(Decided::because(Fate::Automatic, "a technician who asks for nothing"))
        }
        _ => Ok(Decided::because(Fate::Automatic, "said by a technician, of no ticket")),
    };
    unit.spoken = None;
    decided
}

/// What was taken back, and what a tech changed, is noted; nobody is disturbed.
async fn changed(unit: &mut Unit<'_>, ready: &Ready, said: &Said) -> Result<Decided, ActError> {
    let found = conversations::found(unit.tx, &ready.row.source, &conversations::message_key(&said.message)).await?;
    let why = if said.did == Did::Deleted { "the message was taken back" } else { "the message was changed" };
    let Some((number, _)) = found else {
        return Ok(Decided::because(Fate::Automatic, format!("{why}, of which there is no ticket")));
    };
    let mut case = Case::load(unit, number).await?;
    let number = case.ticket.number;
    let message = store_text(unit, ready, number, (false, Actor::Desk), Some(why), &said.text).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    case.act(unit, &deed, Action::Note { message, reason: Some(why.to_owned()) }).await?;
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Automatic, number).with_reason(why))
}

/// Somebody says hello: how it works here.
async fn greeted(unit: &mut Unit<'_>, ready: &Ready, chat: Option<&Chat>, said: &Said) -> Result<Decided, ActError> {
    if let Some(chat) = chat {
        let firm = unit.firm();
        let text = unit.office.texts.words(&firm.language).fill("chat", "greeting", &[("firm", &firm.name)]);
        answer(unit, ready, (chat, &said.place), &text).await?;
    }
    Ok(Decided::because(Fate::Automatic, "nothing was said"))
}

/// Says something to who just spoke, where there is a place for it.
pub(super) async fn answer(
    unit: &mut Unit<'_>,
    ready: &Ready,
    (chat, place): (&Chat, &str),
    text: &str,
) -> Result<(), StoreError> {
    if place.is_empty() || !letter::may_say_there(unit, place).await? {
        return Ok(());
    }
    let key = format!("chat_note/{}", ready.row.id.0);
    texting::say(unit, (chat, place), ("chat_note", Class::Once, &key), None, text);
    unit.note_automatic(place);
    Ok(())
}

/// The contact that a chat identity is, as `client` finds it.
pub(super) async fn contact_of(
    unit: &mut Unit<'_>,
    ready: &Ready,
) -> Result<crate::store::people::Contact, StoreError> {
    client::contact_for(unit, &ready.sender(), ready.sender_name()).await
}
