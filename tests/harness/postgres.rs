//! Fresh Postgres databases on the server that `tests/run` starts, copied from a template that is migrated once.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use deskd::store::Db;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use tokio::sync::OnceCell;

use super::skipped;

/// A database of a test's own.
pub struct Database {
    pub url: String,
    name: String,
}

/// A migrated, empty database; `None` where there is no server (`DESKD_TEST_POSTGRES` is not set).
pub async fn fresh(name: &str) -> Option<Database> {
    fresh_from(name, &template().await?).await
}

/// An empty database without any table, for tests of the migrations themselves.
pub async fn bare(name: &str) -> Option<Database> {
    server()?;
    fresh_from(name, "template0").await
}

impl Database {
    /// Frees the disk at once; what a failed test leaves behind is removed by the next test process.
    pub async fn remove(self) {
        admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

async fn fresh_from(name: &str, template: &str) -> Option<Database> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let name = format!("deskd_test_{}_{count}_{}", std::process::id(), plain.to_lowercase());
    admin(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    Some(Database { url: url_of(&name), name })
}

/// Ends in a slash: `postgres://deskd@127.0.0.1:5432/`.
fn server() -> Option<String> {
    static SAID: Once = Once::new();
    match std::env::var("DESKD_TEST_POSTGRES") {
        Ok(url) if !url.is_empty() => Some(format!("{}/", url.trim_end_matches('/'))),
        _ if super::in_ci() => panic!("in CI a Postgres is needed: run tests/run, or set DESKD_TEST_POSTGRES"),
        _ => {
            SAID.call_once(|| skipped("no Postgres (tests/run starts one, or set DESKD_TEST_POSTGRES)"));
            None
        }
    }
}

fn url_of(database: &str) -> String {
    format!("{}{database}", server().unwrap())
}

async fn template() -> Option<String> {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    server()?;
    let name = TEMPLATE.get_or_init(async || {
        remove_left_behind().await;
        let name = format!("deskd_test_{}_template", std::process::id());
        admin(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let db = Db::open(&url_of(&name)).await.unwrap();
        db.migrate().await.unwrap();
        // A template must have no connections while it is copied.
        db.close().await;
        name
    });
    Some(name.await.clone())
}

/// Databases of test processes that are gone (`deskd_test_PID_…`).
async fn remove_left_behind() {
    let mut conn = PgConnection::connect(&url_of("postgres")).await.unwrap();
    let rows = sqlx::query("SELECT datname::text FROM pg_database WHERE datname LIKE 'deskd\\_test\\_%'")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    for name in rows.iter().map(|row| row.get::<String, _>(0)) {
        let process = name.split('_').nth(2).unwrap_or_default();
        if !std::path::Path::new("/proc").join(process).exists() {
            admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// The names in `sql` are made of letters, digits and underscores by this file alone.
async fn admin(sql: &str) {
    let mut conn = PgConnection::connect(&url_of("postgres"))
        .await
        .unwrap_or_else(|error| panic!("the Postgres of DESKD_TEST_POSTGRES does not answer: {error}"));
    conn.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let _ = conn.close().await;
}
