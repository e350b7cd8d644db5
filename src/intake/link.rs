//! Who somebody in a chat is: `link jane@acme.example` there, a code by mail, the code typed there. Names show nothing, a verified address does.

use chrono::TimeDelta;
use subtle::ConstantTimeEq;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::chat::{answer, contact_of};
use super::letter::{self, TechLetter};
use super::process::Decided;
use super::read::Ready;
use crate::channel::said::{Did, Said};
use crate::desk::firm::Chat;
use crate::mail::{Mailbox, build};
use crate::notice::{self, LinkCodeFacts};
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::people::Contact;
use crate::store::{StoreError, links, people};
use crate::words::{Status, TicketNumber};

/// 40 random bits, five guesses, from one id alone.
const CODE: usize = 8;
/// How long a code may be typed.
const GOOD: TimeDelta = TimeDelta::minutes(30);
/// Codes that one person may ask for, and that go to one address, in an hour.
pub(super) const AN_HOUR: i64 = 3;

pub(super) async fn asked(
    unit: &mut Unit<'_>,
    ready: &Ready,
    chat: &Chat,
    said: &Said,
) -> Result<Option<Decided>, ActError> {
    if !matches!(said.did, Did::Wrote | Did::Asked) {
        return Ok(None);
    }
    if let Some(address) = address_in(&said.text) {
        return Ok(Some(mail_code(unit, ready, chat, said, &address).await?));
    }
    match code_in(&said.text) {
        Some(code) => typed(unit, ready, chat, said, &code).await,
        None => Ok(None),
    }
}

/// `link jane@acme.example`, with or without a sign before it.
pub(super) fn address_in(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let verb = words.next()?.trim_start_matches(['#', '/', '!']);
    let address = words.next()?.trim_matches(['<', '>']).to_lowercase();
    let alone = words.next().is_none() && verb.eq_ignore_ascii_case("link");
    (alone && build::can_be_written(&address)).then_some(address)
}

/// With a digit in it, so that no word is one.
fn new_code() -> String {
    loop {
        let code: String = letter::new_token().chars().take(CODE).collect();
        if has_digit(&code) {
            return code;
        }
    }
}

fn has_digit(code: &str) -> bool {
    code.bytes().any(|letter| letter.is_ascii_digit())
}

fn code_in(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect::<String>().to_lowercase();
    let base32 = |letter: u8| letter.is_ascii_lowercase() || (b'2'..=b'7').contains(&letter);
    (bare.len() == CODE && has_digit(&bare) && bare.bytes().all(base32)).then_some(bare)
}

/// Mails a code where the address is a tech's, a contact's or at a client's own domain. The answer in the chat is the same either way, so
/// that nobody learns who is known here.
async fn mail_code(
    unit: &mut Unit<'_>,
    ready: &Ready,
    chat: &Chat,
    said: &Said,
    address: &str,
) -> Result<Decided, StoreError> {
    let firm = unit.firm();
    let known = firm.tech_by_address(address).is_some()
        || firm.client_by_domain(address).is_some()
        || people::by_address(unit.tx, address).await?.is_some();
    let who = (chat.name.as_str(), said.author.as_str());
    let (by_person, to_address) = links::issued(unit.tx, who, address, unit.now - TimeDelta::hours(1)).await?;
    let within = by_person < AN_HOUR && to_address < AN_HOUR;
    let words = unit.office.texts.words(&firm.language);
    if !within {
        answer(unit, ready, (chat, &said.place), &words.fill("chat", "too_often", &[])).await?;
        return Ok(Decided::because(Fate::Automatic, "asked for too many codes"));
    }
    if known {
        let code = new_code();
        links::issue(unit.tx, who, address, &code, unit.now).await?;
        write_code(unit, ready, chat, said, (address, &code));
    }
    answer(unit, ready, (chat, &said.place), &words.fill("chat", "code_sent", &[("address", address)])).await?;
    let reason = if known { "asked for a code" } else { "asked for a code for an address that nobody knows" };
    Ok(Decided::because(Fate::Automatic, reason))
}

fn write_code(unit: &mut Unit<'_>, ready: &Ready, chat: &Chat, said: &Said, (address, code): (&str, &str)) {
    let firm = unit.firm();
    let facts = LinkCodeFacts {
        firm: firm.name.clone(),
        code: code.to_uppercase(),
        chat: chat.name.clone(),
        who: if said.author_name.is_empty() { said.author.clone() } else { said.author_name.clone() },
    };
    let rendered = notice::link_code(&unit.office.texts, &firm.language, &facts);
    let to = Mailbox { name: String::new(), address: address.to_owned() };
    let key = format!("link_code/{}", ready.row.id.0);
    let letter = TechLetter { kind: "link_code", class: Class::Once, key, rendered, files: Vec::new() };
    letter::to_address(unit, to, None, letter);
}

/// Eight letters are a code only from one who asked for one.
async fn typed(
    unit: &mut Unit<'_>,
    ready: &Ready,
    chat: &Chat,
    said: &Said,
    code: &str,
) -> Result<Option<Decided>, ActError> {
    let who = (chat.name.as_str(), said.author.as_str());
    let waiting = links::waiting(unit.tx, who, unit.now - GOOD).await?;
    if waiting.is_empty() {
        return Ok(None);
    }
    let mut fits = None;
    for one in &waiting {
        if bool::from(one.code.as_bytes().ct_eq(code.as_bytes())) {
            fits = Some(one);
        }
    }
    let words = unit.office.texts.words(&unit.firm().language);
    let Some(found) = fits else {
        links::wrong(unit.tx, who).await?;
        answer(unit, ready, (chat, &said.place), &words.fill("chat", "wrong_code", &[])).await?;
        return Ok(Some(Decided::because(Fate::Refused, "a code that does not fit")));
    };
    links::used(unit.tx, found.id, unit.now).await?;
    let name = match unit.firm().tech_by_address(&found.address) {
        Some(tech) => {
            links::link_tech(unit.tx, who, &tech.login, unit.now).await?;
            tech.name.clone()
        }
        None => {
            links::unlink_tech(unit.tx, who).await?;
            join(unit, ready, &found.address).await?
        }
    };
    answer(unit, ready, (chat, &said.place), &words.fill("chat", "linked", &[("name", &name)])).await?;
    Ok(Some(Decided::because(Fate::Automatic, format!("linked to {}", found.address))))
}

/// From now on who speaks there is the contact of that address; so he was in what is not over yet.
async fn join(unit: &mut Unit<'_>, ready: &Ready, address: &str) -> Result<String, ActError> {
    let own = super::client::contact_for(unit, address, ready.sender_name()).await?;
    let before = contact_of(unit, ready).await?;
    let shown = if own.name.is_empty() { own.address.clone() } else { own.name.clone() };
    if before.id == own.id {
        return Ok(shown);
    }
    if links::has_mail(unit.tx, before.id).await? {
        // Somebody else's until now: only the chat changes over.
        people::give_address(unit.tx, own.id, &ready.sender()).await?;
        unit.forget_contacts();
        return Ok(shown);
    }
    let numbers = links::tickets_of(unit.tx, before.id).await?;
    links::merge(unit.tx, before.id, own.id).await?;
    unit.forget_contacts();
    hand_over(unit, ready, &numbers, &own).await?;
    Ok(shown)
}

/// What was asked for by somebody who turned out to be this contact is the contact's, and its client's.
pub(super) async fn hand_over(
    unit: &mut Unit<'_>,
    ready: &Ready,
    numbers: &[TicketNumber],
    own: &Contact,
) -> Result<(), ActError> {
    for number in numbers.iter().copied() {
        let mut case = Case::load(unit, number).await?;
        let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
        case.act(unit, &deed, Action::SetRequester { contact: own.id }).await?;
        match own.client.clone() {
            // Nothing vouched for who wrote it; now the address does.
            Some(client) if case.ticket.status == Status::Unsorted => {
                case.act(unit, &deed, Action::Accept { client: Some(client) }).await?;
            }
            Some(client) if case.ticket.client.is_none() => {
                case.act(unit, &deed, Action::SetClient { client }).await?;
            }
            _ => {}
        }
        case.save(unit).await?;
    }
    Ok(())
}
