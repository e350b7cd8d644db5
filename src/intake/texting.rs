//! Text messages and chat to clients: who is answered there instead of by mail, and the rows of the outbox for it.

use super::case::{Case, Unit};
use super::letter::{self, ClientLetter};
use super::picture::Picture;
use super::read::Ready;
use crate::chat::Upload;
use crate::desk::firm::{Chat, Phone};
use crate::mail::Attachment;
use crate::mail::build::Voice;
use crate::outbox::chat::FILE;
use crate::store::outbox::{self, Class, MAIL, NewMail};
use crate::store::people::Contact;
use crate::store::{StoreError, messages, people};
use crate::words::{TicketNumber, is_mail, is_phone};

/// By what somebody is answered.
#[derive(Debug, Clone, Copy)]
enum Way<'a> {
    Phone(&'a Phone),
    Chat(&'a Chat),
    /// The firm has none any more, so that it fails where mail leaves, and a manager is told.
    None,
}

/// A message to one place.
pub(super) struct Texted<'a> {
    way: Way<'a>,
    place: String,
    /// The whole goes by mail as well, for the files that this way does not take.
    mailed: bool,
}

/// Files of an answer that stay out of the chat in which the client is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptOut {
    pub chat: String,
    pub files: Vec<String>,
    /// Where they go by mail; `None`: nobody knows an address.
    pub address: Option<String>,
}

/// Twilio refuses more than 1,600 characters in one message; the rest is for the counter before them.
/// <https://www.twilio.com/docs/messaging/api/message-resource>
const LONGEST: usize = 1_500;

impl<'a> Way<'a> {
    fn named(unit: &Unit<'a>, name: &str) -> Way<'a> {
        let firm = unit.firm();
        let phone = firm.phones.iter().find(|line| line.name == name).map(Way::Phone);
        phone.or_else(|| firm.chat(name).map(Way::Chat)).unwrap_or(Way::None)
    }

    fn channel(self) -> String {
        match self {
            Way::Phone(line) => line.channel(),
            Way::Chat(chat) => chat.channel(),
            Way::None => MAIL.to_owned(),
        }
    }

    /// Whether a file may go there. A text message has none at all.
    fn takes(self, file: &Attachment) -> bool {
        matches!(self, Way::Chat(chat) if chat.platform.takes(file.bytes.len()))
    }

    fn longest(self) -> usize {
        match self {
            Way::Chat(chat) => chat.platform.longest(),
            Way::Phone(_) | Way::None => LONGEST,
        }
    }
}

/// Who gets a mail, and who is answered elsewhere: the requester goes on where he last spoke, and gets by mail too what has a file that cannot go there;
/// who has no mail address is texted, but only in a human's words unless he wrote by text message himself.
pub(super) async fn ways<'f>(
    unit: &mut Unit<'f>,
    case: &Case,
    picture: &Picture<'_>,
    letter: &ClientLetter,
    people: &[Contact],
) -> Result<(Vec<Contact>, Vec<Texted<'f>>), StoreError> {
    let firm = unit.firm();
    let place = match &case.first_message {
        _ if (firm.phones.is_empty() && firm.chats.is_empty()) || letter.by_mail => None,
        Some(first) => first.channel.clone().zip(first.place.clone()),
        None => messages::last_place(unit.tx, case.ticket.number).await?,
    };
    let requester = picture.requester.as_ref().map(|contact| contact.id);
    let (mut mailed, mut texted) = (Vec::new(), Vec::<Texted<'_>>::new());
    for person in people {
        let place = place.as_ref().filter(|_| Some(person.id) == requester);
        let way = place.map_or(Way::None, |(channel, _)| Way::named(unit, channel));
        let has_mail = is_mail(&person.address);
        match (way, place) {
            (Way::Chat(_), Some((_, place))) => {
                let also = has_mail && !letter.files.iter().all(|file| way.takes(file));
                mailed.extend(also.then(|| person.clone()));
                texted.push(Texted { way, place: place.clone(), mailed: also });
            }
            (Way::Phone(_), Some((_, number))) if !has_mail || !people::has_stopped(unit.tx, number).await? => {
                texted.push(Texted { way, place: number.clone(), mailed: false });
            }
            _ if has_mail => mailed.push(person.clone()),
            _ if letter.voice == Voice::Human && is_phone(&person.address) => {
                let way = firm.phones.first().map_or(Way::None, Way::Phone);
                texted.push(Texted { way, place: person.address.clone(), mailed: false });
            }
            // Who is known by a name in a chat alone reads what is said in the requester's room.
            _ if letter.voice == Voice::Human && Some(person.id) == requester => {
                texted.push(Texted { way: Way::None, place: person.address.clone(), mailed: false });
            }
            _ => {}
        }
    }
    Ok((mailed, texted))
}

/// Whether the tech speaks in the very place in which the client spoke last.
pub(super) async fn heard_there(unit: &mut Unit<'_>, case: &Case, ready: &Ready) -> Result<bool, StoreError> {
    let Some(here) = ready.place() else { return Ok(false) };
    let last = messages::last_place(unit.tx, case.ticket.number).await?;
    Ok(last.is_some_and(|(channel, place)| here == (channel.as_str(), place.as_str())))
}

/// Which files of an answer the chat does not take in which the client spoke last.
pub(super) async fn kept_out(
    unit: &mut Unit<'_>,
    case: &Case,
    requester: Option<&Contact>,
    files: &[Attachment],
) -> Result<Option<KeptOut>, StoreError> {
    let Some((channel, _)) = messages::last_place(unit.tx, case.ticket.number).await? else { return Ok(None) };
    let Way::Chat(chat) = Way::named(unit, &channel) else { return Ok(None) };
    let kept = files.iter().filter(|file| !chat.platform.takes(file.bytes.len()));
    let files: Vec<String> = kept.map(|file| file.name.clone()).collect();
    let Some(requester) = requester.filter(|_| !files.is_empty()) else { return Ok(None) };
    let address = Some(requester.address.clone()).filter(|address| is_mail(address));
    Ok(Some(KeptOut { chat: chat.name.clone(), files, address }))
}

/// A row for each part of each message, and for each file.
pub(super) fn write(unit: &mut Unit<'_>, case: &Case, letter: &ClientLetter, language: &str, texted: &[Texted<'_>]) {
    for to in texted {
        let mut text = letter.rendered.short.clone().unwrap_or_else(|| letter.rendered.text.clone());
        let (files, kept): (Vec<_>, Vec<_>) = letter.files.iter().partition(|file| to.way.takes(file));
        if !kept.is_empty() {
            let names: Vec<&str> = kept.iter().map(|file| file.name.as_str()).collect();
            let how = if to.mailed { "files_by_mail" } else { "files_named" };
            let named = unit.office.texts.words(language).fill("chat", how, &[("files", &names.join(", "))]);
            text.push_str(&format!(" {named}"));
        }
        let words = Words {
            kind: letter.kind,
            class: letter.class,
            key: &letter.key,
            message_id: &letter.message_id,
            automatic: letter.voice != Voice::Human,
            ticket: Some(case.ticket.number),
            subject: &letter.rendered.subject,
            text: &text,
        };
        put(unit, to, &words);
        for (number, file) in files.into_iter().enumerate() {
            put_file(unit, to, &words, (number, file));
        }
        if letter.voice != Voice::Human {
            unit.note_automatic(&to.place);
        }
    }
}

/// What is said, and as what.
struct Words<'w> {
    kind: &'static str,
    class: Class,
    key: &'w str,
    message_id: &'w str,
    automatic: bool,
    ticket: Option<TicketNumber>,
    subject: &'w str,
    text: &'w str,
}

fn put(unit: &mut Unit<'_>, to: &Texted<'_>, words: &Words<'_>) {
    let parts = parts(words.text, to.way.longest());
    for (place, part) in parts.iter().enumerate() {
        let part = if parts.len() > 1 { format!("({}/{}) {part}", place + 1, parts.len()) } else { part.clone() };
        put_row(unit, to, words, (words.kind, &place.to_string(), part.into_bytes()));
    }
}

/// A message of its own: so each can be tried again without the others, and without the words.
fn put_file(unit: &mut Unit<'_>, to: &Texted<'_>, words: &Words<'_>, (number, file): (usize, &Attachment)) {
    let (name, content_type) = (file.name.clone(), file.content_type.clone());
    let bytes = Upload { name, content_type, bytes: file.bytes.clone() }.to_bytes();
    put_row(unit, to, words, (FILE, &format!("file{number}"), bytes));
}

fn put_row(
    unit: &mut Unit<'_>,
    to: &Texted<'_>,
    words: &Words<'_>,
    (kind, piece, bytes): (&'static str, &str, Vec<u8>),
) {
    let channel = to.way.channel();
    let row = NewMail {
        dedupe_key: format!("{}/{channel}/{}/{piece}", words.key, to.place),
        channel: channel.into(),
        class: words.class,
        kind,
        automatic: words.automatic,
        ticket: words.ticket,
        envelope_from: None,
        recipient: to.place.clone(),
        message_id: format!("{}/{piece}", words.message_id),
        subject: words.subject.to_owned(),
        content: bytes.into(),
        next_at: unit.now,
    };
    outbox::insert(unit.tx, row, unit.now);
}

/// Something of deskd's own, said in a chat.
pub(super) fn say(
    unit: &mut Unit<'_>,
    (chat, place): (&Chat, &str),
    (kind, class, key): (&'static str, Class, &str),
    ticket: Option<TicketNumber>,
    text: &str,
) {
    let to = Texted { way: Way::Chat(chat), place: place.to_owned(), mailed: false };
    let message_id = format!("{}@{}", letter::new_token(), unit.firm().domain);
    let subject: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
    let words = Words { kind, class, key, message_id: &message_id, automatic: true, ticket, subject: &subject, text };
    put(unit, &to, &words);
}

/// In pieces that one message holds, cut between words.
fn parts(text: &str, longest: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(longest) {
        let cut = rest[..end].rfind(char::is_whitespace).filter(|cut| *cut > 0).unwrap_or(end);
        parts.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}
