//! The real process under servers that lie and mails built to hurt: it stays up, stays small, and takes the next mail.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::daemon::{Home, Process};
use crate::harness::lying_imap::{Act, LyingImap};
use crate::harness::rows::until;
use crate::harness::{each_url, say, scratch};
use deskd::store::Db;

/// What deskd may hold at the most, in MB.
const BOUND: u64 = 300;
const MEGABYTE: usize = 1 << 20;

/// A mailbox whose first connection lies by `lie(command)`, and whose later ones are honest and have one mail.
async fn mailbox(
    name: &'static str,
    lie: impl Fn(&str) -> Option<Act> + Send + Sync + 'static,
) -> (&'static str, LyingImap) {
    let server = LyingImap::start(move |connection, command| {
        if connection == 1
            && let Some(act) = lie(command)
        {
            return Some(act);
        }
        honest(name, command)
    })
    .await;
    (name, server)
}

fn honest(name: &str, command: &str) -> Option<Act> {
    let text = request(name);
    let say = |text: String| Some(Act::Say(text));
    match command {
        search if search.starts_with("UID SEARCH") => say("* SEARCH 5\r\nTAG OK\r\n".to_owned()),
        list if list.contains("RFC822.SIZE") => {
            say(format!("* 1 FETCH (UID 5 RFC822.SIZE {} FLAGS ())\r\nTAG OK\r\n", text.len()))
        }
        body if body.contains("BODY.PEEK") => {
            let section = match command {
                part if part.contains("[HEADER]") => "BODY[HEADER]<0>",
                part if part.contains("<0.") => "BODY[]<0>",
                _ => "BODY[]",
            };
            say(format!("* 1 FETCH (UID 5 {section} {{{}}}\r\n{text})\r\nTAG OK\r\n", text.len()))
        }
        _ => None,
    }
}

fn request(name: &str) -> String {
    format!(
        "From: Jane <jane@acme-dental.example>\r\nSubject: From {name}\r\nMessage-ID: <{name}@x>\r\n\r\nHello {name}\r\n"
    )
}

fn body(command: &str) -> bool {
    command.contains("BODY.PEEK")
}

/// 400 MB.
fn flood(begin: &str, piece: Vec<u8>) -> Act {
    Act::Flood { begin: begin.to_owned(), piece, times: 400, end: "TAG OK\r\n".to_owned() }
}

async fn liars() -> Vec<(&'static str, LyingImap)> {
    let unasked =
        [format!("* 9 FETCH (UID 77 BODY[] {{{MEGABYTE}}}\r\n").into_bytes(), vec![b'x'; MEGABYTE], b")\r\n".to_vec()];
    let unasked = unasked.concat();
    let once = AtomicBool::new(true);
    vec![
        mailbox("announces", |command| {
            body(command).then(|| flood("* 1 FETCH (UID 5 BODY[] {2000000000}\r\n", vec![b'x'; MEGABYTE]))
        })
        .await,
        mailbox("stalls", |command| {
            body(command).then(|| Act::Say("* 1 FETCH (UID 5 BODY[] {2000000000}\r\nabc".to_owned()))
        })
        .await,
        mailbox("drops", |command| {
            body(command).then(|| Act::SayAndHangUp("* 1 FETCH (UID 5 BODY[] {500}\r\nhalf".to_owned()))
        })
        .await,
        mailbox("unasked", move |command| {
            (body(command) && once.swap(false, Ordering::SeqCst)).then(|| flood("", unasked.clone()))
        })
        .await,
        mailbox("endless", |command| body(command).then(|| flood("* OK ", vec![b'x'; MEGABYTE]))).await,
        mailbox("searches", |command| {
            // Three million mails.
            let end = ["TAG OK\r\n".to_owned()];
            command.starts_with("UID SEARCH").then(|| Act::Say((1..300).map(search_line).chain(end).collect()))
        })
        .await,
        mailbox("offers", |command| {
            (command == "CAPABILITY")
                .then(|| Act::Say((0..10).map(capability_line).chain(["TAG OK\r\n".to_owned()]).collect()))
        })
        .await,
        mailbox("longer", |command| {
            // Lists a hundred bytes, gives parts without end.
            if !body(command) || command.contains("[HEADER]") {
                return None;
            }
            let Some((_, part)) = command.split_once("[]<") else { return Some(Act::Say("TAG OK\r\n".to_owned())) };
            let (from, size) = (part.split('.').next().unwrap(), 4 * MEGABYTE);
            let text = "x".repeat(size);
            Some(Act::Say(format!("* 1 FETCH (UID 5 BODY[]<{from}> {{{size}}}\r\n{text})\r\nTAG OK\r\n")))
        })
        .await,
    ]
}

fn search_line(number: u32) -> String {
    let from = number * 10_000;
    let uids: Vec<String> = (from..from + 10_000).map(|uid| uid.to_string()).collect();
    format!("* SEARCH {}\r\n", uids.join(" "))
}

fn capability_line(number: usize) -> String {
    let words: Vec<String> = (0..50_000).map(|word| format!("X{number}-{word}")).collect();
    format!("* CAPABILITY IMAP4rev1 {}\r\n", words.join(" "))
}

fn config(url: &str, servers: &[(&str, LyingImap)]) -> String {
    let mut more = format!(
        "[security]\ndns = \"none\"\n[store]\nurl = \"{url}\"\n[smtp]\noutbox = \"outbox\"\n\
         [[maildir]]\nname = \"drop\"\naddress = \"drop@northwind.example\"\npath = \"inbox\"\n"
    );
    for (name, server) in servers {
        more.push_str(&format!(
            "[[mailbox]]\nname = \"{name}\"\naddress = \"{name}@northwind.example\"\nhost = \"127.0.0.1\"\nport = {}\n\
             tls = \"none\"\nuser = \"support\"\npassword = {{ file = \"secret\" }}\npoll = \"1s\"\n",
            server.port
        ));
    }
    more
}

fn small(process: &Process, when: &str) {
    let peak = process.peak_memory();
    say(&format!("{when}: at most {peak} MB"));
    assert!(peak < BOUND, "{when}: {peak} MB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_lie_all_at_once_cannot_fill_the_memory_and_their_honest_mail_arrives() {
    let folder = scratch("lies");
    let url = format!("sqlite:{}", folder.path().join("deskd.db").display());
    let servers = liars().await;
    let home = Home::new(folder.path(), &config(&url, &servers));
    let mut process = home.run();
    process.ready().await;
    let db = Db::open(&url).await.unwrap();
    let stalls = 1;
    let sql = "SELECT subject FROM inbound WHERE fate = 'ticket' ORDER BY subject";
    let wanted = servers.len() - stalls;
    let found = until::<(String,)>(&db, "the honest mails", sql, |rows| {
        rows.iter().filter(|row| row.0 != "From stalls").count() >= wanted
    })
    .await;
    // The one that stalls is given four minutes for a body; the others did not wait for it.
    for (name, _) in servers.iter().filter(|(name, _)| *name != "stalls") {
        assert!(
            found.iter().any(|row| row.0 == format!("From {name}")),
            "{name} is missing: {found:?}\n{}",
            home.log()
        );
    }
    for said in ["it announced more bytes", "more mails than a folder holds", "more than any server can"] {
        assert!(home.log().contains(said), "\"{said}\" is not said:\n{}", home.log());
    }
    small(&process, "eight lying servers");
    process.stop().await;
    db.close().await;
}

#[tokio::test]
async fn mails_built_to_hurt_leave_the_real_process_small_and_the_next_mail_is_worked_on() {
    each_url("bombs", async |folder, url| bombard(folder, url).await).await;
}

async fn bombard(folder: &std::path::Path, url: &str) {
    let home = Home::new(folder, &config(url, &[]));
    let mut process = home.run();
    process.ready().await;
    let db = Db::open(url).await.unwrap();
    let sql = "SELECT source_key, COALESCE(fate, '') FROM inbound";
    for (number, (name, bomb)) in bombs().into_iter().enumerate() {
        home.drop_in(&format!("{number}.bomb"), &bomb);
        home.drop_in(&format!("{number}.next"), request(name).as_bytes());
        let done = until::<(String, String)>(&db, name, sql, |rows| {
            rows.len() == 2 * (number + 1) && rows.iter().all(|row| !row.1.is_empty())
        })
        .await;
        let fate = |key: String| done.iter().find(|row| row.0 == key).map(|row| row.1.clone()).unwrap();
        assert_eq!(fate(format!("{number}.next")), "ticket", "behind {name}");
        say(&format!("{name} ({} MB) became {}", bomb.len() / 1_000_000, fate(format!("{number}.bomb"))));
        for line in home.log().lines().filter(|line| line.contains("is quarantined")) {
            say(line);
        }
        small(&process, name);
    }
    let quarantined = until::<(String, String)>(&db, "fates", sql, |_| true).await;
    assert!(quarantined.iter().all(|row| row.1 == "ticket"), "each is read as far as it can be: {quarantined:?}");
    process.stop().await;
    db.close().await;
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let head = |name: &str| {
        format!("From: Jane <jane@acme-dental.example>\r\nSubject: {name}\r\nMessage-ID: <{name}@bomb>\r\n")
    };
    let with = |name: &str, rest: String| (head(name) + &rest).into_bytes();
    let multiparts: String = (0..100_000)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"))
        .collect();
    vec![
        ("nested mails", with("nested-mails", "Content-Type: message/rfc822\r\n\r\n".repeat(33_000))),
        ("nested multiparts", with("nested-multiparts", multiparts)),
        ("a million header lines", with("header-lines", "X-Line: filler\r\n".repeat(1_000_000) + "\r\nHello\r\n")),
        ("thirty megabytes of text", with("text", "\r\n".to_owned() + &"All work and no play.\r\n".repeat(1_300_000))),
        (
            "thirty megabytes of HTML",
            with(
                "html",
                "Content-Type: text/html\r\n\r\n".to_owned() + &"<p>All <b>work</b></p>\r\n".repeat(1_300_000),
            ),
        ),
        ("thirty megabytes in one line", with("line", "\r\n".to_owned() + &"x".repeat(30_000_000) + "\r\n")),
        ("a file that is too large for a relay", with("file", attached(22_000_000))),
        ("a file that is just small enough for a relay", with("smaller", attached(19_000_000))),
    ]
}

/// Bytes that no compression makes smaller.
fn attached(size: usize) -> String {
    let mut word = 7_u64;
    let mut bytes = Vec::with_capacity(size);
    while bytes.len() < size {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/zip\r\n\
         Content-Disposition: attachment; filename=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        data_encoding::BASE64_MIME.encode(&bytes)
    )
}
