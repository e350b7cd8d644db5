//! A ticket as scripts get it: names and meaning of these fields are promised in docs/cli.md.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::store::tickets::Row;
use crate::words::{Category, ClientKey, Login, Priority, Status, TicketNumber};

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

/// `Jane Roe <jane@acme.example>`, or what there is of it.
pub fn person(name: &str, address: &str) -> String {
    match (name, address) {
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    }
}
