//! A server that lies is cut off; the daemon stays up and the next good mail arrives.
#![expect(clippy::unwrap_used, reason = "test servers: a failure here is a failed test")]

use std::time::Duration;

use deskd::clock::Clock;
use deskd::source::imap::{ImapSource, Login, Settings, Tls};

use crate::harness::desk::Desk;
use crate::harness::lying_imap::{Act, LyingImap};
use crate::harness::provider::Provider;

fn settings(server: &LyingImap) -> Settings {
    let login = Login::Password { user: "support".to_owned(), password: "secret".to_owned().into() };
    let mut settings = Settings::new("support", "localhost", server.port, Tls::None, login);
    settings.host = "127.0.0.1".to_owned();
    settings.poll = Duration::from_millis(50);
    settings.timeouts.command = Duration::from_millis(400);
    settings.timeouts.body = Duration::from_millis(400);
    settings.timeouts.stop = Duration::from_millis(100);
    settings
}

/// One mail with UID 5; on the first connection the body's answer is `lie`.
async fn survives(lie: Act) {
    let lie = std::sync::Mutex::new(Some(lie));
    let server = LyingImap::start(move |connection, command| {
        if command.starts_with("UID SEARCH") {
            return Some(Act::Say("* SEARCH 5\r\nTAG OK\r\n".to_owned()));
        }
        if command.contains("RFC822.SIZE") {
            return Some(Act::Say(
                "* 1 FETCH (UID 5 RFC822.SIZE 20 INTERNALDATE \"17-Jul-2026 02:44:25 -0700\" FLAGS ($Junk))\r\nTAG OK\r\n".to_owned(),
            ));
        }
        if command.contains("BODY.PEEK") {
            if connection == 1
                && let Some(lie) = lie.lock().unwrap().take()
            {
                return Some(lie);
            }
            let section = if command.contains("<0.") { "BODY[]<0>" } else { "BODY[]" };
            return Some(Act::Say(format!("* 1 FETCH (UID 5 {section} {{13}}\r\nSubject: a\r\n\r)\r\nTAG OK\r\n")));
        }
        None
    })
    .await;
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server)));
    let kept = desk.until_kept(1).await;
    assert_eq!((kept[0].key.as_str(), kept[0].junk), ("7/5", true));
    assert_eq!(kept[0].raw, b"Subject: a\r\n\r");
    running.stop().await;
}

#[tokio::test]
async fn a_literal_of_two_gigabytes_is_not_waited_for() {
    survives(Act::Say("* 1 FETCH (UID 5 BODY[] {2000000000}\r\nabc".to_owned())).await;
}

#[tokio::test]
async fn deep_parentheses_are_cut_off() {
    survives(Act::Say(format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(400)))).await;
}

#[tokio::test]
async fn parentheses_hidden_behind_a_false_literal_are_cut_off() {
    survives(Act::Say(format!("* OK x {{9999}}\r\n* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(400)))).await;
}

#[tokio::test]
async fn a_connection_that_breaks_within_a_mail_is_taken_up_again() {
    survives(Act::SayAndHangUp("* 1 FETCH (UID 5 BODY[] {500}\r\nhalf".to_owned())).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_more_is_dropped() {
    survives(Act::Hang).await;
}

#[tokio::test]
async fn a_goodbye_leads_to_a_new_connection() {
    survives(Act::SayAndHangUp("* BYE maintenance\r\n".to_owned())).await;
}

#[tokio::test]
async fn wrong_uids_and_unasked_mails_are_passed_over() {
    survives(Act::Say(
        "* 9 FETCH (UID 77 BODY[] {3}\r\nbad)\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 1 FETCH (UID 5 BODY[] {13}\r\nSubject: a\r\n\r)\r\nTAG OK\r\n"
            .to_owned(),
    ))
    .await;
}

#[tokio::test]
async fn a_mail_that_the_server_refuses_to_give_does_not_stop_the_others() {
    let server = LyingImap::start(|_, command| {
        if command.starts_with("UID SEARCH") {
            return Some(Act::Say("* SEARCH 6 5\r\nTAG OK\r\n".to_owned()));
        }
        if command.contains("RFC822.SIZE") {
            return Some(Act::Say(
                "* 1 FETCH (UID 5 RFC822.SIZE 13)\r\n* 2 FETCH (UID 6 RFC822.SIZE 13)\r\nTAG OK\r\n".to_owned(),
            ));
        }
        if command.contains("BODY.PEEK") {
            return Some(Act::Say(if command.contains("FETCH 6 ") {
                "* 2 FETCH (UID 6 BODY[]<0> {13}\r\nSubject: a\r\n\r)\r\nTAG OK\r\n".to_owned()
            } else {
                "TAG NO cannot read it\r\n".to_owned()
            }));
        }
        None
    })
    .await;
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server)));
    assert_eq!(desk.until_kept(1).await[0].key, "7/6");
    running.until_well().await;
    running.stop().await;
}

#[tokio::test]
async fn uids_given_out_a_second_time_are_other_mails() {
    let server = LyingImap::start(|connection, command| {
        let uid = if connection == 1 { 90 } else { 5 };
        if command.starts_with("SELECT") {
            return Some(Act::Say(format!(
                "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT {}] n\r\nTAG OK\r\n",
                uid + 1
            )));
        }
        if command.starts_with("UID SEARCH") {
            return Some(Act::Say(format!("* SEARCH {uid}\r\nTAG OK\r\n")));
        }
        if command.contains("RFC822.SIZE") {
            return Some(Act::Say(format!("* 1 FETCH (UID {uid} RFC822.SIZE 13)\r\nTAG OK\r\n")));
        }
        if command.contains("BODY.PEEK") {
            return Some(Act::Say(format!("* 1 FETCH (UID {uid} BODY[] {{13}}\r\nSubject: a\r\n\r)\r\nTAG OK\r\n")));
        }
        (command.starts_with("UID MOVE") && connection == 1)
            .then(|| Act::SayAndHangUp("TAG OK\r\n* BYE\r\n".to_owned()))
    })
    .await;
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server)));
    let kept = desk.until_kept(2).await;
    assert_eq!((kept[0].key.as_str(), kept[1].key.as_str()), ("7/90", "7~1/5"));
    running.stop().await;
}

/// An honest server with mail 5, whose listing and login the test may bend.
async fn server_with(bend: impl Fn(usize, &str) -> Option<Act> + Send + Sync + 'static) -> LyingImap {
    LyingImap::start(move |connection, command| {
        let bent = bend(connection, command);
        if bent.is_some() {
            return bent;
        }
        let section = if command.contains("<0.") { "BODY[]<0>" } else { "BODY[]" };
        let say = |text: String| Some(Act::Say(text));
        match command {
            search if search.starts_with("UID SEARCH") => say("* SEARCH 5\r\nTAG OK\r\n".to_owned()),
            list if list.contains("RFC822.SIZE") => say("* 1 FETCH (UID 5 RFC822.SIZE 13)\r\nTAG OK\r\n".to_owned()),
            body if body.contains("BODY.PEEK") => {
                say(format!("* 1 FETCH (UID 5 {section} {{13}}\r\nSubject: a\r\n\r)\r\nTAG OK\r\n"))
            }
            _ => None,
        }
    })
    .await
}

#[tokio::test]
async fn a_mail_without_an_arrival_time_stops_nobody() {
    let server = server_with(|_, command| {
        command
            .contains("RFC822.SIZE")
            .then(|| Act::Say("* 1 FETCH (UID 5 RFC822.SIZE 13 INTERNALDATE nil FLAGS ())\r\nTAG OK\r\n".to_owned()))
    })
    .await;
    let mut desk = Desk::open().await;
    let before = chrono_now(&desk);
    let running = desk.start(ImapSource::new(settings(&server)));
    let kept = desk.until_kept(1).await;
    assert_eq!(kept[0].key, "7/5");
    assert!(kept[0].arrived_at >= before, "the clock starts when we saw it");
    running.stop().await;
}

#[tokio::test]
async fn an_arrival_time_that_no_mail_can_have_counts_as_none() {
    // Some databases know no year 5000 before Christ: one such row would keep everybody's mail from being kept.
    for date in ["01-Jan--4999 00:00:00 +0000", "01-Jan-0001 00:00:00 +0000", "01-Jan-99999 00:00:00 +0000"] {
        let server = server_with(move |_, command| {
            let answer = format!("* 1 FETCH (UID 5 RFC822.SIZE 13 INTERNALDATE \"{date}\" FLAGS ())\r\nTAG OK\r\n");
            command.contains("RFC822.SIZE").then_some(Act::Say(answer))
        })
        .await;
        let mut desk = Desk::open().await;
        let before = chrono_now(&desk);
        let running = desk.start(ImapSource::new(settings(&server)));
        let kept = desk.until_kept(1).await;
        assert!(
            kept[0].arrived_at >= before && kept[0].arrived_at <= chrono_now(&desk),
            "{date}: {}",
            kept[0].arrived_at
        );
        running.stop().await;
    }
}

/// Neither MOVE nor UIDPLUS nor keywords: our own table of keys alone knows what is done.
#[tokio::test]
async fn where_mail_can_neither_be_moved_nor_marked_it_is_left_alone_and_taken_once() {
    let touched = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = touched.clone();
    let server = server_with(move |_, command| {
        if ["UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE", "CREATE"].iter().any(|word| command.starts_with(word)) {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        let say = |text: &str| Some(Act::Say(text.to_owned()));
        match command {
            "CAPABILITY" => say("* CAPABILITY IMAP4rev1\r\nTAG OK\r\n"),
            select if select.starts_with("SELECT") => say(
                "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 6] n\r\n* OK [PERMANENTFLAGS (\\Seen)] p\r\nTAG OK\r\n",
            ),
            _ => None,
        }
    })
    .await;
    let mut desk = Desk::open().await;
    for life in 1..=3 {
        let running = desk.start(ImapSource::new(settings(&server)));
        assert_eq!(desk.until_kept(1).await[0].key, "7/5");
        // Seen whole twice: found again, known, and left alone.
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, running.health.until(|now| now.successes >= 2)).await.unwrap();
        assert_eq!(running.health.snapshot().handed_in, u64::from(life == 1), "life {life}");
        running.stop().await;
        let deskd::store::Db::Sqlite { write, .. } = &desk.inside.db else { unreachable!() };
        sqlx::query("DELETE FROM source_cursor").execute(write).await.unwrap();
    }
    assert_eq!(desk.kept.borrow().len(), 1);
    assert_eq!(touched.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn without_move_each_mail_is_copied_marked_and_expunged_by_its_number_also_after_a_break_in_between() {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (hears, left) = (heard.clone(), std::sync::atomic::AtomicBool::new(true));
    let server = server_with(move |connection, command| {
        let words = ["UID MOVE", "UID COPY", "UID STORE", "UID EXPUNGE", "EXPUNGE", "CLOSE"];
        if words.iter().any(|word| command.starts_with(word)) {
            hears.lock().unwrap().push(command.to_owned());
        }
        if command.starts_with("UID EXPUNGE") {
            left.store(false, std::sync::atomic::Ordering::SeqCst);
        }
        let say = |text: &str| Some(Act::Say(text.to_owned()));
        match command {
            "CAPABILITY" => say("* CAPABILITY IMAP4rev1 UIDPLUS\r\nTAG OK\r\n"),
            copy if copy.starts_with("UID COPY") && connection == 1 => {
                Some(Act::SayAndHangUp("TAG OK\r\n* BYE\r\n".to_owned()))
            }
            gone if gone.starts_with("UID SEARCH") && !left.load(std::sync::atomic::Ordering::SeqCst) => {
                say("* SEARCH\r\nTAG OK\r\n")
            }
            _ => None,
        }
    })
    .await;
    let mut desk = Desk::open().await;
    let running = desk.start(ImapSource::new(settings(&server)));
    desk.until_kept(1).await;
    tokio::time::timeout(Duration::from_secs(20), running.health.until(|now| now.successes >= 2)).await.unwrap();
    running.stop().await;
    let [copy, mark, expunge] = ["UID COPY 5 \"Processed\"", "UID STORE 5 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 5"];
    // Other people's deleted mail is theirs: never a plain EXPUNGE.
    assert_eq!(*heard.lock().unwrap(), [copy, copy, mark, expunge]);
    assert_eq!(desk.kept.borrow().len(), 1);
}

fn chrono_now(desk: &Desk) -> chrono::DateTime<chrono::Utc> {
    desk.inside.clock.now()
}

async fn with_tokens(server: &LyingImap, answers: &[(u16, &str)]) -> (Settings, Provider) {
    let provider = Provider::start(answers).await;
    let mut settings = settings(server);
    settings.login = Login::XOAuth2 { user: "support@x.example".to_owned(), tokens: provider.tokens(Clock::System) };
    (settings, provider)
}

fn offers_xoauth2(command: &str) -> Option<Act> {
    (command == "CAPABILITY")
        .then(|| Act::Say("* CAPABILITY IMAP4rev1 MOVE UIDPLUS AUTH=XOAUTH2 SASL-IR\r\nTAG OK\r\n".to_owned()))
}

#[tokio::test]
async fn a_token_logs_in_by_xoauth2() {
    let said = std::sync::Arc::new(std::sync::Mutex::new(None));
    let heard = said.clone();
    let server = server_with(move |_, command| {
        if command.starts_with("AUTHENTICATE XOAUTH2") {
            return Some(Act::Ask("+ \r\n".to_owned(), {
                let heard = heard.clone();
                Box::new(move |answer: &str| {
                    *heard.lock().unwrap() = Some(answer.to_owned());
                    "TAG OK welcome\r\n".to_owned()
                })
            }));
        }
        offers_xoauth2(command)
    })
    .await;
    let mut desk = Desk::open().await;
    let (settings, _provider) = with_tokens(&server, &[(200, r#"{"access_token":"tok"}"#)]).await;
    let running = desk.start(ImapSource::new(settings));
    desk.until_kept(1).await;
    let answer = said.lock().unwrap().clone().unwrap();
    let plain = data_encoding::BASE64.decode(answer.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(plain).unwrap(), "user=support@x.example\x01auth=Bearer tok\x01\x01");
    running.stop().await;
}

#[tokio::test]
async fn a_refused_token_is_told_after_the_challenge_is_answered() {
    let server = server_with(|_, command| {
        if command.starts_with("AUTHENTICATE XOAUTH2") {
            return Some(Act::Ask("+ \r\n".to_owned(), {
                Box::new(|answer: &str| {
                    // The challenge wants an empty line; only then comes the refusal.
                    if answer.is_empty() {
                        "TAG NO [AUTHENTICATIONFAILED] expired\r\n".to_owned()
                    } else {
                        "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n".to_owned()
                    }
                })
            }));
        }
        offers_xoauth2(command)
    })
    .await;
    let desk = Desk::open().await;
    let (settings, _provider) = with_tokens(&server, &[(200, r#"{"access_token":"tok"}"#)]).await;
    let running = desk.start(ImapSource::new(settings));
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, running.health.until(|now| now.last_error.is_some())).await.unwrap();
    let (_, words) = running.health.snapshot().last_error.unwrap();
    assert!(words.contains("refuses the login") && words.contains("expired") && !words.contains("tok"), "{words}");
    running.stop().await;
}

#[tokio::test]
async fn a_token_that_was_revoked_before_its_time_is_asked_for_anew() {
    let server = server_with(|_, command| {
        if command.starts_with("AUTHENTICATE XOAUTH2") {
            return Some(Act::Ask("+ \r\n".to_owned(), {
                Box::new(|answer: &str| {
                    let plain = data_encoding::BASE64.decode(answer.as_bytes()).unwrap_or_default();
                    match String::from_utf8_lossy(&plain) {
                        new if new.contains("Bearer new") => "TAG OK welcome\r\n".to_owned(),
                        old if old.contains("Bearer old") => "+ eyJzdGF0dXMiOiI0MDAifQ==\r\n".to_owned(),
                        _ => "TAG NO [AUTHENTICATIONFAILED] revoked\r\n".to_owned(),
                    }
                })
            }));
        }
        offers_xoauth2(command)
    })
    .await;
    let mut desk = Desk::open().await;
    let answers = [
        (503, "busy"),
        (200, r#"{"access_token":"old","expires_in":3600}"#),
        (200, r#"{"access_token":"new","expires_in":3600}"#),
    ];
    let (settings, provider) = with_tokens(&server, &answers).await;
    let running = desk.start(ImapSource::new(settings));
    assert_eq!(desk.until_kept(1).await[0].key, "7/5");
    assert_eq!(provider.asked().len(), 3, "one that failed, one that was revoked, and the new one");
    running.stop().await;
}

#[tokio::test]
async fn without_starttls_no_password_leaves() {
    let logins = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = logins.clone();
    let server = server_with(move |_, command| {
        if command.starts_with("LOGIN") || command.starts_with("AUTH") {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        None
    })
    .await;
    let desk = Desk::open().await;
    let mut settings = settings(&server);
    settings.tls = Tls::StartTls(deskd::account::tls::client_config(None).unwrap());
    let running = desk.start(ImapSource::new(settings));
    tokio::time::timeout(Duration::from_secs(20), running.health.until(|now| now.last_error.is_some())).await.unwrap();
    let (_, words) = running.health.snapshot().last_error.unwrap();
    assert!(words.contains("does not offer STARTTLS"), "{words}");
    assert_eq!(logins.load(std::sync::atomic::Ordering::SeqCst), 0);
    running.stop().await;
}

#[tokio::test]
async fn mail_that_the_intake_did_not_keep_stays_at_its_source() {
    let moves = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = moves.clone();
    let server = server_with(move |_, command| {
        if command.starts_with("UID MOVE") || command.starts_with("UID STORE") {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        None
    })
    .await;
    let mut desk = Desk::open().await;
    let (refusing, mut door) = deskd::intake::Intake::new(4);
    let keeping = std::mem::replace(&mut desk.inside.intake, refusing);
    let running = desk.start(ImapSource::new(settings(&server)));
    // Twice handed in, twice dropped without a promise.
    for _ in 0..2 {
        let batch = tokio::time::timeout(Duration::from_secs(20), door.recv()).await.unwrap().unwrap();
        assert_eq!(batch.arrivals[0].key, "7/5");
        assert_eq!(moves.load(std::sync::atomic::Ordering::SeqCst), 0);
    }
    running.stop().await;
    desk.inside.intake = keeping;
    let running = desk.start(ImapSource::new(settings(&server)));
    assert_eq!(desk.until_kept(1).await[0].key, "7/5");
    running.until_well().await;
    running.stop().await;
    assert!(moves.load(std::sync::atomic::Ordering::SeqCst) > 0);
}
