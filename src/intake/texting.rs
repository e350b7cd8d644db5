//! Text messages to clients: who is written to by the telephone line instead of by mail, and the rows of the outbox for it.

use super::case::{Case, Unit};
use super::letter::ClientLetter;
use super::picture::Picture;
use crate::desk::firm::Phone;
use crate::mail::build::Voice;
use crate::store::outbox::{self, MAIL, NewMail};
use crate::store::people::Contact;
use crate::store::{StoreError, messages, people};
use crate::words::is_phone;

/// A text message to one person.
pub(super) struct Texted<'a> {
    /// `None`: the firm has none, so that it fails where mail leaves, and a manager is told.
    line: Option<&'a Phone>,
    number: String,
}

/// Twilio refuses more than 1,600 characters in one message; the rest is for the counter before them.
/// <https://www.twilio.com/docs/messaging/api/message-resource>
const LONGEST: usize = 1_500;

/// Who gets a mail, and who a text message: the requester goes on where he last spoke; who has no mail address is texted, but only in a
/// human's words unless he wrote by text message himself.
pub(super) async fn ways<'f>(
    unit: &mut Unit<'f>,
    case: &Case,
    picture: &Picture<'_>,
    letter: &ClientLetter,
    people: &[Contact],
) -> Result<(Vec<Contact>, Vec<Texted<'f>>), StoreError> {
    let lines = &unit.firm().phones;
    let place = match &case.first_message {
        _ if lines.is_empty() => None,
        Some(first) => first.channel.clone().zip(first.place.clone()),
        None => messages::last_place(unit.tx, case.ticket.number).await?,
    };
    let requester = picture.requester.as_ref().map(|contact| contact.id);
    let (mut mailed, mut texted) = (Vec::new(), Vec::new());
    for person in people {
        let place = place.as_ref().filter(|_| Some(person.id) == requester);
        let line = place.and_then(|(channel, _)| lines.iter().find(|line| line.name == *channel));
        let has_mail = !is_phone(&person.address);
        match (line, place) {
            (Some(line), Some((_, number))) if !has_mail || !people::has_stopped(unit.tx, number).await? => {
                texted.push(Texted { line: Some(line), number: number.clone() });
            }
            _ if has_mail => mailed.push(person.clone()),
            _ if letter.voice == Voice::Human => {
                texted.push(Texted { line: lines.first(), number: person.address.clone() });
            }
            _ => {}
        }
    }
    Ok((mailed, texted))
}

/// A row for each part of each message.
pub(super) fn write(unit: &mut Unit<'_>, case: &Case, letter: &ClientLetter, texted: &[Texted<'_>]) {
    for to in texted {
        let channel = to.line.map_or_else(|| MAIL.to_owned(), Phone::channel);
        let mut text = letter.rendered.short.clone().unwrap_or_else(|| letter.rendered.text.clone());
        if !letter.files.is_empty() {
            let names: Vec<&str> = letter.files.iter().map(|file| file.name.as_str()).collect();
            text.push_str(&format!(" [+ {}]", names.join(", ")));
        }
        let parts = parts(&text);
        for (place, part) in parts.iter().enumerate() {
            let part = if parts.len() > 1 { format!("({}/{}) {part}", place + 1, parts.len()) } else { part.clone() };
            let row = NewMail {
                dedupe_key: format!("{}/{channel}/{}/{place}", letter.key, to.number),
                channel: channel.clone().into(),
                class: letter.class,
                kind: letter.kind,
                automatic: letter.voice != Voice::Human,
                ticket: Some(case.ticket.number),
                envelope_from: None,
                recipient: to.number.clone(),
                message_id: format!("{}/{place}", letter.message_id),
                subject: letter.rendered.subject.clone(),
                content: part.into_bytes().into(),
                next_at: unit.now,
            };
            outbox::insert(unit.tx, row, unit.now);
        }
        if letter.voice != Voice::Human {
            unit.note_automatic(&to.number);
        }
    }
}

/// In pieces that one message holds, cut between words.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(LONGEST) {
        let cut = rest[..end].rfind(char::is_whitespace).filter(|cut| *cut > 0).unwrap_or(end);
        parts.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}
