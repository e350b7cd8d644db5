//! The two schemas: the same tables, columns, keys, lists of words and indexes on SQLite and on Postgres.

use std::collections::{BTreeMap, BTreeSet};

use deskd::store::{Conn, Db};
use regex::Regex;
use sqlx::Row;

use crate::harness::{each_url, postgres, scratch};

/// What both databases can be asked for, in words of neither.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Name and whether NULL is refused.
    columns: BTreeMap<String, bool>,
    primary: Vec<String>,
    unique: BTreeSet<Vec<String>>,
    /// Name and columns.
    indexes: BTreeMap<String, Vec<String>>,
    /// Column to every list of words in the table's checks: what it may hold, and what other columns hang on.
    words: BTreeMap<String, BTreeSet<BTreeSet<String>>>,
    /// Column, other table, other column.
    references: BTreeSet<(String, String, String)>,
}

type Schema = BTreeMap<String, Table>;

impl Table {
    fn note_words(&mut self, definition: &str) {
        for (column, list) in words(definition) {
            self.words.entry(column).or_default().insert(list);
        }
    }
}

/// Rows of text columns.
async fn ask(db: &Db, sql: &'static str) -> Vec<Vec<String>> {
    fn texts<R: Row>(row: &R) -> Vec<String>
    where
        usize: sqlx::ColumnIndex<R>,
        String: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    {
        (0..row.len()).map(|column| row.get::<String, _>(column)).collect()
    }
    match db.read().await.unwrap().into_conn().await.unwrap() {
        Conn::Sqlite(mut tx) => sqlx::query(sql).fetch_all(&mut *tx).await.unwrap().iter().map(texts).collect(),
        Conn::Postgres(mut tx) => sqlx::query(sql).fetch_all(&mut *tx).await.unwrap().iter().map(texts).collect(),
    }
}

/// `column IN ('a', 'b')` of SQLite and `column = ANY (ARRAY['a'::text, …])` of Postgres.
fn words(definition: &str) -> Vec<(String, BTreeSet<String>)> {
    let list = Regex::new(r"\(*([a-z_]+)\s+(?:IN \(|= ANY \(+ARRAY\[)((?:'[^']*'(?:::text)?(?:, )?)+)").unwrap();
    let word = Regex::new(r"'([^']*)'").unwrap();
    list.captures_iter(definition)
        .map(|found| (found[1].to_owned(), word.captures_iter(&found[2]).map(|word| word[1].to_owned()).collect()))
        .collect()
}

fn columns(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

async fn sqlite_schema(db: &Db) -> Schema {
    let mut schema = Schema::new();
    for row in ask(
        db,
        "SELECT t.name, c.name, CAST(c.\"notnull\" AS TEXT), t.sql FROM sqlite_master t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .await
    {
        let table = schema.entry(row[0].clone()).or_default();
        table.columns.insert(row[1].clone(), row[2] == "1");
        // A CHECK over the partial indexes' words stands in their own statements, not in the table's.
        table.note_words(&row[3]);
    }
    for row in ask(
        db,
        "SELECT t.name, i.name, i.origin, (SELECT GROUP_CONCAT(c.name, ',') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c)
         FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .await
    {
        let table = schema.get_mut(&row[0]).unwrap();
        match row[2].as_str() {
            "pk" => table.primary = columns(&row[3]),
            "u" => drop(table.unique.insert(columns(&row[3]))),
            _ => drop(table.indexes.insert(row[1].clone(), columns(&row[3]))),
        }
    }
    for row in ask(
        db,
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND c.pk = 1 AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .await
    {
        // The row id is a primary key without an index.
        let table = schema.get_mut(&row[0]).unwrap();
        if table.primary.is_empty() {
            table.primary = vec![row[1].clone()];
        }
    }
    for row in ask(
        db,
        "SELECT t.name, f.\"from\", f.\"table\", f.\"to\" FROM sqlite_master t, pragma_foreign_key_list(t.name) f
         WHERE t.type = 'table'",
    )
    .await
    {
        let reference = (row[1].clone(), row[2].clone(), row[3].clone());
        schema.get_mut(&row[0]).unwrap().references.insert(reference);
    }
    schema
}

async fn postgres_schema(db: &Db) -> Schema {
    let mut schema = Schema::new();
    for row in ask(
        db,
        "SELECT table_name::text, column_name::text, is_nullable::text FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
    )
    .await
    {
        schema.entry(row[0].clone()).or_default().columns.insert(row[1].clone(), row[2] == "NO");
    }
    for row in ask(
        db,
        "SELECT c.conrelid::regclass::text, c.contype::text, pg_get_constraintdef(c.oid),
                COALESCE((SELECT string_agg(a.attname, ',' ORDER BY k.place)
                          FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
                          JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number), ''),
                COALESCE(c.confrelid::regclass::text, ''),
                COALESCE((SELECT string_agg(a.attname, ',') FROM pg_attribute a
                          WHERE a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey)), '')
         FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace AND c.conrelid::regclass::text NOT LIKE '\\_sqlx%'",
    )
    .await
    {
        let table = schema.get_mut(&row[0]).unwrap();
        match row[1].as_str() {
            "p" => table.primary = columns(&row[3]),
            "u" => drop(table.unique.insert(columns(&row[3]))),
            "c" => table.note_words(&row[2]),
            "f" => drop(table.references.insert((row[3].clone(), row[4].clone(), row[5].clone()))),
            _ => {}
        }
    }
    for row in ask(
        db,
        "SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text,
                (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                 FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number)
         FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relnamespace = 'public'::regnamespace AND i.indrelid::regclass::text NOT LIKE '\\_sqlx%'
           AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))",
    )
    .await
    {
        schema.get_mut(&row[0]).unwrap().indexes.insert(row[1].clone(), columns(&row[2]));
    }
    schema
}

#[tokio::test]
async fn both_schemas_are_the_same_table_by_table() {
    let Some(database) = postgres::fresh("schema").await else { return };
    let folder = scratch("schema");
    let sqlite = Db::open(&format!("sqlite:{}", folder.path().join("deskd.db").display())).await.unwrap();
    sqlite.migrate().await.unwrap();
    let postgres = Db::open(&database.url).await.unwrap();
    let (one, two) = (sqlite_schema(&sqlite).await, postgres_schema(&postgres).await);
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    assert!(
        one["ticket"].words["status"].iter().flatten().any(|word| word == "unsorted"),
        "the lists of words were found"
    );
    for (name, table) in &one {
        assert_eq!(table, &two[name], "SQLite (left) and Postgres (right) differ in the table {name}");
    }
    postgres.close().await;
    database.remove().await;
}

fn migrations(kind: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn both_databases_have_migrations_of_the_same_names() {
    assert_eq!(migrations("sqlite"), migrations("postgres"));
}

/// As `store::outbox::held` asks for every batch: behind the bytes of a mail SQLite would have to read the whole mail first.
#[tokio::test]
async fn how_much_a_tech_was_written_is_answered_by_the_index_alone() {
    let folder = scratch("covering");
    let db = Db::open(&format!("sqlite:{}", folder.path().join("deskd.db").display())).await.unwrap();
    db.migrate().await.unwrap();
    let Conn::Sqlite(mut conn) = db.read().await.unwrap().into_conn().await.unwrap() else { panic!("not SQLite") };
    let sql = "EXPLAIN QUERY PLAN SELECT recipient, COUNT(*), SUM(CASE WHEN state = 'queued' AND next_at = 'n' THEN 1 ELSE 0 END) FROM outbox
        WHERE created_at > 'c' AND automatic = TRUE AND state <> 'dropped' AND (state <> 'withdrawn' OR next_at = 'n')
          AND kind NOT IN ('receipt', 'help') AND recipient IN ('a', 'b') GROUP BY recipient";
    let rows = sqlx::query(sql).fetch_all(&mut *conn).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(plan.iter().any(|step| step.contains("COVERING INDEX outbox_by_recipient")), "{plan:?}");
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    crate::harness::each_db("migrate_twice", async |db| db.migrate().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn daemons_that_migrate_at_the_same_moment_all_come_through() {
    each_url("migrate_race", async |_, url| {
        let mut daemons = Vec::new();
        for _ in 0..6 {
            daemons.push(Db::open(url).await.unwrap());
        }
        let start = std::sync::Arc::new(tokio::sync::Barrier::new(daemons.len()));
        let migrated = daemons.into_iter().map(|db| {
            let start = start.clone();
            tokio::spawn(async move {
                start.wait().await;
                db.migrate().await.unwrap();
                assert!(db.schema_is_current().await.unwrap());
                db.close().await;
            })
        });
        for done in futures_util::future::join_all(migrated).await {
            done.unwrap();
        }
        let db = Db::open(url).await.unwrap();
        let applied = ask(&db, "SELECT CAST(version AS TEXT) FROM _sqlx_migrations ORDER BY version").await;
        assert_eq!(applied.len(), migrations("postgres").len());
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn migrating_takes_no_advisory_lock_that_a_pooler_would_not_keep() {
    let Some(database) = postgres::bare("advisory").await else { return };
    let holder = Db::open(&database.url).await.unwrap();
    let Db::Postgres(pool) = &holder else { unreachable!() };
    let name: (String,) = sqlx::query_as("SELECT current_database()::text").fetch_one(pool).await.unwrap();
    // The lock that the migration library would wait for, held by somebody else.
    let mut held = pool.acquire().await.unwrap();
    let lock = 0x3d32_ad9e_i64 * i64::from(crc32(name.0.as_bytes()));
    sqlx::query("SELECT pg_advisory_lock($1)").bind(lock).execute(&mut *held).await.unwrap();
    let db = Db::open(&database.url).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(30), db.migrate()).await.expect("it waits for nobody").unwrap();
    drop(held);
    db.close().await;
    holder.close().await;
    database.remove().await;
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

/// Several statements, from a file of this project.
async fn run(db: &Db, sql: String) {
    let done = match db {
        Db::Sqlite { write, .. } => sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(write).await.map(drop),
        Db::Postgres(pool) => sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(pool).await.map(drop),
    };
    done.unwrap_or_else(|error| panic!("{error} in\n{sql}"));
}

/// Each migration meets a database with rows in it: those of `tests/migrations/NAME`, put in after the migration of that name.
async fn step_by_step(db: &Db, kind: &str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in migrations(kind) {
        run(db, std::fs::read_to_string(root.join("migrations").join(kind).join(&name)).unwrap()).await;
        let sample = root.join("tests/migrations").join(&name);
        let rows = std::fs::read_to_string(&sample);
        run(
            db,
            rows.unwrap_or_else(|_| panic!("{} is missing: rows for the next migration to meet", sample.display())),
        )
        .await;
    }
    let found = ask(db, "SELECT t.subject, e.kind, c.name FROM ticket t JOIN ticket_event e ON e.ticket = t.number JOIN contact c ON c.id = t.requester").await;
    assert_eq!(found, [["the printer", "opened", "Jane Roe"]]);
    let kept = ask(
        db,
        "SELECT c.kind, t.kind, r.token FROM sla_clock c JOIN timer t ON t.ticket = c.ticket AND t.kind = c.kind
         JOIN ticket_participant p ON p.ticket = c.ticket JOIN reply_token r ON r.ticket = c.ticket",
    )
    .await;
    assert_eq!(kept, [["resolve", "resolve", "t0ken"]]);
}

#[tokio::test]
async fn each_migration_works_on_a_database_with_rows() {
    let folder = scratch("steps");
    let sqlite = Db::open(&format!("sqlite:{}", folder.path().join("deskd.db").display())).await.unwrap();
    step_by_step(&sqlite, "sqlite").await;
    let migrated = scratch("steps_at_once");
    let at_once = Db::open(&format!("sqlite:{}", migrated.path().join("deskd.db").display())).await.unwrap();
    at_once.migrate().await.unwrap();
    assert_eq!(sqlite_schema(&sqlite).await, sqlite_schema(&at_once).await);

    let Some(database) = postgres::bare("steps").await else { return };
    let db = Db::open(&database.url).await.unwrap();
    step_by_step(&db, "postgres").await;
    db.close().await;
    database.remove().await;
}
