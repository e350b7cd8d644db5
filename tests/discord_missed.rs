//! Discord: what is changed or taken back while no session is there is learnt with the next one, once, and recorded as the live way does.

use chrono::TimeDelta;
use deskd::store::inbound;
use deskd::words::TicketNumber;
use serde_json::json;

use crate::discord::{FIRST, JANE, TOM, decided, told};
use crate::harness::discord::{ACME, BOT, Discord, ELSEWHERE};
use crate::harness::look;
use crate::harness::story::Story;

const SECOND: TicketNumber = TicketNumber(1002);
const EDITED: &str = "2026-03-02T15:20:00+00:00";

async fn keys(story: &Story) -> Vec<String> {
    let mut tx = story.daemon.db.read().await.unwrap();
    let all = inbound::list(&mut tx, None, 1000).await.unwrap();
    let mut keys: Vec<String> = all.into_iter().map(|row| row.source_key).collect();
    keys.retain(|key| key.contains('/'));
    keys.sort();
    keys
}

/// Both clocks go on.
async fn later(story: &Story, discord: &Discord, minutes: u32) {
    discord.passed(minutes.into());
    story.advance(TimeDelta::minutes(minutes.into())).await;
}

/// The gateway is lost, and found again; what is said by then is decided.
async fn new_session(story: &Story, discord: &Discord, resumes: bool) {
    discord.resumes(resumes);
    let looks = discord.looks();
    discord.drop_sockets();
    look::until("a look at what is there", async || discord.looks() > looks).await;
    // The source does one thing after the other: what is said now it takes when it has compared.
    let last = discord.say(JANE, ACME, "Good morning");
    decided(story, last).await;
}

#[tokio::test]
async fn an_edit_and_a_deletion_that_nobody_told_are_found_once() {
    told("discord_missed", async |story, discord| {
        let first = discord.say(JANE, ACME, "The file server is down");
        decided(&story, first).await;
        let second = discord.say(TOM, ACME, "My keyboard is broken");
        decided(&story, second).await;
        // Changed before it was ever read: that is how it was said.
        let early =
            discord.say_with(103, ACME, "The door sticks", &json!({ "edited_timestamp": "2026-03-02T15:00:01+00:00" }));
        decided(&story, early).await;
        later(&story, &discord, 20).await;
        story.mailed();
        discord.edit_unheard(first, "The file server is slow", EDITED);
        discord.delete_unheard(second);
        new_session(&story, &discord, false).await;
        let wanted = [format!("d/{second}"), format!("e/{first}/2026-03-02T15:20:00Z")];
        assert_eq!(keys(&story).await, wanted);
        let told = story.mailed().into_iter().find(|sent| sent.kind == "client_message").unwrap();
        assert!(told.mail.text.contains("(changed afterwards) The file server is slow"), "{}", told.mail.text);
        let last = story.messages(SECOND).await.pop().unwrap();
        assert_eq!(last.reason.as_deref(), Some("the message was taken back"));
        assert_eq!(story.messages(FIRST).await.len(), 2);

        // Neither the next session nor the live way says it again.
        later(&story, &discord, 20).await;
        discord.tell(
            "MESSAGE_DELETE",
            json!({ "id": second.to_string(), "channel_id": ACME.to_string(), "guild_id": null }),
        );
        new_session(&story, &discord, true).await;
        assert_eq!(keys(&story).await, wanted);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_older_than_a_page_or_just_said_is_not_taken_for_deleted() {
    told("discord_page", async |story, discord| {
        let old = discord.say(JANE, ACME, "The file server is down");
        decided(&story, old).await;
        later(&story, &discord, 20).await;
        // A hundred others since, of which no ticket knows: it is not on the page any more, and nobody took it back.
        for n in 0..100 {
            discord.say_by_bot(ACME, &format!("Backup {n} is done"));
        }
        // Gone at once; a message may also show up late, so that nothing is said of it yet.
        let young = discord.say(TOM, ACME, "My keyboard is broken");
        decided(&story, young).await;
        discord.delete_unheard(young);
        new_session(&story, &discord, false).await;
        assert!(keys(&story).await.is_empty());
        later(&story, &discord, 20).await;
        new_session(&story, &discord, false).await;
        assert_eq!(keys(&story).await, [format!("d/{young}")]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_with_nothing_on_it_is_no_deletion_unless_discord_says_that_each_message_is_unknown() {
    told("discord_blind", async |story, discord| {
        let first = discord.say(JANE, ACME, "The file server is down");
        decided(&story, first).await;
        later(&story, &discord, 20).await;
        discord.history(false);
        new_session(&story, &discord, false).await;
        assert!(keys(&story).await.is_empty(), "the right to read the history was taken away, and no message");
        discord.history(true);
        discord.delete_unheard(first);
        later(&story, &discord, 20).await;
        new_session(&story, &discord, false).await;
        assert_eq!(keys(&story).await, [format!("d/{first}")]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_cannot_be_looked_at_costs_the_session_nothing_and_has_its_turn_later() {
    told("discord_broken", async |story, discord| {
        let mention = json!({ "mentions": [{ "id": BOT.to_string(), "username": "desk", "discriminator": "0", "global_name": null, "avatar": null }] });
        let elsewhere = discord.say_with(TOM, ELSEWHERE, &format!("<@{BOT}> My keyboard is broken"), &mention);
        decided(&story, elsewhere).await;
        let first = discord.say(JANE, ACME, "The file server is down");
        decided(&story, first).await;
        later(&story, &discord, 20).await;
        discord.delete_unheard(elsewhere);
        discord.delete_unheard(first);
        discord.breaks(Some(ACME));
        // What is said afterwards is heard in the same session.
        new_session(&story, &discord, false).await;
        let (begun, ..) = discord.sessions();
        assert_eq!(keys(&story).await, [format!("d/{elsewhere}")]);
        let last = discord.say(JANE, ACME, "And the printer");
        decided(&story, last).await;
        assert_eq!(discord.sessions().0, begun, "no session ended over it");

        // Sessions that come and go look no more often than every five minutes.
        discord.breaks(None);
        let looks = discord.looks();
        discord.drop_sockets();
        look::until("a session", async || discord.sessions().0 > begun).await;
        let last = discord.say(JANE, ACME, "And the mouse");
        decided(&story, last).await;
        assert_eq!(discord.looks(), looks);
        later(&story, &discord, 20).await;
        new_session(&story, &discord, false).await;
        assert_eq!(keys(&story).await, [format!("d/{elsewhere}"), format!("d/{first}")]);
        story.end().await;
    })
    .await;
}
