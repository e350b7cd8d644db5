//! Rows of a test's database by one SQL text, on either database.

use chrono::{DateTime, Utc};
use deskd::outbox::NewMail;
use deskd::store::{Db, outbox};
use deskd::words::OutboxId;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::look;

/// All rows of a SELECT without parameters.
pub async fn rows<T>(db: &Db, sql: &'static str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    match db {
        Db::Sqlite { read, .. } => sqlx::query_as(sql).fetch_all(read).await,
        Db::Postgres(pool) => sqlx::query_as(sql).fetch_all(pool).await,
    }
    .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Waits for a SELECT to give rows as wanted.
pub async fn until<T>(db: &Db, what: &str, sql: &'static str, wanted: impl Fn(&[T]) -> bool) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + std::fmt::Debug,
{
    let mut seen = Vec::new();
    look::until(what, async || {
        seen = rows::<T>(db, sql).await;
        wanted(&seen)
    })
    .await;
    seen
}

/// Changes rows behind the daemon's back.
pub async fn change(db: &Db, sql: &'static str) -> u64 {
    let done = match db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(write).await.map(|done| done.rows_affected()),
        Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(|done| done.rows_affected()),
    };
    done.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The one number that a SELECT gives (`CAST(… AS BIGINT)`).
pub async fn number(db: &Db, sql: &'static str) -> i64 {
    rows::<(i64,)>(db, sql).await[0].0
}

/// Puts a mail into the outbox and tells its row; that of an earlier one with the same key, where there is one.
pub async fn queue(db: &Db, mail: &NewMail, now: DateTime<Utc>) -> OutboxId {
    let mut tx = db.write().await.unwrap();
    outbox::insert(&mut tx, mail.clone(), now);
    let rows = outbox::list(&mut tx, true, 1000).await.unwrap();
    tx.commit().await.unwrap();
    rows.iter().find(|row| row.dedupe_key == mail.dedupe_key).unwrap().id
}

/// A change of the rows or the schema, in the words of either database; several statements in one text.
pub async fn change_each(db: &Db, (sqlite, postgres): (&str, &str)) {
    let sql = if matches!(db, Db::Sqlite { .. }) { sqlite } else { postgres };
    try_change(db, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The same by a text that both understand; the database may refuse it.
pub async fn try_change(db: &Db, sql: &str) -> Result<(), sqlx::Error> {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    match db {
        Db::Sqlite { write, .. } => sql.execute(write).await.map(drop),
        Db::Postgres(pool) => sql.execute(pool).await.map(drop),
    }
}
