//! What can go wrong with the database; one variant per decision of the caller.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same rows: run the unit again.
    #[error("could not {doing}: another transaction was in the way")]
    Again { doing: &'static str, source: sqlx::Error },
    /// The server is gone or out of connections: try again later, nothing is lost.
    #[error("could not {doing}: the database cannot be reached; is it up?")]
    Unreachable { doing: &'static str, source: sqlx::Error },
    /// No room: stop taking mail until somebody makes some.
    #[error("could not {doing}: the disk of the database is full; make room, deskd goes on by itself")]
    Full { doing: &'static str, source: sqlx::Error },
    /// The database itself is in trouble (a failing disk, a quota, no memory, a standby that only reads): try again later. It says
    /// nothing about the mail in hand.
    #[error("could not {doing}: the database is in trouble; look at its disk and its log, deskd goes on by itself")]
    Trouble { doing: &'static str, source: sqlx::Error },
    #[error("no such {what}")]
    Missing { what: String },
    /// A rule of the store refused the change (for example: more than 30 minutes need a resolution note).
    #[error("{0}")]
    Refused(String),
    #[error("the schema cannot be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("cannot create the database file {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("a mail could not be compressed")]
    Compress { source: std::io::Error },
    #[error("could not {doing}")]
    Broken { doing: &'static str, source: sqlx::Error },
}

impl StoreError {
    /// A transaction whose rows could not be written behind the caller's back, which heard of it before.
    pub(super) fn lost() -> StoreError {
        StoreError::Refused("the transaction failed before".to_owned())
    }
}

/// Says what was being done when the database failed, in words that fit behind "could not".
pub trait During<T> {
    fn during(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| sort(doing, source))
    }
}

fn sort(doing: &'static str, source: sqlx::Error) -> StoreError {
    let code = match &source {
        sqlx::Error::Database(error) => error.code().map(|code| code.into_owned()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => return StoreError::Unreachable { doing, source },
        // The transaction had ended before us (SQLite does that when its disk fails): `Db::write` begins with a new connection.
        sqlx::Error::BeginFailed | sqlx::Error::InvalidSavePointStatement => {
            return StoreError::Trouble { doing, source };
        }
        _ => None,
    };
    match code.as_deref() {
        // Postgres: serialization_failure, deadlock_detected. SQLite: SQLITE_BUSY, SQLITE_LOCKED and their extended forms.
        Some("40001" | "40P01" | "5" | "6" | "261" | "517") => StoreError::Again { doing, source },
        // Postgres: disk_full. SQLite: SQLITE_FULL.
        Some("53100" | "13") => StoreError::Full { doing, source },
        // Postgres: connection exceptions, too many connections, shutting down, starting up.
        Some(code) if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
            StoreError::Unreachable { doing, source }
        }
        Some(code) if is_trouble(code) => StoreError::Trouble { doing, source },
        _ => StoreError::Broken { doing, source },
    }
}

/// Codes that blame the database and not what was asked of it.
fn is_trouble(code: &str) -> bool {
    match code.parse::<u32>() {
        // SQLite, in the lowest byte of an extended code: NOMEM, READONLY, INTERRUPT, IOERR, CORRUPT, CANTOPEN, PROTOCOL, NOTADB.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 7..=11 | 14 | 15 | 26),
        // Postgres: read_only_sql_transaction, no_active_sql_transaction, in_failed_sql_transaction; insufficient resources, not in the
        // needed state, operator intervention, system error, snapshot failure, config file error, internal error.
        _ => {
            matches!(code, "25006" | "25P01" | "25P02")
                || ["53", "55", "57", "58", "72", "F0", "XX"].iter().any(|class| code.starts_with(class))
        }
    }
}
