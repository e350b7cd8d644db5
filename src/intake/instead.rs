//! A tech's words that did not get through where the client spoke last: they go by mail, and the tech is told.

use super::case::{Case, Unit};
use super::letter::{self, ClientLetter, TechLetter};
use super::picture::Picture;
use crate::chat::Upload;
use crate::desk::firm::Tech;
use crate::mail::Attachment;
use crate::mail::build::Voice;
use crate::notice::{self, Rendered, UndeliverableFacts};
use crate::outbox::Class;
use crate::outbox::chat::FILE;
use crate::store::outbox::{MAIL, Row, State};
use crate::store::tokens::Purpose;
use crate::store::{StoreError, messages, outbox};
use crate::words::{Login, TicketNumber, is_mail};

/// What one of us reads of a row that failed for good.
pub(super) fn undeliverable(unit: &Unit<'_>, row: &Row, reader: &Tech, by_mail: bool) -> Rendered {
    let facts = UndeliverableFacts {
        now: unit.now,
        outbox: row.id,
        ticket: row.ticket,
        recipient: row.recipient.clone(),
        mail_subject: row.subject.clone(),
        reply: row.last_error.clone().unwrap_or_else(|| "no reason given".to_owned()),
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        first_tried_at: row.created_at.with_timezone(&reader.time_zone),
        to_client: unit.firm().tech_by_address(&row.recipient).is_none()
            && unit.firm().tech_by_phone(&row.recipient).is_none(),
        channel: row.channel.split_once('/').map(|(_, name)| name.to_owned()),
        by_mail,
    };
    notice::undeliverable(&unit.office.texts, &unit.firm().language, &facts)
}

/// `row` failed for good. Of a message in parts one mail goes, with the whole; whether one does.
pub(super) async fn by_mail(unit: &mut Unit<'_>, row: &Row) -> Result<bool, StoreError> {
    let Some(number) =
        // What is uncertain may have been read: a human decides.
        row.ticket.filter(|_| {
            row.state == State::Failed && row.channel != MAIL && matches!(row.kind.as_str(), "relay" | "resolution" | FILE)
        })
    else {
        return Ok(false);
    };
    let id = row.message_id.rsplit_once('/').map_or(row.message_id.as_str(), |(id, _)| id);
    let message = match messages::by_message_id(unit.tx, number, id).await? {
        Some(found) => messages::one(unit.tx, found).await?,
        None => None,
    };
    let (Some(message), Some(case)) = (message, Case::found(unit, number).await?) else { return Ok(false) };
    let clocks = case.clocks(unit.firm());
    let picture = Picture::of(unit, &case, &clocks).await?;
    let by = Login(message.actor.trim_start_matches("tech:").to_owned());
    let to = picture.requester.clone().filter(|to| is_mail(&to.address));
    tell(unit, row, &case, (&by, to.is_some())).await?;
    let Some(to) = to else { return Ok(false) };
    // It went there anyway, for a file that the chat does not take.
    if outbox::is_mailed(unit.tx, id, &to.address).await? {
        return Ok(true);
    }
    let files = files(unit, number, id).await?;
    let named = message.attachments.iter().map(|file| file.name.clone());
    let facts = notice::RelayFacts {
        ticket: picture.client_ticket(unit),
        tech_name: message.sender_name.clone(),
        text: message.text.clone(),
        html: None,
        left_out: named.filter(|name| !files.iter().any(|file| file.name == *name)).collect(),
    };
    let rendered = notice::relay(&unit.office.texts, &picture.language, &facts);
    let letter = ClientLetter {
        kind: "relay",
        class: Class::MustArrive,
        voice: Voice::Human,
        key: format!("instead/{id}"),
        sender_name: Some(message.sender_name),
        rendered,
        message_id: id.to_owned(),
        files,
        by_mail: true,
    };
    letter::to_client(unit, &case, &picture, letter, &[to]).await?;
    Ok(true)
}

/// The files of a message, as they were to go into the chat.
async fn files(unit: &mut Unit<'_>, ticket: TicketNumber, message_id: &str) -> Result<Vec<Attachment>, StoreError> {
    let rows = outbox::beside(unit.tx, ticket, message_id, FILE).await?;
    let attachment = |file: Upload| Attachment {
        name: file.name,
        content_type: file.content_type,
        content_id: None,
        inline: false,
        decoration: false,
        bytes: file.bytes,
    };
    Ok(rows.iter().filter_map(|bytes| Upload::read(bytes)).map(attachment).collect())
}

/// Whose words they are hears of it, beside the managers.
async fn tell(unit: &mut Unit<'_>, row: &Row, case: &Case, (by, by_mail): (&Login, bool)) -> Result<(), StoreError> {
    let Some(tech) = unit.firm().tech(by).filter(|tech| !tech.manager).cloned() else { return Ok(()) };
    let address = letter::tech_token(unit, Some(case.ticket.number), &tech, Purpose::Internal).await?;
    let rendered = undeliverable(unit, row, &tech, by_mail);
    let key = format!("undeliverable/{}/{}", row.id.0, tech.login);
    let letter = TechLetter { kind: "undeliverable", class: Class::MustArrive, key, rendered, files: Vec::new() };
    letter::to_tech(unit, Some(case), &tech, &address, letter).await
}
