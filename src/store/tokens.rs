//! Reply tokens: 130 random bits, looked up here, each for one person and one purpose.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::pending::pieces;
use super::{Conn, During, StoreError, Tx, on};
use crate::words::{Login, TicketNumber};

/// What a mail that carries the token answers, and so what a plain reply to it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Purpose {
    /// To a ticket's people at the client: threading only, no authority.
    Client,
    /// To an approver of the client named in `context`: their plain "ok" clears a sensitive request.
    Approval,
    /// To a tech: an assignment or a client's words; a plain reply goes to the client.
    Public,
    /// To a tech: reminder, escalation, receipt; a plain reply is internal.
    Internal,
    /// To a tech: a digest; lines name their tickets.
    Digest,
    /// To a tech: makes the mail named in `context` (an inbound id) count.
    Confirm,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Token {
    pub token: String,
    pub ticket: Option<TicketNumber>,
    pub tech: Option<Login>,
    pub purpose: Purpose,
    pub context: Option<String>,
    pub created_at: DateTime<Utc>,
}

pub fn insert(tx: &mut Tx, token: Token) {
    tx.pending.tokens.push(token);
}

pub(super) async fn insert_all(conn: &mut Conn, rows: &[Token]) -> Result<(), StoreError> {
    for piece in pieces(rows) {
        on!(conn, |conn| {
            let mut sql =
                QueryBuilder::new("INSERT INTO reply_token (token, ticket, tech, purpose, context, created_at) ");
            sql.push_values(piece, |mut row, token| {
                row.push_bind(&token.token)
                    .push_bind(token.ticket)
                    .push_bind(&token.tech)
                    .push_bind(token.purpose)
                    .push_bind(&token.context)
                    .push_bind(token.created_at);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("issue reply tokens")?;
    }
    Ok(())
}

pub async fn find(tx: &mut Tx, token: &str) -> Result<Option<Token>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT token, ticket, tech, purpose, context, created_at FROM reply_token WHERE token = $1"
    )
    .bind(token)
    .fetch_optional(conn)
    .await)
    .during("look up a reply token")
}

/// The client token of a ticket: one for all its people, so that the thread keeps its address. One with a context asks somebody something.
pub async fn of_client(tx: &mut Tx, ticket: TicketNumber) -> Result<Option<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT token FROM reply_token WHERE ticket = $1 AND purpose = 'client' AND context IS NULL LIMIT 1"
    )
    .bind(ticket)
    .fetch_optional(conn)
    .await)
    .during("look for a ticket's reply token")
}

/// The tech's token for a ticket and purpose: one each, so that a thread keeps its address.
pub async fn of_tech(
    tx: &mut Tx,
    ticket: TicketNumber,
    tech: &Login,
    purpose: Purpose,
) -> Result<Option<String>, StoreError> {
    if tx.pending.ticket(ticket).is_some() {
        // All tokens of a ticket that is not written yet wait with it.
        let same = |token: &&Token| {
            token.ticket == Some(ticket) && token.tech.as_ref() == Some(tech) && token.purpose == purpose
        };
        return Ok(tx.pending.tokens.iter().find(same).map(|token| token.token.clone()));
    }
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT token FROM reply_token WHERE ticket = $1 AND tech = $2 AND purpose = $3 LIMIT 1"
    )
    .bind(ticket)
    .bind(tech)
    .bind(purpose)
    .fetch_optional(conn)
    .await)
    .during("look for a tech's reply token")
}
