//! Whether the database has this program's schema: the command line asks before it touches anything, and never migrates by itself.

use sqlx::migrate::Migrator;

use super::{Conn, Db, During, StoreError, Tx, on};

static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

/// How the database's schema stands to this program's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    Current,
    /// Nothing was ever migrated here.
    Absent,
    /// This program has migrations that were not applied yet.
    Older,
    /// The database has migrations that this program does not know, or other ones of the same number.
    Other,
}

impl Db {
    /// True when exactly this program's migrations were applied.
    pub async fn schema_is_current(&self) -> Result<bool, StoreError> {
        Ok(self.schema().await? == Schema::Current)
    }

    /// Compares the applied migrations with the ones built in; changes nothing.
    pub async fn schema(&self) -> Result<Schema, StoreError> {
        let mut tx = self.read().await?;
        let schema = compare(&mut tx).await?;
        tx.rollback().await?;
        Ok(schema)
    }
}

async fn compare(tx: &mut Tx) -> Result<Schema, StoreError> {
    const DOING: &str = "look up the version of the schema";
    let (own, table) = match tx.conn().await? {
        Conn::Sqlite(_) => {
            (&SQLITE, "SELECT CAST(COUNT(*) AS BIGINT) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        }
        Conn::Postgres(_) => (
            &POSTGRES,
            "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_catalog.pg_class
             WHERE oid = CAST(to_regclass('_sqlx_migrations') AS OID)",
        ),
    };
    let there: i64 = on!(tx, |conn| sqlx::query_scalar(table).fetch_one(conn).await).during(DOING)?;
    if there == 0 {
        return Ok(Schema::Absent);
    }
    let applied: Vec<(i64, Vec<u8>, bool)> =
        on!(tx, |conn| sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(conn)
            .await)
        .during(DOING)?;
    let known = |(version, checksum, done): &(i64, Vec<u8>, bool)| {
        *done && own.iter().any(|own| own.version == *version && *own.checksum == **checksum)
    };
    if !applied.iter().all(known) {
        return Ok(Schema::Other);
    }
    let all = own.iter().filter(|own| !own.migration_type.is_down_migration()).count();
    Ok(match applied.len() {
        0 => Schema::Absent,
        some if some < all => Schema::Older,
        _ => Schema::Current,
    })
}
