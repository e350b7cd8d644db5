//! An answer to a list: lines that each name their ticket, or a time entry.

use super::action::Action;
use super::case::{Case, Deed, Unit};
use super::orders::{Done, NotDone, by_line, log, order, refusal, refused};
use super::read::Ready;
use super::{relay, worklog};
use crate::desk::directive::{Directive, Line, Reading};
use crate::desk::firm::Tech;
use crate::store::StoreError;
use crate::words::{Actor, ClientKey, Minutes, TicketNumber};

/// A list's answer did this to one of its tickets.
pub(super) struct DoneLine {
    /// `None`: of a time entry alone.
    pub number: Option<TicketNumber>,
    pub client: Option<ClientKey>,
    pub done: Done,
}

/// An answer to a list: every line names its ticket.
pub(super) async fn carry_out_list(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    reading: Reading,
) -> Result<Vec<DoneLine>, NotDone> {
    let deed = Deed { actor: Actor::Tech(tech.login.clone()), at: ready.row.arrived_at, cause: ready.cause() };
    // Nobody would get them: a list has no client.
    let words = relay::words(&reading.rest).lines().find(|line| !line.trim().is_empty());
    if let Some(line) = words.filter(|_| !reading.lines.is_empty()) {
        return Err(refused(
            line,
            "an answer to a list takes lines like #1042 done 10m only; words for a client belong into an answer to the ticket's own mail",
        ));
    }
    let mut lines = Vec::new();
    for Line { raw, ticket, parsed } in reading.lines {
        let directive = parsed.map_err(|why| refusal(&raw, why))?;
        if directive == Directive::Help {
            continue;
        }
        if let Some(done) = of_entry(unit, tech, &deed, (&raw, &directive)).await? {
            lines.push(DoneLine { number: None, client: None, done });
            continue;
        }
        let Some(number) = ticket else {
            return Err(refused(&raw, "in an answer to a list each line begins with its ticket: #1042 done 10m"));
        };
        let mut case = match Case::load(unit, number).await {
            Ok(case) => case,
            Err(StoreError::Missing { .. }) => return Err(refused(&raw, format!("there is no ticket {number}"))),
            Err(error) => return Err(error.into()),
        };
        let mut done = Done::default();
        if let Directive::Done { minutes, category } = &directive {
            if let Some(minutes) = minutes {
                let today = deed.at.with_timezone(&tech.time_zone).date_naive();
                log(unit, &mut case, &deed, &raw, tech, (*minutes, *category, today, None), &mut done).await?;
            }
            if case.ticket.owes_note(Minutes(0)) {
                done.ask_note = Some(case.ticket.minutes);
            } else {
                let resolve = Action::Resolve { by: tech.login.clone(), answered: false };
                done.effects.extend(case.act(unit, &deed, resolve).await.map_err(by_line(&raw))?);
                done.ask_time = case.ticket.minutes == Minutes(0);
            }
        } else {
            order(unit, &mut case, &deed, (&raw, &directive, tech), &mut done).await?;
        }
        let client = case.ticket.client.clone();
        let number = case.save(unit).await?;
        lines.push(DoneLine { number: Some(number), client, done });
    }
    if lines.is_empty() {
        return Err(refused("", "no line of it names a ticket: write for example #1042 done 10m"));
    }
    Ok(lines)
}

/// What is done to a time entry wherever it belongs.
async fn of_entry(
    unit: &mut Unit<'_>,
    tech: &Tech,
    deed: &Deed,
    (line, directive): (&str, &Directive),
) -> Result<Option<Done>, NotDone> {
    let effects = match directive {
        Directive::Recat { entry, to } => worklog::recategorise(unit, None, deed, (*entry, *to, tech)).await,
        Directive::WriteOff { entry, why } => worklog::write_off(unit, tech, *entry, why).await.map(|one| vec![one]),
        _ => return Ok(None),
    };
    Ok(Some(Done { effects: effects.map_err(by_line(line))?, ..Done::default() }))
}
