//! The kill test of chat: people write in Discord and Telegram while SIGKILL falls at random instants and sockets break. Every message that
//! Discord has, and every post that was answered with 200, is one ticket; nothing is two.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use deskd::channel::said::Platform;
use deskd::store::Db;

use crate::harness::chat::{Chat, In};
use crate::harness::daemon::Home;
use crate::harness::discord::{ACME, Discord};
use crate::harness::disk_postgres::DiskPostgres;
use crate::harness::rows::{number, rows};
use crate::harness::{look, say};

#[tokio::test]
async fn killed_at_any_instant_on_sqlite_everything_said_in_chat_is_one_ticket() {
    let folder = on_disk();
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    play("sqlite", folder, &url).await;
}

#[tokio::test]
async fn killed_at_any_instant_on_postgres_everything_said_in_chat_is_one_ticket() {
    let Some(server) = DiskPostgres::start().await else { return };
    play("postgres", on_disk(), &server.url).await;
}

fn on_disk() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("kill-chat-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A tenth of all kills; each database has its half.
fn kills() -> u64 {
    let all = std::env::var("DESKD_KILLS").ok().map(|count| count.parse::<u64>().expect("DESKD_KILLS is a number"));
    all.unwrap_or(200).div_ceil(20)
}

async fn play(name: &str, folder: tempfile::TempDir, url: &str) {
    let (discord, telegram) = (Discord::start().await, Chat::start(Platform::Telegram).await);
    discord.is_now();
    let secrets = tempfile::tempdir().unwrap();
    let more = format!(
        "[security]\ndns = \"none\"\ntech_mail = \"token\"\n[store]\nurl = \"{url}\"\n[[maildir]]\nname = \"drop\"\n\
         address = \"support@northwind.example\"\npath = \"inbox\"\n[smtp]\noutbox = \"outbox\"\n{}{}",
        discord.config(folder.path(), ""),
        telegram.config(secrets.path(), "").replace("name = \"talk\"", "name = \"gram\""),
    );
    let home = Home::new(folder.path(), &more);
    let db = first_life(&home, url, &discord).await;
    let (mut said, mut person) = (BTreeSet::new(), 2000);
    for _ in 0..kills() {
        let mut process = home.run();
        let life = process.kill_at(Duration::from_millis(20 + rand::random_range(0..2000)));
        let words = async {
            for unheard in [false, true, false] {
                person += 1;
                let text = format!("The screen of person {person} is dark");
                let id =
                    if unheard { discord.say_unheard(person, ACME, &text) } else { discord.say(person, ACME, &text) };
                said.insert(id.to_string());
                if rand::random_ratio(1, 3) {
                    discord.drop_sockets();
                }
            }
        };
        tokio::join!(life, words);
    }
    let mut last = home.run();
    // Telegram tries until it is told 200; here the last life tells it.
    let mut posted = BTreeSet::new();
    for round in 0..kills() {
        let event = telegram.event(
            &"p".repeat(usize::try_from(round).unwrap() + 1),
            &In::Acme,
            &format!("The phone of room {round} is dead"),
        );
        look::until("a post is taken", async || telegram.try_post("gram", &event).await).await;
        posted.insert(format!("-100201/{}", event["message"]["message_id"]));
    }
    let wanted = (said.len() + posted.len()) as i64;
    look::until("all of it is worked on", async || {
        number(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbound WHERE fate IS NOT NULL").await >= wanted
    })
    .await;
    last.at_rest().await;
    last.stop().await;
    let all: BTreeSet<String> = said.union(&posted).cloned().collect();
    each_once(&db, &all, || home.log()).await;
    db.close().await;
    let (begun, gone_on, _) = discord.sessions();
    say(&format!(
        "kill test of chat on {name}: {} kills, {} messages, {begun} sessions begun and {gone_on} gone on with",
        kills(),
        all.len()
    ));
}

/// Exactly what was said was kept, and each is its own ticket.
async fn each_once(db: &Db, all: &BTreeSet<String>, log: impl Fn() -> String) {
    let mut tickets: BTreeMap<String, Vec<Option<i64>>> = BTreeMap::new();
    for (key, ticket) in rows::<(String, Option<i64>)>(db, "SELECT source_key, ticket FROM inbound").await {
        tickets.entry(key).or_default().push(ticket);
    }
    let kept: BTreeSet<String> = tickets.keys().cloned().collect();
    assert_eq!(kept, *all, "{}", log());
    let numbers: BTreeSet<i64> = tickets.values().flatten().filter_map(|ticket| *ticket).collect();
    assert_eq!(numbers.len(), all.len(), "each its own ticket\n{}", log());
}

/// What was there before the first start is no request: it has to have been up once.
async fn first_life(home: &Home, url: &str, discord: &Discord) -> Db {
    let first = home.run();
    look::until("the first session", async || discord.sessions().0 > 0).await;
    let db = Db::open(url).await.unwrap();
    look::until("the first look", async || {
        number(&db, "SELECT CAST(COUNT(*) AS BIGINT) FROM source_cursor WHERE source = 'talk'").await > 0
    })
    .await;
    first.stop().await;
    db
}
