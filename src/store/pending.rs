//! Rows that a transaction is going to insert: they wait here, and many go in by one statement before anything else is asked.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::inbound::Decision;
use super::messages::Message;
use super::outbox::NewMail;
use super::tickets::{Fresh, TimerKind};
use super::tokens::Token;
use super::{Conn, StoreError, inbound, jobs, messages, outbox, tickets, tokens};
use crate::desk::event::Recorded;
use crate::desk::sla::SlaClock;
use crate::words::{Login, TicketNumber};

#[derive(Debug, Default)]
pub(super) struct Pending {
    pub tickets: Vec<Fresh>,
    pub events: Vec<(TicketNumber, Recorded)>,
    pub messages: Vec<Message>,
    /// At most one row for each ticket and kind.
    pub clocks: Vec<(TicketNumber, SlaClock)>,
    pub timers: Vec<(TicketNumber, TimerKind, DateTime<Utc>)>,
    pub tokens: Vec<Token>,
    pub mails: Vec<(NewMail, DateTime<Utc>)>,
    /// Fates of mails that were kept before.
    pub decisions: Vec<Decision>,
    /// When each tech was last given a ticket.
    pub assigned: BTreeMap<Login, DateTime<Utc>>,
    /// Counters that this transaction has locked, each with the last number taken.
    pub counters: BTreeMap<&'static str, i64>,
}

impl Pending {
    /// No rows wait. Counters are no rows: nobody else reads them while they are locked.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
            && self.events.is_empty()
            && self.messages.is_empty()
            && self.clocks.is_empty()
            && self.timers.is_empty()
            && self.tokens.is_empty()
            && self.mails.is_empty()
            && self.decisions.is_empty()
            && self.assigned.is_empty()
    }

    /// The row of a ticket that was opened in this transaction and is not written yet.
    pub fn ticket(&mut self, number: TicketNumber) -> Option<&mut Fresh> {
        self.tickets.iter_mut().rev().find(|fresh| fresh.ticket.number == number)
    }

    /// All rows, to be written; the counters stay.
    pub fn take_rows(&mut self) -> Pending {
        let counters = std::mem::take(&mut self.counters);
        std::mem::replace(self, Pending { counters, ..Pending::default() })
    }

    /// Writes all rows, those first that others refer to. After an error the transaction is of no use any more.
    pub async fn write(self, conn: &mut Conn) -> Result<(), StoreError> {
        let mails = outbox::make(self.mails)?;
        tickets::fresh::insert(conn, &self.tickets).await?;
        tickets::fresh::append(conn, &self.events).await?;
        messages::insert_all(conn, &self.messages).await?;
        tickets::fresh::set_clocks(conn, &self.clocks).await?;
        tickets::fresh::set_timers(conn, &self.timers).await?;
        tokens::insert_all(conn, &self.tokens).await?;
        outbox::insert_all(conn, mails).await?;
        inbound::decide_all(conn, &self.decisions).await?;
        let assigned: Vec<(Login, DateTime<Utc>)> = self.assigned.into_iter().collect();
        tickets::fresh::note_assignments(conn, &assigned).await
    }
}

/// Writes how far counters were taken, and lets go of them: after a savepoint is taken back they are asked for anew.
pub(super) async fn write_counters(conn: &mut Conn, counters: BTreeMap<&'static str, i64>) -> Result<(), StoreError> {
    for (name, last) in counters {
        jobs::leave_counter(conn, name, last).await?;
    }
    Ok(())
}

/// The rows in pieces of 64, 32, 16, 4 and 1: a few texts only, so that each stays a prepared statement.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let (piece, rest) = rows.split_at(piece_of(rows.len())?);
        rows = rest;
        Some(piece)
    })
}

/// How many of so many rows the next piece has; `None` when none are left.
pub(super) fn piece_of(rows: usize) -> Option<usize> {
    [64, 32, 16, 4, 1].into_iter().find(|size| rows >= *size)
}

/// The values of `any_of`, so many for one statement.
pub(super) fn lists<T>(values: &[T]) -> impl Iterator<Item = &[T]> {
    values.chunks(256)
}

/// The rest of `… IN (`: the values and the closing bracket. The last one is repeated, so that there are a few texts only.
pub(super) fn any_of<DB, T>(sql: &mut QueryBuilder<DB>, values: &[T])
where
    DB: Database,
    T: Type<DB>,
    for<'q> &'q T: Encode<'q, DB> + Type<DB>,
{
    let mut values_of = sql.separated(", ");
    let size = [1, 4, 16, 64, 256].into_iter().find(|size| values.len() <= *size).unwrap_or(values.len());
    for value in values.iter().chain(values.last().into_iter().cycle().take(size - values.len())) {
        values_of.push_bind(value);
    }
    sql.push(")");
}
