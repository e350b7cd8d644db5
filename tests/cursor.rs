//! Where a source stands, and which of its keys are kept already.

use deskd::store::{cursor, inbound};

use crate::harness::{at, each_db};

#[tokio::test]
async fn the_last_state_saved_is_the_one_that_is_loaded() {
    each_db("cursor", async |db| {
        let mut tx = db.write().await.unwrap();
        assert_eq!(cursor::load(&mut tx, "support").await.unwrap(), None);
        cursor::save(&mut tx, "support", "{\"low\":1}", at("2026-03-02 09:00")).await.unwrap();
        cursor::save(&mut tx, "support", "{\"low\":2}", at("2026-03-02 09:01")).await.unwrap();
        cursor::save(&mut tx, "sales", "{}", at("2026-03-02 09:01")).await.unwrap();
        assert_eq!(cursor::load(&mut tx, "support").await.unwrap().as_deref(), Some("{\"low\":2}"));
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn known_keys_are_those_of_this_source_also_in_long_lists() {
    each_db("known_keys", async |db| {
        let mut tx = db.write().await.unwrap();
        for (source, source_key) in [("support", "7/1"), ("support", "7/1200"), ("sales", "7/2")] {
            let new = inbound::NewInbound {
                form: deskd::channel::Form::Mail,
                source,
                source_key,
                arrived_at: at("2026-03-02 09:00"),
                size: 1,
                junk: false,
                compressed: b"x",
            };
            inbound::keep(&mut tx, &[new], at("2026-03-02 09:00")).await.unwrap();
        }
        let asked: Vec<String> = (1..=1_300).map(|uid| format!("7/{uid}")).collect();
        let mut known: Vec<String> =
            cursor::known_keys(&mut tx, "support", &asked).await.unwrap().into_iter().collect();
        known.sort();
        assert_eq!(known, ["7/1", "7/1200"]);
        assert!(cursor::known_keys(&mut tx, "support", &[]).await.unwrap().is_empty());
        tx.commit().await.unwrap();
    })
    .await;
}
