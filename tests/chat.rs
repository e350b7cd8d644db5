//! Chat: requests, answers, threads, techs and links, on each platform over the real listener, against a platform that checks what it is told.

use chrono::TimeDelta;
use deskd::channel::said::Platform;
use deskd::store::{links, people};
use deskd::words::{Priority, Satisfaction, Status, TicketNumber};
use serde_json::{Value, json};

use crate::harness::chat::{Chat, In, Said};
use crate::harness::story::{Sent, Story};
use crate::survey::rated;

pub const SAM: &str = "Sam Ortiz <sam@northwind.example>";
pub const FIRST: TicketNumber = TicketNumber(1001);

pub async fn told(platform: Platform, name: &str, more: &str, story: impl AsyncFn(Story, Chat)) {
    let begin = async |url: String| {
        let folder = crate::harness::scratch("chat");
        let chat = Chat::start(platform).await;
        let config = chat.config(folder.path(), more);
        let story = Story::begin_with(url, &config).await;
        chat.counts_by(&story.clock);
        (story, chat)
    };
    let (on_sqlite, chat) = begin("sqlite:deskd.db".to_owned()).await;
    story(on_sqlite, chat.clone()).await;
    assert_eq!(chat.too_fast(), 0, "none was refused for being too fast");
    if let Some(database) = crate::harness::postgres::bare(&format!("{name}_{}", platform.as_str())).await {
        let (on_postgres, chat) = begin(database.url.clone()).await;
        story(on_postgres, chat.clone()).await;
        assert_eq!(chat.too_fast(), 0, "none was refused for being too fast");
        database.remove().await;
    }
}

/// Time passes, for both.
pub async fn later(story: &Story, chat: &Chat, by: TimeDelta) {
    chat.passed(by);
    story.advance(by).await;
}

/// What deskd says until nothing more of it is to come, and for how many seconds that takes.
pub async fn said_in_time(story: &Story, chat: &Chat) -> (Vec<Said>, i64) {
    story.quiet().await;
    let mut said = chat.said();
    for seconds in 0..600 {
        let mut tx = story.daemon.db.read().await.unwrap();
        let waits = deskd::store::outbox::next_due(&mut tx, "chat/talk").await.unwrap();
        drop(tx);
        if waits.is_none() {
            return (said, seconds);
        }
        later(story, chat, TimeDelta::seconds(1)).await;
        said.extend(chat.said());
    }
    panic!("something waits on and on");
}

pub fn kinds(mailed: &[Sent]) -> Vec<String> {
    let mut all: Vec<String> = mailed.iter().map(|sent| format!("{} to {}", sent.kind, sent.to)).collect();
    all.sort();
    all
}

/// The whole story of the main job: the client stays in the chat, the tech in the inbox.
async fn whole_story(story: Story, chat: Chat) {
    assert_eq!(chat.say("jane", &In::Acme, "The front desk printer is out of order").await, 200);
    story.quiet().await;
    let ticket = story.ticket(FIRST).await;
    assert_eq!((ticket.client.as_ref().unwrap().0.as_str(), ticket.source.as_str()), ("acme", "talk"));
    assert_eq!(ticket.subject, "The front desk printer is out of order");
    let mailed = story.mailed();
    assert_eq!(kinds(&mailed), ["assignment to sam@northwind.example"]);
    let acknowledged = chat.said_one();
    assert_eq!(acknowledged.room, chat.room(&In::Acme));
    assert!(acknowledged.text.starts_with("Northwind IT: we have your request, #1001."), "{}", acknowledged.text);

    later(&story, &chat, TimeDelta::minutes(5)).await;
    story.mail(&mailed[0].answer(SAM, "I am on my way, Jane.\n\n#time 10m")).await;
    let answered = chat.said_one();
    assert_eq!(answered.text, "Sam Ortiz, Northwind IT (#1001): I am on my way, Jane.");
    assert_eq!((&answered.room, &answered.thread), (&acknowledged.room, &acknowledged.thread), "in the same thread");
    assert!(story.ticket(FIRST).await.first_touch_at.is_some());
    assert_eq!(kinds(&story.mailed()), ["receipt to sam@northwind.example"]);

    assert_eq!(chat.say("jane", &In::Thread(answered.clone()), "Thank you! The side door is open.").await, 200);
    story.quiet().await;
    let further = story.mailed_one("client_message");
    assert!(further.mail.text.contains("The side door is open."), "{}", further.mail.text);
    story.mail(&further.answer(SAM, "New drum, prints again.\n\n#done 20m")).await;
    let done = chat.said_one();
    assert_eq!(
        done.text,
        "Sam Ortiz, Northwind IT (#1001): New drum, prints again. Your request is resolved. If it is not, just reply. How did we do? Reply good, fair or bad."
    );
    assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);
    assert_eq!(chat.say("jane", &In::Thread(done.clone()), "Great, thanks Sam!").await, 200);
    story.quiet().await;
    assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Good));
    assert_eq!(story.ticket(FIRST).await.status, Status::Resolved, "a word about it is no further request");
    // In the room, without opening a thread for a word.
    assert_eq!(chat.say("jane", &In::Acme, "so-so").await, 200);
    story.quiet().await;
    assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Fair));
    assert_eq!(chat.say("jane", &In::Thread(done), "It is jammed again").await, 200);
    story.quiet().await;
    assert_eq!(story.ticket(FIRST).await.status, Status::Open);
    story.end().await;
}

#[tokio::test]
async fn who_writes_in_slack_is_answered_there_while_the_tech_stays_in_the_inbox() {
    told(Platform::Slack, "chat_story", "", whole_story).await;
}

#[tokio::test]
async fn who_writes_in_telegram_is_answered_there_while_the_tech_stays_in_the_inbox() {
    told(Platform::Telegram, "chat_story", "", whole_story).await;
}

#[tokio::test]
async fn who_writes_in_mattermost_is_answered_there_while_the_tech_stays_in_the_inbox() {
    told(Platform::Mattermost, "chat_story", "", whole_story).await;
}

#[tokio::test]
async fn who_writes_in_teams_is_answered_there_while_the_tech_stays_in_the_inbox() {
    told(Platform::Teams, "chat_story", "", whole_story).await;
}

#[tokio::test]
async fn a_request_in_several_messages_is_one_ticket_and_a_later_one_another() {
    told(Platform::Slack, "chat_breath", "", async |story, chat| {
        chat.say("jane", &In::Acme, "Good morning").await;
        story.quiet().await;
        chat.say("jane", &In::Acme, "the server is down").await;
        chat.say("tom", &In::Acme, "My keyboard has a broken key").await;
        story.quiet().await;
        let words: Vec<String> = story.messages(FIRST).await.into_iter().map(|message| message.text).collect();
        assert_eq!(words, ["Good morning", "the server is down"]);
        assert_eq!(story.ticket(TicketNumber(1002)).await.subject, "My keyboard has a broken key", "another person");
        let first = chat.said().remove(0);
        let mailed = story.mailed();
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap();
        story.mail(&assignment.answer(SAM, "Looking.")).await;
        let answered = chat.said_one();
        assert_eq!(answered.thread, first.thread, "the first message's thread, not the second's");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_said_in_a_room_of_no_client_is_a_request_only_where_it_is_said_to_us() {
    told(Platform::Slack, "chat_elsewhere", "", async |story, chat| {
        chat.say("jane", &In::Elsewhere, "Who wants lunch?").await;
        story.quiet().await;
        assert!(chat.said().is_empty() && story.mailed().is_empty());
        chat.say("jane", &In::Elsewhere, "<@U0BOT> the wifi is slow &amp; <https://x.example|this page> too").await;
        story.quiet().await;
        let ticket = story.ticket(FIRST).await;
        assert_eq!(
            (ticket.status, ticket.subject.as_str()),
            (Status::Unsorted, "the wifi is slow & this page (https://x.example) too")
        );
        story.end().await;
    })
    .await;
}

/// Asks for a code, and types what came by mail.
pub async fn linked(story: &Story, chat: &Chat, who: &str, address: &str) {
    chat.say(who, &In::Direct, &format!("link {address}")).await;
    story.quiet().await;
    assert!(chat.said_one().text.contains("a code is on its way"));
    let code = story.mailed_one("link_code");
    assert_eq!(code.to, address);
    let code = code.mail.subject.split(' ').next().unwrap().to_owned();
    chat.say(who, &In::Direct, &code).await;
    story.quiet().await;
    assert!(chat.said().iter().any(|said| said.text.starts_with("Done: here you are")));
}

#[tokio::test]
async fn a_code_by_mail_makes_one_person_of_chat_and_address() {
    told(Platform::Slack, "chat_link", "", async |story, chat| {
        chat.say("jane", &In::Direct, "My screen flickers").await;
        story.quiet().await;
        assert_eq!(story.ticket(FIRST).await.status, Status::Unsorted, "nobody knows her yet");
        story.mailed();
        chat.said();
        linked(&story, &chat, "jane", "jane@acme-dental.example").await;
        let ticket = story.ticket(FIRST).await;
        assert_eq!(ticket.client.unwrap().0, "acme", "what she wrote before is hers now");
        let by_mail = "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Scanner\r\n\r\nIt beeps.\r\n";
        let mailed = story.mail(by_mail).await.ticket.unwrap();
        assert_eq!(story.ticket(mailed).await.requester, story.ticket(FIRST).await.requester, "one person");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_code_is_of_use_only_to_who_asked_for_it_and_only_a_few_times() {
    told(Platform::Slack, "chat_codes", "", async |story, chat| {
        chat.say("eve", &In::Direct, "link sam@northwind.example").await;
        story.quiet().await;
        let code = story.mailed_one("link_code").mail.subject.split(' ').next().unwrap().to_owned();
        chat.said();
        // Somebody else who has read it.
        chat.say("mal", &In::Direct, &code).await;
        story.quiet().await;
        assert!(!chat.said().iter().any(|said| said.text.starts_with("Done")));
        for _ in 0..5 {
            chat.say("eve", &In::Direct, "abcd2345").await;
            later(&story, &chat, TimeDelta::seconds(2)).await;
            assert!(chat.said_one().text.contains("does not fit"));
        }
        chat.say("eve", &In::Direct, &code).await;
        story.quiet().await;
        assert!(!chat.said().iter().any(|said| said.text.starts_with("Done")), "five guesses were enough");
        // Who is not known gets no mail, and the same words.
        story.mailed();
        chat.say("eve", &In::Direct, "link nobody@nowhere.example").await;
        story.quiet().await;
        assert!(chat.said_one().text.contains("a code is on its way"));
        assert!(story.mailed().is_empty());
        for _ in 0..4 {
            chat.say("eve", &In::Direct, "link jane@acme-dental.example").await;
            later(&story, &chat, TimeDelta::seconds(2)).await;
        }
        assert_eq!(chat.said().len(), 3, "ten answers an hour, with the seven before");
        let mailed = story.mailed();
        let codes = mailed.iter().filter(|sent| sent.kind == "link_code").count();
        assert_eq!(codes, 2, "three an hour, one of them Sam's");
        // Rule 11 holds in a chat as well: the eleventh answer within the hour is not given, and a manager hears of it.
        let others: Vec<Sent> = mailed.into_iter().filter(|sent| sent.kind != "link_code").collect();
        assert_eq!(kinds(&others), ["storm to mia@northwind.example"]);
        // Half an hour later a code is too old.
        later(&story, &chat, TimeDelta::hours(2)).await;
        chat.said();
        story.mailed();
        chat.say("eve", &In::Direct, "link jane@acme-dental.example").await;
        story.quiet().await;
        let late = story.mailed_one("link_code").mail.subject.split(' ').next().unwrap().to_owned();
        later(&story, &chat, TimeDelta::minutes(31)).await;
        chat.said();
        chat.say("eve", &In::Direct, &late).await;
        story.quiet().await;
        assert!(!chat.said().iter().any(|said| said.text.starts_with("Done")));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_linked_tech_works_in_the_tickets_thread_and_in_the_technicians_room() {
    told(Platform::Slack, "chat_tech", "", async |story, chat| {
        linked(&story, &chat, "sam", "sam@northwind.example").await;
        chat.say("jane", &In::Acme, "The front desk printer is out of order").await;
        story.quiet().await;
        let acknowledged = chat.said_one();
        story.mailed();
        later(&story, &chat, TimeDelta::minutes(3)).await;
        chat.say("sam", &In::Thread(acknowledged.clone()), "On my way.\n\n#time 10m").await;
        story.quiet().await;
        let ticket = story.ticket(FIRST).await;
        assert_eq!(ticket.first_touch_at, Some(story.now()));
        assert!(chat.said().is_empty(), "everybody there has read it");
        assert_eq!(
            kinds(&story.mailed()),
            ["receipt to sam@northwind.example"],
            "the receipt is nothing for the client"
        );
        let messages = story.messages(FIRST).await;
        assert_eq!((messages[1].text.as_str(), messages[1].is_public()), ("On my way.", true));

        // The words are said there whatever becomes of the line below them: they are an answer, and not sent again.
        chat.say("sam", &In::Thread(acknowledged.clone()), "The drum comes at noon.\n\n#time 2").await;
        story.quiet().await;
        let refused = story.mailed_one("not_sent");
        let text = refused.mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("The client has read your words where you wrote them"), "{text}");
        let (_, again) = text.split_once("To send it put right").unwrap();
        assert!(again.contains("#time 2h") && !again.contains("drum"), "{text}");
        let last = story.messages(FIRST).await.pop().unwrap();
        assert_eq!((last.text.as_str(), last.is_public()), ("The drum comes at noon.", true));

        chat.say("sam", &In::Techs, "#1001 time 15m\n#1001 done").await;
        story.quiet().await;
        let receipt = chat.said();
        let ours = receipt.iter().find(|said| said.room == chat.room(&In::Techs)).unwrap();
        assert!(ours.text.contains("#1001") && ours.text.contains("resolved"), "{}", ours.text);
        assert!(story.mailed().is_empty(), "told where it was asked");
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);

        chat.say("sam", &In::Techs, "#1001 time 2").await;
        story.quiet().await;
        assert!(chat.said_one().text.starts_with("NOT DONE"), "a bare number is refused there too");
        // Somebody who only calls himself so is nobody.
        chat.say("eve", &In::Techs, "#1001 spam").await;
        story.quiet().await;
        assert!(chat.said().is_empty());
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn who_wrote_from_another_address_before_reads_the_technicians_words_in_the_thread_once() {
    told(Platform::Slack, "chat_reached", "", async |story, chat| {
        linked(&story, &chat, "sam", "sam@northwind.example").await;
        linked(&story, &chat, "jane", "jane@acme-dental.example").await;
        let mut tx = story.daemon.db.write().await.unwrap();
        let jane = people::by_address(&mut tx, "jane@acme-dental.example").await.unwrap().unwrap();
        people::give_address(&mut tx, jane.id, "jane@abode.example").await.unwrap();
        links::move_address(&mut tx, "jane@abode.example", jane.id, story.now()).await.unwrap();
        tx.commit().await.unwrap();
        chat.say("jane", &In::Acme, "The front desk printer is out of order").await;
        story.quiet().await;
        let acknowledged = chat.said_one();
        story.mail(&format!(
            "From: Jane <jane@abode.example>\r\nTo: support@northwind.example\r\nSubject: Re: printer [{FIRST}]\r\n\r\nI am at home now.\r\n"
        )).await;
        assert_eq!(story.ticket(FIRST).await.requester, Some(jane.id));
        chat.say("jane", &In::Thread(acknowledged.clone()), "And here I am again.").await;
        story.quiet().await;
        assert_eq!(story.messages(FIRST).await.iter().filter(|message| message.is_public()).count(), 3);
        story.mailed();
        chat.said();
        chat.say("sam", &In::Thread(acknowledged), "On my way.\n\n#time 10m").await;
        story.quiet().await;
        assert!(chat.said().is_empty(), "she has read it there");
        assert_eq!(kinds(&story.mailed()), ["receipt to sam@northwind.example"]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn outages_and_escalations_are_told_in_the_technicians_room_whose_thread_is_the_tickets() {
    told(Platform::Slack, "chat_page", "", async |story, chat| {
        linked(&story, &chat, "sam", "sam@northwind.example").await;
        chat.say("jane", &In::Acme, "The server is down, nobody can work").await;
        story.quiet().await;
        assert_eq!(story.ticket(FIRST).await.priority, Priority::P1);
        let said = chat.said();
        let page = said.iter().find(|said| said.room == chat.room(&In::Techs)).unwrap().clone();
        assert!(page.text.starts_with("<@U0SAM> P1 #1001 Acme Dental: The server is down"), "{}", page.text);
        chat.say("sam", &In::Thread(page.clone()), "#ack").await;
        story.quiet().await;
        assert_eq!(chat.said_one().thread, page.thread, "the receipt stands below it");
        later(&story, &chat, TimeDelta::minutes(20)).await;
        let said = chat.said();
        let escalated = said.iter().filter(|said| said.text.contains("OVERDUE P1 #1001")).count();
        assert_eq!(escalated, 1, "{said:?}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn changes_are_told_and_what_is_taken_back_is_noted() {
    told(Platform::Slack, "chat_changes", "", async |story, chat| {
        let event = chat.event("jane", &In::Acme, "The file server at Acme is down");
        chat.post(&event).await;
        story.quiet().await;
        story.mailed();
        let ts = event["event"]["ts"].clone();
        let changed = |subtype: &str, message: Value| {
            json!({ "type": "event_callback", "team_id": "T1", "event": { "type": "message", "subtype": subtype, "channel": chat.room(&In::Acme),
                "channel_type": "channel", "ts": "1772463700.000001", "event_ts": "1772463700.000001", "message": message,
                "previous_message": event["event"] } })
        };
        let slower = json!({ "type": "message", "user": "U0JANE", "text": "The file server at Acme is slow", "ts": ts });
        chat.post(&changed("message_changed", slower.clone())).await;
        chat.post(&changed("message_changed", slower)).await;
        // A link was looked up: the words are the same.
        chat.post(&changed("message_changed", event["event"].clone())).await;
        story.quiet().await;
        let told = story.mailed_one("client_message");
        assert!(told.mail.text.contains("(changed afterwards) The file server at Acme is slow"), "{}", told.mail.text);
        chat.post(&changed("message_deleted", Value::Null)).await;
        story.quiet().await;
        assert!(story.mailed().is_empty());
        let last = story.messages(FIRST).await.pop().unwrap();
        assert_eq!((last.is_public(), last.reason.as_deref()), (false, Some("the message was taken back")));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_said_where_the_client_spoke_last_goes_by_mail_and_the_tech_is_told() {
    told(Platform::Slack, "chat_instead", "", async |story, chat| {
        linked(&story, &chat, "jane", "jane@acme-dental.example").await;
        chat.say("jane", &In::Acme, "The wifi is slow").await;
        story.quiet().await;
        chat.said();
        let assignment = story.mailed_one("assignment");
        chat.answers(&[(200, json!({ "ok": false, "error": "channel_is_archived" }))]);
        story.mail(&assignment.answer(SAM, "A new access point is ordered.")).await;
        story.quiet().await;
        let mailed = story.mailed();
        let told: Vec<String> = kinds(&mailed).into_iter().filter(|kind| !kind.starts_with("receipt")).collect();
        assert_eq!(
            told,
            [
                "relay to jane@acme-dental.example",
                "undeliverable to mia@northwind.example",
                "undeliverable to sam@northwind.example"
            ]
        );
        let relay = mailed.iter().find(|sent| sent.kind == "relay").unwrap();
        assert!(relay.mail.text.contains("A new access point is ordered."), "{}", relay.mail.text);
        let to_sam = mailed.iter().find(|sent| sent.kind == "undeliverable" && sent.to.starts_with("sam")).unwrap();
        assert!(to_sam.mail.text.contains("goes to the client by mail"), "{}", to_sam.mail.text);
        // What may have been read there goes nowhere else: a human looks.
        chat.answers(&vec![(200, Value::Null); 3]);
        story.mail(&assignment.answer(SAM, "It comes tomorrow.")).await;
        for _ in 0..3 {
            later(&story, &chat, TimeDelta::minutes(31)).await;
        }
        let mailed = kinds(&story.mailed());
        assert!(mailed.contains(&"undeliverable to mia@northwind.example".to_owned()), "{mailed:?}");
        assert!(!mailed.iter().any(|kind| kind.starts_with("relay")), "{mailed:?}");
        // She goes on there, in the same ticket.
        story.mail(&relay.answer("Jane Roe <jane@acme-dental.example>", "Thank you")).await;
        assert_eq!(story.messages(FIRST).await.last().unwrap().text, "Thank you");
        story.end().await;
    })
    .await;
}

/// Rule 11, where its rows name places: what one person is told counts, wherever it is told.
#[tokio::test]
async fn one_person_is_acknowledged_ten_times_an_hour_whatever_the_threads() {
    told(Platform::Slack, "chat_often", "", async |story, chat| {
        for n in 1..=11 {
            chat.command("jane", &In::Acme, &format!("Laptop+{n}+is+slow")).await;
            later(&story, &chat, TimeDelta::seconds(1)).await;
        }
        assert_eq!(story.ticket(TicketNumber(1011)).await.subject, "Laptop 11 is slow");
        assert_eq!(chat.said().len(), 10);
        assert!(kinds(&story.mailed()).contains(&"storm to mia@northwind.example".to_owned()));
        story.end().await;
    })
    .await;
}
