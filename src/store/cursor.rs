//! Where each source stands, as JSON text that only the source reads, and which of its keys are kept already.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::{During, StoreError, Tx, on};

/// The state that the source saved last; `None` before its first save.
pub async fn load(tx: &mut Tx, source: &str) -> Result<Option<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT state FROM source_cursor WHERE source = $1")
        .bind(source)
        .fetch_optional(conn)
        .await)
    .during("read where a source stands")
}

pub async fn save(tx: &mut Tx, source: &str, state: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO source_cursor (source, state, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (source) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at"
    )
    .bind(source)
    .bind(state)
    .bind(now)
    .execute(conn)
    .await
    .map(drop))
    .during("save where a source stands")
}

/// Keys of one statement of `known_keys`; the text below lists as many places.
const AT_ONCE: usize = 32;

/// Those of `keys` that are kept already: fetching their bodies again would be work for nothing.
pub async fn known_keys(tx: &mut Tx, source: &str, keys: &[String]) -> Result<HashSet<String>, StoreError> {
    let mut known = HashSet::new();
    for some in keys.chunks(AT_ONCE) {
        known.extend(known_of(tx, source, some).await?);
    }
    Ok(known)
}

/// One statement of a fixed shape: a short list is filled up with its own first key.
async fn known_of(tx: &mut Tx, source: &str, keys: &[String]) -> Result<Vec<String>, StoreError> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    on!(tx, |conn| {
        let mut query = sqlx::query_scalar(
            "SELECT source_key FROM inbound WHERE source = $1 AND source_key IN (
                $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)",
        )
        .bind(source);
        for place in 0..AT_ONCE {
            query = query.bind(keys.get(place).unwrap_or(first));
        }
        query.fetch_all(conn).await
    })
    .during("look which keys of a source are kept")
}
