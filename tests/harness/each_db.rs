//! Runs one test on SQLite and on Postgres, each time on a fresh, migrated database.

use std::path::Path;

use deskd::store::Db;
use tokio::sync::OnceCell;

use super::{postgres, scratch};

/// Runs `test` on a fresh SQLite file and then on a fresh Postgres database. `name` shows up in the names of both.
/// Without a Postgres the second half is skipped with a line that says so; in CI it fails.
pub async fn each_db(name: &str, test: impl AsyncFn(Db)) {
    println!("{name} on SQLite");
    on_sqlite(name, &test).await;
    println!("{name} on Postgres");
    on_postgres(name, &test).await;
}

/// For tests that start daemons of their own: a fresh folder and the address of an empty database, on SQLite and then on Postgres.
pub async fn each_url(name: &str, test: impl AsyncFn(&Path, &str)) {
    super::ring();
    println!("{name} on SQLite");
    let folder = scratch(name);
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    test(folder.path(), &url).await;
    println!("{name} on Postgres");
    let Some(database) = postgres::bare(name).await else { return };
    test(scratch(name).path(), &database.url).await;
    database.remove().await;
}

async fn on_sqlite(name: &str, test: &impl AsyncFn(Db)) {
    let folder = scratch(name);
    let file = folder.path().join("deskd.db");
    std::fs::write(&file, sqlite_template().await).unwrap();
    let db = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
    test(db.clone()).await;
    db.close().await;
}

async fn on_postgres(name: &str, test: &impl AsyncFn(Db)) {
    let Some(database) = postgres::fresh(name).await else { return };
    let db = Db::open(&database.url).await.unwrap();
    test(db.clone()).await;
    db.close().await;
    database.remove().await;
}

/// The bytes of a migrated, empty database: copying a file costs less than migrating one.
async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let folder = scratch("template");
            let file = folder.path().join("template.db");
            let db = Db::open(&format!("sqlite:{}", file.display())).await.unwrap();
            db.migrate().await.unwrap();
            // The last connection to close writes the log back into the file.
            db.close().await;
            std::fs::read(&file).unwrap()
        })
        .await
}
