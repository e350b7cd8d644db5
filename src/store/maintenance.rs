//! Times in which a client's machines may complain: what they say then is kept, and looked at again when the time is over.

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};
use crate::words::{ClientKey, InboundId, Login};

/// A time in which alerts of a client are kept quiet.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Window {
    pub client: ClientKey,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub tech: Login,
}

pub async fn add(tx: &mut Tx, window: &Window, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO maintenance (client, starts_at, ends_at, tech, noted_at) VALUES ($1, $2, $3, $4, $5)"
    )
    .bind(&window.client)
    .bind(window.starts_at)
    .bind(window.ends_at)
    .bind(&window.tech)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("note a maintenance")
}

/// Ends what runs and takes back what is planned; how many that were.
pub async fn end(tx: &mut Tx, client: &ClientKey, now: DateTime<Utc>) -> Result<u64, StoreError> {
    on!(tx, |conn| sqlx::query("UPDATE maintenance SET ends_at = $2 WHERE client = $1 AND ends_at > $2")
        .bind(client)
        .bind(now)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
    .during("end a maintenance")
}

/// What runs at `at` or is planned, the next one first.
pub async fn planned(tx: &mut Tx, at: DateTime<Utc>) -> Result<Vec<Window>, StoreError> {
    on!(tx, |conn| sqlx::query_as(
        "SELECT client, starts_at, ends_at, tech FROM maintenance WHERE ends_at > $1 ORDER BY starts_at, client"
    )
    .bind(at)
    .fetch_all(conn)
    .await)
    .during("list maintenances")
}

/// Until when the client is in maintenance at `at`; `None` when it is not.
pub async fn until(tx: &mut Tx, client: &ClientKey, at: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT ends_at FROM maintenance WHERE client = $1 AND ends_at > $2 AND starts_at <= $2 ORDER BY ends_at DESC LIMIT 1"
    )
    .bind(client)
    .bind(at)
    .fetch_optional(conn)
    .await)
    .during("look for a maintenance")
}

/// Every alert that is kept quiet is looked at at `now`: whose maintenance has ended begins, any other waits on.
pub async fn look_again(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE pending_check SET next_at = $1 WHERE next_at > $1 AND inbound IN (SELECT inbound FROM quiet_alert)"
    )
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("look again at quiet alerts")
}

/// This alert waits for the end of the maintenance; an earlier one of the same place waits no more.
pub async fn hold(tx: &mut Tx, channel: &str, place: &str, inbound: InboundId) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO quiet_alert (channel, place, inbound) VALUES ($1, $2, $3)
         ON CONFLICT (channel, place) DO UPDATE SET inbound = EXCLUDED.inbound"
    )
    .bind(channel)
    .bind(place)
    .bind(inbound)
    .execute(conn)
    .await
    .map(drop))
    .during("keep an alert quiet")
}

/// It is over; true when one was waiting.
pub async fn release(tx: &mut Tx, channel: &str, place: &str) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query("DELETE FROM quiet_alert WHERE channel = $1 AND place = $2")
        .bind(channel)
        .bind(place)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
    .during("let go of a quiet alert")
}

/// Takes it out if it is still this one that waits there.
pub async fn take(tx: &mut Tx, channel: &str, place: &str, inbound: InboundId) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query("DELETE FROM quiet_alert WHERE channel = $1 AND place = $2 AND inbound = $3")
        .bind(channel)
        .bind(place)
        .bind(inbound)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))
    .during("take up a quiet alert")
}
