//! What a delivery to one of the firm's programs says, in the form that Standard Webhooks advises: type, timestamp, data.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::shape::{EventJson, TicketJson};
use crate::desk::event::Recorded;
use crate::desk::webhook::News;
use crate::money::statement::Statement;
use crate::store::tickets::Row;
use crate::words::{ClientKey, Minutes};

#[derive(Serialize)]
struct Delivery<D> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened.
    timestamp: DateTime<Utc>,
    data: D,
}

#[derive(Serialize)]
struct OfTicket<'a> {
    /// As it stands once all that happened in the same moment is done.
    ticket: TicketJson<'a>,
    event: EventJson<'a>,
}

#[derive(Serialize)]
struct OfStatement<'a> {
    statement: StatementJson<'a>,
}

/// The figures alone: no money, and no words of tickets.
#[derive(Serialize)]
struct StatementJson<'a> {
    number: i64,
    client: &'a ClientKey,
    /// `2026-10`
    month: String,
    /// SHA-256 of what was frozen, as `deskd statement show` checks it.
    hash: &'a str,
    used: Minutes,
    bottom: Minutes,
    top: Minutes,
    carried_in: Minutes,
    over: Minutes,
}

/// The bytes of a delivery, JSON.
pub fn delivery(news: News, row: &Row, recorded: &Recorded) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Delivery {
        kind: news.type_name(),
        timestamp: recorded.at,
        data: OfTicket { ticket: TicketJson::of(row), event: EventJson::of(recorded) },
    })
}

/// The same of a statement, as it was frozen.
pub fn statement_delivery(statement: &Statement, hash: &str, at: DateTime<Utc>) -> Result<Vec<u8>, serde_json::Error> {
    let Statement { number, ref client, month, used, bottom, top, carried_in, over, .. } = *statement;
    let month = month.format("%Y-%m").to_string();
    let figures = StatementJson { number, client, month, hash, used, bottom, top, carried_in, over };
    serde_json::to_vec(&Delivery {
        kind: News::StatementIssued.type_name(),
        timestamp: at,
        data: OfStatement { statement: figures },
    })
}
