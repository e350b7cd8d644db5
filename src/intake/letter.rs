//! Addressing: from a finished text to outbox rows with sender, token, Message-ID and thread.

use chrono::TimeDelta;
use data_encoding::Specification;

use super::case::{Case, Unit};
use super::picture::{Picture, mailbox};
use crate::desk::firm::{Desk, Tech};
use crate::mail::build::{self, Outgoing, Voice};
use crate::mail::{Attachment, Mailbox};
use crate::notice::{MailtoLinks, Rendered, tech_subject};
use crate::outbox::{Class, Content, NewMail};
use crate::store::outbox::{MAIL, NEVER};
use crate::store::people::Contact;
use crate::store::tokens::{self, Purpose, Token};
use crate::store::{StoreError, messages, outbox};
use crate::words::TicketNumber;

/// A text for the client's people.
pub(super) struct ClientLetter {
    pub kind: &'static str,
    pub class: Class,
    pub voice: Voice,
    pub key: String,
    /// The tech who speaks; `None`: the firm.
    pub sender_name: Option<String>,
    pub rendered: Rendered,
    pub message_id: String,
    pub files: Vec<Attachment>,
    /// By mail wherever the client spoke last: the other way failed.
    pub by_mail: bool,
}

/// A text for one reader.
pub(super) struct TechLetter {
    pub kind: &'static str,
    pub class: Class,
    pub key: String,
    pub rendered: Rendered,
    pub files: Vec<Attachment>,
}

/// Where a tech's answer goes, and the token it carries.
#[derive(Debug, Clone)]
pub(super) struct TechAddress {
    pub token: String,
    /// `None` where the host has no plus addressing.
    pub reply_to: Option<String>,
    pub desk: String,
}

/// Automatic mail to one contact or stranger, per hour and per day (rule 11).
const AUTOMATIC_AN_HOUR: i64 = 10;
const AUTOMATIC_A_DAY: i64 = 30;

/// 130 random bits as 26 letters of lower-case base32 (RFC 4648 alphabet, no padding).
pub(super) fn new_token() -> String {
    let bytes: [u8; 17] = rand::random();
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    // The specification is a constant; encoding can only be refused for a malformed alphabet.
    let encoded = specification.encoding().map(|base32| base32.encode(&bytes)).unwrap_or_default();
    encoded.chars().take(26).collect()
}

/// The token in one of our Message-IDs or plus addresses: `r` and 26 letters.
pub(super) fn token_in(word: &str) -> Option<&str> {
    let token = word.strip_prefix('r').or_else(|| word.strip_prefix('R'))?;
    let token = token.get(..26)?;
    let base32 = |letter: u8| letter.is_ascii_lowercase() || (b'2'..=b'7').contains(&letter);
    token.bytes().map(|letter| letter.to_ascii_lowercase()).all(base32).then_some(token)
}

pub(super) fn desk_of<'a>(unit: &Unit<'a>, case: Option<&Case>) -> Option<&'a Desk> {
    let firm = unit.firm();
    let own = case.and_then(|case| firm.desk_of_source(&case.ticket.source));
    own.or_else(|| firm.desks.first())
}

fn desk_address(unit: &Unit<'_>, case: Option<&Case>) -> String {
    desk_of(unit, case).map_or_else(|| format!("support@{}", unit.firm().domain), |desk| desk.address.clone())
}

fn plus(address: &str, token: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}+r{token}@{domain}"),
        None => address.to_owned(),
    }
}

/// A plain reply to a mail about this ticket goes to the client, unless no human asked.
pub(super) fn purpose_for(case: &Case) -> Purpose {
    if case.ticket.automatic || case.ticket.requester.is_none() { Purpose::Internal } else { Purpose::Public }
}

/// The tech's token for a ticket and purpose; issued once, so that the thread keeps its address.
pub(super) async fn tech_token(
    unit: &mut Unit<'_>,
    ticket: Option<TicketNumber>,
    tech: &Tech,
    purpose: Purpose,
) -> Result<TechAddress, StoreError> {
    let known = match ticket {
        Some(ticket) => tokens::of_tech(unit.tx, ticket, &tech.login, purpose).await?,
        None => None,
    };
    let token = match known {
        Some(token) => token,
        None => issue(unit, ticket, Some(tech), purpose, None).await?,
    };
    Ok(tech_address(unit, token))
}

/// Where an answer with this token goes.
pub(super) fn tech_address(unit: &Unit<'_>, token: String) -> TechAddress {
    let address = desk_address(unit, None);
    let plus_addressing = desk_of(unit, None).is_none_or(|desk| desk.plus_addressing);
    TechAddress { reply_to: plus_addressing.then(|| plus(&address, &token)), token, desk: address }
}

pub(super) async fn issue(
    unit: &mut Unit<'_>,
    ticket: Option<TicketNumber>,
    tech: Option<&Tech>,
    purpose: Purpose,
    context: Option<String>,
) -> Result<String, StoreError> {
    let token = Token {
        token: new_token(),
        ticket,
        tech: tech.map(|tech| tech.login.clone()),
        purpose,
        context,
        created_at: unit.now,
    };
    let word = token.token.clone();
    tokens::insert(unit.tx, token);
    Ok(word)
}

/// One client token a ticket.
async fn client_token(unit: &mut Unit<'_>, case: &Case) -> Result<String, StoreError> {
    if case.is_fresh() {
        return issue(unit, Some(case.ticket.number), None, Purpose::Client, None).await;
    }
    match tokens::of_client(unit.tx, case.ticket.number).await? {
        Some(token) => Ok(token),
        None => issue(unit, Some(case.ticket.number), None, Purpose::Client, None).await,
    }
}

/// A new Message-ID that carries the token, for hosts without plus addressing and programs that keep References only.
pub(super) fn message_id(unit: &Unit<'_>, token: &str) -> String {
    let unique = new_token();
    format!("r{token}.{}@{}", &unique[..10], unit.firm().domain)
}

pub(super) async fn client_message_id(unit: &mut Unit<'_>, case: &Case) -> Result<String, StoreError> {
    let token = client_token(unit, case).await?;
    Ok(message_id(unit, &token))
}

pub(super) fn links(unit: &Unit<'_>, case: &Case, address: &TechAddress) -> MailtoLinks {
    let client = case.ticket.client.as_ref().and_then(|key| unit.firm().client(key));
    MailtoLinks {
        address: address.reply_to.clone(),
        // A mail opened by a link carries no In-Reply-To: only the subject names the ticket.
        subject: format!(
            "Re: {}",
            tech_subject(case.ticket.number, client.map(|client| client.name.as_str()), &case.ticket.subject)
        ),
    }
}

/// Rule 11: automatic mail to one person is limited; a manager hears of it when the limit is met. Gives how many there were within
/// the hour; `None`: no further one.
pub(super) async fn may_write_automatically(unit: &mut Unit<'_>, to: &Contact) -> Result<Option<i64>, StoreError> {
    let (mut hour, mut day) = unit.automatic_to(&to.address).await?;
    if !unit.firm().chats.is_empty() {
        hour += outbox::automatic_in_chat(unit.tx, to.id, unit.now - TimeDelta::hours(1)).await?;
        day += outbox::automatic_in_chat(unit.tx, to.id, unit.now - TimeDelta::hours(24)).await?;
    }
    within_limits(unit, &to.address, (hour, day)).await
}

/// The same of a place, where nobody is known to be the reader.
pub(super) async fn may_say_there(unit: &mut Unit<'_>, place: &str) -> Result<bool, StoreError> {
    let counts = unit.automatic_to(place).await?;
    Ok(within_limits(unit, place, counts).await?.is_some())
}

async fn within_limits(unit: &mut Unit<'_>, address: &str, (hour, day): (i64, i64)) -> Result<Option<i64>, StoreError> {
    for (length, count, limit) in
        [(TimeDelta::hours(1), hour, AUTOMATIC_AN_HOUR), (TimeDelta::hours(24), day, AUTOMATIC_A_DAY)]
    {
        if count >= limit {
            super::managers::storm(unit, address, count, (unit.now - length, unit.now + length)).await?;
            return Ok(None);
        }
    }
    Ok(Some(hour))
}

/// One outbox row a person, the same bytes in each.
pub(super) async fn to_client(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    letter: ClientLetter,
    people: &[Contact],
) -> Result<(), StoreError> {
    let (people, texted) = super::texting::ways(unit, case, picture, &letter, people).await?;
    super::texting::write(unit, case, &letter, &picture.language, &texted);
    let Some(first) = people.first() else { return Ok(()) };
    let address = desk_address(unit, Some(case));
    let plus_addressing = desk_of(unit, Some(case)).is_none_or(|desk| desk.plus_addressing);
    let token = token_in(&letter.message_id).unwrap_or_default().to_owned();
    let references = match &case.first_message {
        Some(first) => first.message_id.clone().into_iter().collect(),
        None => messages::public_ids(unit.tx, case.ticket.number).await?,
    };
    let references: Vec<String> = references.into_iter().filter(|id| *id != letter.message_id).collect();
    let firm = &unit.firm().name;
    let name = letter.sender_name.map_or_else(|| firm.clone(), |tech| format!("{tech} ({firm})"));
    let to = picture.requester.as_ref().filter(|requester| people.iter().any(|person| person.id == requester.id));
    let to = to.unwrap_or(first);
    // One whom no mail can be written to keeps the others from nothing.
    let others = people.iter().filter(|person| person.id != to.id && build::can_be_written(&person.address));
    let outgoing = Outgoing {
        from: Mailbox { name, address: address.clone() },
        to: mailbox(to),
        cc: others.map(mailbox).collect(),
        reply_to: plus_addressing.then(|| Mailbox { name: firm.clone(), address: plus(&address, &token) }),
        message_id: letter.message_id.clone(),
        in_reply_to: references.last().cloned(),
        references,
        subject: letter.rendered.subject.clone(),
        date: unit.now,
        text: letter.rendered.text,
        html: Some(letter.rendered.html),
        attachments: letter.files,
        voice: letter.voice,
    };
    let content = match people.len() {
        1 => Content::Draft(Box::new(outgoing)),
        // The same bytes for each.
        _ => Content::Written(written(build::build(&outgoing))?),
    };
    let automatic = letter.voice != Voice::Human;
    for (index, person) in people.iter().enumerate() {
        let key = if index == 0 { letter.key.clone() } else { format!("{}/{}", letter.key, person.id.0) };
        let mail = NewMail {
            channel: MAIL.into(),
            dedupe_key: key,
            class: letter.class,
            kind: letter.kind,
            automatic,
            ticket: Some(case.ticket.number),
            envelope_from: (letter.voice != Voice::Reply).then(|| address.clone()),
            recipient: person.address.clone(),
            message_id: letter.message_id.clone(),
            subject: letter.rendered.subject.clone(),
            content: content.clone(),
            next_at: unit.now,
        };
        outbox::insert(unit.tx, mail, unit.now);
        if automatic {
            unit.note_automatic(&person.address);
        }
    }
    Ok(())
}

/// One automatic mail to an address, about no ticket.
pub(super) fn to_address(unit: &mut Unit<'_>, to: Mailbox, reply_to: Option<Mailbox>, letter: TechLetter) {
    let message_id = format!("{}@{}", new_token(), unit.firm().domain);
    send_to(unit, to, (reply_to, message_id), letter);
}

/// The same, whose answer carries this token.
pub(super) fn question(unit: &mut Unit<'_>, to: Mailbox, token: String, letter: TechLetter) {
    let message_id = message_id(unit, &token);
    let firm = unit.firm().name.clone();
    let reply_to = tech_address(unit, token).reply_to.map(|address| Mailbox { name: firm, address });
    send_to(unit, to, (reply_to, message_id), letter);
}

fn send_to(unit: &mut Unit<'_>, to: Mailbox, (reply_to, message_id): (Option<Mailbox>, String), letter: TechLetter) {
    let firm = unit.firm();
    let desk = desk_address(unit, None);
    let recipient = to.address.clone();
    let outgoing = Outgoing {
        from: Mailbox { name: firm.name.clone(), address: desk.clone() },
        to,
        cc: Vec::new(),
        reply_to,
        message_id: message_id.clone(),
        in_reply_to: None,
        references: Vec::new(),
        subject: letter.rendered.subject.clone(),
        date: unit.now,
        text: letter.rendered.text,
        html: Some(letter.rendered.html),
        attachments: letter.files,
        voice: Voice::Notice,
    };
    let mail = NewMail {
        channel: MAIL.into(),
        dedupe_key: letter.key,
        class: letter.class,
        kind: letter.kind,
        automatic: true,
        ticket: None,
        envelope_from: Some(desk),
        recipient: recipient.clone(),
        message_id,
        subject: letter.rendered.subject,
        content: Content::Draft(Box::new(outgoing)),
        next_at: unit.now,
    };
    outbox::insert(unit.tx, mail, unit.now);
    unit.note_automatic(&recipient);
}

/// One mail to one tech; all mails about a ticket form one thread in the tech's mail program.
pub(super) async fn to_tech(
    unit: &mut Unit<'_>,
    case: Option<&Case>,
    tech: &Tech,
    address: &TechAddress,
    letter: TechLetter,
) -> Result<(), StoreError> {
    let ticket = case.map(|case| case.ticket.number);
    let thread = ticket.map(|number| format!("ticket-{}.{}@{}", number.0, tech.login, unit.firm().domain));
    let firm = unit.firm().name.clone();
    let Some(recipient) = tech.emails.first().cloned() else { return Ok(()) };
    let message_id = message_id(unit, &address.token);
    let outgoing = Outgoing {
        from: Mailbox { name: firm.clone(), address: address.desk.clone() },
        to: Mailbox { name: tech.name.clone(), address: recipient.clone() },
        cc: Vec::new(),
        reply_to: address.reply_to.clone().map(|address| Mailbox { name: firm, address }),
        message_id: message_id.clone(),
        in_reply_to: thread.clone(),
        references: thread.into_iter().collect(),
        subject: letter.rendered.subject.clone(),
        date: unit.now,
        text: letter.rendered.text,
        html: Some(letter.rendered.html),
        attachments: letter.files,
        voice: Voice::Notice,
    };
    let next_at = if super::gather::holds(unit, &recipient, letter.kind, case).await? { NEVER } else { unit.now };
    let mail = NewMail {
        channel: MAIL.into(),
        dedupe_key: letter.key,
        class: letter.class,
        kind: letter.kind,
        automatic: true,
        ticket,
        envelope_from: Some(address.desk.clone()),
        recipient,
        message_id,
        subject: letter.rendered.subject,
        content: Content::Draft(Box::new(outgoing)),
        next_at,
    };
    outbox::insert(unit.tx, mail, unit.now);
    Ok(())
}

fn written(built: Result<Vec<u8>, build::BuildError>) -> Result<Vec<u8>, StoreError> {
    built.map_err(|error| StoreError::Refused(format!("a mail could not be written: {error}")))
}
