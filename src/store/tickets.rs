//! Tickets, their events, clocks and timers. Events are the truth; the other rows are their projection, written in the same transaction.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{During, StoreError, Tx, jobs, on};
use crate::desk::assign::Load;
use crate::desk::event::{ClockKind, Event, Recorded};
use crate::desk::sla::SlaClock;
use crate::desk::ticket::Ticket;
use crate::words::{Category, ClientKey, ContactId, Login, Priority, Status, TicketNumber};

pub(super) mod fresh;
mod many;

pub(super) use fresh::Fresh;
pub use many::{counts_of, recents_of, resolved_of_clients};

/// A row of the queue.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub number: TicketNumber,
    pub revision: i64,
    pub subject: String,
    pub status: Status,
    pub priority: Priority,
    pub first_priority: Priority,
    pub category: Category,
    pub client: Option<ClientKey>,
    pub requester: Option<ContactId>,
    /// Name and address of the requester, where there is one.
    pub requester_name: Option<String>,
    pub requester_address: Option<String>,
    pub assignee: Option<Login>,
    pub source: String,
    pub skill: Option<String>,
    pub tags: Json<Vec<String>>,
    pub automatic: bool,
    pub received_at: DateTime<Utc>,
    pub first_touch_due: Option<DateTime<Utc>>,
    pub first_touch_at: Option<DateTime<Utc>>,
    pub resolve_due: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub merged_into: Option<TicketNumber>,
    pub minutes: i64,
}

/// Tickets that machines opened for a client since `since` and that no human has touched, the oldest first; of the client's newest
/// `newest` tickets.
pub async fn of_machines(
    tx: &mut Tx,
    client: &ClientKey,
    since: DateTime<Utc>,
    newest: u32,
) -> Result<Vec<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT number FROM (
            SELECT number, received_at, automatic, requester, status, first_touch_at FROM ticket
            WHERE client = $1 ORDER BY number DESC LIMIT $3) newest
         WHERE received_at > $2 AND automatic AND requester IS NULL AND status IN ('new', 'open') AND first_touch_at IS NULL
         ORDER BY number"
    )
    .bind(client)
    .bind(since)
    .bind(i64::from(newest))
    .fetch_all(conn)
    .await)
    .during("look for the latest alerts of a client")
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum TimerKind {
    FirstTouch,
    Answer,
    Resolve,
    /// A waiting ticket comes back.
    Wake,
    /// The client of a waiting ticket is reminded, at last told that it is resolved.
    Nudge,
    /// Seven days after resolved.
    Close,
    /// A tech was told NOT SENT and has not mended it.
    Ask,
}

impl TimerKind {
    pub fn as_str(self) -> &'static str {
        match self {
            TimerKind::FirstTouch => "first_touch",
            TimerKind::Answer => "answer",
            TimerKind::Resolve => "resolve",
            TimerKind::Wake => "wake",
            TimerKind::Nudge => "nudge",
            TimerKind::Close => "close",
            TimerKind::Ask => "ask",
        }
    }
}

impl From<ClockKind> for TimerKind {
    fn from(kind: ClockKind) -> TimerKind {
        match kind {
            ClockKind::FirstTouch => TimerKind::FirstTouch,
            ClockKind::Answer => TimerKind::Answer,
            ClockKind::Resolve => TimerKind::Resolve,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Timer {
    pub ticket: TicketNumber,
    pub kind: TimerKind,
    pub fire_at: DateTime<Utc>,
}

/// A number for a new ticket; its row is written with what `save` makes of it.
pub async fn create(tx: &mut Tx, ticket: &Ticket, now: DateTime<Utc>) -> Result<TicketNumber, StoreError> {
    let number = TicketNumber(jobs::next(tx, jobs::TICKETS).await?);
    let ticket = Ticket { number, ..ticket.clone() };
    tx.pending.tickets.push(Fresh::new(&ticket, &[], now));
    Ok(number)
}

/// Takes the ticket for change: on Postgres its row is locked until the transaction ends.
pub async fn lock(tx: &mut Tx, number: TicketNumber) -> Result<(), StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "UPDATE ticket SET revision = revision + 1 WHERE number = $1 RETURNING revision"
    )
    .bind(number)
    .fetch_optional(conn)
    .await)
    .during("take a ticket for change")?;
    found.map(drop).ok_or_else(|| StoreError::Missing { what: format!("ticket {number}") })
}

/// The whole history, in order.
pub async fn history(tx: &mut Tx, number: TicketNumber) -> Result<Vec<Recorded>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct EventRow {
        seq: i64,
        at: DateTime<Utc>,
        recorded_at: DateTime<Utc>,
        actor: String,
        cause: String,
        data: Json<Event>,
    }
    let rows: Vec<EventRow> = on!(tx, |conn| sqlx::query_as(
        "SELECT seq, at, recorded_at, actor, cause, data FROM ticket_event WHERE ticket = $1 ORDER BY seq"
    )
    .bind(number)
    .fetch_all(conn)
    .await)
    .during("read a ticket's history")?;
    rows.into_iter()
        .map(|row| {
            let actor = row.actor.parse().map_err(|error| StoreError::Broken {
                doing: "read a ticket's history",
                source: sqlx::Error::Decode(Box::new(error)),
            })?;
            let EventRow { seq, at, recorded_at, cause, data: Json(event), .. } = row;
            Ok(Recorded { seq, at, recorded_at, actor, cause, event })
        })
        .collect()
}

pub fn append(tx: &mut Tx, number: TicketNumber, recorded: &Recorded) {
    tx.pending.events.push((number, recorded.clone()));
}

/// Writes the projection of a ticket.
pub async fn save(tx: &mut Tx, ticket: &Ticket, clocks: &[SlaClock], now: DateTime<Utc>) -> Result<(), StoreError> {
    let row = Fresh::new(ticket, clocks, now);
    if let Some(waiting) = tx.pending.ticket(ticket.number) {
        *waiting = row;
        return Ok(());
    }
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE ticket SET subject = $2, status = $3, priority = $4, category = $5, client = $6, requester = $7,
                assignee = $8, skill = $9, tags = $10, received_at = $11, first_touch_due = $12, first_touch_at = $13,
                first_touch_by = $14, resolve_due = $15, resolved_at = $16, merged_into = $17, updated_at = $18
         WHERE number = $1"
    )
    .bind(ticket.number)
    .bind(&ticket.subject)
    .bind(ticket.status)
    .bind(ticket.priority)
    .bind(ticket.category)
    .bind(&ticket.client)
    .bind(ticket.requester)
    .bind(&ticket.assignee)
    .bind(&ticket.skill)
    .bind(Json(&ticket.tags))
    .bind(ticket.received_at)
    .bind(row.first_touch_due)
    .bind(ticket.first_touch.as_ref().map(|touch| touch.at))
    .bind(ticket.first_touch.as_ref().map(|touch| &touch.by))
    .bind(row.resolve_due)
    .bind(ticket.resolved_at)
    .bind(ticket.merged_into)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("save a ticket")?;
    match hit {
        1 => Ok(()),
        _ => Err(StoreError::Missing { what: format!("ticket {}", ticket.number) }),
    }
}

/// Replaces the clock rows of a ticket.
pub async fn save_clocks(tx: &mut Tx, number: TicketNumber, clocks: &[SlaClock]) -> Result<(), StoreError> {
    if clocks.is_empty() && tx.pending.ticket(number).is_none() {
        return on!(tx, |conn| sqlx::query("DELETE FROM sla_clock WHERE ticket = $1")
            .bind(number)
            .execute(conn)
            .await
            .map(drop))
        .during("clear clocks");
    }
    tx.pending.clocks.retain(|(of, clock)| *of != number || !clocks.iter().any(|new| new.kind == clock.kind));
    tx.pending.clocks.extend(clocks.iter().map(|clock| (number, clock.clone())));
    Ok(())
}

/// Replaces the timers of a ticket.
pub async fn save_timers(
    tx: &mut Tx,
    number: TicketNumber,
    timers: &[(TimerKind, DateTime<Utc>)],
) -> Result<(), StoreError> {
    if tx.pending.ticket(number).is_some() {
        tx.pending.timers.retain(|(of, ..)| *of != number);
    } else {
        on!(tx, |conn| sqlx::query("DELETE FROM timer WHERE ticket = $1").bind(number).execute(conn).await.map(drop))
            .during("clear timers")?;
    }
    tx.pending.timers.extend(timers.iter().map(|(kind, fire_at)| (number, *kind, *fire_at)));
    Ok(())
}

/// Timers whose moment has come, the longest overdue first.
pub async fn due_timers(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Timer>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT ticket, kind, fire_at FROM timer WHERE fire_at <= $1 ORDER BY fire_at, ticket LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for due timers")
}

/// When the next timer is due.
pub async fn next_timer(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT fire_at FROM timer ORDER BY fire_at LIMIT 1").fetch_optional(conn).await)
        .during("look for the next timer")
}

/// What one ticket looks like in lists.
pub async fn row(tx: &mut Tx, number: TicketNumber) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.revision, t.subject, t.status, t.priority, t.first_priority, t.category, t.client,
                t.requester, c.name AS requester_name,
                (SELECT a.value FROM address a WHERE a.contact = t.requester AND a.kind IN ('mail', 'phone')
                 ORDER BY a.kind, CASE WHEN a.linked_at IS NULL THEN 0 ELSE 1 END, a.value LIMIT 1) AS requester_address,
                t.assignee, t.source, t.skill, t.tags, t.automatic, t.received_at, t.first_touch_due,
                t.first_touch_at, t.resolve_due, t.resolved_at, t.merged_into,
                (SELECT CAST(COALESCE(SUM(e.minutes), 0) AS BIGINT) FROM time_entry e WHERE e.ticket = t.number) AS minutes
         FROM ticket t LEFT JOIN contact c ON c.id = t.requester
         WHERE t.number = $1"
    )
    .bind(number)
    .fetch_optional(conn)
    .await)
    .during("read a ticket")
}

/// Open work per tech, with the moment of the last assignment.
pub async fn loads(tx: &mut Tx) -> Result<Vec<Load>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct LoadRow {
        login: Login,
        last_assigned_at: Option<DateTime<Utc>>,
        p1: i64,
        p2: i64,
        p3: i64,
        p4: i64,
    }
    let rows: Vec<LoadRow> = on!(tx, |conn| sqlx::query_as(
        "SELECT h.login, h.last_assigned_at,
                CAST(COALESCE(SUM(CASE WHEN t.priority = 'P1' THEN 1 ELSE 0 END), 0) AS BIGINT) AS p1,
                CAST(COALESCE(SUM(CASE WHEN t.priority = 'P2' THEN 1 ELSE 0 END), 0) AS BIGINT) AS p2,
                CAST(COALESCE(SUM(CASE WHEN t.priority = 'P3' THEN 1 ELSE 0 END), 0) AS BIGINT) AS p3,
                CAST(COALESCE(SUM(CASE WHEN t.priority = 'P4' THEN 1 ELSE 0 END), 0) AS BIGINT) AS p4
         FROM tech h LEFT JOIN ticket t ON t.assignee = h.login AND t.status IN ('new', 'open')
         WHERE h.active = $1
         GROUP BY h.login, h.last_assigned_at"
    )
    .bind(true)
    .fetch_all(conn)
    .await)
    .during("count the techs' open tickets")?;
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(rows
        .into_iter()
        .map(|row| Load {
            open: count(row.p1 + row.p2 + row.p3 + row.p4),
            weight: count(row.p1 * 8 + row.p2 * 4 + row.p3 * 2 + row.p4),
            tech: row.login,
            last_assigned_at: row.last_assigned_at,
        })
        .collect())
}

pub fn note_assignment(tx: &mut Tx, tech: &Login, now: DateTime<Utc>) {
    tx.pending.assigned.insert(tech.clone(), now);
}

pub async fn add_participant(tx: &mut Tx, ticket: TicketNumber, contact: ContactId) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO ticket_participant (ticket, contact) VALUES ($1, $2) ON CONFLICT (ticket, contact) DO NOTHING"
    )
    .bind(ticket)
    .bind(contact)
    .execute(conn)
    .await
    .map(drop))
    .during("add a participant")
}

/// Unsorted tickets that no digest has told of: those with a number above `after`.
pub async fn unsorted_after(tx: &mut Tx, after: TicketNumber, limit: i64) -> Result<Vec<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT number FROM ticket WHERE status = 'unsorted' AND number > $1 ORDER BY number LIMIT $2"
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for unsorted tickets")
}

/// Whether one of them looks like an outage.
pub async fn unsorted_outage_after(tx: &mut Tx, after: TicketNumber) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT number FROM ticket WHERE status = 'unsorted' AND number > $1 AND priority = 'P1' LIMIT 1"
    )
    .bind(after)
    .fetch_optional(conn)
    .await)
    .during("look for unsorted outages")?;
    Ok(found.is_some())
}

/// Resolved tickets of a client with a resolution note or public answer, newest first: for "similar tickets".
pub async fn resolved_of_client(
    tx: &mut Tx,
    client: &ClientKey,
    except: TicketNumber,
    limit: i64,
) -> Result<Vec<(TicketNumber, String)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT number, subject FROM ticket
         WHERE client = $1 AND number <> $2 AND status IN ('resolved', 'closed')
         ORDER BY number DESC LIMIT $3"
    )
    .bind(client)
    .bind(except)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for similar tickets")
}

/// A ticket in somebody's list of late.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Recent {
    pub number: TicketNumber,
    pub subject: String,
    pub status: Status,
    pub received_at: DateTime<Utc>,
}

impl Recent {
    pub fn of(ticket: &Ticket) -> Recent {
        let Ticket { number, subject, status, received_at, .. } = ticket;
        Recent { number: *number, subject: subject.clone(), status: *status, received_at: *received_at }
    }
}

/// A contact's latest other tickets, newest first.
pub async fn recent_of(
    tx: &mut Tx,
    requester: ContactId,
    except: TicketNumber,
    limit: i64,
) -> Result<Vec<Recent>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT number, subject, status, received_at FROM ticket
         WHERE requester = $1 AND number <> $2 ORDER BY number DESC LIMIT $3"
    )
    .bind(requester)
    .bind(except)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("read somebody's tickets")
}

/// A timer that could not be handled is looked at again later.
pub async fn put_off(tx: &mut Tx, timer: Timer, until: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE timer SET fire_at = $3 WHERE ticket = $1 AND kind = $2")
        .bind(timer.ticket)
        .bind(timer.kind.as_str())
        .bind(until)
        .execute(conn)
        .await
        .map(drop))
    .during("put a timer off")
}

/// Tickets whose mail was over three days old when it was first seen, from arrivals above `after`: inbound, source, ticket.
pub async fn late_after(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<(i64, String, TicketNumber)>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, source, ticket FROM inbound
         WHERE id > $1 AND fate = 'ticket' AND late = TRUE AND ticket IS NOT NULL
         ORDER BY id LIMIT $2"
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for late tickets")
}

/// How many other tickets a contact has had.
pub async fn count_of(tx: &mut Tx, requester: ContactId, except: TicketNumber) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM ticket WHERE requester = $1 AND number <> $2"
    )
    .bind(requester)
    .bind(except)
    .fetch_one(conn)
    .await)
    .during("count somebody's tickets")
}

/// Whether a timer that was found due still is.
pub async fn still_due(tx: &mut Tx, timer: Timer, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let fire_at: Option<DateTime<Utc>> =
        on!(tx, |conn| sqlx::query_scalar("SELECT fire_at FROM timer WHERE ticket = $1 AND kind = $2")
            .bind(timer.ticket)
            .bind(timer.kind.as_str())
            .fetch_optional(conn)
            .await)
        .during("look at a timer again")?;
    Ok(fire_at.is_some_and(|fire_at| fire_at <= now))
}
