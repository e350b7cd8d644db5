//! The form at `/new`: a browser's post becomes a mail to the desk, and its sender goes on by mail.

use std::net::SocketAddr;

use chrono::TimeDelta;
use deskd::mail::reply::MARKER;
use deskd::notice::Texts;
use deskd::words::{Priority, Satisfaction, TicketNumber};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::story::Story;
use crate::harness::{free_port, look};
use crate::survey::rated;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const JANE: &str = "jane@acme-dental.example";

struct Door(SocketAddr);

/// A field's name and text, or a file's name and bytes.
enum Part<'a> {
    Text(&'a str, &'a str),
    File(&'a str, &'a str, &'a [u8]),
}
use Part::{File, Text};

impl Door {
    async fn ask(&self, head: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).await.unwrap();
        let head = format!("{head}\r\nHost: desk\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has had enough of it closes.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// As a browser posts it, from `place` behind a proxy on this machine.
    async fn post_from(&self, place: &str, parts: &[Part<'_>]) -> (u16, String) {
        let mut body = Vec::new();
        for part in parts {
            body.extend_from_slice(b"--b0undary\r\nContent-Disposition: form-data; ");
            match part {
                Text(name, text) => body.extend_from_slice(format!("name=\"{name}\"\r\n\r\n{text}").as_bytes()),
                File(name, kind, bytes) => {
                    let head = format!("name=\"files\"; filename=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n");
                    body.extend_from_slice(head.as_bytes());
                    body.extend_from_slice(bytes);
                }
            }
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b0undary--\r\n");
        let head = format!(
            "POST /new HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1, {place}\r\nContent-Type: multipart/form-data; boundary=b0undary"
        );
        self.ask(&head, &body).await
    }

    async fn post(&self, parts: &[Part<'_>]) -> (u16, String) {
        self.post_from("198.51.100.7", parts).await
    }
}

fn request<'a>(email: &'a str, subject: &'a str, text: &'a str) -> Vec<Part<'a>> {
    vec![
        Text("once", "0123456789abcdef"),
        Text("name", "Jane Roe"),
        Text("email", email),
        Text("subject", subject),
        Text("text", text),
        Text("website", ""),
        File("", "application/octet-stream", b""),
    ]
}

async fn told(name: &str, more: &str, story: impl AsyncFn(Story, Door)) {
    crate::harness::ring();
    let begin = async |database: String| {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let config = format!("[web]\nlisten = \"{address}\"\n{more}\n");
        (Story::begin_with(database, &config).await, Door(address))
    };
    let (on_sqlite, door) = begin("sqlite:deskd.db".to_owned()).await;
    story(on_sqlite, door).await;
    if let Some(database) = crate::harness::postgres::bare(name).await {
        let (on_postgres, door) = begin(database.url.clone()).await;
        story(on_postgres, door).await;
        database.remove().await;
    }
}

#[tokio::test]
async fn a_posted_form_is_acknowledged_and_goes_on_by_mail() {
    told("portal_story", "form = true", async |story, door| {
        let mut form =
            request("Jane@Acme-Dental.example", "Scanner — offline", "The scanner in room 12\r\nis offline.");
        form.push(File("Größe.png", "image/png", b"\x89PNG\r\n\x1a\n\0binary\r\n--b0undar"));
        let (status, answer) = door.post(&form).await;
        assert_eq!(status, 303, "{answer}");
        assert!(answer.contains("location: /new?sent=1"), "{answer}");
        story.quiet().await;
        let mailed = story.mailed();
        let acknowledgement = mailed.iter().find(|sent| sent.kind == "acknowledgement").unwrap();
        assert_eq!(acknowledgement.to, JANE);
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap();
        assert!(assignment.mail.text.contains("The scanner in room 12"), "{}", assignment.mail.text);
        let file = &assignment.mail.attachments[0];
        assert_eq!(
            (file.name.as_str(), file.bytes.as_slice()),
            ("Größe.png", &b"\x89PNG\r\n\x1a\n\0binary\r\n--b0undar"[..])
        );
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.subject.as_str(), ticket.source.as_str()), ("Scanner — offline", "portal"));
        assert_eq!((ticket.priority, ticket.client.unwrap().0.as_str()), (Priority::P3, "acme"));
        assert_eq!(ticket.received_at, story.now(), "the clock starts with the post");

        // The same page sent twice is one request; other words from it are another.
        assert_eq!(door.post(&form).await.0, 303);
        assert_eq!(door.post(&request(JANE, "Chair", "My chair squeaks.")).await.0, 303);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.subject, "Chair");

        story.mailed();
        story.mail(&assignment.answer(SAM, "It is back.\n\n#done 10m")).await;
        let relay = story.mailed_one_of("resolution");
        assert_eq!(relay.to, JANE);
        story.mail(&relay.answer("Jane Roe <jane@acme-dental.example>", "Perfect")).await;
        assert_eq!(rated(&story, TicketNumber(1001)).await, Some(Satisfaction::Good));
        story.mail(&relay.answer("Jane Roe <jane@acme-dental.example>", "Not yet, sorry.")).await;
        assert!(story.mailed_one_of("client_message").mail.text.contains("Not yet, sorry."));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_typed_is_lost() {
    told("portal_wrong", "form = true", async |story, door| {
        let script = "<script>alert(1)</script> & more";
        for (form, says) in [
            (request("no address", "Subject", script), "Please write your e-mail address"),
            (request("jane@localhost", "Subject", script), "Please write your e-mail address"),
            (request("Sam@Northwind.example", "Subject", script), "This is an address of Northwind IT"),
            (request("support@northwind.example", "Subject", script), "Write a mail to support@northwind.example"),
            (request(JANE, "", script), "Please say in a few words"),
            (request(JANE, &"x".repeat(400), script), "Please say in a few words"),
            (request(JANE, "Subject", ""), "Please describe what happened"),
        ] {
            let (status, answer) = door.post(&form).await;
            assert_eq!(status, 422, "{says}");
            assert!(answer.contains(says), "{says} in {answer}");
            assert!(!answer.contains("<script>"), "{answer}");
            assert!(says.contains("describe") || answer.contains("&lt;script&gt;alert(1)"), "what was typed: {answer}");
        }
        let mut trapped = request(JANE, "Cheap watches", "Buy.");
        trapped[5] = Text("website", "http://spam.example");
        let (status, answer) = door.post(&trapped).await;
        assert_eq!(status, 422);
        assert!(answer.contains("Please empty the last field"), "{answer}");
        let mut large = request(JANE, "Large", "See the file.");
        let bytes = vec![b'x'; 10 * 1024 * 1024 + 1];
        large.push(File("large.bin", "application/octet-stream", &bytes));
        let (status, answer) = door.post(&large).await;
        assert_eq!(status, 413);
        assert!(answer.contains("larger than 10 MB"), "{answer}");
        assert_eq!(door.ask("POST /new HTTP/1.1\r\nContent-Type: text/plain", b"hello").await.0, 400);
        let cut = door
            .ask("POST /new HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b", b"--b\r\nContent-Dis")
            .await;
        assert_eq!(cut.0, 400, "{}", cut.1);
        story.quiet().await;
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[test]
fn the_browsers_language_is_taken_where_there_are_texts_for_it() {
    let folder = crate::harness::scratch("portal-texts");
    std::fs::create_dir_all(folder.path().join("texts")).unwrap();
    std::fs::write(folder.path().join("texts/de.toml"), "[form]\ntitle = \"Hilfe anfordern\"\n").unwrap();
    let texts = Texts::load(Some(folder.path()), MARKER).unwrap();
    for (accepted, best) in [
        ("de-CH, de;q=0.9, en;q=0.8", "de"),
        ("fr, de;q=0.4, en;q=0.5", "en"),
        ("fr;q=0.9, de;q=0.4", "de"),
        ("de;q=0, fr", "en"),
        ("", "en"),
        (";;q=x,,*", "en"),
    ] {
        assert_eq!(texts.best(accepted), best, "{accepted}");
    }
    let german = texts.words("de");
    assert_eq!((german.get("form", "title"), german.get("form", "send")), ("Hilfe anfordern", "Send"));
}

#[tokio::test]
async fn the_page_names_the_firm_labels_every_field_and_loads_nothing() {
    told("portal_page", "form = true", async |story, door| {
        let (status, page) = door.ask("GET /new HTTP/1.1\r\nAccept-Language: fr-CH, fr;q=0.9, en;q=0.8", b"").await;
        assert_eq!(status, 200);
        for word in ["lang=\"en\"", "Northwind IT", "<title>Ask for help", "autocomplete=\"email\"", "no-referrer"] {
            assert!(page.contains(word), "{word} in {page}");
        }
        for foreign in ["<script", "http://", "https://", "@import"] {
            assert!(!page.contains(foreign), "{foreign} in {page}");
        }
        let labels = page.matches("<label for=").count();
        let fields = page.matches("<input id=").count() + page.matches("<textarea id=").count();
        assert_eq!(labels, fields, "each field has its label");
        assert!(door.ask("GET /new?sent=1 HTTP/1.1", b"").await.1.contains("We have it"));
        story.end().await;
    })
    .await;
    told("portal_off", "", async |story, door| {
        assert_eq!(door.ask("GET /new HTTP/1.1", b"").await.0, 404);
        assert_eq!(door.post(&request(JANE, "x", "y")).await.0, 404);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_from_one_place_or_in_one_name_is_turned_away_for_an_hour() {
    told("portal_flood", "form = true", async |story, door| {
        let post = async |place: &str, n: usize, name: &str| {
            let (email, text) = (format!("{name}@acme-dental.example"), format!("Request {n}"));
            door.post_from(place, &request(&email, "Request", &text)).await
        };
        for n in 0..6 {
            assert_eq!(post(&format!("198.51.100.{n}"), n, "jane").await.0, 303);
        }
        let (status, answer) = post("198.51.100.99", 7, "jane").await;
        assert_eq!(status, 429, "in one name, from wherever");
        assert!(answer.contains("retry-after: 3600") && answer.contains("support@northwind.example"), "{answer}");
        for n in 0..20 {
            assert_eq!(post("203.0.113.5", n, &format!("person{n}")).await.0, 303);
        }
        assert_eq!(post("203.0.113.5", 21, "person21").await.0, 429, "from one place");
        assert_eq!(post("203.0.113.6", 21, "person21").await.0, 303, "others are not kept out");
        story.quiet().await;
        story.advance(TimeDelta::minutes(61)).await;
        assert_eq!(post("203.0.113.5", 22, "person21").await.0, 303);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn many_large_posts_at_once_wait_for_their_turn_and_fill_no_memory() {
    crate::harness::ring();
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let config = format!("[web]\nlisten = \"{address}\"\nform = true\n");
    let (story, door) = (Story::begin_with("sqlite:deskd.db".to_owned(), &config).await, Door(address));
    let mut halves = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let half = "POST /new HTTP/1.1\r\nHost: desk\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n--b\r\n";
        stream.write_all(half.as_bytes()).await.unwrap();
        halves.push(stream);
    }
    let form = request(JANE, "Printer", "It jams.");
    let mut told = String::new();
    // Those eight are taken up in their own time.
    look::until("the ninth is told to come again", async || {
        let (status, answer) = door.post(&form).await;
        told = answer;
        status == 503
    })
    .await;
    assert!(told.contains("Please send it again in a minute"), "{told}");
    drop(halves);
    look::until("there is room again", async || door.post(&form).await.0 == 303).await;
    story.end().await;
}
