//! Where each source stands, as JSON text that only the source reads, and which of its keys are kept already.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::pending::{any_of, lists};
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

/// Those of `keys` that are kept already: fetching their bodies again would be work for nothing.
pub async fn known_keys(tx: &mut Tx, source: &str, keys: &[String]) -> Result<HashSet<String>, StoreError> {
    let mut known = HashSet::new();
    for piece in lists(keys) {
        let found: Vec<String> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new("SELECT source_key FROM inbound WHERE source = ");
            sql.push_bind(source).push(" AND source_key IN (");
            any_of(&mut sql, piece);
            sql.build_query_scalar().fetch_all(conn).await
        })
        .during("look which keys of a source are kept")?;
        known.extend(found);
    }
    Ok(known)
}
