//! The lease: which of several daemons on one database runs sources, worker, schedule and outbox. The one place where SQL has a clock,
//! so that the clocks of the daemons' machines do not matter.

use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use super::{Conn, During, StoreError, Tx, on};

/// The lease of the daemon that does the work; the others serve HTTP and wait.
pub const DESK: &str = "desk";
/// How long a lease lives without being renewed.
pub const TERM: Duration = Duration::from_secs(30);
/// How often its holder renews it, and how often the others try to take it.
pub const RENEW: Duration = Duration::from_secs(10);
/// The holder stops trusting its lease this long before the others may take it.
const MARGIN: Duration = Duration::from_secs(5);

/// A lease that we hold, or held: `renew` tells.
/// What two holders at once would do twice is fenced row by row: a mail gets its fate once, an outgoing mail is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: &'static str,
    /// The instance id that took it.
    pub owner: String,
    /// Grows each time the lease is taken, never when it is renewed: an owner that slept too long cannot renew it.
    pub epoch: i64,
    /// By the database's clock.
    pub expires_at: DateTime<Utc>,
    /// By our own steady clock, counted from before the database was asked.
    trusted_until: Instant,
}

impl Lease {
    /// Until when the work may go on without asking the database: the moment to stop when renewing keeps failing.
    pub fn trusted_until(&self) -> Instant {
        self.trusted_until
    }
}

/// Takes the lease when it is free, has run out, or is `owner`'s own from an earlier life (the lock on `deskd.lock` says that
/// this life is over). `None`: somebody else holds it.
pub async fn take(tx: &mut Tx, name: &'static str, owner: &str) -> Result<Option<Lease>, StoreError> {
    let asked = Instant::now();
    let now = database_time(tx).await?;
    let expires_at = now + term();
    // Both databases look at the condition again when they had to wait for another one who takes it.
    let epoch: Option<i64> = on!(tx, |conn| sqlx::query_scalar(
        "INSERT INTO lease (name, owner, epoch, expires_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = lease.epoch + 1, expires_at = excluded.expires_at
         WHERE lease.owner = excluded.owner OR lease.expires_at <= $4
         RETURNING epoch"
    )
    .bind(name)
    .bind(owner)
    .bind(expires_at)
    .bind(now)
    .fetch_optional(conn)
    .await)
    .during("take the lease")?;
    Ok(epoch.map(|epoch| Lease { name, owner: owner.to_owned(), epoch, expires_at, trusted_until: trust(asked) }))
}

/// Lengthens the lease. `None`: somebody else has taken it meanwhile, and everything that needs it must stop.
/// One that has run out and that nobody took goes on: nobody else has worked in between.
pub async fn renew(tx: &mut Tx, lease: &Lease) -> Result<Option<Lease>, StoreError> {
    let asked = Instant::now();
    let expires_at = database_time(tx).await? + term();
    Ok(expire_at(tx, lease, expires_at, "renew the lease").await?.then(|| Lease {
        expires_at,
        trusted_until: trust(asked),
        ..lease.clone()
    }))
}

/// Gives the lease back, so that another daemon can take it at once. Nothing happens when it is no longer ours.
pub async fn release(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    let now = database_time(tx).await?;
    expire_at(tx, lease, now, "release the lease").await.map(drop)
}

/// Whether the lease was still ours.
async fn expire_at(tx: &mut Tx, lease: &Lease, moment: DateTime<Utc>, doing: &'static str) -> Result<bool, StoreError> {
    let rows =
        on!(tx, |conn| sqlx::query("UPDATE lease SET expires_at = $1 WHERE name = $2 AND owner = $3 AND epoch = $4")
            .bind(moment)
            .bind(lease.name)
            .bind(&lease.owner)
            .bind(lease.epoch)
            .execute(conn)
            .await
            .map(|done| done.rows_affected()))
        .during(doing)?;
    Ok(rows == 1)
}

/// Read before waiting for anybody: a moment that is too early makes the lease end earlier, never later.
async fn database_time(tx: &mut Tx) -> Result<DateTime<Utc>, StoreError> {
    let now: DateTime<Utc> = match tx.conn().await? {
        Conn::Sqlite(tx) => {
            sqlx::query_scalar("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')").fetch_one(&mut **tx).await
        }
        Conn::Postgres(tx) => sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut **tx).await,
    }
    .during("ask the database for the time")?;
    Ok(now.trunc_subsecs(3))
}

fn term() -> TimeDelta {
    TimeDelta::seconds(TERM.as_secs().cast_signed())
}

fn trust(asked: Instant) -> Instant {
    asked + (TERM - MARGIN)
}
