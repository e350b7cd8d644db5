//! Reads about the tickets of many contacts and clients at once: what a batch of mails asks for.

use chrono::{DateTime, Utc};
use sqlx::QueryBuilder;

use super::Recent;
use crate::store::pending::{any_of, lists, pieces};
use crate::store::{During, StoreError, Tx, on};
use crate::words::{ClientKey, ContactId, Status, TicketNumber};

/// How many tickets each of these contacts has had; those without any are left out.
pub async fn counts_of(tx: &mut Tx, requesters: &[ContactId]) -> Result<Vec<(ContactId, i64)>, StoreError> {
    let mut all = Vec::new();
    for piece in lists(requesters) {
        let found: Vec<(ContactId, i64)> = on!(tx, |conn| {
            let mut sql =
                QueryBuilder::new("SELECT requester, CAST(COUNT(*) AS BIGINT) FROM ticket WHERE requester IN (");
            any_of(&mut sql, piece);
            sql.push(" GROUP BY requester");
            sql.build_query_as().fetch_all(conn).await
        })
        .during("count people's tickets")?;
        all.extend(found);
    }
    Ok(all)
}

/// The latest tickets of each of these contacts, newest first. One look into the index for each: a join would read all tickets on Postgres.
pub async fn recents_of(
    tx: &mut Tx,
    requesters: &[ContactId],
    limit: i64,
) -> Result<Vec<(ContactId, Recent)>, StoreError> {
    type Found = (ContactId, TicketNumber, String, Status, DateTime<Utc>);
    let mut all = Vec::new();
    for piece in pieces(requesters) {
        let found: Vec<Found> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new("");
            for (place, requester) in piece.iter().enumerate() {
                sql.push(if place == 0 { "" } else { " UNION ALL " })
                    .push("SELECT * FROM (SELECT requester, number, subject, status, received_at FROM ticket WHERE requester = ")
                    .push_bind(*requester)
                    .push(" ORDER BY number DESC LIMIT ")
                    .push_bind(limit)
                    .push(") AS latest");
            }
            sql.build_query_as().fetch_all(conn).await
        })
        .during("read people's tickets")?;
        all.extend(found.into_iter().map(|(requester, number, subject, status, received_at)| {
            (requester, Recent { number, subject, status, received_at })
        }));
    }
    Ok(all)
}

/// The latest resolved tickets of each of these clients, newest first.
pub async fn resolved_of_clients(
    tx: &mut Tx,
    clients: &[ClientKey],
    limit: i64,
) -> Result<Vec<(ClientKey, TicketNumber, String)>, StoreError> {
    let mut all = Vec::new();
    for piece in pieces(clients) {
        let found: Vec<(ClientKey, TicketNumber, String)> = on!(tx, |conn| {
            let mut sql = QueryBuilder::new("");
            for (place, client) in piece.iter().enumerate() {
                sql.push(if place == 0 { "" } else { " UNION ALL " })
                    .push("SELECT * FROM (SELECT client, number, subject FROM ticket WHERE client = ")
                    .push_bind(client)
                    .push(" AND status IN ('resolved', 'closed') ORDER BY number DESC LIMIT ")
                    .push_bind(limit)
                    .push(") AS latest");
            }
            sql.build_query_as().fetch_all(conn).await
        })
        .during("look for similar tickets")?;
        all.extend(found);
    }
    Ok(all)
}
