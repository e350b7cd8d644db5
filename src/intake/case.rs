//! A ticket in hand: loaded for change, changed by events, saved with its clocks, timers and letters in one transaction.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::memo::Memo;
use super::tell::Tell;
use crate::desk::assign::Load;
use crate::desk::event::{Event, Recorded, RuleHit, Waiting};
use crate::desk::firm::{Chat, Firm};
use crate::desk::sla::{self, Policy, SlaClock};
use crate::desk::ticket::Ticket;
use crate::mail::Mail;
use crate::notice::Texts;
use crate::store::messages::Message;
use crate::store::outbox::held::Flow;
use crate::store::tickets::{self, Recent, TimerKind};
use crate::store::{StoreError, Tx};
use crate::words::{Actor, Category, ClientKey, ContactId, Priority, Status, TicketNumber};

/// The config that one piece of work uses from start to end.
#[derive(Debug, Clone)]
pub struct Office {
    pub firm: Arc<Firm>,
    pub texts: Arc<Texts>,
}

/// One transaction's work: where it writes, by which config, at what moment.
pub struct Unit<'a> {
    pub tx: &'a mut Tx,
    pub office: &'a Office,
    pub now: DateTime<Utc>,
    /// The techs' loads, read once a batch and kept up to date by our own assignments.
    pub loads: Option<Vec<Load>>,
    pub(super) memo: Memo,
    /// What each tech was written lately, by address; read once a batch and counted on.
    pub(super) flows: HashMap<String, Flow>,
    /// A tech speaks among technicians in a chat: receipts are said there.
    pub(super) spoken: Option<Spoken>,
}

/// A place of a chat.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub chat: Chat,
    pub place: String,
}

/// Who did it, when it counts as done, and what brought it about.
#[derive(Debug, Clone)]
pub struct Deed {
    pub actor: Actor,
    pub at: DateTime<Utc>,
    pub cause: String,
}

/// What a new ticket starts with.
#[derive(Debug, Clone)]
pub struct Opening {
    pub subject: String,
    pub source: String,
    pub requester: Option<ContactId>,
    pub client: Option<ClientKey>,
    pub priority: Priority,
    pub category: Category,
    pub tags: Vec<String>,
    pub skill: Option<String>,
    pub rules: Vec<RuleHit>,
    pub unsorted: Option<String>,
    pub automatic: bool,
}

pub struct Case {
    pub ticket: Ticket,
    history: Vec<Recorded>,
    /// How many of `history` are in the database.
    stored: usize,
    fresh: bool,
    pub(super) tell: Vec<Tell>,
    /// The mail that brings the change about, for its files.
    pub(super) arrived: Option<Arc<Mail>>,
    /// The message of a ticket that is being opened: nothing need be read back.
    pub(super) first_message: Option<Message>,
    /// Addresses in Cc that nothing vouches for.
    pub(super) unvouched_cc: Vec<String>,
}

/// A waiting client is reminded after so many working days; after the last one the ticket is resolved.
const NUDGE_DAYS: [u32; 3] = [2, 4, 6];
/// A resolved ticket is closed after.
const CLOSE_AFTER: TimeDelta = TimeDelta::days(7);

impl<'a> Unit<'a> {
    pub fn new(tx: &'a mut Tx, office: &'a Office, now: DateTime<Utc>) -> Unit<'a> {
        Unit { tx, office, now, loads: None, memo: Memo::default(), flows: HashMap::new(), spoken: None }
    }

    pub fn firm(&self) -> &'a Firm {
        &self.office.firm
    }
}

impl Deed {
    pub fn by_desk(at: DateTime<Utc>, cause: impl Into<String>) -> Deed {
        Deed { actor: Actor::Desk, at, cause: cause.into() }
    }
}

impl Case {
    /// A new ticket; its row exists from here on, the rest is written by `save`.
    pub async fn open(unit: &mut Unit<'_>, deed: &Deed, opening: Opening) -> Result<Case, StoreError> {
        let recorded = Recorded {
            seq: 1,
            at: deed.at,
            recorded_at: unit.now,
            actor: deed.actor.clone(),
            cause: deed.cause.clone(),
            event: Event::Opened {
                subject: opening.subject,
                source: opening.source,
                requester: opening.requester,
                client: opening.client,
                priority: opening.priority,
                category: opening.category,
                tags: opening.tags,
                skill: opening.skill,
                rules: opening.rules,
                unsorted: opening.unsorted,
                automatic: opening.automatic,
            },
        };
        let mut ticket = Ticket::replay(TicketNumber(0), std::slice::from_ref(&recorded))
            .ok_or_else(|| StoreError::Refused("a ticket begins with `opened`".to_owned()))?;
        ticket.number = tickets::create(unit.tx, &ticket, unit.now).await?;
        Ok(Case::new(ticket, vec![recorded], 0))
    }

    /// Takes a ticket for change; a merged one leads to the one it came into.
    pub async fn load(unit: &mut Unit<'_>, number: TicketNumber) -> Result<Case, StoreError> {
        let mut number = number;
        for _ in 0..16 {
            tickets::lock(unit.tx, number).await?;
            let history = tickets::history(unit.tx, number).await?;
            let missing = || StoreError::Missing { what: format!("ticket {number}") };
            let ticket = Ticket::replay(number, &history).ok_or_else(missing)?;
            match ticket.merged_into {
                Some(into) => number = into,
                None => {
                    let stored = history.len();
                    return Ok(Case::new(ticket, history, stored));
                }
            }
        }
        Err(StoreError::Refused(format!("ticket {number} was merged in a circle")))
    }

    /// The same, where the number may be nobody's.
    pub(super) async fn found(unit: &mut Unit<'_>, number: TicketNumber) -> Result<Option<Case>, StoreError> {
        match Case::load(unit, number).await {
            Ok(case) => Ok(Some(case)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn new(ticket: Ticket, history: Vec<Recorded>, stored: usize) -> Case {
        Case {
            ticket,
            history,
            stored,
            fresh: stored == 0,
            tell: Vec::new(),
            arrived: None,
            first_message: None,
            unvouched_cc: Vec::new(),
        }
    }

    /// It is being opened in this transaction.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Why the present assignee has it.
    pub(super) fn assignment_reason(&self) -> Option<String> {
        self.history.iter().rev().find_map(|recorded| match &recorded.event {
            Event::Assigned { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    pub fn history(&self) -> &[Recorded] {
        &self.history
    }

    /// Adds an event to the history and to what is true of the ticket.
    pub(super) fn record(&mut self, unit: &Unit<'_>, deed: &Deed, event: Event) {
        let seq = self.history.last().map_or(1, |last| last.seq + 1);
        let recorded = Recorded {
            seq,
            at: deed.at,
            recorded_at: unit.now,
            actor: deed.actor.clone(),
            cause: deed.cause.clone(),
            event,
        };
        let replay = matches!(recorded.event, Event::Undone { .. });
        self.ticket.apply(&recorded);
        self.history.push(recorded);
        if replay && let Some(ticket) = Ticket::replay(self.ticket.number, &self.history) {
            self.ticket = ticket;
        }
    }

    pub fn clocks(&self, firm: &Firm) -> Vec<SlaClock> {
        let policy = Policy::of(firm, self.ticket.client.as_ref());
        sla::clocks(&self.ticket, &self.history, &policy)
    }

    /// Writes events, projection, clocks, timers, and what people are told of it.
    pub async fn save(mut self, unit: &mut Unit<'_>) -> Result<TicketNumber, StoreError> {
        for recorded in &self.history[self.stored..] {
            tickets::append(unit.tx, self.ticket.number, recorded);
        }
        let already = std::mem::replace(&mut self.stored, self.history.len());
        let clocks = self.clocks(unit.firm());
        tickets::save(unit.tx, &self.ticket, &clocks, unit.now).await?;
        tickets::save_clocks(unit.tx, self.ticket.number, &clocks).await?;
        let timers = self.timers(unit.firm(), &clocks);
        tickets::save_timers(unit.tx, self.ticket.number, &timers).await?;
        super::tell::write(unit, &self, &clocks).await?;
        super::announce::announce(unit, self.ticket.number, &self.history[already..]).await?;
        if let Some(requester) = self.ticket.requester.filter(|_| self.fresh) {
            unit.note_opened(requester, Recent::of(&self.ticket));
        }
        Ok(self.ticket.number)
    }

    fn timers(&self, firm: &Firm, clocks: &[SlaClock]) -> Vec<(TimerKind, DateTime<Utc>)> {
        let mut timers = Vec::new();
        for clock in clocks {
            if let Some(step) = sla::next_step(clock, &self.ticket, &self.history, &firm.escalations) {
                timers.push((TimerKind::from(clock.kind), step.fire_at));
            }
        }
        if let Some(wait) = self.ticket.wait.filter(|_| self.ticket.status == Status::Waiting) {
            if let Some(until) = wait.until {
                timers.push((TimerKind::Wake, until));
            } else if wait.on == Waiting::Client {
                let policy = Policy::of(firm, self.ticket.client.as_ref());
                let calendar = &policy.pace(Priority::P3).calendar;
                let days = NUDGE_DAYS[(self.ticket.nudges as usize).min(NUDGE_DAYS.len() - 1)];
                // After downtime the client is not reminded twice in one breath.
                let last = self
                    .history
                    .iter()
                    .rev()
                    .find(|recorded| matches!(recorded.event, Event::Nudged { .. }) && recorded.at >= wait.since);
                let planned = calendar.days_after(wait.since, days);
                let spaced = last.map_or(planned, |last| planned.max(calendar.days_after(last.recorded_at, 2)));
                timers.push((TimerKind::Nudge, spaced));
            }
        }
        if let (Status::Resolved, Some(resolved)) = (self.ticket.status, self.ticket.resolved_at) {
            timers.push((TimerKind::Close, resolved + CLOSE_AFTER));
        }
        timers
    }
}
