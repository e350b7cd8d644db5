//! Urgent tickets by text message to the techs' own telephones, and `ACK` sent back from there.

use subtle::ConstantTimeEq;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::letter;
use super::picture::Picture;
use super::process::{Decided, store};
use super::read::Ready;
use super::texting;
use crate::channel::Post;
use crate::chat;
use crate::desk::firm::{Phone, Tech};
use crate::store::inbound::Fate;
use crate::store::outbox::{self, Class, NewMail};
use crate::store::tokens::{self, Purpose};
use crate::store::{StoreError, links, tickets};
use crate::words::{Actor, Login, TicketNumber};

/// So many letters of the tech's own token for the ticket show that who acknowledges has read the message: 30 bits.
const CODE: usize = 6;
/// A text message about a ticket never gets longer, in characters; subjects are cut.
const SUBJECT: usize = 80;

/// Texts those of `techs` who have a telephone, and whoever is on call, where a line pages for the ticket's priority.
pub(super) async fn page(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (techs, why): (&[Tech], &str),
    key: &str,
) -> Result<(), StoreError> {
    in_chat(unit, case, picture, (techs, why), key).await?;
    let firm = unit.firm();
    let Some(line) = firm.phones.iter().find(|line| line.pages.contains(&case.ticket.priority)) else { return Ok(()) };
    let mut readers: Vec<&Tech> = techs.iter().collect();
    readers.extend(firm.techs.iter().filter(|tech| tech.on_call));
    let mut told: Vec<&Login> = Vec::new();
    for tech in readers {
        let Some(number) = tech.phone.clone().filter(|_| !told.contains(&&tech.login)) else { continue };
        told.push(&tech.login);
        let address = letter::tech_token(unit, Some(case.ticket.number), tech, Purpose::Internal).await?;
        let code = address.token.get(..CODE).unwrap_or_default();
        let ticket = picture.ticket(tech);
        let words = unit.office.texts.words(&firm.language);
        let due = picture.answer_due(tech).map(|due| words.moment(unit.now, &due)).unwrap_or_default();
        let number_of_ticket = case.ticket.number.to_string();
        let why = if why == "assigned" && !techs.iter().any(|own| own.login == tech.login) { "on_call" } else { why };
        let subject: String = case.ticket.subject.chars().take(SUBJECT).collect();
        let text = words.fill(
            "page",
            why,
            &[
                ("priority", case.ticket.priority.as_str()),
                ("ticket", &number_of_ticket),
                ("client", ticket.client_name.as_deref().unwrap_or("?")),
                ("subject", &subject),
                ("due", &due),
                ("tech", ticket.assignee_name.as_deref().unwrap_or_default()),
                ("number", &case.ticket.number.0.to_string()),
                ("code", code),
            ],
        );
        let key = format!("page/{key}/{}", tech.login);
        text_to(unit, line, Some(case.ticket.number), (number, text), ("page", Class::MustArrive, key));
    }
    Ok(())
}

/// The same in the technicians' room of each chat, once; an escalation is told there whatever the priority. Its thread is the ticket's.
async fn in_chat(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (techs, why): (&[Tech], &str),
    key: &str,
) -> Result<(), StoreError> {
    let firm = unit.firm();
    for chat in &firm.chats {
        let Some(room) = chat.internal.first() else { continue };
        if why != "escalation" && !chat.pages.contains(&case.ticket.priority) {
            continue;
        }
        let mut called = Vec::new();
        for tech in techs.iter().chain(firm.techs.iter().filter(|tech| tech.on_call && why != "assigned")) {
            let author = links::author(unit.tx, &chat.name, &tech.login).await?;
            let mention = author.and_then(|author| chat::mention(chat.platform, &author));
            called.extend(mention.filter(|mention| !called.contains(mention)));
        }
        let Some(reader) = techs.first().or(firm.techs.first()) else { continue };
        let ticket = picture.ticket(reader);
        let words = unit.office.texts.words(&firm.language);
        let due = picture.answer_due(reader).map(|due| words.moment(unit.now, &due)).unwrap_or_default();
        let subject: String = case.ticket.subject.chars().take(SUBJECT).collect();
        let text = words.fill(
            "chat",
            &format!("page_{why}"),
            &[
                ("priority", case.ticket.priority.as_str()),
                ("ticket", &case.ticket.number.to_string()),
                ("client", ticket.client_name.as_deref().unwrap_or("?")),
                ("subject", &subject),
                ("due", &due),
                ("tech", ticket.assignee_name.as_deref().unwrap_or_default()),
            ],
        );
        called.push(text);
        let key = format!("page/{key}");
        texting::say(
            unit,
            (chat, room),
            ("page", Class::MustArrive, &key),
            Some(case.ticket.number),
            &called.join(" "),
        );
    }
    Ok(())
}

fn text_to(
    unit: &mut Unit<'_>,
    line: &Phone,
    ticket: Option<TicketNumber>,
    (number, text): (String, String),
    (kind, class, key): (&'static str, Class, String),
) {
    let row = NewMail {
        channel: line.channel().into(),
        message_id: format!("{}@{}", letter::new_token(), unit.firm().domain),
        dedupe_key: key,
        class,
        kind,
        automatic: true,
        ticket,
        envelope_from: None,
        recipient: number,
        subject: text.chars().take(SUBJECT).collect(),
        content: text.into_bytes().into(),
        next_at: unit.now,
    };
    outbox::insert(unit.tx, row, unit.now);
}

/// A text message from a tech's own telephone: it acknowledges, or is told that it did not. A number alone can be forged, so that the code
/// of the message must come back with it.
pub(super) async fn from_tech(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Option<Decided>, ActError> {
    let firm = unit.firm();
    let Some(tech) = firm.tech_by_phone(&post.sender).filter(|_| post.place.is_some()) else { return Ok(None) };
    let Some(line) = firm.phones.iter().find(|line| line.name == ready.row.source) else { return Ok(None) };
    let acknowledged = match ack_of(&post.text) {
        Some((number, code)) => acknowledge(unit, ready, tech, (number, code)).await?,
        None => None,
    };
    let word = if acknowledged.is_some() { "seen" } else { "not_seen" };
    let number = acknowledged.map(|number| number.to_string()).unwrap_or_default();
    let text = unit.office.texts.words(&firm.language).fill("page", word, &[("ticket", &number)]);
    let key = format!("page_answer/{}", ready.row.id.0);
    text_to(unit, line, acknowledged, (post.sender.clone(), text), ("page_answer", Class::Once, key));
    Ok(Some(match acknowledged {
        Some(number) => Decided::on(Fate::Reply, number),
        None => Decided::because(Fate::Refused, "a technician's text message that is no ACK with the code of a ticket"),
    }))
}

/// `ack 1042 k7m2qx`, in any case, with or without `#`.
fn ack_of(text: &str) -> Option<(TicketNumber, String)> {
    let mut words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_ack = words.next()?.eq_ignore_ascii_case("ack");
    let number = words.next()?.parse().ok()?;
    let code = words.next()?.to_lowercase();
    (is_ack && code.len() == CODE).then_some((TicketNumber(number), code))
}

async fn acknowledge(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    (number, code): (TicketNumber, String),
) -> Result<Option<TicketNumber>, ActError> {
    let Some(token) = tokens::of_tech(unit.tx, number, &tech.login, Purpose::Internal).await? else { return Ok(None) };
    let fits: bool = token.get(..CODE).unwrap_or_default().as_bytes().ct_eq(code.as_bytes()).into();
    if !fits || tickets::row(unit.tx, number).await?.is_none() {
        return Ok(None);
    }
    let mut case = Case::load(unit, number).await?;
    let actor = Actor::Tech(tech.login.clone());
    store(unit, ready, &case, (false, actor.clone()), None).await?;
    let deed = Deed { actor, at: ready.row.arrived_at, cause: ready.cause() };
    case.act(unit, &deed, Action::Acknowledge { by: tech.login.clone() }).await?;
    Ok(Some(case.save(unit).await?))
}
