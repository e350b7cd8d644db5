//! Chat platforms: what each signs, what it sends along, what it takes, and how it says no.

use chrono::TimeDelta;
use deskd::channel::said::Platform;
use serde_json::{Value, json};

use crate::chat::{FIRST, SAM, later, said_in_time, told};
use crate::harness::chat::{Chat, In, SECRET};

const POSTING: [Platform; 4] = [Platform::Slack, Platform::Telegram, Platform::Mattermost, Platform::Teams];

#[tokio::test]
async fn files_come_along() {
    told(Platform::Slack, "chat_files", "", async |story, chat| {
        let mut event = chat.event("jane", &In::Acme, "This is what the printer shows");
        event["event"]["subtype"] = "file_share".into();
        event["event"]["files"] = json!([
            { "name": "photo.png", "mimetype": "image/png", "size": 17, "url_private_download": format!("{}/files/photo.png", chat.api) },
            { "name": "film.mp4", "mimetype": "video/mp4", "size": 99_000_000, "url_private_download": format!("{}/files/film.mp4", chat.api) },
            { "name": "evil", "mimetype": "text/plain", "size": 5, "url_private_download": "http://127.0.0.1:1/metadata" },
        ]);
        chat.post(&event).await;
        story.quiet().await;
        let mail = story.mailed_one("assignment").mail;
        assert_eq!(mail.attachments.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect::<Vec<_>>(), [("photo.png", b"\x89PNG of the photo".as_slice())]);
        for words in ["[film.mp4: it is too large", "[evil: it lies where deskd fetches nothing"] {
            assert!(mail.text.contains(words), "{}", mail.text);
        }
        // A film without a word, which is too large: a request all the same.
        let mut event = chat.event("tom", &In::Acme, "");
        event["event"]["subtype"] = "file_share".into();
        event["event"]["files"] = json!([{ "name": "film.mp4", "mimetype": "video/mp4", "size": 99_000_000, "url_private_download": "" }]);
        chat.post(&event).await;
        story.quiet().await;
        assert!(story.mailed_one("assignment").mail.text.contains("[film.mp4: it is too large]"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_command_opens_a_ticket_and_its_answers_begin_a_thread() {
    told(Platform::Slack, "chat_command", "", async |story, chat| {
        let room = chat.room(&In::Acme);
        let answer = chat.command("jane", &In::Acme, "The+wifi+is+slow").await;
        assert_eq!(answer["text"], "Taken. The answer follows here.");
        story.quiet().await;
        let acknowledged = chat.said_one();
        assert_eq!((&acknowledged.room, &acknowledged.thread), (&room, &acknowledged.id), "it begins one");
        story.mailed();
        chat.say("jane", &In::Thread(acknowledged), "On all laptops").await;
        story.quiet().await;
        assert_eq!(story.messages(FIRST).await.len(), 2);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_post_that_the_platform_did_not_sign_is_refused_and_the_same_one_a_hundred_times_is_one_ticket() {
    for platform in POSTING {
        told(platform, "chat_signed", "", async |story, chat| {
            let event = chat.event("jane", &In::Acme, "The wifi is slow");
            let mut forged = event.clone();
            let body = event.to_string();
            let fields: Vec<(&'static str, String)> = match platform {
                Platform::Mattermost => {
                    forged["token"] = SECRET.replacen('c', "d", 1).into();
                    Vec::new()
                }
                Platform::Telegram => vec![("x-telegram-bot-api-secret-token", SECRET.replacen('c', "d", 1))],
                Platform::Teams => {
                    let other = |claims: Value| vec![("authorization", format!("Bearer {}", chat.token(&claims)))];
                    for claims in [
                        json!({ "aud": "another bot" }),
                        json!({ "iss": "https://evil.example" }),
                        json!({ "exp": 1_772_463_600 - 400 }),
                        json!({ "nbf": 1_772_463_600 + 400 }),
                        json!({ "serviceurl": "https://evil.example/" }),
                    ] {
                        assert_eq!(chat.post_with(&body, &other(claims.clone())).await.0, 401, "{claims}");
                    }
                    let token = chat.token(&json!({}));
                    let (rest, signature) = token.rsplit_once('.').unwrap();
                    let flipped = if signature.starts_with('A') { "B" } else { "A" };
                    vec![("authorization", format!("Bearer {rest}.{flipped}{}", &signature[1..]))]
                }
                _ => {
                    let mut fields = chat.fields(&body);
                    let last = if fields[1].1.ends_with('0') { "1" } else { "0" };
                    let end = fields[1].1.len() - 1;
                    fields[1].1.replace_range(end.., last);
                    fields
                }
            };
            assert_eq!(chat.post_with(&forged.to_string(), &fields).await.0, 401, "{platform:?}");
            if platform != Platform::Mattermost {
                assert_eq!(chat.post_with(&body, &[]).await.0, 401, "{platform:?}");
            }
            let posts = (0..100).map(|_| chat.post(&event));
            let statuses = futures_util::future::join_all(posts).await;
            assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
            story.quiet().await;
            assert_eq!(chat.said().len(), 1, "{platform:?}");
            let mut tx = story.daemon.db.read().await.unwrap();
            assert_eq!(deskd::store::inbound::list(&mut tx, None, 10).await.unwrap().len(), 1);
            drop(tx);
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn what_the_platform_does_not_take_waits_fails_or_stands_still() {
    told(Platform::Slack, "chat_refusals", "", async |story, chat| {
        chat.say("jane", &In::Acme, "The wifi is slow").await;
        story.quiet().await;
        chat.said();
        let assignment = story.mailed_one("assignment");
        chat.answers(&[(429, json!({ "ok": false, "error": "ratelimited" }))]);
        story.mail(&assignment.answer(SAM, "First answer.")).await;
        assert!(chat.said().is_empty());
        later(&story, &chat, TimeDelta::seconds(6)).await;
        assert!(
            chat.said_one().text.ends_with("First answer."),
            "again after what Retry-After says, here nothing: 5 s"
        );

        chat.answers(&[(200, json!({ "ok": false, "error": "token_revoked" }))]);
        story.mail(&assignment.answer(SAM, "Second answer.")).await;
        assert!(chat.said().is_empty());
        later(&story, &chat, TimeDelta::minutes(2)).await;
        assert!(chat.said_one().text.ends_with("Second answer."));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_long_answer_comes_in_parts_that_the_platform_takes() {
    for platform in POSTING {
        told(platform, "chat_long", "", async |story, chat| {
            chat.say("jane", &In::Acme, "How do I set up the phone?").await;
            story.quiet().await;
            chat.said();
            let assignment = story.mailed_one("assignment");
            let long: String = (0..9_000).map(|number| format!("step{number} ")).collect();
            story.mail(&assignment.answer(SAM, &format!("{long}\n\n<!channel> @channel & done"))).await;
            let (parts, _) = said_in_time(&story, &chat).await;
            let whole: String =
                parts.iter().map(|said| said.text.split_once(") ").unwrap().1).collect::<Vec<_>>().join(" ");
            assert!(parts.len() > 1 && whole.contains("step0 ") && whole.contains("step8999"), "{platform:?}");
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn telegram_is_asked_where_nothing_can_be_posted_to_us() {
    told(Platform::Telegram, "chat_poll", "poll = true", async |story, chat| {
        let mut event = chat.event("jane", &In::Direct, "");
        event["message"]["text"] = Value::Null;
        event["message"]["caption"] = "This is what the printer shows".into();
        event["message"]["photo"] =
            json!([{ "file_id": "small", "file_size": 1 }, { "file_id": "large", "file_size": 16 }]);
        chat.update(event);
        let start = chat.event("tom", &In::Direct, "/start");
        chat.update(start);
        story.decided("the hello", |row| row.source_key == "704/100002").await;
        story.quiet().await;
        let message = story.messages(FIRST).await.remove(0);
        assert_eq!(
            (message.text.as_str(), message.attachments[0].name.as_str()),
            ("This is what the printer shows", "photo.jpg")
        );
        assert!(
            chat.said_one().text.starts_with("This is the desk of Northwind IT."),
            "how it works, to who says /start"
        );
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_outgoing_webhook_of_teams_is_believed_by_its_signature_and_answered_by_mail() {
    told(Platform::Teams, "chat_outgoing", "", async |story, chat| {
        let body = chat.event("jane", &In::Acme, "The wifi is slow").to_string();
        let signed = Chat::hmac(&body);
        assert_eq!(chat.post_with(&format!("{body} "), &[("authorization", signed.clone())]).await.0, 401);
        let (status, answer) = chat.post_with(&body, &[("authorization", signed)]).await;
        assert_eq!((status, answer["text"].as_str()), (200, Some("Taken. The answer follows by mail.")));
        story.quiet().await;
        assert_eq!(story.ticket(FIRST).await.subject, "The wifi is slow");
        assert!(chat.said().is_empty(), "nobody can be written to there");
        story.end().await;
    })
    .await;
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn real_events_read_as_what_they_say() {
    let read = |platform: Platform, file: &str| {
        let path = crate::harness::testdata(&format!("webhooks/{}/{file}.json", platform.as_str()))?;
        let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let event = match platform {
            Platform::Discord => {
                json!({ "kind": "message", "d": event["d"], "parent": "", "direct": false, "bot": "1" })
            }
            _ => event,
        };
        Some(
            deskd::chat::said(platform, &event)
                .map(|said| (said.key, said.place, said.author, said.text, said.files.len())),
        )
    };
    let some = |key: &str, place: &str, author: &str, text: &str, files: usize| {
        Some((key.to_owned(), place.to_owned(), author.to_owned(), text.to_owned(), files))
    };
    for (platform, file, wanted) in [
        (
            Platform::Slack,
            "message_channels",
            some(
                "C2147483705/1772600767.000200",
                "C2147483705/1772600767.000200",
                "U2147483697",
                "The file server at Acme is down, nobody can work & status page (https://status.acme.example) says <unknown>",
                0,
            ),
        ),
        (
            Platform::Slack,
            "app_mention",
            some("C111/1595926230.009600", "C111/1595926230.009600", "W222", "@W111 Hi there!", 0),
        ),
        (
            Platform::Slack,
            "message_changed",
            some(
                "e/C2147483705/1772600767.000200/1772600999.000100",
                "C2147483705/1772600767.000200",
                "U2147483697",
                "The file server at Acme is slow",
                0,
            ),
        ),
        (Platform::Slack, "member_joined_channel", None),
        (Platform::Telegram, "get-updates-message_0", some("1/1", "1/1", "1", "Test", 0)),
        (Platform::Telegram, "get-updates-edited-message", some("e/1/1/1", "1", "1", "Test", 0)),
        (Platform::Telegram, "get-updates-message-reaction_1", None),
        (
            Platform::Mattermost,
            "outgoing_json",
            some(
                "axdygg1957njfe5pu38saikdho",
                "hawos4dqtby53pd64o4a4cmeoo/axdygg1957njfe5pu38saikdho",
                "rnina9994bde8mua79zqcg5hmo",
                "printer on floor 2 is jammed",
                0,
            ),
        ),
        (
            Platform::Teams,
            "personal_message",
            some(
                "a:1xyz/1772600767123",
                "https://smba.trafficmanager.net/emea/|a:1xyz",
                "11111111-2222-4333-8444-555555555555",
                "laptop won't start",
                0,
            ),
        ),
        (Platform::Teams, "conversation_update_member_added", None),
        (
            Platform::Discord,
            "message_create_attachment_reply",
            some("1090000000000000001", "900000000000000010/1090000000000000001", "900000000000000100", "see log", 1),
        ),
        (Platform::Discord, "message_create_bot", None),
        (Platform::Discord, "message_create_webhook", None),
    ] {
        let Some(found) = read(platform, file) else { return };
        assert_eq!(found, wanted, "{platform:?} {file}");
    }
}

#[tokio::test]
async fn machines_are_not_heard_so_that_two_of_them_never_talk() {
    for platform in [Platform::Slack, Platform::Telegram, Platform::Mattermost] {
        told(platform, "chat_bots", "", async |story, chat| {
            let event = chat.event_of_a_bot(&In::Acme, "Northwind IT: we have your request, #1001.");
            assert_eq!(chat.post(&event).await, 200);
            story.quiet().await;
            let mut tx = story.daemon.db.read().await.unwrap();
            assert!(deskd::store::inbound::list(&mut tx, None, 10).await.unwrap().is_empty(), "{platform:?}");
            drop(tx);
            assert!(chat.said().is_empty());
            story.end().await;
        })
        .await;
    }
}
