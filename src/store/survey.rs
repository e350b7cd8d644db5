//! What clients were asked about resolved tickets, whom, and what they answered.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{Answers, ClientKey, ContactId, Satisfaction, TicketNumber};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Survey {
    pub ticket: TicketNumber,
    /// Of the link in the mail.
    pub token: String,
    /// The last time.
    pub asked_at: DateTime<Utc>,
    pub answer: Option<Satisfaction>,
    pub words: Option<String>,
    /// The first answer.
    pub answered_at: Option<DateTime<Utc>>,
}

/// The columns of a `Survey`, with what comes after `FROM survey`.
macro_rules! select_survey {
    ($rest:literal) => {
        concat!("SELECT ticket, token, asked_at, answer, words, answered_at FROM survey ", $rest)
    };
}

pub async fn of_ticket(tx: &mut Tx, ticket: TicketNumber) -> Result<Option<Survey>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_survey!("WHERE ticket = $1")).bind(ticket).fetch_optional(conn).await)
        .during("read a survey")
}

pub async fn by_token(tx: &mut Tx, token: &str) -> Result<Option<Survey>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_survey!("WHERE token = $1")).bind(token).fetch_optional(conn).await)
        .during("look for a survey")
}

/// Notes that these people are asked now. Gives the token: a ticket keeps the first one.
pub async fn ask(
    tx: &mut Tx,
    ticket: TicketNumber,
    people: &[ContactId],
    token: &str,
    now: DateTime<Utc>,
) -> Result<String, StoreError> {
    for contact in people {
        on!(tx, |conn| sqlx::query("INSERT INTO survey_asked (ticket, contact, asked_at) VALUES ($1, $2, $3)")
            .bind(ticket)
            .bind(contact)
            .bind(now)
            .execute(conn)
            .await
            .map(drop))
        .during("note who is asked")?;
    }
    on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO survey (ticket, token, asked_at) VALUES ($1, $2, $3)
         ON CONFLICT (ticket) DO UPDATE SET asked_at = EXCLUDED.asked_at RETURNING token"
    )
    .bind(ticket)
    .bind(token)
    .bind(now)
    .fetch_one(conn)
    .await)
    .during("note a survey")
}

/// Whether this person was asked anything since then.
pub async fn asked_since(tx: &mut Tx, contact: ContactId, since: DateTime<Utc>) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query_scalar::<_, i64>(
        "SELECT COUNT(*) FROM survey_asked WHERE contact = $1 AND asked_at > $2"
    )
    .bind(contact)
    .bind(since)
    .fetch_one(conn)
    .await)
    .during("look when somebody was asked")
    .map(|count| count > 0)
}

/// Whether this person was asked about this ticket.
pub async fn was_asked(tx: &mut Tx, ticket: TicketNumber, contact: ContactId) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM survey_asked WHERE ticket = $1 AND contact = $2")
        .bind(ticket)
        .bind(contact)
        .fetch_one(conn)
        .await)
    .during("look who was asked")
    .map(|count| count > 0)
}

/// An answer, the first or a later one.
pub async fn answer(
    tx: &mut Tx,
    ticket: TicketNumber,
    (answer, words): (Satisfaction, Option<&str>),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE survey SET answer = $2, words = $3, answered_at = COALESCE(answered_at, $4), changed_at = $4 WHERE ticket = $1"
    )
    .bind(ticket)
    .bind(answer)
    .bind(words)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("keep an answer")
}

/// A client's answers first given in that time. Tickets that count in no figure are left out.
pub async fn answers(
    tx: &mut Tx,
    client: &ClientKey,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Answers, StoreError> {
    let rows: Vec<(Satisfaction, i64)> = on!(tx, |conn| sqlx::query_as(
        "SELECT s.answer, COUNT(*) FROM survey s JOIN ticket t ON t.number = s.ticket
         WHERE t.client = $1 AND s.answered_at >= $2 AND s.answered_at < $3 AND t.automatic = $4
           AND t.status NOT IN ('spam', 'unsorted', 'merged') GROUP BY s.answer"
    )
    .bind(client)
    .bind(from)
    .bind(until)
    .bind(false)
    .fetch_all(conn)
    .await)
    .during("count a client's answers")?;
    let mut answers = Answers::default();
    for (answer, count) in rows {
        answers.add(answer, u32::try_from(count).unwrap_or(u32::MAX));
    }
    Ok(answers)
}
