//! Worked time: signed whole minutes with a category, never without; corrections are entries of their own.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use super::{During, StoreError, Tx, on};
use crate::money::ledger::Work;
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
    pub after_hours: bool,
    /// Why nobody pays for it; `None`: it is billable.
    pub unbillable: Option<&'a str>,
    /// Who typed it in for the tech.
    pub entered_by: Option<&'a str>,
}

impl<'a> NewEntry<'a> {
    /// Billable work within hours, that the tech logs himself.
    pub fn new(
        tech: &'a Login,
        minutes: Minutes,
        category: Category,
        work_date: NaiveDate,
        entered_at: DateTime<Utc>,
    ) -> Self {
        NewEntry {
            ticket: None,
            client: None,
            tech,
            minutes,
            category,
            work_date,
            note: None,
            entered_at,
            corrects: None,
            inbound: None,
            after_hours: false,
            unbillable: None,
            entered_by: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize)]
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
    pub after_hours: bool,
    pub billable: bool,
    /// Why it is not billable.
    pub reason: Option<String>,
    pub entered_by: Option<String>,
}

pub async fn insert(tx: &mut Tx, new: &NewEntry<'_>) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO time_entry (ticket, client, tech, minutes, category, work_date, note, entered_at, corrects, inbound,
            after_hours, billable, reason, entered_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id"
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
    .bind(new.after_hours)
    .bind(new.unbillable.is_none())
    .bind(new.unbillable)
    .bind(new.entered_by)
    .fetch_one(conn)
    .await)
    .during("log time")
}

/// A tech's entries on a ticket, newest first.
pub async fn of_tech_on(tx: &mut Tx, ticket: TicketNumber, tech: &Login) -> Result<Vec<Entry>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects, after_hours, billable, reason, entered_by FROM time_entry
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
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects, after_hours, billable, reason, entered_by FROM time_entry
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
         WHERE client = $1 AND category = 'retainer' AND work_date >= $2 AND work_date < $3 AND billable = $4
           AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry IN (time_entry.id, time_entry.corrects))"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .bind(true)
    .fetch_one(conn)
    .await)
    .during("sum up a retainer's month")
}

/// What is looked for among the entries; `None` asks for everything.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub client: Option<ClientKey>,
    pub tech: Option<Login>,
    pub ticket: Option<TicketNumber>,
    pub from: Option<NaiveDate>,
    /// The last day.
    pub to: Option<NaiveDate>,
}

/// By the day of the work, the latest last.
pub async fn list(tx: &mut Tx, wanted: &Wanted, limit: i64) -> Result<Vec<Entry>, StoreError> {
    let mut rows: Vec<Entry> = on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects, after_hours, billable, reason, entered_by
         FROM time_entry
         WHERE (CAST($1 AS TEXT) IS NULL OR client = $1) AND (CAST($2 AS TEXT) IS NULL OR tech = $2)
           AND (CAST($3 AS BIGINT) IS NULL OR ticket = $3)
           AND (CAST($4 AS DATE) IS NULL OR work_date >= $4) AND (CAST($5 AS DATE) IS NULL OR work_date <= $5)
         ORDER BY work_date DESC, id DESC LIMIT $6"
    )
    .bind(&wanted.client)
    .bind(&wanted.tech)
    .bind(wanted.ticket)
    .bind(wanted.from)
    .bind(wanted.to)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list time entries")?;
    rows.reverse();
    Ok(rows)
}

pub async fn one(tx: &mut Tx, id: i64) -> Result<Option<Entry>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, ticket, client, tech, minutes, category, work_date, note, corrects, after_hours, billable, reason, entered_by
         FROM time_entry WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)
    .during("read a time entry")
}

/// What belongs to no client yet on this ticket is this client's.
pub async fn give(tx: &mut Tx, ticket: TicketNumber, client: &ClientKey) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE time_entry SET client = $2 WHERE ticket = $1 AND client IS NULL")
        .bind(ticket)
        .bind(client)
        .execute(conn)
        .await
        .map(drop))
    .during("give time to a client")
}

/// An entry and all that corrects it: what it comes to.
pub async fn net(tx: &mut Tx, id: i64) -> Result<Minutes, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(minutes), 0) AS BIGINT) FROM time_entry WHERE id = $1 OR corrects = $1"
    )
    .bind(id)
    .fetch_one(conn)
    .await)
    .during("sum up an entry and its corrections")
}

#[derive(sqlx::FromRow)]
struct WorkRow {
    id: i64,
    work_date: NaiveDate,
    ticket: Option<TicketNumber>,
    tech: Login,
    minutes: Minutes,
    category: Category,
    skill: Option<String>,
    after_hours: bool,
}

/// A client's work from `from` up to, not including, `to`, as the ledger wants it. What nobody pays for burns nothing either.
pub async fn work(tx: &mut Tx, client: &ClientKey, from: NaiveDate, to: NaiveDate) -> Result<Vec<Work>, StoreError> {
    let rows: Vec<WorkRow> = on!(tx, |conn| sqlx::query_as(
        "SELECT e.id, e.work_date, e.ticket, e.tech, e.minutes, e.category, t.skill, e.after_hours
         FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket
         WHERE e.client = $1 AND e.work_date >= $2 AND e.work_date < $3 AND e.billable = $4
           AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry IN (e.id, e.corrects)) ORDER BY e.work_date, e.id"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .bind(true)
    .fetch_all(conn)
    .await)
    .during("read a client's work")?;
    let work = |row: WorkRow| Work {
        id: row.id,
        day: row.work_date,
        ticket: row.ticket,
        tech: row.tech,
        minutes: row.minutes,
        category: row.category,
        skill: row.skill,
        after_hours: row.after_hours,
    };
    Ok(rows.into_iter().map(work).collect())
}
