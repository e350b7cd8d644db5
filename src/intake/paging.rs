//! Urgent tickets by text message and call to the techs' own telephones, and `ACK` or a key pressed there.

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
use crate::desk::event::Event;
use crate::desk::firm::{Phone, Tech};
use crate::notice::{self, PageFacts};
use crate::store::inbound::Fate;
use crate::store::outbox::pages::{self, CALL, PAGE};
use crate::store::outbox::{self, Class, NewMail};
use crate::store::tokens::{self, Purpose};
use crate::store::{StoreError, links, tickets};
use crate::words::{Actor, Login, TicketNumber};

/// So many letters of the tech's own token for the ticket show that who acknowledges has read the message: 30 bits.
const CODE: usize = 6;
/// Subjects are cut, in characters: a text message is short.
const SUBJECT: usize = 80;
/// So are names in a call: Twilio takes 4,000 characters of TwiML, where each may be written with six (`&#x27;`).
/// <https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>
const NAME: usize = 60;

/// Texts or calls those of `techs` who have a telephone, and whoever is on call, where a line pages for the ticket's priority.
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
    readers.extend(firm.techs.iter().filter(|tech| tech.on_call && !has_seen(case, tech)));
    let mut told: Vec<&Login> = Vec::new();
    for tech in readers {
        let Some(number) = tech.phone.as_ref().filter(|_| !told.contains(&&tech.login)) else { continue };
        told.push(&tech.login);
        let why = if why == "assigned" && !techs.iter().any(|own| own.login == tech.login) { "on_call" } else { why };
        let key = format!("{key}/{}", tech.login);
        if line.pages_by.texts() {
            let text = text_of(unit, case, picture, (tech, why)).await?;
            let row = Paged { line, number, kind: PAGE, class: Class::MustArrive, key: format!("page/{key}") };
            let ticket = Some(case.ticket.number);
            put(unit, row, ticket, Said { message_id: message_id(unit), subject: &text, content: &text });
        }
        if line.pages_by.calls() {
            let row = Paged { line, number, kind: CALL, class: Class::MustArrive, key: format!("call/{key}") };
            let name = letter::new_token();
            let words = spoken(unit, case, picture, (tech, why));
            let twiml = twiml_of(unit, line, &words, &name);
            put(unit, row, Some(case.ticket.number), Said { message_id: name, subject: &words, content: &twiml });
        }
    }
    Ok(())
}

/// Whoever acknowledged it is not called again because of others, until it is opened anew.
fn has_seen(case: &Case, tech: &Tech) -> bool {
    let events = case.history().iter().rev().map(|recorded| &recorded.event);
    let since = events.take_while(|event| !matches!(event, Event::Reopened | Event::FiredAgain));
    since.into_iter().any(|event| matches!(event, Event::Acknowledged { by } if *by == tech.login))
}

async fn text_of(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (tech, why): (&Tech, &str),
) -> Result<String, StoreError> {
    let address = letter::tech_token(unit, Some(case.ticket.number), tech, Purpose::Internal).await?;
    let code = address.token.get(..CODE).unwrap_or_default();
    let ticket = picture.ticket(tech);
    let words = unit.office.texts.words(&unit.firm().language);
    let due = picture.answer_due(tech).map(|due| words.moment(unit.now, &due)).unwrap_or_default();
    let values = [
        ("priority", case.ticket.priority.as_str()),
        ("ticket", &case.ticket.number.to_string()),
        ("client", ticket.client_name.as_deref().unwrap_or("?")),
        ("subject", &beginning(&case.ticket.subject, SUBJECT)),
        ("due", &due),
        ("tech", ticket.assignee_name.as_deref().unwrap_or_default()),
        ("number", &case.ticket.number.0.to_string()),
        ("code", code),
    ];
    Ok(words.fill("page", why, &values))
}

/// The same for the ear: the number digit by digit, and nothing longer than a call can say.
fn spoken(unit: &Unit<'_>, case: &Case, picture: &Picture<'_>, (tech, why): (&Tech, &str)) -> String {
    let firm = unit.firm();
    let ticket = picture.ticket(tech);
    let words = unit.office.texts.words(&firm.language);
    let due = picture.answer_due(tech).map(|due| words.moment(unit.now, &due)).unwrap_or_default();
    let digits: Vec<String> = case.ticket.number.0.to_string().chars().map(String::from).collect();
    let values = [
        ("firm", beginning(&firm.name, NAME)),
        ("priority", case.ticket.priority.as_str().to_owned()),
        ("digits", digits.join(" ")),
        ("client", beginning(ticket.client_name.as_deref().unwrap_or("?"), NAME)),
        ("subject", beginning(&case.ticket.subject, SUBJECT)),
        ("due", due),
        ("tech", beginning(ticket.assignee_name.as_deref().unwrap_or_default(), NAME)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    words.fill("page", &format!("call_{why}"), &values)
}

/// Within the request and not at an address of ours that Twilio would fetch it from: so the row holds all that is ever said, and a call speaks
/// even while nobody reaches our listener.
fn twiml_of(unit: &Unit<'_>, line: &Phone, words: &str, name: &str) -> String {
    let firm = unit.firm();
    notice::page_call(&PageFacts {
        words: words.to_owned(),
        press: unit.office.texts.words(&firm.language).fill("page", "call_press", &[]),
        language: line.language.clone(),
        action: format!("{}/key/{name}", line.base(&firm.url)),
    })
}

fn beginning(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

fn message_id(unit: &Unit<'_>) -> String {
    format!("{}@{}", letter::new_token(), unit.firm().domain)
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
        texting::say(unit, (chat, room), (PAGE, Class::MustArrive, &key), Some(case.ticket.number), &called.join(" "));
    }
    Ok(())
}

/// Whom something goes to by a line, and as what.
struct Paged<'p> {
    line: &'p Phone,
    /// E.164
    number: &'p str,
    kind: &'static str,
    class: Class,
    key: String,
}

struct Said<'s> {
    /// Of a call its name, by which a key pressed in it is known.
    message_id: String,
    subject: &'s str,
    content: &'s str,
}

fn put(unit: &mut Unit<'_>, to: Paged<'_>, ticket: Option<TicketNumber>, said: Said<'_>) {
    let row = NewMail {
        channel: to.line.channel().into(),
        message_id: said.message_id,
        dedupe_key: to.key,
        class: to.class,
        kind: to.kind,
        automatic: true,
        ticket,
        envelope_from: None,
        recipient: to.number.to_owned(),
        subject: beginning(said.subject, SUBJECT),
        content: said.content.as_bytes().to_vec().into(),
        next_at: unit.now,
    };
    outbox::insert(unit.tx, row, unit.now);
}

/// A text message from a tech's own telephone: it acknowledges, or is told that it did not. A number alone can be forged, so that the code
/// of the message must come back with it.
pub(super) async fn from_tech(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Option<Decided>, ActError> {
    let firm = unit.firm();
    if let Some(call) = &post.pressed {
        return pressed(unit, ready, post, call).await.map(Some);
    }
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
    let row = Paged { line, number: &post.sender, kind: "page_answer", class: Class::Once, key };
    put(unit, row, acknowledged, Said { message_id: message_id(unit), subject: &text, content: &text });
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
    seen(unit, ready, tech, number).await.map(Some)
}

/// The key that acknowledges, in a call of ours: the call's row says about which ticket it was and whom it reached.
async fn pressed(unit: &mut Unit<'_>, ready: &Ready, post: &Post, call: &str) -> Result<Decided, ActError> {
    let firm = unit.firm();
    let line = firm.phones.iter().find(|line| line.name == ready.row.source);
    let called = match line {
        Some(line) => pages::called(unit.tx, &line.channel(), call).await?,
        None => None,
    };
    let called = called.filter(|called| called.recipient == post.sender);
    match (called, firm.tech_by_phone(&post.sender)) {
        (Some(called), Some(tech)) => Ok(Decided::on(Fate::Reply, seen(unit, ready, tech, called.ticket).await?)),
        _ => Ok(Decided::because(Fate::Refused, "a key was pressed in a call to nobody who is a technician now")),
    }
}

async fn seen(unit: &mut Unit<'_>, ready: &Ready, tech: &Tech, number: TicketNumber) -> Result<TicketNumber, ActError> {
    let mut case = Case::load(unit, number).await?;
    let actor = Actor::Tech(tech.login.clone());
    store(unit, ready, &case, (false, actor.clone()), None).await?;
    let deed = Deed { actor, at: ready.row.arrived_at, cause: ready.cause() };
    case.act(unit, &deed, Action::Acknowledge { by: tech.login.clone() }).await?;
    Ok(case.save(unit).await?)
}
