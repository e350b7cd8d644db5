//! The database: `Db` opens it, `Tx` is the only way to its rows, one file an aggregate holds its SQL. One SQL text serves SQLite and Postgres.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, Transaction};
use tokio::task::JoinHandle;

pub mod billing;
pub mod checks;
pub mod conversations;
pub mod cursor;
mod error;
pub mod figures;
pub mod hygiene;
pub mod inbound;
pub mod jobs;
pub mod leaks;
pub mod lease;
pub mod links;
pub mod maintenance;
pub mod margin;
pub mod messages;
pub mod outbox;
mod pending;
pub mod people;
pub mod pricing;
pub mod queue;
pub mod reviews;
pub mod statements;
pub mod survey;
pub mod tickets;
pub mod time;
pub mod tokens;
mod version;

pub use error::{During, StoreError};
use pending::Pending;
pub use version::Schema;

/// Runs the same query text on whichever database the transaction is on: `on!(tx, |conn| sqlx::query(…).execute(conn).await)`.
/// On `tx` all that waits is written first; on `tx.stored()` it is not.
macro_rules! on {
    ($on:expr, |$conn:ident| $body:expr) => {
        match $on.settled().await? {
            $crate::store::Conn::Sqlite(tx) => {
                let $conn = &mut **tx;
                $body
            }
            $crate::store::Conn::Postgres(tx) => {
                let $conn = &mut **tx;
                $body
            }
        }
    };
}
pub(crate) use on;

/// Statements that each connection keeps prepared. Lists of several lengths make more texts than the hundred that sqlx keeps, and
/// preparing one costs more than running it.
const PREPARED: usize = 512;

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

/// One transaction; dropped without `commit` it is rolled back. Rows that it inserts wait in `pending`, so that many go in by
/// one statement; whatever else is asked of it writes them first.
#[derive(Debug)]
pub struct Tx {
    conn: Place,
    pending: Pending,
}

/// The transaction as the database knows it.
#[derive(Debug)]
pub enum Conn {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Where the connection of a transaction is.
#[derive(Debug)]
enum Place {
    Here(Conn),
    /// A task writes rows that waited, and brings it back.
    Away(JoinHandle<Result<Conn, StoreError>>),
    /// That task failed: the transaction is lost.
    Nowhere,
}

/// The rows of a transaction without those that wait: for reading what cannot be among them.
pub(crate) struct Stored<'a>(&'a mut Tx);

impl Db {
    /// Opens `sqlite:FILE` (created when absent, 0600) or `postgres://…`. Does not migrate.
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        match url.strip_prefix("sqlite:") {
            Some(path) => Db::open_sqlite(Path::new(path)).await,
            None => {
                let options = PgConnectOptions::from_str(url).during("read the database address")?;
                let options = options.statement_cache_capacity(PREPARED);
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
            .statement_cache_capacity(PREPARED)
            // The thread of a connection stops when so many rows wait for their reader, and is woken for each that is taken.
            .row_buffer_size(1024)
            .pragma("journal_size_limit", "67108864")
            // `shorten_log` does it beside the writer; this is the bound for when it falls behind or does not run. 64 MiB.
            .pragma("wal_autocheckpoint", "16384")
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
            Db::Sqlite { read, .. } => read.begin().await.map(Conn::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Conn::Postgres),
        }
        .map(Tx::new)
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
            .map(Conn::Sqlite),
            Db::Postgres(pool) => pool.begin().await.map(Conn::Postgres),
        }
        .map(Tx::new)
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

    /// Copies what SQLite's log holds into the database file, as far as no reader needs it, and hinders no writer. Gives the
    /// length of the log in pages; 0 on Postgres, which does this by itself.
    pub async fn shorten_log(&self) -> Result<i64, StoreError> {
        let Db::Sqlite { read, .. } = self else { return Ok(0) };
        let (_busy, pages, _copied): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)")
            .fetch_one(read)
            .await
            .during("copy the log into the database")?;
        Ok(pages)
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
    fn new(conn: Conn) -> Tx {
        Tx { conn: Place::Here(conn), pending: Pending::default() }
    }

    /// The connection, once it is back from writing.
    pub async fn conn(&mut self) -> Result<&mut Conn, StoreError> {
        if let Place::Away(writing) = &mut self.conn {
            let written = writing.await;
            self.conn = Place::Nowhere;
            self.conn = Place::Here(written.map_err(|_| StoreError::lost())??);
        }
        match &mut self.conn {
            Place::Here(conn) => Ok(conn),
            _ => Err(StoreError::lost()),
        }
    }

    /// Writes what waits. Every statement on `tx` begins here.
    async fn settled(&mut self) -> Result<&mut Conn, StoreError> {
        if !self.pending.is_empty() {
            let rows = self.pending.take_rows();
            Box::pin(rows.write(self.conn().await?)).await?;
        }
        self.conn().await
    }

    pub(crate) fn stored(&mut self) -> Stored<'_> {
        Stored(self)
    }

    /// Begins to write what waits once it is so many mails, while the caller goes on with what asks nothing of the database.
    pub async fn write_behind(&mut self, mails: usize) -> Result<(), StoreError> {
        if self.pending.mails.len() < mails {
            return Ok(());
        }
        if matches!(&self.conn, Place::Away(writing) if writing.is_finished()) {
            self.conn().await?;
        }
        self.conn = match std::mem::replace(&mut self.conn, Place::Nowhere) {
            Place::Here(mut conn) => {
                let rows = self.pending.take_rows();
                Place::Away(tokio::spawn(async move { rows.write(&mut conn).await.map(|()| conn) }))
            }
            elsewhere => elsewhere,
        };
        Ok(())
    }

    /// Writes all that waits, so that what the database has against it is known now.
    pub async fn settle(&mut self) -> Result<(), StoreError> {
        self.settled().await?;
        let counters = std::mem::take(&mut self.pending.counters);
        pending::write_counters(self.conn().await?, counters).await
    }

    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.settle().await?;
        match self.into_conn().await? {
            Conn::Sqlite(tx) => tx.commit().await,
            Conn::Postgres(tx) => tx.commit().await,
        }
        .during("commit")
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.into_conn().await? {
            Conn::Sqlite(tx) => tx.rollback().await,
            Conn::Postgres(tx) => tx.rollback().await,
        }
        .during("roll back")
    }

    /// The connection alone; what waits is forgotten.
    pub async fn into_conn(mut self) -> Result<Conn, StoreError> {
        self.conn().await?;
        match self.conn {
            Place::Here(conn) => Ok(conn),
            _ => Err(StoreError::lost()),
        }
    }

    /// Marks a point to come back to, so that one of many can fail alone. Not nested.
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.settle().await?;
        self.plain("SAVEPOINT unit", "set a savepoint").await
    }

    /// Keeps what was done since `savepoint`.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        self.settle().await?;
        self.plain("RELEASE SAVEPOINT unit", "release a savepoint").await
    }

    /// Takes back what was done since `savepoint`.
    pub async fn back_to_savepoint(&mut self) -> Result<(), StoreError> {
        self.pending = Pending::default();
        self.plain("ROLLBACK TO SAVEPOINT unit", "go back to a savepoint").await?;
        self.release().await
    }

    /// A second, inner mark: what a tech's mail does happens whole or not at all, and the refusal is still written.
    pub async fn deed(&mut self) -> Result<(), StoreError> {
        self.settle().await?;
        self.plain("SAVEPOINT deed", "set a savepoint").await
    }

    pub async fn deed_done(&mut self) -> Result<(), StoreError> {
        self.settle().await?;
        self.plain("RELEASE SAVEPOINT deed", "release a savepoint").await
    }

    pub async fn deed_undone(&mut self) -> Result<(), StoreError> {
        self.pending = Pending::default();
        self.plain("ROLLBACK TO SAVEPOINT deed", "go back to a savepoint").await?;
        self.deed_done().await
    }

    async fn plain(&mut self, sql: &'static str, doing: &'static str) -> Result<(), StoreError> {
        match self.conn().await? {
            Conn::Sqlite(tx) => tx.execute(sql).await.map(drop),
            Conn::Postgres(tx) => tx.execute(sql).await.map(drop),
        }
        .during(doing)
    }
}

impl<'a> Stored<'a> {
    async fn settled(self) -> Result<&'a mut Conn, StoreError> {
        self.0.conn().await
    }
}

impl Conn {
    /// Nothing waits here: it makes `on!` serve both.
    async fn settled(&mut self) -> Result<&mut Conn, StoreError> {
        Ok(self)
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
