//! Worked time: signed whole minutes with a category, never without; corrections are entries of their own.

use chrono::{DateTime, NaiveDate, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{Category, ClientKey, InboundId, Login, Minutes, TicketNumber};

#[derive(Debug)]
pub struct NewEntry<'a> {
    pub ticket: Option<TicketNumber>,
    pub client: Option<&'a ClientKey>,
    pub tech: &'a Login,
    pub minutes: Minutes,
    pub category: Category,
    pub work_date: NaiveDate,
    pub note: Option<&'a str>,
    pub entered_at: DateTime<Utc>,
    /// The entry that this one corrects.
    pub corrects: Option<i64>,
    pub inbound: Option<InboundId>,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Entry {
    pub id: i64,
    pub ticket: Option<TicketNumber>,
    pub client: Option<ClientKey>,
    pub tech: Login,
    pub minutes: Minutes,
    pub category: Category,
    pub work_date: NaiveDate,
    pub note: Option<String>,
    pub corrects: Option<i64>,
}

pub async fn insert(tx: &mut Tx, new: &NewEntry<'_>) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO time_entry (ticket, client, tech, minutes, category, work_date, note, entered_at, corrects, inbound)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id"
    )
    .bind(new.ticket)
    .bind(new.client)
    .bind(new.tech)
    .bind(new.minutes)
    .bind(new.category)
    .bind(new.work_date)
    .bind(new.note)
    .bind(new.entered_at)
    .bind(new.corrects)
    .bind(new.inbound)
    .fetch_one(conn)
    .await)
    .during("log time")
}

/// A tech's entries on a ticket, newest first.
pub async fn of_tech_on(tx: &mut Tx, ticket: TicketNumber, tech: &Login) -> Result<Vec<Entry>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects FROM time_entry
         WHERE ticket = $1 AND tech = $2 ORDER BY id DESC"
    )
    .bind(ticket)
    .bind(tech)
    .fetch_all(conn)
    .await)
    .during("read time entries")
}

pub async fn of_ticket(tx: &mut Tx, ticket: TicketNumber) -> Result<Vec<Entry>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects FROM time_entry
         WHERE ticket = $1 ORDER BY id"
    )
    .bind(ticket)
    .fetch_all(conn)
    .await)
    .during("read time entries")
}

/// Minutes that burn a client's retainer from `from` up to, not including, `to`, by the day the work was done.
pub async fn retainer_minutes(
    tx: &mut Tx,
    client: &ClientKey,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Minutes, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(minutes), 0) AS BIGINT) FROM time_entry
         WHERE client = $1 AND category = 'retainer' AND work_date >= $2 AND work_date < $3"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .fetch_one(conn)
    .await)
    .during("sum up a retainer's month")
}
