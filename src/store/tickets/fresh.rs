//! Writes many rows of new tickets by one statement each: projection, events, clocks, timers.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;
use sqlx::types::Json;

use super::TimerKind;
use crate::desk::event::{ClockKind, Recorded};
use crate::desk::sla::SlaClock;
use crate::desk::ticket::Ticket;
use crate::store::pending::pieces;
use crate::store::{Conn, During, StoreError, on};
use crate::words::{Login, TicketNumber};

/// The projection of a ticket that was opened in this transaction.
#[derive(Debug)]
pub struct Fresh {
    pub ticket: Ticket,
    pub first_touch_due: Option<DateTime<Utc>>,
    pub resolve_due: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

impl Fresh {
    pub fn new(ticket: &Ticket, clocks: &[SlaClock], updated_at: DateTime<Utc>) -> Fresh {
        let due = |kind| clocks.iter().find(|clock| clock.kind == kind).map(|clock| clock.due);
        Fresh {
            ticket: ticket.clone(),
            first_touch_due: due(ClockKind::FirstTouch),
            resolve_due: due(ClockKind::Resolve),
            updated_at,
        }
    }
}

pub async fn insert(conn: &mut Conn, rows: &[Fresh]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new(
                "INSERT INTO ticket (number, revision, subject, status, priority, first_priority, category, client,
                    requester, assignee, source, skill, tags, automatic, received_at, first_touch_due, first_touch_at,
                    first_touch_by, resolve_due, resolved_at, merged_into, updated_at) ",
            );
            sql.push_values(piece, |mut row, fresh| {
                let ticket = &fresh.ticket;
                row.push_bind(ticket.number)
                    .push_bind(1i64)
                    .push_bind(&ticket.subject)
                    .push_bind(ticket.status)
                    .push_bind(ticket.priority)
                    .push_bind(ticket.first_priority)
                    .push_bind(ticket.category)
                    .push_bind(&ticket.client)
                    .push_bind(ticket.requester)
                    .push_bind(&ticket.assignee)
                    .push_bind(&ticket.source)
                    .push_bind(&ticket.skill)
                    .push_bind(Json(&ticket.tags))
                    .push_bind(ticket.automatic)
                    .push_bind(ticket.received_at)
                    .push_bind(fresh.first_touch_due)
                    .push_bind(ticket.first_touch.as_ref().map(|touch| touch.at))
                    .push_bind(ticket.first_touch.as_ref().map(|touch| &touch.by))
                    .push_bind(fresh.resolve_due)
                    .push_bind(ticket.resolved_at)
                    .push_bind(ticket.merged_into)
                    .push_bind(fresh.updated_at);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("create tickets")?;
    }
    Ok(())
}

pub async fn append(conn: &mut Conn, rows: &[(TicketNumber, Recorded)]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql =
                QueryBuilder::new("INSERT INTO ticket_event (ticket, seq, at, recorded_at, actor, cause, kind, data) ");
            sql.push_values(piece, |mut row, (number, recorded)| {
                row.push_bind(*number)
                    .push_bind(recorded.seq)
                    .push_bind(recorded.at)
                    .push_bind(recorded.recorded_at)
                    .push_bind(recorded.actor.to_string())
                    .push_bind(&recorded.cause)
                    .push_bind(recorded.event.kind())
                    .push_bind(Json(&recorded.event));
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("write events")?;
    }
    Ok(())
}

pub async fn set_clocks(conn: &mut Conn, rows: &[(TicketNumber, SlaClock)]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new(
                "INSERT INTO sla_clock (ticket, kind, started_at, due, paused_at, stopped_at, breached) ",
            );
            sql.push_values(piece, |mut row, (number, clock)| {
                row.push_bind(*number)
                    .push_bind(clock.kind.as_str())
                    .push_bind(clock.started_at)
                    .push_bind(clock.due)
                    .push_bind(clock.paused_at)
                    .push_bind(clock.stopped_at)
                    .push_bind(clock.breached);
            });
            sql.push(
                " ON CONFLICT (ticket, kind) DO UPDATE SET started_at = EXCLUDED.started_at, due = EXCLUDED.due,
                    paused_at = EXCLUDED.paused_at, stopped_at = EXCLUDED.stopped_at, breached = EXCLUDED.breached",
            );
            sql.build().execute(conn).await.map(drop)
        })
        .during("save clocks")?;
    }
    Ok(())
}

pub async fn set_timers(conn: &mut Conn, rows: &[(TicketNumber, TimerKind, DateTime<Utc>)]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new("INSERT INTO timer (ticket, kind, fire_at) ");
            sql.push_values(piece, |mut row, (number, kind, fire_at)| {
                row.push_bind(*number).push_bind(kind.as_str()).push_bind(*fire_at);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("set timers")?;
    }
    Ok(())
}

/// When each of these techs was last given a ticket.
pub async fn note_assignments(conn: &mut Conn, rows: &[(Login, DateTime<Utc>)]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new("WITH assigned (login, at) AS (");
            sql.push_values(piece, |mut row, (tech, at)| {
                row.push_bind(tech).push_bind(*at);
            });
            sql.push(
                ") UPDATE tech SET last_assigned_at = assigned.at FROM assigned WHERE tech.login = assigned.login",
            );
            sql.build().execute(conn).await.map(drop)
        })
        .during("note assignments")?;
    }
    Ok(())
}
