//! Monthly statements: a row from the draft on, frozen once it is sent.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::types::Json;

use super::{During, StoreError, Tx, jobs, on};
use crate::words::{ClientKey, Login, Priority, Status, TicketNumber};

#[derive(Debug, Clone, PartialEq, sqlx::FromRow, Serialize)]
pub struct Row {
    pub number: i64,
    pub client: ClientKey,
    /// First day.
    pub month: NaiveDate,
    /// `draft`, `held`, `sent`
    pub state: String,
    pub drafted_at: DateTime<Utc>,
    /// When a draft goes out by itself.
    pub send_at: DateTime<Utc>,
    /// Why it is held.
    pub reason: Option<String>,
    /// `money::statement::Statement` as JSON, once it is sent.
    #[serde(skip)]
    pub content: Option<String>,
    pub hash: Option<String>,
    /// No entry after this one is in it.
    pub last_entry: Option<i64>,
    pub sent_at: Option<DateTime<Utc>>,
    pub agreed_by: Option<String>,
    pub agreed_at: Option<DateTime<Utc>>,
}

/// The columns of a `Row`, with what comes after `FROM statement`.
macro_rules! select_statements {
    ($rest:literal) => {
        concat!(
            "SELECT number, client, month, state, drafted_at, send_at, reason, content, hash, last_entry, sent_at, agreed_by,
                 agreed_at
             FROM statement ",
            $rest
        )
    };
}

/// A new draft; `None` where the month has a statement already.
pub async fn draft(
    tx: &mut Tx,
    client: &ClientKey,
    month: NaiveDate,
    send_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, StoreError> {
    let number = jobs::counter(tx, "statement").await? + 1;
    let made = on!(tx, |conn| {
        sqlx::query(
        "INSERT INTO statement (number, client, month, state, drafted_at, send_at) VALUES ($1, $2, $3, 'draft', $4, $5)
         ON CONFLICT (client, month) DO NOTHING"
    )
    .bind(number)
    .bind(client)
    .bind(month)
    .bind(now)
    .bind(send_at)
    .execute(conn)
    .await
    .map(|done| done.rows_affected())
    })
    .during("draft a statement")?;
    if made == 0 {
        return Ok(None);
    }
    jobs::set_counter(tx, "statement", number).await?;
    Ok(Some(number))
}

pub async fn one(tx: &mut Tx, number: i64) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_statements!("WHERE number = $1")).bind(number).fetch_optional(conn).await)
        .during("read a statement")
}

/// The newest first.
pub async fn list(tx: &mut Tx, client: Option<&ClientKey>, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_statements!(
        "WHERE (CAST($1 AS TEXT) IS NULL OR client = $1) ORDER BY month DESC, number DESC LIMIT $2"
    ))
    .bind(client)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list statements")
}

/// Clients that have a statement of this month.
pub async fn drafted(tx: &mut Tx, month: NaiveDate) -> Result<HashSet<ClientKey>, StoreError> {
    let all: Vec<ClientKey> = on!(tx, |conn| sqlx::query_scalar("SELECT client FROM statement WHERE month = $1")
        .bind(month)
        .fetch_all(conn)
        .await)
    .during("list whose statements are drafted")?;
    Ok(all.into_iter().collect())
}

/// Drafts that nobody held and whose time has come.
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<i64>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT number FROM statement WHERE state = 'draft' AND send_at <= $1 ORDER BY number LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("look for statements to be sent")
}

/// A client's months that have a statement, each with the newest entry that one knew; `None`: it was not sent yet.
pub async fn stated(tx: &mut Tx, client: &ClientKey) -> Result<Vec<(NaiveDate, Option<i64>)>, StoreError> {
    on!(tx, |conn| sqlx::query_as("SELECT month, last_entry FROM statement WHERE client = $1")
        .bind(client)
        .fetch_all(conn)
        .await)
    .during("list a client's statements")
}

/// The newest entry of all: what comes later is late.
pub async fn newest_entry(tx: &mut Tx) -> Result<i64, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM time_entry")
        .fetch_one(conn)
        .await)
    .during("look for the newest time entry")
}

/// From now on it never changes. `false`: it was sent already.
pub async fn freeze(
    tx: &mut Tx,
    number: i64,
    (content, hash): (&str, &str),
    last_entry: i64,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE statement SET state = 'sent', content = $2, hash = $3, last_entry = $4, sent_at = $5
         WHERE number = $1 AND state <> 'sent'"
    )
    .bind(number)
    .bind(content)
    .bind(hash)
    .bind(last_entry)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("freeze a statement")
}

/// It does not go out by itself. `false`: it was sent already.
pub async fn hold(tx: &mut Tx, number: i64, why: &str) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE statement SET state = 'held', reason = $2 WHERE number = $1 AND state <> 'sent'"
    )
    .bind(number)
    .bind(why)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("hold a statement")
}

/// The client's manager agreed; the first word counts.
pub async fn agree(tx: &mut Tx, number: i64, by: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE statement SET agreed_by = $2, agreed_at = $3 WHERE number = $1 AND state = 'sent' AND agreed_by IS NULL"
    )
    .bind(number)
    .bind(by)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("note that a statement is agreed")
}

/// When the first thing ever arrived: of months before nothing is known.
pub async fn begun(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT kept_at FROM inbound ORDER BY id LIMIT 1").fetch_optional(conn).await)
        .during("look when the desk began")
}

/// Requests of a month: those with a first touch, and those with one in time. Spam, unsorted and merged ones are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Requests {
    pub all: i64,
    pub touched: i64,
    pub in_time: i64,
}

pub async fn requests(
    tx: &mut Tx,
    client: &ClientKey,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Requests, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT COUNT(*) AS \"all\",
             CAST(COALESCE(SUM(CASE WHEN t.first_touch_at IS NOT NULL THEN 1 ELSE 0 END), 0) AS BIGINT) AS touched,
             CAST(COALESCE(SUM(CASE WHEN t.first_touch_at IS NOT NULL AND COALESCE(s.breached, $4) = $4 THEN 1 ELSE 0 END), 0) AS BIGINT) AS in_time
         FROM ticket t LEFT JOIN sla_clock s ON s.ticket = t.number AND s.kind = 'first_touch'
         WHERE t.client = $1 AND t.received_at >= $2 AND t.received_at < $3 AND t.automatic = $4
           AND t.status NOT IN ('spam', 'unsorted', 'merged')"
    )
    .bind(client)
    .bind(from)
    .bind(until)
    .bind(false)
    .fetch_one(conn)
    .await)
    .during("count a client's requests")
}

/// A ticket with time in a month, as its statement needs it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Figured {
    pub number: TicketNumber,
    /// Another one where the ticket moved after the time was logged.
    pub client: Option<ClientKey>,
    pub subject: String,
    pub tags: Json<Vec<String>>,
    pub requester: Option<String>,
    pub priority: Priority,
    pub received_at: DateTime<Utc>,
    pub touched_at: Option<DateTime<Utc>>,
    pub breached: bool,
    pub status: Status,
    /// A tech's last public words.
    pub words: Option<String>,
}

pub async fn figured(
    tx: &mut Tx,
    client: &ClientKey,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<Figured>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.client, t.subject, t.tags, c.name AS requester, t.priority, t.received_at, t.first_touch_at AS touched_at,
             COALESCE(s.breached, $4) AS breached, t.status,
             (SELECT m.text FROM message m WHERE m.ticket = t.number AND m.visibility = 'public' AND m.actor LIKE 'tech:%'
              ORDER BY m.id DESC LIMIT 1) AS words
         FROM ticket t LEFT JOIN contact c ON c.id = t.requester
         LEFT JOIN sla_clock s ON s.ticket = t.number AND s.kind = 'first_touch'
         WHERE t.number IN (SELECT e.ticket FROM time_entry e
                            WHERE e.client = $1 AND e.work_date >= $2 AND e.work_date < $3)
         ORDER BY t.number"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .bind(false)
    .fetch_all(conn)
    .await)
    .during("read the tickets of a statement")
}

/// A ticket that somebody worked on.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Touched {
    pub number: TicketNumber,
    pub subject: String,
    pub assignee: Option<Login>,
}

/// Tickets on which a tech said or did something in that time.
pub async fn worked_on(
    tx: &mut Tx,
    client: &ClientKey,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Touched>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT t.number, t.subject, t.assignee FROM ticket t
         WHERE t.client = $1 AND t.status NOT IN ('spam', 'unsorted', 'merged')
           AND EXISTS (SELECT 1 FROM message m WHERE m.ticket = t.number AND m.actor LIKE 'tech:%' AND m.at >= $2 AND m.at < $3)
         ORDER BY t.number"
    )
    .bind(client)
    .bind(from)
    .bind(until)
    .fetch_all(conn)
    .await)
    .during("list tickets that were worked on")
}

/// Tickets with time in these days.
pub async fn with_time(
    tx: &mut Tx,
    client: &ClientKey,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT DISTINCT ticket FROM time_entry WHERE client = $1 AND ticket IS NOT NULL AND work_date >= $2 AND work_date < $3"
    )
    .bind(client)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("list tickets with time")
}
