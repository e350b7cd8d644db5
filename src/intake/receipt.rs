//! What a tech gets back for his or her own mail, addressed and written to the outbox.

use chrono::TimeDelta;

use super::case::{Case, Unit};
use super::letter::{self, TechAddress, TechLetter};
use super::list::DoneLine;
use super::orders::{Done, Refused};
use super::picture;
use super::read::Ready;
use super::texting::{self, KeptOut};
use crate::desk::directive::VERBS;
use crate::desk::firm::Tech;
use crate::mail::picture::without_labels;
use crate::notice::{
    self, Corrected, Effect, HelpFacts, MailtoLinks, NotSentFacts, NotSentReminderFacts, ReceiptFacts, ReceiptLine,
    Remark, Rendered, TicketName, UnverifiedFacts, VerbHelp,
};
use crate::outbox::Class;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, outbox};
use crate::words::TicketNumber;

/// A refused mail is brought to mind once more after.
const REMIND_AFTER: TimeDelta = TimeDelta::minutes(15);

pub(super) fn name(unit: &Unit<'_>, case: &Case) -> TicketName {
    let client = case.ticket.client.as_ref().and_then(|key| unit.firm().client(key));
    TicketName {
        number: case.ticket.number,
        client_name: client.map(|client| client.name.clone()),
        subject: case.ticket.subject.clone(),
    }
}

async fn internal_address(unit: &mut Unit<'_>, case: Option<&Case>, tech: &Tech) -> Result<TechAddress, StoreError> {
    let (ticket, purpose) = match case {
        Some(case) => (Some(case.ticket.number), Purpose::Internal),
        None => (None, Purpose::Digest),
    };
    letter::tech_token(unit, ticket, tech, purpose).await
}

async fn send(
    unit: &mut Unit<'_>,
    case: Option<&Case>,
    tech: &Tech,
    address: &TechAddress,
    (kind, key, rendered): (&'static str, String, Rendered),
) -> Result<(), StoreError> {
    if let (Some(there), Some(short)) = (unit.spoken.clone(), &rendered.short) {
        let ticket = case.map(|case| case.ticket.number);
        texting::say(unit, (&there.chat, &there.place), (kind, Class::Once, &key), ticket, short);
        return Ok(());
    }
    let letter = TechLetter { kind, class: Class::Once, key, rendered, files: Vec::new() };
    letter::to_tech(unit, case, tech, address, letter).await
}

/// One line per effect, with the retainer's balance; a later success makes the reminder of a refusal untrue.
pub(super) async fn receipt(
    unit: &mut Unit<'_>,
    case: &Case,
    ready: &Ready,
    tech: &Tech,
    done: Done,
) -> Result<(), StoreError> {
    // A note, a look at the verbs and what another tech does leave the refused answer as unsent as it was.
    if done.effects.iter().any(|effect| *effect != Effect::Noted) {
        let reminder = ("not_sent_reminder", tech.emails.first().map(String::as_str));
        outbox::withdraw(unit.tx, case.ticket.number, reminder, unit.now).await?;
    }
    let address = internal_address(unit, Some(case), tech).await?;
    if done.help {
        let verbs = VERBS.iter().filter(|verb| verb.available).map(|verb| VerbHelp {
            usage: format!("#{} {}", verb.name, verb.arguments).trim_end().to_owned(),
            meaning: verb.help.to_owned(),
        });
        let facts = HelpFacts { ticket: Some(name(unit, case)), verbs: verbs.collect() };
        let rendered = notice::help(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("help/{}", ready.cause());
        send(unit, Some(case), tech, &address, ("help", key, rendered)).await?;
    }
    if done.effects.is_empty() && !done.ask_time && done.ask_note.is_none() {
        return Ok(());
    }
    let retainer = if done.logged { picture::retainer(unit, case.ticket.client.as_ref()).await? } else { None };
    let remarks = remarks(case.ticket.number, &done);
    let facts = ReceiptFacts {
        ticket: Some(name(unit, case)),
        now: unit.now,
        lines: vec![ReceiptLine { number: Some(case.ticket.number), effects: done.effects, retainer }],
        remarks,
        left_out: done.left_out,
        ask_time: done.ask_time,
        ask_note: done.ask_note,
        links: letter::links(unit, case, &address),
    };
    let rendered = notice::receipt(&unit.office.texts, &unit.firm().language, &facts);
    // By the mail and not by the ticket's last event: a mail that changes nothing is answered too.
    let key = format!("receipt/{}", ready.cause());
    send(unit, Some(case), tech, &address, ("receipt", key, rendered)).await
}

/// What was kept back: rather left out than sent to the wrong person.
fn remarks(number: TicketNumber, done: &Done) -> Vec<Remark> {
    let unplaced = (!done.unplaced.is_empty()).then(|| Remark::Unplaced(done.unplaced.clone()));
    let kept_out =
        done.kept_out.clone().map(|KeptOut { chat, files, address }| Remark::KeptOut { chat, files, address });
    let review = done.review.clone().map(|entries| Remark::Review(number, entries));
    let beside = done.kept_beside_question.then_some(Remark::BesideQuestion);
    unplaced.into_iter().chain(kept_out).chain(beside).chain(review).collect()
}

/// The receipt for an answer to a list.
pub(super) async fn list(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    lines: Vec<DoneLine>,
) -> Result<(), StoreError> {
    let address = internal_address(unit, None, tech).await?;
    let mut facts = ReceiptFacts {
        ticket: None,
        now: unit.now,
        lines: Vec::new(),
        remarks: Vec::new(),
        left_out: Vec::new(),
        ask_time: false,
        ask_note: None,
        links: MailtoLinks { address: address.reply_to.clone(), subject: ready.mail.subject.clone() },
    };
    for line in lines {
        let retainer = if line.done.logged { picture::retainer(unit, line.client.as_ref()).await? } else { None };
        if let Some(number) = line.number {
            facts.remarks.extend(line.done.ask_time.then_some(Remark::AskTime(number)));
            facts.remarks.extend(line.done.ask_note.map(|minutes| Remark::AskNote(number, minutes)));
            facts.remarks.extend(line.done.review.into_iter().map(|entries| Remark::Review(number, entries)));
        }
        facts.lines.push(ReceiptLine { number: line.number, effects: line.done.effects, retainer });
    }
    let rendered = notice::receipt(&unit.office.texts, &unit.firm().language, &facts);
    send(unit, None, tech, &address, ("receipt", format!("receipt/{}", ready.cause()), rendered)).await
}

/// The receipt for what is done to no ticket.
pub(super) async fn alone(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    effects: Vec<Effect>,
) -> Result<(), StoreError> {
    let address = internal_address(unit, None, tech).await?;
    let lines = effects.into_iter().map(|effect| ReceiptLine { number: None, effects: vec![effect], retainer: None });
    let facts = ReceiptFacts {
        ticket: None,
        now: unit.now,
        lines: lines.collect(),
        remarks: Vec::new(),
        left_out: Vec::new(),
        ask_time: false,
        ask_note: None,
        links: MailtoLinks { address: address.reply_to.clone(), subject: ready.mail.subject.clone() },
    };
    let rendered = notice::receipt(&unit.office.texts, &unit.firm().language, &facts);
    send(unit, None, tech, &address, ("receipt", format!("receipt/{}", ready.cause()), rendered)).await
}

/// Nothing of the mail was done: the line, the reason, the mail put right; once more after a quarter of an hour.
pub(super) async fn not_sent(
    unit: &mut Unit<'_>,
    case: Option<&Case>,
    ready: &Ready,
    tech: &Tech,
    (purpose, refused): (Purpose, &Refused),
) -> Result<(), StoreError> {
    let address = internal_address(unit, case, tech).await?;
    let subject = case.map_or_else(|| ready.mail.subject.clone(), |case| letter::links(unit, case, &address).subject);
    let words = without_labels(&ready.new.text);
    let heard = purpose == Purpose::Public && ready.place().is_some();
    let facts = NotSentFacts {
        ticket: case.map(|case| name(unit, case)),
        mail_subject: ready.mail.subject.clone(),
        line: refused.line.clone(),
        reason: reason(refused),
        // What was heard is not said again.
        corrected: match heard {
            true => {
                refused.suggestions.iter().map(|line| Corrected { line: line.clone(), mail: line.clone() }).collect()
            }
            false => refused.suggestions.iter().map(|better| corrected(&words, better, refused, purpose)).collect(),
        },
        heard,
        links: MailtoLinks { address: address.reply_to.clone(), subject },
    };
    let language = unit.firm().language.clone();
    let rendered = notice::not_sent(&unit.office.texts, &language, &facts);
    send(unit, case, tech, &address, ("not_sent", format!("not_sent/{}", ready.cause()), rendered)).await?;
    let written_at = ready.row.arrived_at.with_timezone(&tech.time_zone);
    let again = unit.now + REMIND_AFTER;
    let facts = NotSentReminderFacts { refused: facts, now: again, written_at };
    let rendered = notice::not_sent_reminder(&unit.office.texts, &language, &facts);
    let now = std::mem::replace(&mut unit.now, again);
    let key = format!("not_sent_reminder/{}", ready.cause());
    let sent = send(unit, case, tech, &address, ("not_sent_reminder", key, rendered)).await;
    unit.now = now;
    sent
}

fn reason(refused: &Refused) -> String {
    match refused.suggestions.as_slice() {
        [] => refused.why.clone(),
        suggestions => format!("{} — {}", refused.why, suggestions.join(" or ")),
    }
}

/// The mail with the refused line replaced by a suggestion, ready to copy; without any there is nothing better to offer than
/// the reason. A line that stood in the wrong place goes to the end. An answer to a NOT SENT is internal, so words that were meant for
/// the client say `#reply`.
fn corrected(text: &str, better: &str, refused: &Refused, purpose: Purpose) -> Corrected {
    let mut lines: Vec<&str> = text.lines().collect();
    if better == refused.line {
        lines.retain(|line| line.trim() != refused.line);
        lines.extend(["", better]);
    } else {
        for line in lines.iter_mut().filter(|line| line.trim() == refused.line) {
            *line = better;
        }
    }
    let says = |word: &str| lines.iter().any(|line| line.trim().eq_ignore_ascii_case(word));
    let words = lines.iter().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    if purpose == Purpose::Public && words && !says("#note") && !says("#reply") {
        lines.splice(0..0, ["#reply", ""]);
    }
    Corrected { line: better.to_owned(), mail: lines.join("\n") }
}

/// Your mail is kept, but it could not be shown to be yours.
pub(super) async fn unverified(
    unit: &mut Unit<'_>,
    case: &Case,
    ready: &Ready,
    tech: &Tech,
    why: &str,
) -> Result<(), StoreError> {
    let address = internal_address(unit, Some(case), tech).await?;
    let facts = UnverifiedFacts {
        ticket: Some(name(unit, case)),
        now: unit.now,
        mail_subject: ready.mail.subject.clone(),
        arrived_at: ready.row.arrived_at.with_timezone(&tech.time_zone),
        reason: why.to_owned(),
        way_out: "If it was you: answer the newest mail about this ticket once more from your registered address. \
                  If it was not: tell your manager, somebody writes in your name."
            .to_owned(),
        excerpt: ready.new.text.chars().take(300).collect(),
    };
    let rendered = notice::unverified(&unit.office.texts, &unit.firm().language, &facts);
    send(unit, Some(case), tech, &address, ("unverified", format!("unverified/{}", ready.cause()), rendered)).await
}
