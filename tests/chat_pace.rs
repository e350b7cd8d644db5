//! Many messages to one room: each leaves when the platform takes it, in their order, so that none is refused.

use chrono::TimeDelta;
use deskd::channel::said::Platform;
use deskd::store::outbox::pages::PAGE;
use deskd::store::outbox::{self, Class, NewMail, State};
use serde_json::json;

use crate::chat::{FIRST, SAM, later, said_in_time, told};
use crate::harness::chat::{Chat, In};
use crate::harness::story::{Sent, Story};

const BURST: usize = 40;
const MANY: usize = 300;

async fn asked(story: &Story, chat: &Chat) -> Sent {
    chat.say("jane", &In::Acme, "How do I set up the phone?").await;
    story.quiet().await;
    chat.said_one();
    story.mailed_one("assignment")
}

/// So many answers at once.
async fn answer(story: &Story, assignment: &Sent, count: usize) {
    for step in 1..count {
        let mail = assignment.answer(SAM, &format!("Step {step}."));
        story.drop_in(mail.as_bytes(), story.now());
    }
    story.mail(&assignment.answer(SAM, &format!("Step {count}."))).await;
}

#[tokio::test]
async fn forty_answers_to_one_room_arrive_in_order_and_none_is_refused() {
    // At the least, seconds for 41 messages: five at once and then one a second; 20 a minute; 10 a second; 8 in two seconds.
    for (platform, least, most) in [
        (Platform::Slack, 35, 45),
        (Platform::Telegram, 115, 130),
        (Platform::Mattermost, 3, 6),
        (Platform::Teams, 8, 14),
    ] {
        told(platform, "chat_burst", "", async |story, chat| {
            let assignment = asked(&story, &chat).await;
            answer(&story, &assignment, BURST).await;
            // Another room has a limit of its own, where the platform counts rooms.
            chat.say("tom", &In::Direct, "My screen flickers").await;
            story.quiet().await;
            let (said, seconds) = said_in_time(&story, &chat).await;
            let room = chat.room(&In::Acme);
            let texts = said.iter().filter(|said| said.room == room).map(|said| said.text.as_str());
            let order: Vec<usize> = texts.filter_map(|text| step(text.rsplit_once(": ")?.1)).collect();
            assert_eq!(order, read(&story).await, "{platform:?}: each once, as they were read");
            assert_eq!(order.len(), BURST, "{platform:?}");
            assert!((least..=most).contains(&seconds), "{platform:?}: {seconds} s");
            assert_eq!(chat.too_fast(), 0, "{platform:?}");
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn three_hundred_that_are_due_at_once_arrive_in_order_and_a_page_passes_by_them() {
    told(Platform::Slack, "chat_many", "", async |story, chat| {
        asked(&story, &chat).await;
        let mut tx = story.daemon.db.write().await.unwrap();
        let rows = outbox::list(&mut tx, true, 100).await.unwrap();
        let place = rows.into_iter().find(|row| row.channel == "chat/talk").unwrap().recipient;
        for step in 1..=MANY {
            outbox::insert(&mut tx, row(&story, &place, &format!("Step {step}."), "relay"), story.now());
        }
        tx.commit().await.unwrap();
        later(&story, &chat, TimeDelta::seconds(20)).await;
        let mut said = chat.said();
        let mut tx = story.daemon.db.write().await.unwrap();
        outbox::insert(&mut tx, row(&story, &place, "The server is down", PAGE), story.now());
        tx.commit().await.unwrap();
        later(&story, &chat, TimeDelta::seconds(5)).await;
        let next = chat.said();
        assert_eq!(next[0].text, "The server is down");
        said.extend(next);
        let (rest, seconds) = said_in_time(&story, &chat).await;
        said.extend(rest);
        let order: Vec<usize> = said.iter().filter_map(|said| step(&said.text)).collect();
        assert_eq!(order, (1..=MANY).collect::<Vec<_>>());
        assert!((250..=320).contains(&seconds), "{seconds} s");
        story.end().await;
    })
    .await;
}

/// A message of a ticket to a place of the chat.
fn row(story: &Story, place: &str, text: &str, kind: &'static str) -> NewMail {
    NewMail {
        channel: "chat/talk".into(),
        dedupe_key: text.to_owned(),
        class: Class::MustArrive,
        kind,
        automatic: false,
        ticket: Some(FIRST),
        envelope_from: None,
        recipient: place.to_owned(),
        message_id: format!("{}/0", text.replace(' ', "-")),
        subject: String::new(),
        content: text.as_bytes().to_vec().into(),
        next_at: story.now(),
    }
}

fn step(text: &str) -> Option<usize> {
    text.strip_prefix("Step ")?.trim_end_matches('.').parse().ok()
}

/// The mails came at once, and were read in the order of the folder.
async fn read(story: &Story) -> Vec<usize> {
    story.messages(FIRST).await.iter().filter_map(|message| step(&message.text)).collect()
}

#[tokio::test]
async fn what_was_said_before_a_restart_counts_after_it() {
    let folder = crate::harness::scratch("chat");
    let chat = Chat::start(Platform::Slack).await;
    let config = chat.config(folder.path(), "");
    let story = Story::begin_with("sqlite:deskd.db".to_owned(), &config).await;
    chat.counts_by(&story.clock);
    let assignment = asked(&story, &chat).await;
    answer(&story, &assignment, 10).await;
    story.quiet().await;
    assert_eq!(chat.said().len(), 4, "with the acknowledgement five at once");
    let story = story.restart_after("sqlite:deskd.db", &config, || {}).await;
    story.mail(&assignment.answer(SAM, "One more.")).await;
    story.quiet().await;
    assert!(chat.said().is_empty());
    later(&story, &chat, TimeDelta::seconds(5)).await;
    assert_eq!(chat.said().len(), 5);
    let (rest, _) = said_in_time(&story, &chat).await;
    assert!(rest.len() == 2 && rest[1].text.ends_with("One more."), "{rest:?}");
    assert_eq!(chat.too_fast(), 0);
    story.end().await;
}

#[tokio::test]
async fn a_refusal_for_all_rooms_outlives_a_restart() {
    let folder = crate::harness::scratch("chat");
    let chat = Chat::start(Platform::Slack).await;
    let config = chat.config(folder.path(), "");
    let story = Story::begin_with("sqlite:deskd.db".to_owned(), &config).await;
    chat.counts_by(&story.clock);
    let assignment = asked(&story, &chat).await;
    // The whole workspace rests for five seconds.
    chat.answers(&[(429, json!({ "ok": false, "error": "ratelimited" }))]);
    answer(&story, &assignment, 1).await;
    story.quiet().await;
    let story = story.restart_after("sqlite:deskd.db", &config, || {}).await;
    let mut tx = story.daemon.db.write().await.unwrap();
    outbox::insert(&mut tx, row(&story, "D0OTHER", "In another room.", "relay"), story.now());
    tx.commit().await.unwrap();
    later(&story, &chat, TimeDelta::seconds(1)).await;
    assert!(chat.said().is_empty(), "in no room");
    later(&story, &chat, TimeDelta::seconds(5)).await;
    assert_eq!(chat.said().len(), 2);
    story.end().await;
}

#[tokio::test]
async fn what_is_refused_for_being_too_fast_for_two_days_has_failed() {
    told(Platform::Slack, "chat_too_fast", "", async |story, chat| {
        let assignment = asked(&story, &chat).await;
        chat.answers(&vec![(429, json!({ "ok": false, "error": "ratelimited" })); 40]);
        answer(&story, &assignment, 1).await;
        story.quiet().await;
        for _ in 0..3 {
            later(&story, &chat, TimeDelta::hours(17)).await;
        }
        let mut tx = story.daemon.db.read().await.unwrap();
        let rows = outbox::list(&mut tx, true, 100).await.unwrap();
        tx.rollback().await.unwrap();
        let row = rows.into_iter().find(|row| row.channel == "chat/talk" && row.kind == "relay").unwrap();
        assert_eq!(row.state, State::Failed);
        let why = row.last_error.unwrap();
        assert!(why.starts_with("given up after 48 hours: slack takes no more messages anywhere for 5 s"), "{why}");
        story.end().await;
    })
    .await;
}
