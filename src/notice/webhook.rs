//! What a delivery to one of the firm's programs says, in the form that Standard Webhooks advises: type, timestamp, data.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::shape::{EventJson, TicketJson};
use crate::desk::event::Recorded;
use crate::desk::webhook::News;
use crate::store::tickets::Row;

#[derive(Serialize)]
struct Delivery<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened.
    timestamp: DateTime<Utc>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    /// As it stands once all that happened in the same moment is done.
    ticket: TicketJson<'a>,
    event: EventJson<'a>,
}

/// The bytes of a delivery, JSON.
pub fn delivery(news: News, row: &Row, recorded: &Recorded) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Delivery {
        kind: news.type_name(),
        timestamp: recorded.at,
        data: Data { ticket: TicketJson::of(row), event: EventJson::of(recorded) },
    })
}
