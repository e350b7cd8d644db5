//! The database: `Db` opens it, `Tx` is the only way to its rows, one file an aggregate holds its SQL. One SQL text serves SQLite and Postgres.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, Transaction};

pub mod cursor;
mod error;
pub mod figures;
pub mod inbound;
pub mod jobs;
pub mod lease;
pub mod messages;
pub mod outbox;
pub mod people;
pub mod queue;
pub mod tickets;
pub mod time;
pub mod tokens;
mod version;

pub use error::{During, StoreError};
pub use version::Schema;

/// Runs the same query text on whichever database the transaction is on: `on!(tx, |conn| sqlx::query(…).execute(conn).await)`.
macro_rules! on {
    ($tx:expr, |$conn:ident| $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use on;

/// An open database. Cloning is cheap; all clones share the connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// One connection writes, so that writers queue in order instead of meeting SQLITE_BUSY.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
        path: PathBuf,
    },
    Postgres(PgPool),
}

/// One transaction; dropped without `commit` it is rolled back.
#[derive(Debug)]
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens `sqlite:FILE` (created when absent, 0600) or `postgres://…`. Does not migrate.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        match url.strip_prefix("sqlite:") {
            Some(path) => Db::open_sqlite(Path::new(path)).await,
            None => {
                let options = PgConnectOptions::from_str(url).during("read the database address")?;
                let pool = PgPoolOptions::new()
                    .max_connections(8)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options)
                    .await
                    .during("connect to Postgres")?;
                Ok(Db::Postgres(pool))
            }
        }
    }

    async fn open_sqlite(path: &Path) -> Result<Db, StoreError> {
        private_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .pragma("journal_size_limit", "67108864")
            // A savepoint keeps the pages as they were: in memory, not in a file below /var/tmp.
            .pragma("temp_store", "memory");
        // A whole batch stays in the cache of the one that writes: what does not fit would be written twice.
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone().pragma("cache_size", "-16384"))
            .await
            .during("open the database")?;
        let read =
            SqlitePoolOptions::new().max_connections(4).connect_with(options).await.during("open the database")?;
        Ok(Db::Sqlite { write, read, path: path.to_owned() })
    }

    /// A transaction that only reads: a consistent picture, blocking nobody.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite { read, .. } => read.begin().await.map(Tx::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .during("begin a transaction")
    }

    /// A transaction that may write; on SQLite it is the only one at a time.
    pub async fn write(&self) -> Result<Tx, StoreError> {
        match self {
            Db::Sqlite { write, .. } => match write.begin_with("BEGIN IMMEDIATE").await {
                // SQLite ends a transaction by itself when its disk is full or fails, and sqlx still counts it as open: that
                // connection can never begin again.
                Err(sqlx::Error::InvalidSavePointStatement) => {
                    write.acquire().await.during("begin a transaction")?.close().await.during("begin a transaction")?;
                    write.begin_with("BEGIN IMMEDIATE").await
                }
                begun => begun,
            }
            .map(Tx::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Tx::Postgres),
        }
        .during("begin a transaction")
    }

    /// Where the data is, in words for people: the file, or the Postgres server and its database.
    pub fn place(&self) -> String {
        match self {
            Db::Sqlite { path, .. } => path.display().to_string(),
            Db::Postgres(pool) => {
                let options = pool.connect_options();
                format!("database {} on {}", options.get_database().unwrap_or_default(), options.get_host())
            }
        }
    }

    pub async fn close(&self) {
        match self {
            Db::Sqlite { write, read, .. } => {
                read.close().await;
                write.close().await;
            }
            Db::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await,
            Tx::Postgres(tx) => tx.commit().await,
        }
        .during("commit")
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(tx) => tx.rollback().await,
            Tx::Postgres(tx) => tx.rollback().await,
        }
        .during("roll back")
    }

    /// Marks a point to come back to, so that one mail of a batch can fail alone. Not nested.
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.plain("SAVEPOINT unit").await.during("set a savepoint")
    }

    /// Keeps what was done since `savepoint`.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.plain("RELEASE SAVEPOINT unit").await.during("release a savepoint")
    }

    /// Takes back what was done since `savepoint`.
    pub async fn back_to_savepoint(&mut self) -> Result<(), StoreError> {
        self.plain("ROLLBACK TO SAVEPOINT unit").await.during("go back to a savepoint")?;
        self.release().await
    }

    /// A second, inner mark: what a tech's mail does happens whole or not at all, and the refusal is still written.
    pub async fn deed(&mut self) -> Result<(), StoreError> {
        self.plain("SAVEPOINT deed").await.during("set a savepoint")
    }

    pub async fn deed_done(&mut self) -> Result<(), StoreError> {
        self.plain("RELEASE SAVEPOINT deed").await.during("release a savepoint")
    }

    pub async fn deed_undone(&mut self) -> Result<(), StoreError> {
        self.plain("ROLLBACK TO SAVEPOINT deed").await.during("go back to a savepoint")?;
        self.deed_done().await
    }

    async fn plain(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.execute(sql).await.map(drop),
            Tx::Postgres(tx) => tx.execute(sql).await.map(drop),
        }
    }
}

/// Creates the file with mode 0600 in a 0700 folder before SQLite would make it world-readable.
fn private_file(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    if !path.exists() {
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    }
    Ok(())
}
