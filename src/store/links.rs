//! Who is who in a chat, and which mail addresses are one person's: codes mailed to an address, and what a code given back joins.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{ClientKey, ContactId, Login, TicketNumber, is_mail};

/// A code that waits to be typed.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Code {
    pub id: i64,
    /// Lower case.
    pub address: String,
    pub code: String,
}

/// Instead of a chat's name: the code comes back by mail, and who asked is a contact.
pub const MAIL: &str = "mail";

/// Whether an address is that of a contact, asked by mail.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Asked {
    pub id: i64,
    /// Of the contact.
    pub author: String,
    /// Lower case.
    pub address: String,
}

/// Wrong guesses at one code; then it is none any more.
const GUESSES: i64 = 5;

pub async fn issue(
    tx: &mut Tx,
    (channel, author): (&str, &str),
    address: &str,
    code: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO link_code (channel, author, address, code, created_at) VALUES ($1, $2, $3, $4, $5)"
    )
    .bind(channel)
    .bind(author)
    .bind(address)
    .bind(code)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("issue a code")
}

/// The codes that somebody may still type.
pub async fn waiting(
    tx: &mut Tx,
    (channel, author): (&str, &str),
    since: DateTime<Utc>,
) -> Result<Vec<Code>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, address, code FROM link_code
         WHERE channel = $1 AND author = $2 AND created_at >= $3 AND used_at IS NULL AND wrong < $4 ORDER BY id"
    )
    .bind(channel)
    .bind(author)
    .bind(since)
    .bind(GUESSES)
    .fetch_all(conn)
    .await)
    .during("look for codes")
}

/// The question that this code answers, while it may be answered.
pub async fn asked(tx: &mut Tx, code: &str, since: DateTime<Utc>) -> Result<Option<Asked>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT id, author, address FROM link_code
         WHERE channel = $1 AND code = $2 AND created_at >= $3 AND used_at IS NULL AND wrong < $4"
    )
    .bind(MAIL)
    .bind(code)
    .bind(since)
    .bind(GUESSES)
    .fetch_optional(conn)
    .await)
    .during("look for a question about an address")
}

/// How many codes were issued since then: for this person, and for this address.
pub async fn issued(
    tx: &mut Tx,
    (channel, author): (&str, &str),
    address: &str,
    since: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM link_code WHERE channel = $1 AND author = $2 AND created_at >= $4),
                (SELECT COUNT(*) FROM link_code WHERE address = $3 AND created_at >= $4)"
    )
    .bind(channel)
    .bind(author)
    .bind(address)
    .bind(since)
    .fetch_one(conn)
    .await)
    .during("count codes")
}

/// A guess that fits none of them.
pub async fn wrong(tx: &mut Tx, (channel, author): (&str, &str)) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE link_code SET wrong = wrong + 1 WHERE channel = $1 AND author = $2 AND used_at IS NULL"
    )
    .bind(channel)
    .bind(author)
    .execute(conn)
    .await
    .map(drop))
    .during("count a wrong code")
}

pub async fn used(tx: &mut Tx, id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE link_code SET used_at = $2 WHERE id = $1")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .during("use a code")
}

/// The tech who is called so in a chat.
pub async fn tech(tx: &mut Tx, channel: &str, author: &str) -> Result<Option<Login>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT tech FROM tech_identity WHERE channel = $1 AND value = $2")
        .bind(channel)
        .bind(author)
        .fetch_optional(conn)
        .await)
    .during("look for a tech of a chat")
}

/// What a tech is called in a chat.
pub async fn author(tx: &mut Tx, channel: &str, tech: &Login) -> Result<Option<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT value FROM tech_identity WHERE channel = $1 AND tech = $2 ORDER BY linked_at DESC LIMIT 1"
    )
    .bind(channel)
    .bind(tech)
    .fetch_optional(conn)
    .await)
    .during("look what a tech is called in a chat")
}

pub async fn link_tech(
    tx: &mut Tx,
    (channel, author): (&str, &str),
    tech: &Login,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO tech_identity (channel, value, tech, linked_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (channel, value) DO UPDATE SET tech = EXCLUDED.tech, linked_at = EXCLUDED.linked_at"
    )
    .bind(channel)
    .bind(author)
    .bind(tech)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("link a tech")
}

/// The person there is no tech any more, but whom the last code says.
pub async fn unlink_tech(tx: &mut Tx, (channel, author): (&str, &str)) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("DELETE FROM tech_identity WHERE channel = $1 AND value = $2")
        .bind(channel)
        .bind(author)
        .execute(conn)
        .await
        .map(drop))
    .during("unlink a tech")
}

/// Gives `from` up for `into`: its addresses are the other's, and whoever looks for it finds the other.
pub async fn merge(tx: &mut Tx, from: ContactId, into: ContactId) -> Result<(), StoreError> {
    for sql in [
        "UPDATE address SET contact = $2 WHERE contact = $1",
        "UPDATE survey_asked SET contact = $2 WHERE contact = $1",
        "UPDATE contact SET merged_into = $2 WHERE id = $1 OR merged_into = $1",
    ] {
        on!(tx, |conn| sqlx::query(sql).bind(from).bind(into).execute(conn).await.map(drop))
            .during("merge two contacts")?;
    }
    Ok(())
}

/// The addresses of a contact come behind those of whoever it turns out to be.
pub async fn put_behind(tx: &mut Tx, contact: ContactId, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE address SET linked_at = COALESCE(linked_at, $2) WHERE contact = $1")
        .bind(contact)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .during("put addresses behind others")
}

/// Whether a contact has asked for anything, or is on anything, that is another client's.
pub async fn has_tickets_elsewhere(tx: &mut Tx, contact: ContactId, client: &ClientKey) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT t.number FROM ticket t
         WHERE t.client IS NOT NULL AND t.client <> $2
           AND (t.requester = $1 OR EXISTS (SELECT 1 FROM ticket_participant p WHERE p.ticket = t.number AND p.contact = $1))
         LIMIT 1"
    )
    .bind(contact)
    .bind(client)
    .fetch_optional(conn)
    .await)
    .during("look for a contact's tickets")?;
    Ok(found.is_some())
}

/// Whether somebody has another address of this kind beside: a contact that mail reaches is never given up for another.
pub async fn has_mail(tx: &mut Tx, contact: ContactId) -> Result<bool, StoreError> {
    let all: Vec<String> = on!(tx, |conn| sqlx::query_scalar("SELECT value FROM address WHERE contact = $1")
        .bind(contact)
        .fetch_all(conn)
        .await)
    .during("read a contact's addresses")?;
    Ok(all.iter().any(|address| is_mail(address)))
}

/// Whether somebody is known by anything besides this mail address (lower case).
pub async fn has_another(tx: &mut Tx, contact: ContactId, address: &str) -> Result<bool, StoreError> {
    let found: Option<String> =
        on!(tx, |conn| sqlx::query_scalar("SELECT value FROM address WHERE contact = $1 AND value <> $2 LIMIT 1")
            .bind(contact)
            .bind(address)
            .fetch_optional(conn)
            .await)
        .during("look for a contact's other addresses")?;
    Ok(found.is_some())
}

/// A mail address (lower case) is another contact's from now on, behind those that it has.
pub async fn move_address(tx: &mut Tx, address: &str, into: ContactId, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE address SET contact = $2, linked_at = $3 WHERE kind = 'mail' AND value = $1")
        .bind(address)
        .bind(into)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .during("move an address")
}

/// The tickets of a contact that are not over.
pub async fn tickets_of(tx: &mut Tx, contact: ContactId) -> Result<Vec<TicketNumber>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT number FROM ticket
         WHERE requester = $1 AND merged_into IS NULL AND status NOT IN ('closed', 'spam') ORDER BY number"
    )
    .bind(contact)
    .fetch_all(conn)
    .await)
    .during("list a contact's tickets")
}
