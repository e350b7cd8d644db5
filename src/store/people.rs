//! Clients, contacts, their addresses, and the techs: mirrored from the config so that foreign keys and reports work.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::pending::{any_of, lists};
use super::{During, StoreError, Tx, on};
use crate::desk::firm::Firm;
use crate::words::{ClientKey, ContactId};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    pub id: ContactId,
    pub client: Option<ClientKey>,
    pub name: String,
    /// The mail address they were found by, or their first one.
    pub address: String,
    /// A human or a code vouched for the address.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Writes the config's techs, clients, contacts and retainers; what has left the config becomes inactive, never deleted.
pub async fn mirror(tx: &mut Tx, firm: &Firm) -> Result<(), StoreError> {
    deactivate(tx).await?;
    for tech in &firm.techs {
        on!(tx, |conn| sqlx::query(
            "INSERT INTO tech (login, name, email, active) VALUES ($1, $2, $3, $4)
             ON CONFLICT (login) DO UPDATE SET name = EXCLUDED.name, email = EXCLUDED.email, active = EXCLUDED.active"
        )
        .bind(&tech.login)
        .bind(&tech.name)
        .bind(tech.emails.first())
        .bind(true)
        .execute(conn)
        .await
        .map(drop))
        .during("mirror a tech")?;
    }
    for client in &firm.clients {
        on!(tx, |conn| sqlx::query(
            "INSERT INTO client (key, name, active) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET name = EXCLUDED.name, active = EXCLUDED.active"
        )
        .bind(&client.key)
        .bind(&client.name)
        .bind(true)
        .execute(conn)
        .await
        .map(drop))
        .during("mirror a client")?;
        mirror_retainers(tx, client).await?;
        for person in &client.contacts {
            let Some(email) = person.email.as_deref() else { continue };
            mirror_contact(tx, &client.key, &person.name, &email.to_lowercase()).await?;
        }
    }
    Ok(())
}

async fn deactivate(tx: &mut Tx) -> Result<(), StoreError> {
    for sql in [
        "UPDATE tech SET active = $1",
        "UPDATE client SET active = $1",
        "UPDATE retainer SET active = $1",
        "UPDATE contact SET configured = $1",
    ] {
        on!(tx, |conn| sqlx::query(sql).bind(false).execute(conn).await.map(drop)).during("mirror the config")?;
    }
    Ok(())
}

async fn mirror_retainers(tx: &mut Tx, client: &crate::desk::firm::Client) -> Result<(), StoreError> {
    for term in &client.retainers {
        on!(tx, |conn| sqlx::query(
            "INSERT INTO retainer (client, since, ends, bottom_minutes, top_minutes, fee_minor, currency,
                    overage_rate_minor, active)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (client, since) DO UPDATE SET ends = EXCLUDED.ends, bottom_minutes = EXCLUDED.bottom_minutes,
                top_minutes = EXCLUDED.top_minutes, fee_minor = EXCLUDED.fee_minor, currency = EXCLUDED.currency,
                overage_rate_minor = EXCLUDED.overage_rate_minor, active = EXCLUDED.active"
        )
        .bind(&client.key)
        .bind(term.since)
        .bind(term.until)
        .bind(term.bottom)
        .bind(term.top)
        .bind(term.fee.minor)
        .bind(term.fee.currency.to_string())
        .bind(term.overage_rate.map(|rate| rate.minor))
        .bind(true)
        .execute(conn)
        .await
        .map(drop))
        .during("mirror a retainer")?;
    }
    Ok(())
}

async fn mirror_contact(tx: &mut Tx, client: &ClientKey, name: &str, email: &str) -> Result<(), StoreError> {
    match by_address(tx, email).await? {
        Some(known) => on!(tx, |conn| sqlx::query(
            "UPDATE contact SET client = $2, name = $3, configured = $4, active = $4 WHERE id = $1"
        )
        .bind(known.id)
        .bind(client)
        .bind(name)
        .bind(true)
        .execute(conn)
        .await
        .map(drop))
        .during("mirror a contact"),
        None => add(tx, Some(client), name, email, true).await.map(drop),
    }
}

/// The contact with this mail address (lower case), if there is one.
pub async fn by_address(tx: &mut Tx, address: &str) -> Result<Option<Contact>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT c.id, c.client, c.name, a.value AS address, a.verified_at
         FROM address a JOIN contact c ON c.id = a.contact
         WHERE a.kind = 'mail' AND a.value = $1"
    )
    .bind(address)
    .fetch_optional(conn)
    .await)
    .during("look for a contact")
}

/// The contacts with these mail addresses (lower case).
pub async fn by_addresses(tx: &mut Tx, addresses: &[String]) -> Result<Vec<Contact>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(addresses) {
        let found: Vec<Contact> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new(
                "SELECT c.id, c.client, c.name, a.value AS address, a.verified_at
                 FROM address a JOIN contact c ON c.id = a.contact
                 WHERE a.kind = 'mail' AND a.value IN (",
            );
            any_of(&mut sql, piece);
            sql.build_query_as().fetch_all(conn).await
        })
        .during("look for contacts")?;
        all.extend(found);
    }
    Ok(all)
}

pub async fn one(tx: &mut Tx, id: ContactId) -> Result<Option<Contact>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT c.id, c.client, c.name, a.value AS address, a.verified_at
         FROM contact c JOIN address a ON a.contact = c.id AND a.kind = 'mail'
         WHERE c.id = $1 ORDER BY a.value LIMIT 1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)
    .during("read a contact")
}

/// A new contact with one mail address (lower case).
pub async fn add(
    tx: &mut Tx,
    client: Option<&ClientKey>,
    name: &str,
    address: &str,
    configured: bool,
) -> Result<ContactId, StoreError> {
    let id: ContactId = on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO contact (client, name, configured, active) VALUES ($1, $2, $3, $4) RETURNING id"
    )
    .bind(client)
    .bind(name)
    .bind(configured)
    .bind(true)
    .fetch_one(conn)
    .await)
    .during("add a contact")?;
    on!(tx, |conn| sqlx::query("INSERT INTO address (kind, value, contact) VALUES ('mail', $1, $2)")
        .bind(address)
        .bind(id)
        .execute(conn)
        .await
        .map(drop))
    .during("add an address")?;
    Ok(id)
}

/// The contact now belongs to this client (`#accept acme`, `#client acme`).
pub async fn set_client(tx: &mut Tx, id: ContactId, client: &ClientKey) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE contact SET client = $2 WHERE id = $1")
        .bind(id)
        .bind(client)
        .execute(conn)
        .await
        .map(drop))
    .during("give a contact to a client")
}

/// `#spam`: the sender is heard no more.
pub async fn mute(tx: &mut Tx, address: &str, why: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO mute (address, why, at) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING"
    )
    .bind(address)
    .bind(why)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("mute a sender")
}

pub async fn is_muted(tx: &mut Tx, address: &str) -> Result<bool, StoreError> {
    let found: Option<String> = on!(tx, |conn| sqlx::query_scalar("SELECT address FROM mute WHERE address = $1")
        .bind(address)
        .fetch_optional(conn)
        .await)
    .during("look for a muted sender")?;
    Ok(found.is_some())
}

/// Those of these addresses that are heard no more.
pub async fn muted(tx: &mut Tx, addresses: &[String]) -> Result<Vec<String>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(addresses) {
        let found: Vec<String> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new("SELECT address FROM mute WHERE address IN (");
            any_of(&mut sql, piece);
            sql.build_query_scalar().fetch_all(conn).await
        })
        .during("look for muted senders")?;
        all.extend(found);
    }
    Ok(all)
}

/// A human said that this contact is known: further mail is served at once.
pub async fn vouch(tx: &mut Tx, id: ContactId, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE address SET verified_at = $2 WHERE contact = $1 AND verified_at IS NULL")
        .bind(id)
        .bind(now)
        .execute(conn)
        .await
        .map(drop))
    .during("vouch for a contact")
}
