//! Clients, contacts, their addresses, and the techs: mirrored from the config so that foreign keys and reports work.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::pending::{any_of, lists};
use super::{During, StoreError, Tx, on};
use crate::desk::firm::Firm;
use crate::words::{ClientKey, ContactId, is_chat, is_phone};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    pub id: ContactId,
    pub client: Option<ClientKey>,
    pub name: String,
    /// The mail address they were found by, or their first one: not one that was joined to it later.
    pub address: String,
    /// A human or a code vouched for the address.
    pub verified_at: Option<DateTime<Utc>>,
}

/// Writes the config's techs, clients, contacts and retainers; what has left the config becomes inactive, never deleted.
pub async fn mirror(tx: &mut Tx, firm: &Firm) -> Result<(), StoreError> {
    deactivate(tx).await?;
    // A number that several share is the first one's.
    let mut numbers = HashSet::new();
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
            let number = person.phone.clone().filter(|number| numbers.insert(number.clone()));
            let addresses = person.email.as_deref().map(str::to_lowercase).into_iter().chain(number);
            mirror_contact(tx, &client.key, &person.name, &addresses.collect::<Vec<_>>()).await?;
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

/// A contact of the config, found by any of its addresses.
async fn mirror_contact(tx: &mut Tx, client: &ClientKey, name: &str, addresses: &[String]) -> Result<(), StoreError> {
    let Some(first) = addresses.first() else { return Ok(()) };
    let known = by_address(tx, first).await?;
    let id = match known {
        Some(known) => {
            on!(tx, |conn| sqlx::query(
                "UPDATE contact SET client = $2, name = $3, configured = $4, active = $4 WHERE id = $1"
            )
            .bind(known.id)
            .bind(client)
            .bind(name)
            .bind(true)
            .execute(conn)
            .await
            .map(drop))
            .during("mirror a contact")?;
            known.id
        }
        None => add(tx, Some(client), name, first, true).await?,
    };
    for address in &addresses[1..] {
        give_address(tx, id, address).await?;
    }
    Ok(())
}

/// What the config says goes before what the daemon found: a number that called before it was in the config was a contact of its own.
pub async fn give_address(tx: &mut Tx, contact: ContactId, address: &str) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO address (kind, value, contact) VALUES ($1, $2, $3)
         ON CONFLICT (kind, value) DO UPDATE SET contact = EXCLUDED.contact"
    )
    .bind(kind_of(address))
    .bind(address)
    .bind(contact)
    .execute(conn)
    .await
    .map(drop))
    .during("mirror an address")
}

/// Which kind of address this is in the table.
fn kind_of(address: &str) -> &'static str {
    match address {
        address if is_phone(address) => "phone",
        address if is_chat(address) => "chat",
        _ => "mail",
    }
}

/// The contact with this mail address (lower case), telephone number (E.164) or name in a chat, if there is one.
pub async fn by_address(tx: &mut Tx, address: &str) -> Result<Option<Contact>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT c.id, c.client, c.name, a.value AS address, a.verified_at
         FROM address a JOIN contact c ON c.id = a.contact
         WHERE a.kind = $2 AND a.value = $1"
    )
    .bind(address)
    .bind(kind_of(address))
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
         FROM contact c JOIN address a ON a.contact = c.id
         WHERE c.id = (SELECT COALESCE(merged_into, id) FROM contact WHERE id = $1)
         ORDER BY CASE a.kind WHEN 'mail' THEN 0 ELSE 1 END, CASE WHEN a.linked_at IS NULL THEN 0 ELSE 1 END, a.value LIMIT 1"
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
    on!(tx, |conn| sqlx::query("INSERT INTO address (kind, value, contact) VALUES ($1, $2, $3)")
        .bind(kind_of(address))
        .bind(address)
        .bind(id)
        .execute(conn)
        .await
        .map(drop))
    .during("add an address")?;
    Ok(id)
}

/// The number asked for no more text messages, or takes that back.
pub async fn stop_texts(tx: &mut Tx, number: &str, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE address SET stopped_at = $2 WHERE kind = 'phone' AND value = $1")
        .bind(number)
        .bind(at)
        .execute(conn)
        .await
        .map(drop))
    .during("note who wants no text messages")
}

/// Whether the number asked for no more text messages.
pub async fn has_stopped(tx: &mut Tx, number: &str) -> Result<bool, StoreError> {
    let found: Option<String> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT value FROM address WHERE kind = 'phone' AND value = $1 AND stopped_at IS NOT NULL"
    )
    .bind(number)
    .fetch_optional(conn)
    .await)
    .during("look who wants no text messages")?;
    Ok(found.is_some())
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
