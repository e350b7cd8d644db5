//! Discord by the real serenity client, against a local gateway and REST that speak its protocol.

use chrono::TimeDelta;
use deskd::store::inbound;
use deskd::words::{Satisfaction, Status, TicketNumber};
use serde_json::json;

use crate::harness::discord::{ACME, BOT, DIRECT, Discord, ELSEWHERE, GUILD, TECHS};
use crate::harness::look;
use crate::harness::story::Story;
use crate::survey::rated;

pub const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const ANA: &str = "Ana <ana@northwind.example>";
pub const FIRST: TicketNumber = TicketNumber(1001);
pub const JANE: u64 = 100;
pub const TOM: u64 = 101;
const SAMS: u64 = 102;

pub async fn told(name: &str, story: impl AsyncFn(Story, Discord)) {
    told_among(name, &[TECHS], story).await;
}

/// With these as `internal`.
async fn told_among(name: &str, internal: &[u64], story: impl AsyncFn(Story, Discord)) {
    let begin = async |url: String| {
        let folder = crate::harness::scratch("discord");
        let discord = Discord::start().await;
        let named: Vec<String> = internal.iter().map(|room| format!("\"{room}\"")).collect();
        let named = format!("internal = [{}]", named.join(", "));
        let config = discord.config(folder.path(), "").replace(&format!("internal = [\"{TECHS}\"]"), &named);
        let story = Story::begin_with(url, &config).await;
        look::until("the session", async || discord.sessions().0 > 0 && swept(&story).await).await;
        discord.counts_by(&story.clock);
        (story, discord)
    };
    let (on_sqlite, discord) = begin("sqlite:deskd.db".to_owned()).await;
    story(on_sqlite, discord.clone()).await;
    assert_eq!(discord.too_fast(), 0, "none was refused for being too fast");
    if let Some(database) = crate::harness::postgres::bare(name).await {
        let (on_postgres, discord) = begin(database.url.clone()).await;
        story(on_postgres, discord.clone()).await;
        assert_eq!(discord.too_fast(), 0, "none was refused for being too fast");
        database.remove().await;
    }
}

/// The history was read once: what is said from now on is a request.
async fn swept(story: &Story) -> bool {
    let mut tx = story.daemon.db.read().await.unwrap();
    deskd::store::cursor::load(&mut tx, "talk").await.unwrap().is_some()
}

pub async fn decided(story: &Story, id: u64) -> inbound::Listed {
    let row = story.decided(&format!("message {id}"), |row| row.source_key == id.to_string()).await;
    story.quiet().await;
    row
}

async fn said_one(discord: &Discord) -> (u64, String) {
    let mut all = Vec::new();
    look::until("something said", async || {
        all.extend(discord.said());
        !all.is_empty()
    })
    .await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test]
async fn the_client_stays_in_discord_and_the_tech_in_the_inbox() {
    told("discord_story", async |story, discord| {
        let asked = discord.say(JANE, ACME, "The front desk printer is out of order");
        decided(&story, asked).await;
        let ticket = story.ticket(FIRST).await;
        assert_eq!((ticket.client.as_ref().unwrap().0.as_str(), ticket.source.as_str()), ("acme", "talk"));
        let assignment = story.mailed_one("assignment");
        let (thread, text) = said_one(&discord).await;
        assert_eq!(thread, asked, "a thread that begins with her message");
        assert!(text.starts_with("Northwind IT: we have your request, #1001."), "{text}");

        discord.passed(5);
        story.advance(TimeDelta::minutes(5)).await;
        story.mail(&assignment.answer(SAM, "I am on my way, Jane.\n\n#time 10m")).await;
        assert_eq!(
            said_one(&discord).await,
            (asked, "Sam Ortiz, Northwind IT (#1001): I am on my way, Jane.".to_owned())
        );
        story.mailed();
        let further = discord.say(JANE, asked, "Thank you! The side door is open.");
        decided(&story, further).await;
        let told = story.mailed_one("client_message");
        story.mail(&told.answer(SAM, "New drum.\n\n#done 20m")).await;
        assert_eq!(said_one(&discord).await.0, asked);
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);
        let good = discord.say(JANE, asked, "👍");
        decided(&story, good).await;
        assert_eq!(rated(&story, FIRST).await, Some(Satisfaction::Good));
        assert_eq!(story.ticket(FIRST).await.status, Status::Resolved);
        let again = discord.say(JANE, asked, "It is jammed again");
        decided(&story, again).await;
        assert_eq!(story.ticket(FIRST).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_an_answer_a_direct_message_a_command_and_a_file_each_find_their_ticket() {
    told("discord_ways", async |story, discord| {
        let lunch = discord.say(JANE, ELSEWHERE, "Who wants lunch?");
        assert_eq!(decided(&story, lunch).await.ticket, None);
        let mention = json!({ "mentions": [{ "id": BOT.to_string(), "username": "desk", "discriminator": "0", "global_name": null, "avatar": null }] });
        let called = discord.say_with(JANE, ELSEWHERE, &format!("<@{BOT}> the wifi is slow"), &mention);
        assert_eq!(decided(&story, called).await.ticket, Some(FIRST));
        assert_eq!(story.ticket(FIRST).await.subject, "the wifi is slow");
        story.mailed();
        let log = json!({ "attachments": [{ "id": "1", "filename": "log.txt", "size": 6, "url": format!("{}/files/log.txt", discord.api),
            "proxy_url": format!("{}/files/log.txt", discord.api), "content_type": "text/plain; charset=utf-8" }] });
        let file = discord.say_with(TOM, ACME, "The scanner says this", &log);
        decided(&story, file).await;
        let mail = story.mailed_one("assignment").mail;
        assert_eq!((mail.attachments[0].name.as_str(), mail.attachments[0].bytes.as_slice()), ("log.txt", b"line 1".as_slice()));
        // Discord's answer to a message, outside threads.
        let reference = json!({ "type": 19, "message_reference": { "type": 0, "message_id": file.to_string(), "channel_id": ACME.to_string(), "guild_id": GUILD.to_string() } });
        discord.passed(60);
        let answer = discord.say_with(JANE, ACME, "Mine too", &reference);
        assert_eq!(decided(&story, answer).await.ticket, Some(TicketNumber(1002)));
        let direct = discord.say(JANE, DIRECT, "My screen flickers");
        assert_eq!(decided(&story, direct).await.ticket, Some(TicketNumber(1003)));
        let more = discord.say(JANE, DIRECT, "The left one");
        assert_eq!(decided(&story, more).await.ticket, Some(TicketNumber(1003)));
        discord.tell("INTERACTION_CREATE", json!({ "id": "900000000000000801", "application_id": BOT.to_string(), "type": 2, "token": "interaction-token",
            "version": 1, "channel_id": ACME.to_string(), "guild_id": GUILD.to_string(), "locale": "en-US", "entitlements": [],
            "authorizing_integration_owners": {}, "app_permissions": "0", "attachment_size_limit": 1,
            "member": { "user": { "id": "103", "username": "ann", "discriminator": "0", "global_name": null, "avatar": null }, "roles": [], "deaf": false, "mute": false,
                "joined_at": "2024-01-01T00:00:00+00:00", "permissions": "0", "guild_id": GUILD.to_string(), "flags": 0 },
            "data": { "id": "900000000000000700", "name": "ticket", "type": 1, "options": [{ "name": "text", "type": 3, "value": "The door does not open" }] } }));
        look::until("the command's ticket", async || {
            story.quiet().await;
            let mut tx = story.daemon.db.read().await.unwrap();
            deskd::store::tickets::row(&mut tx, TicketNumber(1004)).await.unwrap().is_some()
        })
        .await;
        assert_eq!(story.ticket(TicketNumber(1004)).await.subject, "The door does not open");
        look::until("the answer to the command", async || !discord.commands().1.is_empty()).await;
        assert_eq!(discord.commands().0, ["ticket"]);
        assert!(discord.commands().1[0].contains("Taken."));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn edits_and_deletions_are_recorded_and_a_link_that_is_looked_up_is_no_edit() {
    told("discord_edits", async |story, discord| {
        let id = discord.say(JANE, ACME, "The file server is down");
        decided(&story, id).await;
        story.mailed();
        let update = |edited: &str| json!({ "id": id.to_string(), "channel_id": ACME.to_string(), "guild_id": GUILD.to_string(), "content": "The file server is slow",
            "edited_timestamp": edited, "type": 0, "author": { "id": JANE.to_string(), "username": "jane", "discriminator": "0", "global_name": null, "avatar": null } });
        let mut looked_up = update("");
        looked_up["edited_timestamp"] = serde_json::Value::Null;
        discord.tell("MESSAGE_UPDATE", looked_up);
        discord.tell("MESSAGE_UPDATE", update("2026-03-02T15:01:00+00:00"));
        story.decided("the edit", |row| row.source_key.starts_with("e/")).await;
        story.quiet().await;
        assert!(story.mailed_one("client_message").mail.text.contains("(changed afterwards) The file server is slow"));
        discord.tell("MESSAGE_DELETE", json!({ "id": id.to_string(), "channel_id": ACME.to_string(), "guild_id": GUILD.to_string() }));
        story.decided("the deletion", |row| row.source_key.starts_with("d/")).await;
        let last = story.messages(FIRST).await.pop().unwrap();
        assert_eq!(last.reason.as_deref(), Some("the message was taken back"));
        let mut tx = story.daemon.db.read().await.unwrap();
        assert_eq!(inbound::list(&mut tx, None, 10).await.unwrap().len(), 3);
        drop(tx);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_linked_tech_works_there_and_outages_are_told_in_the_technicians_room() {
    told("discord_tech", async |story, discord| {
        decided(&story, discord.say(SAMS, DIRECT, "link sam@northwind.example")).await;
        let code = story.mailed_one("link_code").mail.subject.split(' ').next().unwrap().to_owned();
        said_one(&discord).await;
        decided(&story, discord.say(SAMS, DIRECT, &code)).await;
        assert!(said_one(&discord).await.1.starts_with("Done: here you are Sam Ortiz"));
        let asked = discord.say(JANE, ACME, "The server is down, nobody can work");
        decided(&story, asked).await;
        let mut said = Vec::new();
        look::until("page and acknowledgement", async || {
            said.extend(discord.said());
            said.len() == 2
        })
        .await;
        let (_, page) = said.iter().find(|(room, _)| *room == TECHS).unwrap();
        assert!(page.starts_with(&format!("<@{SAMS}> P1 #1001 Acme Dental")), "{page}");
        story.mailed();
        story.advance(TimeDelta::minutes(2)).await;
        discord.passed(2);
        decided(&story, discord.say(SAMS, asked, "We look into it.")).await;
        assert_eq!(story.ticket(FIRST).await.first_touch_at, Some(story.now()), "his words there are the first touch");
        assert!(discord.said().is_empty(), "and are not said twice");
        decided(&story, discord.say(SAMS, TECHS, "#1001 done 15m")).await;
        let mut said = Vec::new();
        look::until("the receipt, and what the client hears", async || {
            said.extend(discord.said());
            said.len() == 2
        })
        .await;
        let receipt = said.iter().find(|(_, text)| text.starts_with("#1001")).unwrap();
        assert!(receipt.1.starts_with("#1001 15m retainer · resolved"), "{receipt:?}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_channel_on_the_technicians_own_server_is_the_clients() {
    told_among("discord_rooms", &[TECHS, GUILD], async |story, discord| {
        decided(&story, discord.say(JANE, ACME, "The printer is jammed")).await;
        assert_eq!(story.ticket(FIRST).await.client.unwrap().0, "acme");
        let among_us = decided(&story, discord.say(TOM, ELSEWHERE, "Who wants lunch?")).await;
        assert_eq!(among_us.ticket, None);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_told_is_read_from_the_history_and_nothing_twice() {
    told("discord_gaps", async |story, discord| {
        let mut ids = vec![discord.say(JANE, ACME, "The phone of desk 0 is dead")];
        decided(&story, ids[0]).await;
        // Sockets break again and again; sessions go on or begin anew; much is said that the gateway tells nobody.
        for round in 1..=4u32 {
            discord.resumes(round % 2 == 0);
            let (identified, resumed, _) = discord.sessions();
            if round == 3 {
                discord.reconnect()
            } else {
                discord.drop_sockets()
            }
            for desk in 0..3 {
                discord.passed(11);
                let text = format!("The phone of desk {round}.{desk} is dead");
                ids.push(if desk == 1 {
                    discord.say_unheard(JANE, ACME, &text)
                } else {
                    discord.say(JANE, ACME, &text)
                });
            }
            story.clock.advance(TimeDelta::minutes(33));
            look::until("a session", async || {
                let now = discord.sessions();
                now.0 + now.1 > identified + resumed
            })
            .await;
        }
        for id in &ids {
            decided(&story, *id).await;
        }
        look::until("heartbeats", async || discord.sessions().2 > 1).await;
        let mut tx = story.daemon.db.read().await.unwrap();
        let all = inbound::list(&mut tx, None, 1000).await.unwrap();
        drop(tx);
        let tickets: std::collections::BTreeSet<_> = all.iter().filter_map(|row| row.ticket).collect();
        assert_eq!((all.len(), tickets.len()), (ids.len(), ids.len()), "each once, each its own");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_said_before_the_first_start_is_no_request() {
    let folder = crate::harness::scratch("discord");
    let discord = Discord::start().await;
    let old = discord.say_unheard(JANE, ACME, "An old story");
    let story = Story::begin_with("sqlite:deskd.db".to_owned(), &discord.config(folder.path(), "")).await;
    look::until("the session", async || swept(&story).await).await;
    let new = discord.say(JANE, ACME, "The wifi is slow");
    decided(&story, new).await;
    let mut tx = story.daemon.db.read().await.unwrap();
    let keys: Vec<String> =
        inbound::list(&mut tx, None, 10).await.unwrap().into_iter().map(|row| row.source_key).collect();
    drop(tx);
    assert_eq!(keys, [new.to_string()], "not {old}");
    // And while it was away.
    let config = discord.config(folder.path(), "");
    let mut missed = 0;
    let story = story
        .restart_after("sqlite:deskd.db", &config, || missed = discord.say_unheard(TOM, ACME, "The printer is jammed"))
        .await;
    assert!(decided(&story, missed).await.ticket.is_some());
    story.end().await;
}

#[tokio::test]
async fn refusals_of_discord_wait_and_where_no_thread_may_begin_the_answer_stands_in_the_channel() {
    told("discord_refusals", async |story, discord| {
        discord.no_threads();
        let asked = discord.say(JANE, ACME, "The wifi is slow");
        decided(&story, asked).await;
        assert_eq!(said_one(&discord).await.0, ACME);
        let assignment = story.mailed_one("assignment");
        discord.answers(&[
            (429, json!({ "message": "You are being rate limited.", "retry_after": 1.0, "global": false, "code": 0 })),
            (502, json!({ "message": "Bad Gateway", "code": 0 })),
        ]);
        story.mail(&assignment.answer(SAM, "Looking.")).await;
        story.advance(TimeDelta::seconds(6)).await;
        story.advance(TimeDelta::minutes(10)).await;
        assert!(said_one(&discord).await.1.ends_with("Looking."));
        story.end().await;
    })
    .await;
}

/// Says what came of the answer to a request within these seconds, a second at a time.
async fn quiet_for(story: &Story, discord: &Discord, seconds: i64) {
    for _ in 0..seconds {
        story.advance(TimeDelta::seconds(1)).await;
    }
    assert_eq!((discord.tries(), discord.said().len()), (0, 0), "before Discord wants it");
}

#[tokio::test]
async fn discord_is_left_alone_for_as_long_as_it_says_in_that_room_or_in_all() {
    told("discord_wait", async |story, discord| {
        let mut assignments = Vec::new();
        let mut threads = Vec::new();
        for (who, text) in [(JANE, "The wifi is slow"), (TOM, "The scanner beeps")] {
            threads.push(discord.say(who, ACME, text));
            decided(&story, *threads.last().unwrap()).await;
            said_one(&discord).await;
            assignments.push(story.mailed_one("assignment"));
        }
        let limited = |seconds: f64, global: bool| {
            (429, json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": global }))
        };
        discord.tries();

        // One room: what else is said there waits as well, the other room does not.
        discord.answers(&[limited(6.4, false)]);
        story.mail(&assignments[0].answer(SAM, "First.")).await;
        story.mail(&assignments[0].answer(SAM, "Second.")).await;
        story.mail(&assignments[1].answer(ANA, "Elsewhere.")).await;
        story.quiet().await;
        assert_eq!(discord.tries(), 2);
        assert_eq!(said_one(&discord).await.0, threads[1]);
        quiet_for(&story, &discord, 6).await;
        story.advance(TimeDelta::seconds(1)).await;
        let said: Vec<String> = discord.said().into_iter().map(|(_, text)| text).collect();
        assert!(said.len() == 2 && said[0].ends_with("First.") && said[1].ends_with("Second."), "{said:?}");

        // All rooms.
        discord.tries();
        discord.answers(&[limited(3.0, true)]);
        story.mail(&assignments[0].answer(SAM, "Third.")).await;
        story.mail(&assignments[1].answer(ANA, "Fourth.")).await;
        story.quiet().await;
        assert_eq!(discord.tries(), 1);
        quiet_for(&story, &discord, 2).await;
        story.advance(TimeDelta::seconds(1)).await;
        assert_eq!((discord.tries(), discord.said().len()), (2, 2));

        // What stands before Discord has no body for us.
        discord.answers(&[(429, json!(null))]);
        story.mail(&assignments[0].answer(SAM, "Fifth.")).await;
        story.mail(&assignments[1].answer(ANA, "Sixth.")).await;
        story.quiet().await;
        assert_eq!(discord.tries(), 1, "it counts all that we ask for, in whichever room");
        quiet_for(&story, &discord, 29).await;
        story.advance(TimeDelta::seconds(1)).await;
        let said: Vec<String> = discord.said().into_iter().map(|(_, text)| text).collect();
        assert!(said.len() == 2 && said[0].ends_with("Fifth.") && said[1].ends_with("Sixth."), "{said:?}");
        assert!(discord.said().is_empty() && discord.tries() == 2, "nothing twice");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn files_of_an_answer_stand_in_the_thread_and_what_discord_does_not_take_is_named() {
    told("discord_files", async |story, discord| {
        let asked = discord.say(JANE, ACME, "Which cable is it?");
        decided(&story, asked).await;
        said_one(&discord).await;
        let assignment = story.mailed_one("assignment");
        let large = vec![b'x'; 10 * 1024 * 1024 + 1];
        let files: [(&str, &str, &[u8]); 3] = [
            ("blue ü.txt", "text/plain", b"the blue one"),
            ("film.mp4", "video/mp4", &large),
            ("empty.txt", "text/plain", b""),
        ];
        story.mail(&assignment.answer_with(SAM, "Look.", &files)).await;
        story.quiet().await;
        let words = "Sam Ortiz, Northwind IT (#1001): Look. [+ film.mp4, empty.txt]".to_owned();
        assert_eq!(discord.said(), [(asked, words), (asked, "blue ü.txt: the blue one".to_owned())]);
        let receipt = story.mailed_one("receipt").mail.text;
        assert!(receipt.contains("film.mp4"), "{receipt}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_burst_is_paced_by_what_discord_says_with_each_answer() {
    told("discord_burst", async |story, discord| {
        let asked = discord.say(JANE, ACME, "How do I set up the phone?");
        decided(&story, asked).await;
        said_one(&discord).await;
        let assignment = story.mailed_one("assignment");
        for step in 1..=20 {
            story.mail(&assignment.answer(SAM, &format!("Step {step}."))).await;
        }
        story.quiet().await;
        let mut said = discord.said();
        let mut seconds = 0;
        while said.len() < 20 && seconds < 60 {
            seconds += 1;
            story.advance(TimeDelta::seconds(1)).await;
            said.extend(discord.said());
        }
        let wanted: Vec<_> =
            (1..=20).map(|step| (asked, format!("Sam Ortiz, Northwind IT (#1001): Step {step}."))).collect();
        assert_eq!(said, wanted, "all, once, in their order");
        assert!((15..=25).contains(&seconds), "{seconds} s");
        story.end().await;
    })
    .await;
}
