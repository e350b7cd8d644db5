//! The version of the schema: brings it up to this program's, and tells whether it is; the command line asks before it touches anything.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};

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

/// How often another daemon that migrates at the same moment may be in the way.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

impl Db {
    /// Brings the schema up to this program's version. Each migration is one transaction with its own line in the list of applied ones:
    /// of several daemons at the same time one gets it done, the others fail, look again, and find it done. No advisory lock, so
    /// that a pooler between us and Postgres does not matter.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let Err(error) = self.migrate_once().await else { return Ok(()) };
            let in_the_way = another_was_faster(&error);
            // A look at a database that cannot be looked at yet tells nothing.
            match self.schema().await {
                Ok(Schema::Current) => return Ok(()),
                _ if in_the_way => tokio::time::sleep(PAUSE).await,
                _ => return Err(StoreError::Migration(error)),
            }
        }
        self.migrate_once().await.map_err(StoreError::Migration)
    }

    async fn migrate_once(&self) -> Result<(), MigrateError> {
        match self {
            Db::Sqlite { write, .. } => SQLITE.run(write).await,
            Db::Postgres(pool) => {
                let mut migrator = Migrator::with_migrations(POSTGRES.iter().cloned().collect());
                migrator.set_locking(false);
                migrator.run(pool).await
            }
        }
    }

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

/// The errors that a migration meets when the same one is under way elsewhere: its tables, types and rows exist already, or wait for each other.
fn another_was_faster(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else { return false };
    let Some(error) = error.as_database_error() else { return false };
    match error.code().as_deref() {
        // Postgres: unique_violation; a table, object or column that is there already or gone already; deadlock, serialization failure.
        Some("23505" | "42P07" | "42710" | "42701" | "42P01" | "42704" | "42703" | "40P01" | "40001") => true,
        // SQLite: BUSY, LOCKED, BUSY_SNAPSHOT, and the primary key of the list of applied migrations.
        Some("5" | "6" | "261" | "517" | "1555") => true,
        Some("1") => error.message().contains("already exists") || error.message().contains("duplicate column"),
        _ => false,
    }
}
