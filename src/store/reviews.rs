//! What a talk with a client is about: what came again, and what is still open.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{During, StoreError, Tx, on};
use crate::desk::ticket::PRIVATE;
use crate::words::{ClientKey, Priority, Status, TicketNumber};

/// Of each list.
const MOST: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Open {
    pub number: TicketNumber,
    pub subject: String,
    pub priority: Priority,
    pub status: Status,
    pub received_at: DateTime<Utc>,
}

/// A client's tickets that wait for somebody, the most urgent first.
pub async fn open_tickets(tx: &mut Tx, client: &ClientKey) -> Result<Vec<Open>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT number, subject, priority, status, received_at FROM ticket
         WHERE client = $1 AND status IN ('new', 'open', 'waiting') ORDER BY priority, number LIMIT $2"
    )
    .bind(client)
    .bind(MOST as i64)
    .fetch_all(conn)
    .await)
    .during("list a client's open tickets")
}

/// Subjects that people wrote more than once between `from` and `until`, of them once since `since` at least, the most frequent first. What is
/// private is left out.
pub async fn subjects_that_came_again(
    tx: &mut Tx,
    client: &ClientKey,
    (from, since, until): (DateTime<Utc>, DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<(String, usize)>, StoreError> {
    let rows: Vec<(String, Json<Vec<String>>, DateTime<Utc>)> = on!(tx, |conn| sqlx::query_as(
        "SELECT subject, tags, received_at FROM ticket
         WHERE client = $1 AND received_at >= $2 AND received_at < $3 AND status NOT IN ('spam', 'unsorted', 'merged')
         ORDER BY received_at, number"
    )
    .bind(client)
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await)
    .during("list what a client wrote about")?;
    let mut counts: BTreeMap<String, (String, usize, bool)> = BTreeMap::new();
    for (subject, tags, at) in rows {
        if tags.0.iter().any(|tag| tag == PRIVATE) || subject.trim().is_empty() {
            continue;
        }
        let (_, count, lately) =
            counts.entry(subject.trim().to_lowercase()).or_insert_with(|| (subject.trim().to_owned(), 0, false));
        *count += 1;
        *lately |= at >= since;
    }
    let again = counts.into_values().filter(|(_, count, lately)| *count > 1 && *lately);
    let mut all: Vec<(String, usize)> = again.map(|(subject, count, _)| (subject, count)).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(MOST);
    Ok(all)
}
