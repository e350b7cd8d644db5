//! A ticket and its events as programs get them, by the command line and by webhook: names and meaning of these fields are promised in
//! docs/cli.md.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::desk::event::{Event, Recorded};
use crate::store::tickets::Row;
use crate::words::{Actor, Category, ClientKey, Login, Priority, Status, TicketNumber};

#[derive(Debug, Serialize)]
pub struct TicketJson<'a> {
    pub number: TicketNumber,
    pub subject: &'a str,
    pub priority: Priority,
    pub status: Status,
    pub category: Category,
    pub client: Option<&'a ClientKey>,
    pub requester: Option<PersonJson<'a>>,
    pub assignee: Option<&'a Login>,
    pub source: &'a str,
    pub received_at: DateTime<Utc>,
    pub first_touch_due: Option<DateTime<Utc>>,
    pub first_touch_at: Option<DateTime<Utc>>,
    pub resolve_due: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub minutes: i64,
    pub tags: &'a [String],
}

#[derive(Debug, Serialize)]
pub struct PersonJson<'a> {
    pub name: &'a str,
    pub address: Option<&'a str>,
}

impl<'a> TicketJson<'a> {
    pub fn of(row: &'a Row) -> TicketJson<'a> {
        let requester = row.requester.map(|_| PersonJson {
            name: row.requester_name.as_deref().unwrap_or_default(),
            address: row.requester_address.as_deref(),
        });
        TicketJson {
            number: row.number,
            subject: &row.subject,
            priority: row.priority,
            status: row.status,
            category: row.category,
            client: row.client.as_ref(),
            requester,
            assignee: row.assignee.as_ref(),
            source: &row.source,
            received_at: row.received_at,
            first_touch_due: row.first_touch_due,
            first_touch_at: row.first_touch_at,
            resolve_due: row.resolve_due,
            resolved_at: row.resolved_at,
            minutes: row.minutes,
            tags: &row.tags.0,
        }
    }
}

#[derive(Serialize)]
pub struct EventJson<'a> {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub actor: &'a Actor,
    pub cause: &'a str,
    #[serde(flatten)]
    pub event: &'a Event,
}

impl<'a> EventJson<'a> {
    pub fn of(recorded: &'a Recorded) -> EventJson<'a> {
        let Recorded { seq, at, recorded_at, actor, cause, event } = recorded;
        EventJson { seq: *seq, at: *at, recorded_at: *recorded_at, actor, cause, event }
    }
}
