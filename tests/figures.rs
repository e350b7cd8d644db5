//! The counts behind `/metrics`.

use deskd::store::{Conn, Db, figures};

use crate::harness::{at, each_db};

const ROWS: &str = include_str!("migrations/0001_desk.sql");

async fn fill(db: &Db) {
    match db.write().await.unwrap().into_conn().await.unwrap() {
        Conn::Sqlite(mut tx) => {
            sqlx::raw_sql(ROWS).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
        Conn::Postgres(mut tx) => {
            sqlx::raw_sql(ROWS).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_empty_desk_counts_nothing_and_one_ticket_counts_once() {
    each_db("figures", async |db| {
        let mut tx = db.read().await.unwrap();
        assert_eq!(figures::unprocessed(&mut tx).await.unwrap(), (0, None));
        assert_eq!(figures::queue(&mut tx).await.unwrap(), []);
        tx.rollback().await.unwrap();
        fill(&db).await;
        let mut tx = db.read().await.unwrap();
        assert_eq!(figures::unprocessed(&mut tx).await.unwrap(), (1, Some(at("2026-03-02 09:00:01"))));
        assert_eq!(figures::queue(&mut tx).await.unwrap(), [("new".to_owned(), "P3".to_owned(), 1)]);
        assert_eq!(figures::inbound_by_fate(&mut tx).await.unwrap(), []);
        assert_eq!(figures::outbox_by_state(&mut tx).await.unwrap(), []);
        assert_eq!(figures::breaches(&mut tx).await.unwrap(), []);
    })
    .await;
}
