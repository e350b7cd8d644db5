//! Rows of a test's database by one SQL text, on either database.

use deskd::store::Db;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

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

/// The one number that a SELECT gives (`CAST(… AS BIGINT)`).
pub async fn number(db: &Db, sql: &'static str) -> i64 {
    rows::<(i64,)>(db, sql).await[0].0
}
