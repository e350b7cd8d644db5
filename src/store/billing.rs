//! Runs of billing, their lines, and which entries they settled.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::QueryBuilder;
use sqlx::types::Json;

use super::{During, StoreError, Tx, jobs, on};
use crate::desk::ticket::PRIVATE;
use crate::money::billing::Entry;
use crate::money::invoice::{Fault, Line, Run, Why};
use crate::money::ledger::Work;
use crate::words::{Category, ClientKey, Login, Minutes, Money, TicketNumber};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, Serialize)]
pub struct Row {
    pub number: i64,
    /// First day of the month.
    pub period: NaiveDate,
    /// `done`, `void`.
    pub state: String,
    pub ran_at: DateTime<Utc>,
    /// As it is frozen (JSON).
    #[serde(skip)]
    pub content: String,
    pub hash: String,
    pub void_at: Option<DateTime<Utc>>,
    pub void_reason: Option<String>,
}

/// The columns of a `Row`, with what comes after `FROM billing_run`.
macro_rules! select_runs {
    ($rest:literal) => {
        concat!("SELECT number, period, state, ran_at, content, hash, void_at, void_reason FROM billing_run ", $rest)
    };
}

/// Rows of one statement.
const PIECE: usize = 200;

pub async fn one(tx: &mut Tx, number: i64) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_runs!("WHERE number = $1")).bind(number).fetch_optional(conn).await)
        .during("read a run of billing")
}

/// The run of that month that stands.
pub async fn of_period(tx: &mut Tx, period: NaiveDate) -> Result<Option<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_runs!("WHERE period = $1 AND state = 'done'"))
        .bind(period)
        .fetch_optional(conn)
        .await)
    .during("look for a run of billing")
}

/// The newest first.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Row>, StoreError> {
    on!(tx, |conn| sqlx::query_as(select_runs!("ORDER BY number DESC LIMIT $1")).bind(limit).fetch_all(conn).await)
        .during("list runs of billing")
}

/// The number of the next run. Nobody else takes it: one writes at a time, and the row of the number is unique.
pub async fn next_number(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(jobs::counter(tx, "billing_run").await? + 1)
}

/// Keeps a run: frozen, with its lines, and its entries marked.
pub async fn keep(tx: &mut Tx, run: &Run, (content, hash): (&str, &str), now: DateTime<Utc>) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO billing_run (number, period, state, ran_at, content, hash) VALUES ($1, $2, 'done', $3, $4, $5)"
    )
    .bind(run.number)
    .bind(run.period)
    .bind(now)
    .bind(content)
    .bind(hash)
    .execute(conn)
    .await
    .map(drop))
    .during("keep a run of billing")?;
    jobs::set_counter(tx, "billing_run", run.number).await?;
    let mut place = 0;
    for client in &run.clients {
        for invoice in &client.invoices {
            for line in &invoice.lines {
                place += 1;
                keep_line(tx, (run.number, place), (&client.client, Some(&invoice.number)), line).await?;
            }
        }
        for line in &client.settled {
            place += 1;
            keep_line(tx, (run.number, place), (&client.client, None), line).await?;
        }
    }
    Ok(())
}

async fn keep_line(
    tx: &mut Tx,
    (run, place): (i64, i64),
    (client, invoice): (&ClientKey, Option<&str>),
    line: &Line,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO billing_line (run, line, client, invoice, kind, billed_as, month, ticket, minutes, counted, amount_minor, currency)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    )
    .bind(run)
    .bind(place)
    .bind(client)
    .bind(invoice)
    .bind(line.kind.as_str())
    .bind(&line.key)
    .bind(line.month)
    .bind(line.ticket)
    .bind(line.minutes)
    .bind(line.counted)
    .bind(line.amount.map(|amount| amount.minor))
    .bind(line.amount.map(|amount| amount.currency.to_string()))
    .execute(conn)
    .await
    .map(drop))
    .during("keep a line of billing")?;
    for piece in line.entries.chunks(PIECE) {
        on!(tx, |conn| {
            let mut sql = QueryBuilder::new("INSERT INTO billing_entry (entry, run, line) ");
            sql.push_values(piece, |mut row, entry| {
                row.push_bind(*entry).push_bind(run).push_bind(place);
            });
            sql.build().execute(conn).await.map(drop)
        })
        .during("mark entries as billed")?;
    }
    Ok(())
}

/// What it billed is open again. `false`: it was void already.
pub async fn void(tx: &mut Tx, number: i64, why: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query(
        "UPDATE billing_run SET state = 'void', void_at = $3, void_reason = $2 WHERE number = $1 AND state = 'done'"
    )
    .bind(number)
    .bind(why)
    .bind(now)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))
    .during("void a run of billing")
}

/// An entry that no run bills any more.
pub async fn write_off(
    tx: &mut Tx,
    entry: i64,
    (by, why): (&Login, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    on!(tx, |conn| sqlx::query("INSERT INTO write_off (entry, at, by_tech, reason) VALUES ($1, $2, $3, $4)")
        .bind(entry)
        .bind(now)
        .bind(by)
        .bind(why)
        .execute(conn)
        .await
        .map(drop))
    .during("write an entry off")
}

/// Billed by a run that stands, or written off.
pub async fn is_settled(tx: &mut Tx, entry: i64) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query_scalar::<_, i64>(
        "SELECT (SELECT COUNT(*) FROM billing_entry b JOIN billing_run r ON r.number = b.run
                 WHERE b.entry = $1 AND r.state = 'done') + (SELECT COUNT(*) FROM write_off WHERE entry = $1)"
    )
    .bind(entry)
    .fetch_one(conn)
    .await)
    .during("look whether an entry is billed")
    .map(|count| count > 0)
}

pub async fn is_written_off(tx: &mut Tx, entry: i64) -> Result<bool, StoreError> {
    on!(tx, |conn| sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM write_off WHERE entry = $1")
        .bind(entry)
        .fetch_one(conn)
        .await)
    .during("look whether an entry is written off")
    .map(|count| count > 0)
}

/// What earlier runs billed a client, by the keys of lines.
pub async fn billed(tx: &mut Tx, client: &ClientKey) -> Result<BTreeMap<String, Money>, StoreError> {
    let rows: Vec<(String, String, i64)> = on!(tx, |conn| sqlx::query_as(
        "SELECT l.billed_as, l.currency, CAST(SUM(l.amount_minor) AS BIGINT) FROM billing_line l
         JOIN billing_run r ON r.number = l.run
         WHERE l.client = $1 AND r.state = 'done' AND l.billed_as IS NOT NULL
         GROUP BY l.billed_as, l.currency HAVING SUM(l.amount_minor) <> 0"
    )
    .bind(client)
    .fetch_all(conn)
    .await)
    .during("sum up what was billed")?;
    let money =
        |(key, currency, minor): (String, String, i64)| Some((key, Money { minor, currency: currency.parse().ok()? }));
    Ok(rows.into_iter().filter_map(money).collect())
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    id: i64,
    work_date: NaiveDate,
    ticket: Option<TicketNumber>,
    tech: Login,
    minutes: Minutes,
    category: Category,
    skill: Option<String>,
    after_hours: bool,
    reason: Option<String>,
    billable: bool,
    note: Option<String>,
    subject: Option<String>,
    tags: Option<Json<Vec<String>>>,
    now_client: Option<ClientKey>,
    corrects: Option<i64>,
    billed: i64,
}

/// A client's entries up to, not including, `to`.
pub async fn entries(tx: &mut Tx, client: &ClientKey, to: NaiveDate) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<EntryRow> = on!(tx, |conn| sqlx::query_as(
        "SELECT e.id, e.work_date, e.ticket, e.tech, e.minutes, e.category, t.skill, e.after_hours, e.reason, e.billable, e.note,
             t.subject, t.tags, t.client AS now_client, e.corrects,
             (SELECT COUNT(*) FROM billing_entry b JOIN billing_run r ON r.number = b.run
              WHERE b.entry = e.id AND r.state = 'done') AS billed
         FROM time_entry e LEFT JOIN ticket t ON t.number = e.ticket
         WHERE e.client = $1 AND e.work_date < $2
           AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry IN (e.id, e.corrects)) ORDER BY e.work_date, e.id"
    )
    .bind(client)
    .bind(to)
    .fetch_all(conn)
    .await)
    .during("read what is to be billed")?;
    let entry = |row: EntryRow| {
        // What moved to another client is theirs to read.
        let hidden = row.now_client.as_ref() != Some(client)
            || row.tags.is_some_and(|tags| tags.0.iter().any(|tag| tag == PRIVATE));
        Entry {
            unbillable: (!row.billable).then(|| row.reason.unwrap_or_default()),
            billed: row.billed > 0,
            corrects: row.corrects,
            subject: row.subject.filter(|_| !hidden),
            note: row.note,
            work: Work {
                id: row.id,
                day: row.work_date,
                ticket: row.ticket,
                tech: row.tech,
                minutes: row.minutes,
                category: row.category,
                skill: row.skill,
                after_hours: row.after_hours,
            },
        }
    };
    Ok(rows.into_iter().map(entry).collect())
}

/// Billable entries of these days that belong to no client, or to one that the config has no more; what was taken back is left out.
pub async fn of_nobody(tx: &mut Tx, from: NaiveDate, to: NaiveDate) -> Result<Vec<Fault>, StoreError> {
    type Row = (i64, Option<TicketNumber>, Login, NaiveDate, Minutes, Option<ClientKey>);
    let rows: Vec<Row> = on!(tx, |conn| sqlx::query_as(
        "SELECT * FROM (
             SELECT e.id, e.ticket, e.tech, e.work_date,
                 CAST(e.minutes + COALESCE((SELECT SUM(c.minutes) FROM time_entry c WHERE c.corrects = e.id), 0) AS BIGINT) AS minutes,
                 e.client
             FROM time_entry e
             WHERE (e.client IS NULL OR e.client IN (SELECT key FROM client WHERE active = $4))
               AND e.billable = $3 AND e.corrects IS NULL AND e.work_date >= $1 AND e.work_date < $2
               AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry = e.id)
               AND NOT EXISTS (SELECT 1 FROM billing_entry b JOIN billing_run r ON r.number = b.run
                               WHERE b.entry = e.id AND r.state = 'done')
         ) AS open WHERE minutes > 0 ORDER BY work_date, id"
    )
    .bind(from)
    .bind(to)
    .bind(true)
    .bind(false)
    .fetch_all(conn)
    .await)
    .during("look for entries of no client")?;
    let fault = |(entry, ticket, tech, day, minutes, client): Row| Fault {
        entry,
        ticket,
        tech,
        day,
        minutes,
        why: if client.is_some() { Why::Gone } else { Why::NoClient },
    };
    Ok(rows.into_iter().map(fault).collect())
}
