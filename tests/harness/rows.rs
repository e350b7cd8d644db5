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

/// A change of the rows or the schema, in the words of either database; several statements in one text.
pub async fn change(db: &Db, (sqlite, postgres): (&str, &str)) {
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
