//! All SQL of the outbox: write, claim, mark, record, take back, and what the command line shows.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::QueryBuilder;

use super::{Conn, During, StoreError, Tx, on};
use crate::words::{OutboxId, TicketNumber};

/// The columns of a `Row`, with what comes after `FROM outbox`.
macro_rules! select_rows {
    ($rest:literal) => {
        concat!(
            "SELECT id, channel, dedupe_key, class, state, kind, automatic, ticket, envelope_from, recipient, message_id, subject,
                 created_at, next_at, attempts, uncertain_attempts, claimed_by, last_error, sent_at, notified
             FROM outbox ",
            $rest
        )
    };
}

pub mod deliveries;
pub mod held;
mod lately;
mod making;
pub mod pages;
mod pieces;
mod row;
mod written;

pub use lately::{Lately, lately};
pub(super) use making::{Making, make};
pub use pieces::earlier_piece;
pub use row::{Claimed, Class, Content, MAIL, NEVER, NewMail, Outcome, Row, State, UNCERTAIN_RETRIES};
pub use written::{Acknowledged, acknowledged_of, automatic_in_chat, automatic_of, automatic_since};

/// Puts a mail into the outbox; where a row with its dedupe key is there already, nothing is written.
pub fn insert(tx: &mut Tx, mail: NewMail, now: DateTime<Utc>) {
    tx.pending.mails.push((mail, now));
}

pub(super) async fn insert_all(conn: &mut Conn, makings: Vec<Making>) -> Result<(), StoreError> {
    for making in makings {
        let piece = making.made().await?;
        on!(conn, |conn| {
            let mut sql = QueryBuilder::new(
                "INSERT INTO outbox (channel, dedupe_key, class, state, kind, automatic, ticket, envelope_from, recipient,
                    message_id, subject, bytes, created_at, next_at, attempts, uncertain_attempts, notified) ",
            );
            // By value: the bytes of a large mail are not copied once more.
            sql.push_values(piece, |mut row, (mail, bytes, now)| {
                row.push_bind(mail.channel)
                    .push_bind(mail.dedupe_key)
                    .push_bind(mail.class)
                    .push_bind(State::Queued)
                    .push_bind(mail.kind)
                    .push_bind(mail.automatic)
                    .push_bind(mail.ticket)
                    .push_bind(mail.envelope_from)
                    .push_bind(mail.recipient)
                    .push_bind(mail.message_id)
                    .push_bind(mail.subject)
                    .push_bind(bytes)
                    .push_bind(now)
                    .push_bind(mail.next_at)
                    .push_bind(0i64)
                    .push_bind(0i64)
                    .push_bind(false);
            });
            sql.push(" ON CONFLICT (dedupe_key) DO NOTHING");
            sql.build().execute(conn).await.map(|_| ())
        })
        .during("write mails into the outbox")?;
    }
    Ok(())
}

/// Takes back what is queued and no longer true (a reminder after the touch), of everybody or of one reader. What is in hand or sent
/// stays.
pub async fn withdraw(
    tx: &mut Tx,
    ticket: TicketNumber,
    (kind, recipient): (&str, Option<&str>),
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'withdrawn', next_at = $3
         WHERE ticket = $1 AND kind = $2 AND state = 'queued' AND (CAST($4 AS TEXT) IS NULL OR recipient = $4)"
    )
    .bind(ticket)
    .bind(kind)
    .bind(now)
    .bind(recipient)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("withdraw mails")
}

/// Takes up to `limit` due rows of a channel in hand, the longest due first. The attempt is counted here, before it is made.
pub async fn claim(
    tx: &mut Tx,
    (owner, channel): (&str, &str),
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let mut rows: Vec<Claimed> = on!(tx, |conn| sqlx::query_as(
        "UPDATE outbox SET state = 'sending', claimed_by = $1, claimed_until = $2, attempts = attempts + 1
         WHERE id IN (SELECT id FROM outbox WHERE channel = $5 AND state IN ('queued', 'uncertain') AND next_at <= $3
                      ORDER BY next_at, id LIMIT $4)
           AND state IN ('queued', 'uncertain') AND next_at <= $3
         RETURNING id, class, kind, envelope_from, recipient, message_id, CAST(LENGTH(bytes) AS BIGINT) AS size,
             created_at, attempts AS attempt, uncertain_attempts"
    )
    .bind(owner)
    .bind(until)
    .bind(now)
    .bind(limit)
    .bind(channel)
    .fetch_all(conn)
    .await)
    .during("claim mails")?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// The final bytes of a row, the same for each attempt.
pub async fn bytes(tx: &mut Tx, id: OutboxId) -> Result<Vec<u8>, StoreError> {
    let found: Option<Vec<u8>> = on!(tx, |conn| sqlx::query_scalar("SELECT bytes FROM outbox WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await)
    .during("read a mail of the outbox")?;
    found.ok_or_else(|| missing(id))
}

/// The server said 354 and the body goes next: from here on an attempt without an answer is uncertain. `false`: the claim
/// is lost (another daemon took it over), so the body must not be sent.
pub async fn mark_data(tx: &mut Tx, row: &Claimed, owner: &str, until: DateTime<Utc>) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'data', claimed_until = $4
         WHERE id = $1 AND claimed_by = $2 AND attempts = $3 AND state = 'sending'"
    )
    .bind(row.id)
    .bind(owner)
    .bind(row.attempt)
    .bind(until)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("mark a mail as going out")
}

/// Writes what came of the attempt. `false`: the claim was lost meanwhile and nothing was changed.
pub async fn record(
    tx: &mut Tx,
    row: &Claimed,
    owner: &str,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // A row that was uncertain before stays so while it is not known to have arrived: only its own retry may send it again.
    let queued_again = if row.uncertain_attempts > 0 { State::Uncertain } else { State::Queued };
    let (state, next_at, why, uncounted, unsure, sent_at) = match outcome {
        Outcome::Sent => (State::Sent, None, None, 0i64, 0i64, Some(now)),
        Outcome::Later { at, why } => (queued_again, Some(*at), Some(why.as_str()), 0, 0, None),
        Outcome::Untried { at, why } => (queued_again, *at, why.as_deref(), 1, 0, None),
        Outcome::Failed { why } => (State::Failed, None, Some(why.as_str()), 0, 0, None),
        Outcome::Uncertain { at, why } => (State::Uncertain, Some(*at), Some(why.as_str()), 0, 1, None),
    };
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = $4, next_at = COALESCE($5, next_at), last_error = COALESCE($6, last_error),
             attempts = attempts - $7, uncertain_attempts = uncertain_attempts + $8, sent_at = $9,
             claimed_by = NULL, claimed_until = NULL
         WHERE id = $1 AND claimed_by = $2 AND attempts = $3 AND state IN ('sending', 'data')"
    )
    .bind(row.id)
    .bind(owner)
    .bind(row.attempt)
    .bind(state)
    .bind(next_at)
    .bind(why)
    .bind(uncounted)
    .bind(unsure)
    .bind(sent_at)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("record what came of a mail")
}

/// What anybody has in hand, taken back by the daemon that has just got the desk: nobody else may send, and one that does not know yet
/// that it lost the desk is stopped by `mark_data` before a body, or has its row counted as uncertain within one.
pub async fn take_over(tx: &mut Tx, now: DateTime<Utc>, uncertain_retry: TimeDelta) -> Result<u64, StoreError> {
    let owners: Vec<String> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT DISTINCT claimed_by FROM outbox WHERE state IN ('sending', 'data') AND claimed_by IS NOT NULL"
    )
    .fetch_all(conn)
    .await)
    .during("look for mails in hand")?;
    let mut taken = 0;
    for owner in owners {
        taken += take_back(tx, (Some(&owner), None), now, uncertain_retry).await?;
    }
    Ok(taken)
}

/// What `owner` had in hand when it ended, taken back at its next start: `sending` is queued again at once, `data` is
/// uncertain. With `None`: what any daemon has let run out (`claimed_until` is over). Of one channel, or of all.
pub async fn take_back(
    tx: &mut Tx,
    (owner, channel): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
    uncertain_retry: TimeDelta,
) -> Result<u64, StoreError> {
    let queued = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = CASE WHEN uncertain_attempts > 0 THEN 'uncertain' ELSE 'queued' END,
             claimed_by = NULL, claimed_until = NULL
         WHERE state = 'sending' AND (claimed_by = $1 OR ($1 IS NULL AND claimed_until < $2))
           AND (CAST($3 AS TEXT) IS NULL OR channel = $3)"
    )
    .bind(owner)
    .bind(now)
    .bind(channel)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("take back mails in hand")?;
    let uncertain = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'uncertain', uncertain_attempts = uncertain_attempts + 1,
             next_at = CASE WHEN class = 'must_arrive' AND uncertain_attempts < $5 THEN $3 ELSE $4 END,
             last_error = 'deskd ended after the body of the mail had begun to leave',
             claimed_by = NULL, claimed_until = NULL
         WHERE state = 'data' AND (claimed_by = $1 OR ($1 IS NULL AND claimed_until < $2))
           AND (CAST($6 AS TEXT) IS NULL OR channel = $6)"
    )
    .bind(owner)
    .bind(now)
    .bind(now + uncertain_retry)
    .bind(NEVER)
    .bind(UNCERTAIN_RETRIES)
    .bind(channel)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("take back mails in hand")?;
    Ok(queued + uncertain)
}

/// Whether `owner` has claims in a channel; asked by its sender while it has nothing in hand, so that each is left over from an
/// earlier life.
pub async fn has_claims(tx: &mut Tx, (owner, channel): (&str, &str)) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT id FROM outbox WHERE state IN ('sending', 'data') AND claimed_by = $1 AND channel = $2 LIMIT 1"
    )
    .bind(owner)
    .bind(channel)
    .fetch_optional(conn)
    .await)
    .during("look for claims left over")?;
    Ok(found.is_some())
}

/// The server answers again: what waited only because it could not be reached is due now.
pub async fn hurry(tx: &mut Tx, channel: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET next_at = $1
         WHERE channel = $2 AND state = 'queued' AND next_at > $1 AND last_error LIKE 'cannot reach %'"
    )
    .bind(now)
    .bind(channel)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("make waiting mails due")
}

/// When the next row of a channel is due; `None` when nothing waits.
pub async fn next_due(tx: &mut Tx, channel: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT next_at FROM outbox WHERE channel = $2 AND state IN ('queued', 'uncertain') AND next_at < $1
         ORDER BY next_at LIMIT 1"
    )
    .bind(NEVER)
    .bind(channel)
    .fetch_optional(conn)
    .await)
    .during("look for the next mail")
}

/// What a manager must still be told, of all but webhooks: refused for good, or uncertain without a further try though it must arrive.
pub async fn to_be_told(tx: &mut Tx, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_rows!(
        "WHERE notified = FALSE AND state IN ('failed', 'uncertain') AND channel NOT LIKE 'webhook/%'
           AND (state = 'failed' OR (class = 'must_arrive' AND next_at >= $1))
         ORDER BY id LIMIT $2"
    ))
    .bind(NEVER)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list failed mails")
}

/// A manager was told (the mail about it is in the same transaction).
pub async fn mark_told(tx: &mut Tx, id: OutboxId) -> Result<(), StoreError> {
    let hit = on!(tx, |conn| sqlx::query("UPDATE outbox SET notified = $2 WHERE id = $1")
        .bind(id)
        .bind(true)
        .execute(conn)
        .await
        .map(|done| done.rows_affected()))
    .during("note that a failed mail was told")?;
    if hit == 1 { Ok(()) } else { Err(missing(id)) }
}

/// `deskd outbox list`: what people are written, by mail or text message: what has not left yet and what needs a human; with `all` the latest of every state.
pub async fn list(tx: &mut Tx, all: bool, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_rows!(
        "WHERE channel NOT LIKE 'webhook/%' AND ($1 OR state IN ('queued', 'sending', 'data', 'uncertain', 'failed'))
         ORDER BY id DESC LIMIT $2"
    ))
    .bind(all)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("list the outbox")
}

/// `deskd outbox show N`.
pub async fn show(tx: &mut Tx, id: OutboxId) -> Result<Row, StoreError> {
    let found: Option<Row> =
        on!(tx, |conn| sqlx::query_as(select_rows!("WHERE id = $1")).bind(id).fetch_optional(conn).await)
            .during("read the outbox")?;
    found.ok_or_else(|| missing(id))
}

/// `deskd outbox retry N`: a human decides that it goes again, with the same bytes, and all tries before it.
pub async fn retry(tx: &mut Tx, id: OutboxId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let row = show(tx, id).await?;
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'queued', next_at = $2, attempts = 0, uncertain_attempts = 0, notified = $3
         WHERE id = $1 AND state IN ('queued', 'uncertain', 'failed', 'dropped')"
    )
    .bind(id)
    .bind(now)
    .bind(false)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("queue a mail again")?;
    refused_unless(hit == 1, &row, "queued again")
}

/// `deskd outbox drop N`: it is never sent (any more).
pub async fn drop(tx: &mut Tx, id: OutboxId) -> Result<(), StoreError> {
    let row = show(tx, id).await?;
    let hit = on!(tx, |conn| sqlx::query(
        "UPDATE outbox SET state = 'dropped' WHERE id = $1 AND state IN ('queued', 'uncertain', 'failed')"
    )
    .bind(id)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("drop a mail")?;
    refused_unless(hit == 1, &row, "dropped")
}

/// Forgets what ended before that moment; what waits or needs a human stays.
pub async fn purge(tx: &mut Tx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    on!(tx, |conn| sqlx::query(
        "DELETE FROM outbox WHERE created_at < $1 AND state IN ('sent', 'withdrawn', 'dropped')"
    )
    .bind(before)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))
    .during("purge the outbox")
}

fn missing(id: OutboxId) -> StoreError {
    StoreError::Missing { what: format!("outbox row {}", id.0) }
}

fn refused_unless(hit: bool, row: &Row, what: &str) -> Result<(), StoreError> {
    if hit {
        return Ok(());
    }
    Err(StoreError::Refused(format!("outbox row {} is {} and cannot be {what}", row.id.0, row.state)))
}

/// Our own mail with this Message-ID.
pub async fn by_message_id(tx: &mut Tx, message_id: &str) -> Result<Option<OutboxId>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar("SELECT id FROM outbox WHERE message_id = $1 LIMIT 1")
        .bind(message_id)
        .fetch_optional(conn)
        .await)
    .during("look for a mail of ours")
}

/// The bytes of what went out beside a message of a ticket, in the rows of one kind whose ids begin with the message's.
pub async fn beside(
    tx: &mut Tx,
    ticket: TicketNumber,
    message_id: &str,
    kind: &str,
) -> Result<Vec<Vec<u8>>, StoreError> {
    // No range of texts: databases sort them by their own languages.
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT bytes FROM outbox
         WHERE ticket = $1 AND kind = $2 AND SUBSTR(message_id, 1, LENGTH($3)) = $3 ORDER BY id"
    )
    .bind(ticket)
    .bind(kind)
    .bind(format!("{message_id}/"))
    .fetch_all(conn)
    .await)
    .during("read the files of a message")
}

/// Whether that message goes, or went, to that address by mail.
pub async fn is_mailed(tx: &mut Tx, message_id: &str, address: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "SELECT id FROM outbox WHERE message_id = $1 AND recipient = $2 AND channel = $3 LIMIT 1"
    )
    .bind(message_id)
    .bind(address)
    .bind(MAIL)
    .fetch_optional(conn)
    .await)
    .during("look for a mail of ours")?;
    Ok(found.is_some())
}

/// A mail that was sent came back for good: it failed after all, and a manager is to be told.
pub async fn came_back(tx: &mut Tx, message_id: &str, why: &str, recipients: &[String]) -> Result<(), StoreError> {
    for recipient in recipients {
        on!(tx, |conn| sqlx::query(
            "UPDATE outbox SET state = 'failed', last_error = $2, notified = $4
             WHERE message_id = $1 AND recipient = $3 AND state IN ('sent', 'uncertain')"
        )
        .bind(message_id)
        .bind(why)
        .bind(recipient)
        .bind(false)
        .execute(conn)
        .await
        .map(|_| ()))
        .during("note that a mail came back")?;
    }
    Ok(())
}

/// Whether a row has a dedupe key that begins so.
pub async fn has(tx: &mut Tx, prefix: &str) -> Result<bool, StoreError> {
    // A range instead of LIKE: it uses the unique index on both databases and knows no wildcards.
    let end = format!("{prefix}\u{10FFFF}");
    let found: Option<i64> =
        on!(tx, |conn| sqlx::query_scalar("SELECT id FROM outbox WHERE dedupe_key >= $1 AND dedupe_key < $2 LIMIT 1")
            .bind(prefix)
            .bind(&end)
            .fetch_optional(conn)
            .await)
        .during("look for a mail")?;
    Ok(found.is_some())
}

/// What somebody was written lately, the newest first.
pub async fn latest_subjects(tx: &mut Tx, recipient: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    on!(tx, |conn| sqlx::query_scalar(
        "SELECT subject FROM outbox WHERE recipient = $1 AND automatic = $2 ORDER BY created_at DESC, id DESC LIMIT $3"
    )
    .bind(recipient)
    .bind(true)
    .bind(limit)
    .fetch_all(conn)
    .await)
    .during("read what somebody was written")
}
