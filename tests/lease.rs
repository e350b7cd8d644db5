//! The lease between daemons: one holder at a time, taken back at once by its own instance, fenced by its epoch.

use chrono::{DateTime, Utc};
use deskd::store::{Conn, Db, Tx, lease};

use crate::harness::{at, each_db};

async fn take(db: &Db, owner: &str) -> Option<lease::Lease> {
    let mut tx = db.write().await.unwrap();
    let taken = lease::take(&mut tx, lease::DESK, owner).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn renew(db: &Db, held: &lease::Lease) -> Option<lease::Lease> {
    let mut tx = db.write().await.unwrap();
    let renewed = lease::renew(&mut tx, held).await.unwrap();
    tx.commit().await.unwrap();
    renewed
}

/// As if its owner had slept since the spring.
async fn let_it_run_out(db: &Db) {
    let mut tx = db.write().await.unwrap();
    set_expiry(&mut tx, at("2026-03-02 09:00")).await;
    tx.commit().await.unwrap();
}

async fn set_expiry(tx: &mut Tx, moment: DateTime<Utc>) {
    let text = "UPDATE lease SET expires_at = $1";
    match tx.conn().await.unwrap() {
        Conn::Sqlite(tx) => drop(sqlx::query(text).bind(moment).execute(&mut **tx).await.unwrap()),
        Conn::Postgres(tx) => drop(sqlx::query(text).bind(moment).execute(&mut **tx).await.unwrap()),
    }
}

#[tokio::test]
async fn one_daemon_holds_the_lease_and_the_other_waits_until_it_is_given_back() {
    each_db("lease", async |db| {
        let held = take(&db, "one").await.unwrap();
        assert_eq!(held.epoch, 1);
        assert_eq!(take(&db, "two").await, None);
        assert_eq!(renew(&db, &held).await.map(|lease| lease.epoch), Some(1));
        assert_eq!(take(&db, "two").await, None);

        let mut tx = db.write().await.unwrap();
        lease::release(&mut tx, &held).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(take(&db, "two").await.map(|lease| lease.epoch), Some(2));
    })
    .await;
}

#[tokio::test]
async fn a_restarted_daemon_takes_its_own_lease_back_at_once() {
    each_db("lease_back", async |db| {
        let before = take(&db, "one").await.unwrap();
        let after = take(&db, "one").await.unwrap();
        assert_eq!(after.epoch, before.epoch + 1);
        assert_eq!(renew(&db, &before).await, None, "the life before the restart is over");
    })
    .await;
}

#[tokio::test]
async fn a_stale_owner_can_neither_renew_nor_give_away_what_another_holds() {
    each_db("lease_stale", async |db| {
        let stale = take(&db, "one").await.unwrap();
        let_it_run_out(&db).await;
        let fresh = take(&db, "two").await.unwrap();
        assert_eq!(fresh.epoch, 2);
        assert_eq!(renew(&db, &stale).await, None);
        let mut tx = db.write().await.unwrap();
        lease::release(&mut tx, &stale).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(take(&db, "three").await, None, "the stale owner's release gave nothing away");
        assert!(renew(&db, &fresh).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_and_nobody_took_can_be_renewed() {
    each_db("lease_late", async |db| {
        let held = take(&db, "one").await.unwrap();
        let_it_run_out(&db).await;
        assert_eq!(renew(&db, &held).await.map(|lease| lease.epoch), Some(held.epoch));
        assert_eq!(take(&db, "two").await, None);
    })
    .await;
}

#[tokio::test]
async fn of_many_contenders_exactly_one_gets_a_lease_that_ran_out() {
    each_db("lease_race", async |db| {
        take(&db, "gone").await.unwrap();
        for round in 0..5 {
            let_it_run_out(&db).await;
            let contenders = (0..6).map(|number| {
                let (db, owner) = (db.clone(), format!("daemon-{round}-{number}"));
                tokio::spawn(async move { take(&db, &owner).await })
            });
            let taken = futures_util::future::join_all(contenders).await;
            let winners = taken.into_iter().filter_map(Result::unwrap).count();
            assert_eq!(winners, 1, "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_lease_counts_by_the_clock_of_the_database_and_is_trusted_for_less_than_its_term() {
    each_db("lease_clock", async |db| {
        let asked = std::time::Instant::now();
        let held = take(&db, "one").await.unwrap();
        let trust = held.trusted_until() - asked;
        assert!(trust < lease::TERM, "trusted for {trust:?}");
        let now = deskd::clock::Clock::System.now();
        let left = held.expires_at - now;
        assert!((25..=30).contains(&left.num_seconds()), "the test's database runs on this machine; {left} left");
    })
    .await;
}
