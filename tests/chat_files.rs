//! Files of a technician's answer: they stand in the client's chat, or go by mail, or the technician hears that they go nowhere.

use chrono::TimeDelta;
use deskd::channel::said::Platform;
use deskd::store::outbox::pages::{self, PAGE};
use deskd::store::outbox::{self, Class, NewMail, State};
use serde_json::{Value, json};

use crate::chat::{FIRST, SAM, kinds, later, linked, told};
use crate::harness::chat::{AS_USUAL, Chat, In, Said};
use crate::harness::look;
use crate::harness::story::{Sent, Story};

const WITH_FILES: [Platform; 3] = [Platform::Slack, Platform::Telegram, Platform::Mattermost];
const PHOTO: (&str, &str, &[u8]) = ("Übersicht 1.png", "image/png", b"\x89PNG\r\n\x00\xff of the rack");
const LOG: (&str, &str, &[u8]) = ("log.txt", "text/plain", b"line 1\nline 2\n");

/// Jane asks; what Sam gets, and where she reads her answers.
async fn asked(story: &Story, chat: &Chat) -> (Sent, Said) {
    chat.say("jane", &In::Acme, "Which cable is it?").await;
    story.quiet().await;
    (story.mailed_one("assignment"), chat.said_one())
}

fn file(of: (&str, &str, &[u8])) -> Option<(String, Vec<u8>)> {
    Some((of.0.to_owned(), of.2.to_vec()))
}

/// What the command line shows of the first row of a kind.
async fn shown(story: &Story, kind: &str) -> String {
    let mut tx = story.daemon.db.read().await.unwrap();
    let rows = deskd::store::outbox::list(&mut tx, true, 100).await.unwrap();
    drop(tx);
    let id = rows.iter().rev().find(|row| row.kind == kind).unwrap().id.0.to_string();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_deskd"));
    let output = command.arg("--config").arg(story.config()).args(["outbox", "show", &id]).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What a text says, however it is wrapped.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn they_stand_in_the_clients_thread_below_the_words() {
    for platform in WITH_FILES {
        told(platform, "chat_files_out", "", async |story, chat| {
            let (assignment, acknowledged) = asked(&story, &chat).await;
            story.mail(&assignment.answer_with(SAM, "The blue one.", &[PHOTO, LOG])).await;
            story.quiet().await;
            let said = chat.said();
            let texts: Vec<&str> = said.iter().map(|said| said.text.as_str()).collect();
            assert_eq!(texts, ["Sam Ortiz, Northwind IT (#1001): The blue one.", "", ""], "{platform:?}");
            assert_eq!((&said[1].file, &said[2].file), (&file(PHOTO), &file(LOG)), "{platform:?}");
            assert!(said.iter().all(|said| said.room == acknowledged.room && said.thread == acknowledged.thread));
            assert_eq!(kinds(&story.mailed()), ["receipt to sam@northwind.example"]);
            let shown = shown(&story, "chat_file").await;
            assert!(shown.contains("Übersicht 1.png (image/png, 20 bytes)"), "{shown}");
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_file_that_does_not_get_through_goes_again_alone_and_shows_once() {
    for platform in WITH_FILES {
        told(platform, "chat_files_again", "", async |story, chat| {
            let (assignment, _) = asked(&story, &chat).await;
            // The words are taken; what comes next of the file (its bytes, or the message with it) is not.
            // Without an answer to the bytes alone nobody can have seen them: that is soon, and never uncertain.
            let refusal = if platform == Platform::Mattermost { (200, Value::Null) } else { (503, json!({})) };
            chat.answers(&[AS_USUAL, refusal]);
            story.mail(&assignment.answer_with(SAM, "The blue one.", &[LOG])).await;
            story.quiet().await;
            assert!(chat.said_one().text.ends_with("The blue one."), "{platform:?}");
            later(&story, &chat, TimeDelta::minutes(2)).await;
            assert_eq!(chat.said_one().file, file(LOG), "{platform:?}");

            // Nobody can say whether it is there: after half an hour, as with words.
            let brought = matches!(platform, Platform::Slack | Platform::Mattermost);
            let mut answers = vec![AS_USUAL, (200, Value::Null)];
            if brought {
                answers.insert(1, AS_USUAL);
            }
            chat.answers(&answers);
            story.mail(&assignment.answer_with(SAM, "And this.", &[PHOTO])).await;
            story.quiet().await;
            assert!(chat.said_one().text.ends_with("And this."), "{platform:?}");
            later(&story, &chat, TimeDelta::minutes(29)).await;
            assert!(chat.said().is_empty(), "{platform:?}");
            later(&story, &chat, TimeDelta::minutes(2)).await;
            assert_eq!(chat.said_one().file, file(PHOTO), "{platform:?}");
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn no_file_stands_before_its_words_and_no_part_before_the_first() {
    for platform in WITH_FILES {
        told(platform, "chat_files_after", "", async |story, chat| {
            let (assignment, _) = asked(&story, &chat).await;
            chat.answers(&[(503, json!({}))]);
            story.mail(&assignment.answer_with(SAM, "The blue one.", &[PHOTO, LOG])).await;
            story.quiet().await;
            assert!(chat.said().is_empty(), "{platform:?}");
            later(&story, &chat, TimeDelta::minutes(2)).await;
            let said = chat.said();
            assert_eq!(said.len(), 3, "{platform:?}");
            assert!(said[0].text.ends_with("The blue one."), "{platform:?}");
            assert_eq!((&said[1].file, &said[2].file), (&file(PHOTO), &file(LOG)), "{platform:?}");

            chat.answers(&[(503, json!({}))]);
            story.mail(&assignment.answer(SAM, &"The long story.\n".repeat(600))).await;
            story.quiet().await;
            assert!(chat.said().is_empty(), "{platform:?}");
            later(&story, &chat, TimeDelta::minutes(2)).await;
            let parts: Vec<String> = chat.said().into_iter().map(|said| said.text[..3].to_owned()).collect();
            let wanted: Vec<String> = (1..=parts.len()).map(|place| format!("({place}/")).collect();
            assert!(parts.len() > 1 || platform == Platform::Mattermost, "{platform:?}");
            assert!(parts == wanted || parts.len() == 1, "{platform:?}: {parts:?}");
            story.end().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_slow_file_holds_up_no_page_and_what_waits_behind_it_can_be_taken_back() {
    told(Platform::Slack, "chat_files_slow", "", async |story, chat| {
        let (assignment, acknowledged) = asked(&story, &chat).await;
        chat.slow(true);
        let before = chat.uploads();
        story.drop_in(assignment.answer_with(SAM, "The blue one.", &[PHOTO, LOG]).as_bytes(), story.now());
        look::until("a file on its way", async || chat.uploads() > before).await;
        let page = |text: &str| NewMail {
            channel: "chat/talk".into(),
            dedupe_key: text.to_owned(),
            class: Class::MustArrive,
            kind: PAGE,
            automatic: true,
            ticket: Some(FIRST),
            envelope_from: None,
            recipient: acknowledged.room.clone(),
            message_id: format!("{text}@northwind.example/0"),
            subject: String::new(),
            content: text.as_bytes().to_vec().into(),
            next_at: story.now(),
        };
        let mut tx = story.daemon.db.write().await.unwrap();
        let rows = outbox::list(&mut tx, true, 100).await.unwrap();
        let files = rows.iter().filter(|row| row.kind == "chat_file").map(|row| row.state);
        assert_eq!(files.collect::<Vec<_>>(), [State::Queued, State::Sending], "one is in hand, the last one first");
        outbox::insert(&mut tx, page("seen"), story.now());
        tx.commit().await.unwrap();
        let mut tx = story.daemon.db.write().await.unwrap();
        pages::withdraw_pages(&mut tx, FIRST, story.now()).await.unwrap();
        outbox::insert(&mut tx, page("urgent"), story.now());
        tx.commit().await.unwrap();
        chat.slow(false);
        story.quiet().await;
        let said = chat.said();
        let texts: Vec<&str> = said.iter().map(|said| said.text.as_str()).collect();
        assert_eq!(texts, ["Sam Ortiz, Northwind IT (#1001): The blue one.", "", "urgent", ""]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_the_chat_refuses_goes_by_mail_with_the_words_and_the_tech_is_told() {
    told(Platform::Slack, "chat_files_refused", "", async |story, chat| {
        linked(&story, &chat, "jane", "jane@acme-dental.example").await;
        let (assignment, _) = asked(&story, &chat).await;
        chat.answers(&[AS_USUAL, AS_USUAL, (200, json!({ "ok": false, "error": "missing_scope" }))]);
        story.mail(&assignment.answer_with(SAM, "The blue one.", &[PHOTO])).await;
        story.quiet().await;
        assert!(chat.said_one().text.ends_with("The blue one."));
        let mailed = story.mailed();
        let relay = mailed.iter().find(|sent| sent.kind == "relay").unwrap();
        assert_eq!(relay.to, "jane@acme-dental.example");
        assert!(relay.mail.text.contains("The blue one."), "{}", relay.mail.text);
        let attached = &relay.mail.attachments;
        assert_eq!(
            attached.iter().map(|file| (file.name.as_str(), file.bytes.as_slice())).collect::<Vec<_>>(),
            [(PHOTO.0, PHOTO.2)]
        );
        let to_sam = mailed.iter().find(|sent| sent.kind == "undeliverable" && sent.to.starts_with("sam")).unwrap();
        assert!(to_sam.mail.text.contains("files:write"), "{}", to_sam.mail.text);
        // The chat itself goes on.
        story.mail(&assignment.answer(SAM, "Anything else?")).await;
        story.quiet().await;
        assert!(chat.said_one().text.ends_with("Anything else?"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn teams_takes_none_so_that_they_go_by_mail_where_an_address_is_known() {
    told(Platform::Teams, "chat_files_teams", "", async |story, chat| {
        let (assignment, _) = asked(&story, &chat).await;
        story.mail(&assignment.answer_with(SAM, "The blue one.", &[PHOTO])).await;
        story.quiet().await;
        assert_eq!(chat.said_one().text, "Sam Ortiz, Northwind IT (#1001): The blue one. [+ Übersicht 1.png]");
        let receipt = flat(&story.mailed_one("receipt").mail.text);
        let words = "Not to be put into the chat talk, and no mail address is known there: Übersicht 1.png.";
        assert!(receipt.contains(words), "{receipt}");

        linked(&story, &chat, "jane", "jane@acme-dental.example").await;
        let before = story.messages(FIRST).await.len();
        story.mail(&assignment.answer_with(SAM, "Or this one.", &[LOG])).await;
        story.quiet().await;
        assert_eq!(story.messages(FIRST).await.len(), before + 1, "one answer, by two ways");
        assert_eq!(chat.said_one().text, "Sam Ortiz, Northwind IT (#1001): Or this one. [by mail: log.txt]");
        let mailed = story.mailed();
        let relay = mailed.iter().find(|sent| sent.kind == "relay").unwrap();
        assert_eq!(
            (relay.to.as_str(), relay.mail.attachments[0].bytes.as_slice()),
            ("jane@acme-dental.example", LOG.2)
        );
        let receipt = mailed.iter().find(|sent| sent.kind == "receipt").unwrap();
        assert!(
            flat(&receipt.mail.text).contains("goes to jane@acme-dental.example by mail as well"),
            "{}",
            receipt.mail.text
        );

        // Refused there as well: she has it by mail, once.
        chat.answers(&[(403, json!({ "error": { "message": "the bot was removed" } }))]);
        story.mail(&assignment.answer_with(SAM, "Still there?", &[LOG])).await;
        story.quiet().await;
        let mailed = kinds(&story.mailed());
        assert_eq!(mailed.iter().filter(|kind| kind.starts_with("relay")).count(), 1, "{mailed:?}");
        let mut tx = story.daemon.db.read().await.unwrap();
        assert!(!deskd::store::outbox::has(&mut tx, "instead/").await.unwrap(), "not once more for the refusal");
        drop(tx);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_too_large_for_one_answer_is_named_in_the_chat_and_to_the_tech() {
    told(Platform::Mattermost, "chat_files_large", "[limits]\nattachments = \"1 KB\"", async |story, chat| {
        let (assignment, _) = asked(&story, &chat).await;
        story.mail(&assignment.answer_with(SAM, "Both manuals.", &[LOG, ("film.mp4", "video/mp4", &[7; 1500])])).await;
        story.quiet().await;
        let said = chat.said();
        assert_eq!(said.len(), 2, "{said:?}");
        assert_eq!(said[0].text, "Sam Ortiz, Northwind IT (#1001): Both manuals. [too large to send: film.mp4]");
        assert_eq!(said[1].file, file(LOG));
        let receipt = flat(&story.mailed_one("receipt").mail.text);
        assert!(receipt.contains("Too large to send along: film.mp4"), "{receipt}");
        story.end().await;
    })
    .await;
}
