//! What client and tech say to each other: the client's words to the tech, the tech's to the client.

use super::case::{Case, Unit};
use super::letter::{self, ClientLetter, TechLetter};
use super::picture::Picture;
use super::survey;
use super::tell::{Answer, managers};
use crate::mail::build::Voice;
use crate::notice;
use crate::outbox::Class;
use crate::store::StoreError;
use crate::store::tokens::Purpose;
use crate::words::{Login, MessageRow};

/// The client's further words: to the assignee, or to the managers while nobody has the ticket.
pub(super) async fn client_wrote(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    message: MessageRow,
    (reopened, outsider): (bool, Option<&str>),
    key: &str,
) -> Result<(), StoreError> {
    let Some(message) = crate::store::messages::one(unit.tx, message).await? else { return Ok(()) };
    let assignee = case.ticket.assignee.as_ref().and_then(|login| unit.firm().tech(login)).cloned();
    let unassigned = assignee.is_none();
    let readers = assignee.map_or_else(|| managers(unit), |tech| vec![tech]);
    let enclosed = picture.arrived(&message.text, unit.firm().attachment_cap);
    for tech in readers {
        let purpose = if outsider.is_some() { Purpose::Internal } else { letter::purpose_for(case) };
        let address = letter::tech_token(unit, Some(case.ticket.number), &tech, purpose).await?;
        let facts = notice::ClientMessageFacts {
            ticket: picture.ticket(&tech),
            now: unit.now,
            from: match (message.sender_name.as_str(), outsider) {
                ("", _) => message.sender_address.clone(),
                (name, None) => name.to_owned(),
                // Whoever is not on the ticket may call himself what he likes.
                (name, Some(_)) => format!("{name} <{}>", message.sender_address),
            },
            at: message.at.with_timezone(&tech.time_zone),
            text: message.text.clone(),
            html: enclosed.html.clone(),
            attachments: enclosed.attached(),
            left_out: enclosed.left_out.clone(),
            logos: enclosed.logos.clone(),
            unassigned,
            reopened,
            answer_due: picture.answer_due(&tech),
            // An outsider's reason stands in the box below.
            unverified: message.reason.clone().filter(|_| outsider.is_none()),
            outsider: outsider.map(str::to_owned),
            outsider_address: outsider
                .map(|_| message.sender_address.clone())
                .filter(|_| case.ticket.status.is_active()),
            reply: picture.plain_reply(purpose),
            links: letter::links(unit, case, &address),
        };
        let rendered = notice::client_message(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("client_message/{key}/{}", tech.login);
        let letter = TechLetter {
            kind: "client_message",
            class: Class::MustArrive,
            key,
            rendered,
            files: enclosed.files.clone(),
        };
        letter::to_tech(unit, Some(case), &tech, &address, letter).await?;
    }
    Ok(())
}

/// A tech's words, to everybody of the client's who is on the ticket.
pub(super) async fn answered(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    answer: &Answer,
) -> Result<(), StoreError> {
    let tech_name = unit.firm().tech(&answer.by).map_or_else(|| answer.by.to_string(), |tech| tech.name.clone());
    let ticket = picture.client_ticket(unit);
    let people: Vec<_> =
        picture.client_people().into_iter().filter(|person| !answer.reached.contains(&person.id)).collect();
    let rendered = if answer.resolved {
        let question = survey::ask(unit, case, &people).await?;
        let facts = notice::ResolutionFacts {
            ticket,
            tech_name: tech_name.clone(),
            text: answer.text.clone(),
            html: answer.enclosed.html.clone(),
            left_out: answer.enclosed.left_out.clone(),
            question,
        };
        notice::resolution(&unit.office.texts, &picture.language, &facts)
    } else {
        let facts = notice::RelayFacts {
            ticket,
            tech_name: tech_name.clone(),
            text: answer.text.clone(),
            html: answer.enclosed.html.clone(),
            left_out: answer.enclosed.left_out.clone(),
        };
        notice::relay(&unit.office.texts, &picture.language, &facts)
    };
    let letter = ClientLetter {
        kind: if answer.resolved { "resolution" } else { "relay" },
        class: Class::MustArrive,
        voice: Voice::Human,
        key: format!("answer/{}", answer.message.0),
        sender_name: Some(tech_name),
        rendered,
        message_id: answer.message_id.clone(),
        files: answer.enclosed.files.clone(),
        by_mail: false,
    };
    letter::to_client(unit, case, picture, letter, &people).await
}

/// Resolved without words.
pub(super) async fn resolved(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    by: &Login,
    key: &str,
) -> Result<(), StoreError> {
    if case.ticket.automatic {
        return Ok(());
    }
    let tech_name = unit.firm().tech(by).map_or_else(|| by.to_string(), |tech| tech.name.clone());
    let people = picture.client_people();
    let facts = notice::ResolutionFacts {
        ticket: picture.client_ticket(unit),
        tech_name: tech_name.clone(),
        text: String::new(),
        html: None,
        left_out: Vec::new(),
        question: survey::ask(unit, case, &people).await?,
    };
    let rendered = notice::resolution(&unit.office.texts, &picture.language, &facts);
    let letter = ClientLetter {
        kind: "resolution",
        class: Class::MustArrive,
        voice: Voice::Notice,
        key: format!("resolution/{key}"),
        sender_name: Some(tech_name),
        rendered,
        message_id: letter::client_message_id(unit, case).await?,
        files: Vec::new(),
        by_mail: false,
    };
    letter::to_client(unit, case, picture, letter, &people).await
}
