//! What the command line shows of many tickets at once: the queue by urgency, its figures, and old requests for a new look.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::tickets::Row;
use super::{During, StoreError, Tx, on};
use crate::desk::event::{ClockKind, Event};
use crate::words::{ClientKey, Priority, TicketNumber};

/// A ticket in the queue, with the deadline that comes next.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Line {
    #[sqlx(flatten)]
    pub row: Row,
    /// The earliest deadline of its running clocks; `None` while none runs.
    pub due: Option<DateTime<Utc>>,
    /// Which clock that is.
    pub clock: Option<ClockKind>,
    /// The last `WaitStarted`, also where it is over.
    pub wait: Option<Json<Event>>,
}

/// The whole queue in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Figures {
    /// New and open ones.
    pub working: i64,
    /// Of those: a deadline has passed.
    pub overdue: i64,
    /// Of those: nobody has it.
    pub unassigned: i64,
    pub waiting: i64,
    pub unsorted: i64,
}

/// The most overdue first, then what waits, then the unsorted; with `all` everything else after them, newest first.
pub async fn by_urgency(tx: &mut Tx, all: bool, limit: i64) -> Result<Vec<Line>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.revision, t.subject, t.status, t.priority, t.first_priority, t.category, t.client,
                t.requester, c.name AS requester_name,
                (SELECT a.value FROM address a WHERE a.contact = t.requester AND a.kind IN ('mail', 'phone')
                 ORDER BY a.kind, CASE WHEN a.linked_at IS NULL THEN 0 ELSE 1 END, a.value LIMIT 1) AS requester_address,
                t.assignee, t.source, t.skill, t.tags, t.automatic, t.received_at, t.first_touch_due,
                t.first_touch_at, t.resolve_due, t.resolved_at, t.merged_into,
                (SELECT CAST(COALESCE(SUM(e.minutes), 0) AS BIGINT) FROM time_entry e WHERE e.ticket = t.number) AS minutes,
                (SELECT k.due FROM sla_clock k WHERE k.ticket = t.number AND k.stopped_at IS NULL
                    AND k.paused_at IS NULL ORDER BY k.due, k.kind LIMIT 1) AS due,
                (SELECT k.kind FROM sla_clock k WHERE k.ticket = t.number AND k.stopped_at IS NULL
                    AND k.paused_at IS NULL ORDER BY k.due, k.kind LIMIT 1) AS clock,
                (SELECT e.data FROM ticket_event e WHERE e.ticket = t.number AND e.kind = 'wait_started'
                    ORDER BY e.seq DESC LIMIT 1) AS wait
         FROM ticket t LEFT JOIN contact c ON c.id = t.requester
         WHERE t.status IN ('new', 'open', 'waiting', 'unsorted') OR $1
         ORDER BY CASE WHEN t.status IN ('new', 'open') THEN 0 WHEN t.status = 'waiting' THEN 1
                       WHEN t.status = 'unsorted' THEN 2 ELSE 3 END,
                CASE WHEN t.status IN ('new', 'open') THEN
                    COALESCE((SELECT MIN(k.due) FROM sla_clock k WHERE k.ticket = t.number AND k.stopped_at IS NULL
                        AND k.paused_at IS NULL), t.received_at) END,
                CASE WHEN t.status IN ('new', 'open', 'waiting', 'unsorted') THEN t.number ELSE -t.number END
         LIMIT $2"
    )
    .bind(all)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("read the queue")
}

pub async fn figures(tx: &mut Tx, now: DateTime<Utc>) -> Result<Figures, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(CASE WHEN t.status IN ('new', 'open') THEN 1 ELSE 0 END), 0) AS BIGINT) AS working,
                CAST(COALESCE(SUM(CASE WHEN t.status IN ('new', 'open') AND EXISTS (
                    SELECT 1 FROM sla_clock k WHERE k.ticket = t.number AND k.stopped_at IS NULL
                       AND k.paused_at IS NULL AND k.due < $1) THEN 1 ELSE 0 END), 0) AS BIGINT) AS overdue,
                CAST(COALESCE(SUM(CASE WHEN t.status IN ('new', 'open') AND t.assignee IS NULL THEN 1 ELSE 0 END), 0)
                    AS BIGINT) AS unassigned,
                CAST(COALESCE(SUM(CASE WHEN t.status = 'waiting' THEN 1 ELSE 0 END), 0) AS BIGINT) AS waiting,
                CAST(COALESCE(SUM(CASE WHEN t.status = 'unsorted' THEN 1 ELSE 0 END), 0) AS BIGINT) AS unsorted
         FROM ticket t WHERE t.status IN ('new', 'open', 'waiting', 'unsorted')"
    )
    .bind(now)
    .fetch_one(conn)
    .await)
    .during("count the queue")
}

/// A ticket's first message as it came: what triage looked at.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Request {
    pub number: TicketNumber,
    pub subject: String,
    /// What triage gave then.
    pub priority: Priority,
    pub client: Option<ClientKey>,
    pub source: String,
    pub received_at: DateTime<Utc>,
    pub sender_address: String,
    pub text: String,
}

/// Tickets since that moment with a number above `after`, the oldest first.
pub async fn requests_since(
    tx: &mut Tx,
    since: DateTime<Utc>,
    after: TicketNumber,
    limit: i64,
) -> Result<Vec<Request>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, m.subject, t.first_priority AS priority, t.client, t.source, t.received_at,
                m.sender_address, m.text
         FROM ticket t JOIN message m ON m.id = (SELECT MIN(f.id) FROM message f WHERE f.ticket = t.number)
         WHERE t.received_at >= $1 AND t.number > $2
         ORDER BY t.number LIMIT $3"
    )
    .bind(since)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("read old requests")
}
