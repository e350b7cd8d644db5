//! Whom a change is told, and how: written to the outbox in the same transaction as the change.

use chrono::{DateTime, Utc};

use super::case::{Case, Unit};
use super::conversation::{answered, client_wrote, resolved};
use super::enclosure::Enclosed;
use super::letter::{self, ClientLetter, TechLetter};
use super::paging;
use super::picture::Picture;
use crate::desk::event::ClockKind;
use crate::desk::firm::{Notify, Tech};
use crate::desk::sla::SlaClock;
use crate::mail::build::Voice;
use crate::notice;
use crate::outbox::Class;
use crate::store::outbox::pages;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, outbox};
use crate::words::{ContactId, Login, MessageRow};

/// Something that people have to hear of a change.
#[derive(Debug, Clone)]
pub enum Tell {
    /// The client: we have it.
    Acknowledge {
        too_large: bool,
    },
    /// The assignee: it is yours.
    Assigned {
        from: Option<Login>,
        reason: Option<String>,
    },
    /// The managers: nobody can take it.
    NoCandidate {
        why: String,
    },
    /// The assignee, or the managers: the client wrote again.
    ClientWrote {
        message: MessageRow,
        reopened: bool,
        outsider: Option<String>,
    },
    /// The client's people: a tech's words.
    Answer(Answer),
    /// The client: it is resolved, without further words.
    Resolved {
        by: Login,
    },
    Reminded {
        clock: ClockKind,
        due: DateTime<Utc>,
        notify: Vec<Notify>,
    },
    Escalated {
        clock: ClockKind,
        due: DateTime<Utc>,
        round: u32,
        notify: Vec<Notify>,
    },
    /// The assignee: a waiting ticket is back.
    Woken,
    /// The client of a waiting ticket.
    Nudged {
        round: u32,
    },
    ClosedForSilence,
    /// An approver of the client: may we?
    AskApproval {
        address: String,
        name: String,
    },
    /// The managers: the client is not content.
    Unhappy {
        words: Option<String>,
    },
    /// Reminders and escalations that are not out yet are no longer true.
    Withdraw,
    /// A tech has seen it: nobody's telephone is disturbed any more.
    Seen,
}

/// A tech's words on their way to the client.
#[derive(Debug, Clone)]
pub struct Answer {
    pub message: MessageRow,
    /// The Message-ID that all copies carry.
    pub message_id: String,
    pub by: Login,
    /// Filtered: nothing internal is left in it.
    pub text: String,
    pub resolved: bool,
    /// Its HTML and files.
    pub(super) enclosed: Enclosed,
    /// Whom the tech's own mail reached already, or his words in the chat.
    pub reached: Vec<ContactId>,
}

/// Kinds of notices that a first touch makes untrue.
const WITHDRAWN_BY_TOUCH: [&str; 2] = ["reminder", "escalation"];

/// Writes all that is to be told of a case into the outbox.
pub(super) async fn write(unit: &mut Unit<'_>, case: &Case, clocks: &[SlaClock]) -> Result<(), StoreError> {
    if case.tell.is_empty() {
        return Ok(());
    }
    let picture = Picture::of(unit, case, clocks).await?;
    for (index, tell) in case.tell.iter().enumerate() {
        one(unit, case, &picture, tell, index).await?;
    }
    Ok(())
}

async fn one(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    tell: &Tell,
    index: usize,
) -> Result<(), StoreError> {
    let seq = case.history().last().map_or(0, |last| last.seq);
    let key = format!("{}/{seq}/{index}", case.ticket.number.0);
    match tell {
        Tell::Acknowledge { too_large } => acknowledge(unit, case, picture, *too_large).await,
        Tell::Assigned { from, reason } => assigned(unit, case, picture, from.as_ref(), reason.as_deref(), &key).await,
        Tell::NoCandidate { why } => no_candidate(unit, case, picture, why, &key).await,
        Tell::ClientWrote { message, reopened, outsider } => {
            client_wrote(unit, case, picture, *message, (*reopened, outsider.as_deref()), &key).await
        }
        Tell::Answer(answer) => answered(unit, case, picture, answer).await,
        Tell::Resolved { by } => resolved(unit, case, picture, by, &key).await,
        Tell::Reminded { clock, due, notify } => reminded(unit, case, picture, (*clock, *due), notify, &key).await,
        Tell::Escalated { clock, due, round, notify } => {
            escalated(unit, case, picture, (*clock, *due, *round), notify, &key).await
        }
        Tell::Woken => woken(unit, case, picture, &key).await,
        Tell::Nudged { round } => nudged(unit, case, picture, *round, &key).await,
        Tell::ClosedForSilence => closed_for_silence(unit, case, picture, &key).await,
        Tell::AskApproval { address, name } => super::approval::ask(unit, case, picture, (address, name), &key).await,
        Tell::Unhappy { words } => super::survey::unhappy(unit, case, picture, words.as_deref(), &key).await,
        Tell::Withdraw => {
            for kind in WITHDRAWN_BY_TOUCH {
                outbox::withdraw(unit.tx, case.ticket.number, (kind, None), unit.now).await?;
            }
            pages::withdraw_pages(unit.tx, case.ticket.number, unit.now).await
        }
        Tell::Seen => pages::withdraw_pages(unit.tx, case.ticket.number, unit.now).await,
    }
}

async fn acknowledge(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    too_large: bool,
) -> Result<(), StoreError> {
    let Some(to) = picture.requester.as_ref() else { return Ok(()) };
    let Some(lately) = letter::may_write_automatically(unit, to).await? else { return Ok(()) };
    if !super::breaker::lets_through(unit, case, &to.address, lately).await? {
        return Ok(());
    }
    let facts = notice::AcknowledgementFacts {
        ticket: picture.client_ticket(unit),
        answer: picture.answer_time(unit),
        emergency_phone: picture.emergency_phone(unit),
        too_large,
    };
    let rendered = notice::acknowledgement(&unit.office.texts, &picture.language, &facts);
    let message_id = letter::client_message_id(unit, case).await?;
    let letter = ClientLetter {
        kind: "acknowledgement",
        class: Class::Once,
        voice: Voice::Reply,
        key: format!("acknowledgement/{}", case.ticket.number.0),
        sender_name: None,
        rendered,
        message_id,
        files: Vec::new(),
        by_mail: false,
    };
    letter::to_client(unit, case, picture, letter, std::slice::from_ref(to)).await
}

async fn assigned(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    from: Option<&Login>,
    reason: Option<&str>,
    key: &str,
) -> Result<(), StoreError> {
    let Some(tech) = case.ticket.assignee.as_ref().and_then(|login| unit.firm().tech(login)) else { return Ok(()) };
    let purpose = letter::purpose_for(case);
    let address = letter::tech_token(unit, Some(case.ticket.number), tech, purpose).await?;
    let from_tech = from
        .filter(|from| **from != tech.login)
        .map(|login| unit.firm().tech(login).map_or(login.0.clone(), |tech| tech.name.clone()));
    let enclosed = picture.with_request(unit.firm().attachment_cap);
    let mut facts = picture.assignment(unit, case, tech, &enclosed).await?;
    facts.from_tech = from_tech;
    facts.pass_reason = reason.map(str::to_owned);
    facts.links = letter::links(unit, case, &address);
    let rendered = match facts.from_tech {
        Some(_) => notice::reassignment(&unit.office.texts, &unit.firm().language, &facts),
        None => notice::assignment(&unit.office.texts, &unit.firm().language, &facts),
    };
    let letter = TechLetter {
        kind: "assignment",
        class: Class::MustArrive,
        key: format!("assignment/{key}"),
        rendered,
        files: enclosed.files,
    };
    letter::to_tech(unit, Some(case), tech, &address, letter).await?;
    Box::pin(paging::page(unit, case, picture, (std::slice::from_ref(tech), "assigned"), &format!("assigned/{key}")))
        .await
}

async fn no_candidate(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    why: &str,
    key: &str,
) -> Result<(), StoreError> {
    // Whoever is on call may take it all the same.
    paging::page(unit, case, picture, (&[], "nobody"), &format!("nobody/{key}")).await?;
    for manager in managers(unit) {
        let address = letter::tech_token(unit, Some(case.ticket.number), &manager, Purpose::Internal).await?;
        let facts = notice::NoCandidateFacts {
            ticket: picture.ticket(&manager),
            now: unit.now,
            due: picture.first_touch_due(&manager),
            skill: case.ticket.skill.clone(),
            why: vec![why.to_owned()],
            request: picture.request.clone(),
            links: letter::links(unit, case, &address),
        };
        let rendered = notice::no_candidate(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("no_candidate/{key}/{}", manager.login);
        let letter = TechLetter { kind: "no_candidate", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, Some(case), &manager, &address, letter).await?;
    }
    Ok(())
}

async fn reminded(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (clock, due): (ClockKind, DateTime<Utc>),
    notify: &[Notify],
    key: &str,
) -> Result<(), StoreError> {
    let readers = readers(unit, case, notify);
    paging::page(unit, case, picture, (&readers, "reminder"), &format!("reminder/{key}")).await?;
    for tech in readers {
        let address = letter::tech_token(unit, Some(case.ticket.number), &tech, Purpose::Internal).await?;
        let facts = notice::ReminderFacts {
            ticket: picture.ticket(&tech),
            now: unit.now,
            clock,
            due: due.with_timezone(&tech.time_zone),
            request: picture.latest.clone(),
            links: letter::links(unit, case, &address),
        };
        let rendered = notice::reminder(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("reminder/{key}/{}", tech.login);
        let letter = TechLetter { kind: "reminder", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, Some(case), &tech, &address, letter).await?;
    }
    Ok(())
}

async fn escalated(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (clock, due, round): (ClockKind, DateTime<Utc>, u32),
    notify: &[Notify],
    key: &str,
) -> Result<(), StoreError> {
    let readers = readers(unit, case, notify);
    paging::page(unit, case, picture, (&readers, "escalation"), &format!("escalation/{key}")).await?;
    for tech in &readers {
        let address = letter::tech_token(unit, Some(case.ticket.number), tech, Purpose::Internal).await?;
        let others = readers.iter().filter(|other| other.login != tech.login);
        let facts = notice::EscalationFacts {
            ticket: picture.ticket(tech),
            now: unit.now,
            clock,
            due: due.with_timezone(&tech.time_zone),
            round,
            told: others.map(|other| other.name.clone()).collect(),
            request: picture.latest.clone(),
            links: letter::links(unit, case, &address),
        };
        let rendered = notice::escalation(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("escalation/{key}/{}", tech.login);
        let letter = TechLetter { kind: "escalation", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, Some(case), tech, &address, letter).await?;
    }
    Ok(())
}

/// A waiting ticket that comes back reads like a reminder of its resolution.
async fn woken(unit: &mut Unit<'_>, case: &Case, picture: &Picture<'_>, key: &str) -> Result<(), StoreError> {
    let due = picture.due_of(ClockKind::Resolve).unwrap_or(unit.now);
    reminded(unit, case, picture, (ClockKind::Resolve, due), &[Notify::Assignee], key).await
}

async fn nudged(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    round: u32,
    key: &str,
) -> Result<(), StoreError> {
    let facts = notice::WaitingReminderFacts {
        ticket: picture.client_ticket(unit),
        round: if round < 2 { notice::ReminderRound::First } else { notice::ReminderRound::Second },
        question: picture.last_answer.clone(),
        tech_name: case
            .ticket
            .assignee
            .as_ref()
            .and_then(|login| unit.firm().tech(login))
            .map(|tech| tech.name.clone()),
        closes_at: None,
    };
    let rendered = notice::waiting_reminder(&unit.office.texts, &picture.language, &facts);
    automatic_to_client(unit, case, picture, ("waiting_reminder", rendered), key).await
}

async fn closed_for_silence(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    key: &str,
) -> Result<(), StoreError> {
    let facts = notice::ClosedNoticeFacts { ticket: picture.client_ticket(unit) };
    let rendered = notice::closed_notice(&unit.office.texts, &picture.language, &facts);
    automatic_to_client(unit, case, picture, ("closed_notice", rendered), key).await
}

async fn automatic_to_client(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    (kind, rendered): (&'static str, notice::Rendered),
    key: &str,
) -> Result<(), StoreError> {
    let Some(to) = picture.requester.clone() else { return Ok(()) };
    if letter::may_write_automatically(unit, &to).await?.is_none() {
        return Ok(());
    }
    let letter = ClientLetter {
        kind,
        class: Class::MustArrive,
        voice: Voice::Notice,
        key: format!("{kind}/{key}"),
        sender_name: None,
        rendered,
        message_id: letter::client_message_id(unit, case).await?,
        files: Vec::new(),
        by_mail: false,
    };
    letter::to_client(unit, case, picture, letter, &[to]).await
}

pub(super) fn managers(unit: &Unit<'_>) -> Vec<Tech> {
    unit.firm().managers().cloned().collect()
}

/// Everybody a step names, once; while nobody has the ticket its assignee's part goes to the managers.
pub(super) fn readers(unit: &Unit<'_>, case: &Case, notify: &[Notify]) -> Vec<Tech> {
    let firm = unit.firm();
    let mut readers: Vec<Tech> = Vec::new();
    for who in notify {
        let named: Vec<&Tech> = match who {
            Notify::Assignee => match case.ticket.assignee.as_ref().and_then(|login| firm.tech(login)) {
                Some(tech) => vec![tech],
                None => firm.managers().collect(),
            },
            Notify::Managers => firm.managers().collect(),
            Notify::OnCall => firm.techs.iter().filter(|tech| tech.on_call).collect(),
            Notify::AccountManager => {
                let client = case.ticket.client.as_ref().and_then(|key| firm.client(key));
                client.and_then(|client| firm.tech(client.account_manager.as_ref()?)).into_iter().collect()
            }
            Notify::Tech(login) => firm.tech(login).into_iter().collect(),
        };
        for tech in named {
            if !readers.iter().any(|known| known.login == tech.login) {
                readers.push(tech.clone());
            }
        }
    }
    readers
}
