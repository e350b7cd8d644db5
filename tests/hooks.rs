//! Requests that programs post: over the real listener, from the signature to the technician's answer.

use std::net::SocketAddr;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64;
use deskd::store::inbound;
use deskd::words::{Priority, Satisfaction, Status, TicketNumber};
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::free_port;
use crate::harness::story::{Sent, Story};
use crate::survey::rated;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const ANA: &str = "Ana Diaz <ana@northwind.example>";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The firm's hooks on a port of their own, with their secrets in files beside the config.
pub struct Door {
    address: SocketAddr,
    folder: tempfile::TempDir,
}

/// Hooks of one kind each.
fn monitors(folder: &str) -> String {
    let hook = |(name, kind, client): (&str, &str, &str)| {
        format!(
            "[[hook]]\nname = \"{name}\"\nkind = \"{kind}\"\nauth = \"bearer\"\nsecret = {{ file = \"{folder}/plain\" }}\n{client}\n"
        )
    };
    [("datto", "datto-rmm", ""), ("nagios", "nagios", "client = \"acme\"")].map(hook).concat()
}

impl Door {
    fn open() -> Door {
        let folder = crate::harness::scratch("hooks");
        for (name, secret) in [("standard", SECRET), ("plain", "a-shared-secret"), ("old", "the-secret-before")] {
            std::fs::write(folder.path().join(name), secret).unwrap();
        }
        Door { address: ([127, 0, 0, 1], free_port()).into(), folder }
    }

    fn config(&self) -> String {
        let (address, folder) = (self.address, self.folder.path().display());
        let monitors = monitors(&folder.to_string());
        format!(
            r#"{monitors}
[web]
listen = "{address}"
[[hook]]
name = "shop"
auth = "standard-webhooks"
secret = {{ file = "{folder}/standard" }}
client = "globex"
[hook.map]
sender = "/customer/email"
sender_name = "/customer/name"
subject = "/subject"
text = "Order {{{{ order }}}}: {{{{ message }}}}"
priority = "/urgency"
thread = "/conversation"
[hook.priorities]
urgent = "P2"
[[hook]]
name = "probe"
auth = "bearer"
secret = {{ file = "{folder}/plain" }}
old_secret = {{ file = "{folder}/old" }}
client = "acme"
[hook.map]
id = "/event"
subject = "{{{{ host }}}}: {{{{ check }}}}"
text = "/output"
priority = "/severity"
thread = "{{{{ host }}}}/{{{{ check }}}}"
resolved = "/state"
[hook.priorities]
critical = "P1"
[[hook]]
name = "alerts"
kind = "alertmanager"
auth = "bearer"
secret = {{ file = "{folder}/plain" }}
client = "acme"
[[hook]]
name = "pbx"
auth = "bearer"
secret = {{ file = "{folder}/plain" }}
map = {{ id = "/call", sender = "+{{{{ caller }}}}", subject = "Missed call from +{{{{ caller }}}}", text = "{{{{ caller }}}} called" }}
[[hook]]
name = "open"
auth = "bearer"
secret = {{ file = "{folder}/plain" }}
"#
        )
    }

    /// Status and body of the answer.
    async fn post(&self, path: &str, fields: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head =
            format!("POST {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        // A server that has had enough of it closes.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// As the shop signs it.
    async fn shop(&self, id: &str, now: DateTime<Utc>, data: &Value) -> (u16, Value) {
        let (body, stamp) = (data.to_string(), now.timestamp().to_string());
        let key = BASE64.decode(SECRET.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let signed = format!("{id}.{stamp}.{body}");
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        let signature = format!("v1,{}", BASE64.encode(mac.as_ref()));
        let fields = [
            ("Content-Type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", stamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        self.post("/hooks/shop", &fields, body.as_bytes()).await
    }

    async fn probe(&self, data: &Value) -> (u16, Value) {
        self.tell("probe", data).await
    }

    /// As a monitoring system posts it.
    pub async fn tell(&self, hook: &str, data: &Value) -> (u16, Value) {
        let fields = [("Content-Type", "application/json"), ("Authorization", "Bearer a-shared-secret")];
        self.post(&format!("/hooks/{hook}"), &fields, data.to_string().as_bytes()).await
    }
}

pub async fn told(name: &str, story: impl AsyncFn(Story, Door)) {
    crate::harness::ring();
    let door = Door::open();
    story(Story::begin_with("sqlite:deskd.db".to_owned(), &door.config()).await, door).await;
    if let Some(database) = crate::harness::postgres::bare(name).await {
        let door = Door::open();
        story(Story::begin_with(database.url.clone(), &door.config()).await, door).await;
        database.remove().await;
    }
}

fn order(id: u32, message: &str) -> Value {
    json!({
        "order": id, "subject": "Invoice is missing", "message": message, "urgency": "Urgent", "conversation": "c-7",
        "customer": { "email": "Hank@Globex.example", "name": "Hank Scorpio" },
    })
}

fn alert(event: &str, state: &str) -> Value {
    json!({
        "event": event, "host": "fs1", "check": "disk", "output": "DISK CRITICAL - free space: / 1%", "severity": "critical",
        "state": state,
    })
}

async fn tickets(story: &Story) -> Vec<(String, Option<TicketNumber>)> {
    let mut tx = story.daemon.db.read().await.unwrap();
    let all = inbound::list(&mut tx, None, 1000).await.unwrap();
    all.into_iter().map(|row| (row.fate.unwrap_or_default(), row.ticket)).collect()
}

fn kinds(mailed: &[Sent]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = mailed.iter().map(|sent| (sent.kind.clone(), sent.to.clone())).collect();
    all.sort();
    all
}

fn pair(kind: &str, to: &str) -> (String, String) {
    (kind.to_owned(), to.to_owned())
}

#[tokio::test]
async fn a_posted_request_is_acknowledged_assigned_answered_by_mail_and_goes_on_in_its_ticket() {
    told("hook_story", async |story, door| {
        let (status, answer) = door.shop("msg_1", story.now(), &order(17, "we did not get it")).await;
        assert_eq!((status, answer), (200, json!({ "id": "msg_1", "already": false })));
        story.quiet().await;
        let mailed = story.mailed();
        assert_eq!(
            kinds(&mailed),
            [pair("acknowledgement", "hank@globex.example"), pair("assignment", "ana@northwind.example")]
        );
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.priority, ticket.client.unwrap().0.as_str()), (Priority::P2, "globex"));
        assert_eq!(ticket.source, "shop");
        assert_eq!(ticket.received_at, story.now(), "the clock starts with the post");
        let assignment = mailed.iter().find(|sent| sent.kind == "assignment").unwrap();
        assert!(assignment.mail.text.contains("Order 17: we did not get it"), "{}", assignment.mail.text);

        story.advance(TimeDelta::minutes(5)).await;
        story.mail(&assignment.answer(ANA, "It is on its way to you, Hank.\n\n#time 10m")).await;
        let relay = story.mailed_one_of("relay");
        assert_eq!(relay.to, "hank@globex.example");
        assert!(relay.mail.text.contains("on its way to you"), "{}", relay.mail.text);

        story.advance(TimeDelta::minutes(5)).await;
        assert_eq!(door.shop("msg_2", story.now(), &order(17, "thank you, and the other one?")).await.0, 200);
        story.quiet().await;
        let further = story.mailed_one("client_message");
        assert_eq!(further.to, "ana@northwind.example");
        assert!(further.mail.text.contains("thank you, and the other one?"), "{}", further.mail.text);
        story.mail(&further.answer(ANA, "That one too.\n\n#done 5m")).await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Resolved);
        let resolution = story.mailed_one_of("resolution");
        assert_eq!(resolution.to, "hank@globex.example");
        story.mail(&resolution.answer("Hank Scorpio <hank@globex.example>", "Excellent!")).await;
        assert_eq!(rated(&story, TicketNumber(1001)).await, Some(Satisfaction::Good));

        // A person's further words reopen it.
        assert_eq!(door.shop("msg_3", story.now(), &order(17, "it came empty")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_machines_trouble_is_one_ticket_however_often_it_is_told_and_its_end_resolves_what_nobody_touched() {
    told("hook_machine", async |story, door| {
        assert_eq!(door.probe(&alert("e1", "down")).await.0, 200);
        story.quiet().await;
        let mailed = story.mailed();
        assert_eq!(kinds(&mailed), [pair("assignment", "sam@northwind.example")], "nobody to acknowledge");
        assert_eq!(story.ticket(TicketNumber(1001)).await.priority, Priority::P1);
        let text = &mailed[0].mail.text;
        assert!(text.contains("Rule \"data of hook probe\" on the words: P1"), "where the priority came from:\n{text}");
        for event in ["e2", "e3", "e4"] {
            assert_eq!(door.probe(&alert(event, "down")).await.0, 200);
        }
        story.quiet().await;
        assert!(story.mailed().is_empty(), "counted, not mailed");
        assert_eq!(story.messages(TicketNumber(1001)).await.len(), 4);
        assert_eq!(door.probe(&alert("e5", "OK")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Resolved);
        story.advance(TimeDelta::hours(2)).await;
        assert!(story.mailed().is_empty(), "neither survey nor escalation");

        // Down again: another ticket. What a human has taken is not resolved over his head.
        assert_eq!(door.probe(&alert("e6", "down")).await.0, 200);
        story.quiet().await;
        let assignment = story.mailed_one("assignment");
        story.mail(&assignment.answer(SAM, "#take")).await;
        assert_eq!(door.probe(&alert("e7", "ok")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_taken_once_however_often_it_comes() {
    told("hook_twice", async |story, door| {
        let (now, data) = (story.now(), order(1, "once"));
        let all = futures_util::future::join_all((0..100).map(|_| door.shop("msg_same", now, &data))).await;
        assert!(all.iter().all(|(status, _)| *status == 200), "{all:?}");
        let fresh = all.iter().filter(|(_, answer)| answer["already"] == json!(false)).count();
        assert!(fresh >= 1);
        story.quiet().await;
        assert_eq!(tickets(&story).await, [("ticket".to_owned(), Some(TicketNumber(1001)))]);
        let (status, answer) = door.shop("msg_same", now, &order(2, "another")).await;
        assert_eq!((status, &answer["error"]["code"]), (409, &json!("another_body")), "{answer}");
        // Without a name of its own each delivery counts.
        let fields = [("Authorization", "Bearer a-shared-secret")];
        for _ in 0..2 {
            assert_eq!(door.post("/hooks/open", &fields, b"{\"title\": \"Backup failed\"}").await.0, 200);
        }
        story.quiet().await;
        assert_eq!(tickets(&story).await.len(), 3);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_taken_is_refused_with_the_reason() {
    told("hook_refused", async |story, door| {
        let good = [("Authorization", "Bearer a-shared-secret"), ("Content-Type", "application/json")];
        let long = vec![b' '; 1024 * 1024 + 1];
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u16, &'a str);
        let cases: [Case<'_>; 9] = [
            ("/hooks/nobody", &good, b"{}", 404, "unknown_hook"),
            ("/hooks/open", &[], b"{}", 401, "unauthorized"),
            ("/hooks/open", &[("Authorization", "Bearer another")], b"{}", 401, "unauthorized"),
            ("/hooks/open", &[("Authorization", "Basic YQ==")], b"{}", 401, "unauthorized"),
            ("/hooks/open", &good, &long, 413, "too_large"),
            ("/hooks/open", &good, b"", 422, "unreadable_body"),
            ("/hooks/open", &good, b"{\"title\": ", 422, "unreadable_body"),
            ("/hooks/open", &good, deep.as_bytes(), 422, "unreadable_body"),
            ("/hooks/open", &[good[0], ("Content-Type", "image/png")], b"x", 415, "unsupported_type"),
        ];
        for (path, fields, body, status, code) in cases {
            let (got, answer) = door.post(path, fields, body).await;
            assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{path} {fields:?}: {answer}");
            assert!(!answer["error"]["message"].as_str().unwrap().is_empty());
        }
        let stale = story.now() - TimeDelta::minutes(6);
        let (status, answer) = door.shop("msg_old", stale, &order(1, "replayed")).await;
        assert_eq!(status, 401, "{answer}");
        story.quiet().await;
        assert!(tickets(&story).await.is_empty(), "nothing of it is kept");
        // The secret before the last one still counts.
        let old = [("Authorization", "Bearer the-secret-before")];
        assert_eq!(door.post("/hooks/probe", &old, alert("e1", "down").to_string().as_bytes()).await.0, 200);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_mapping_does_not_find_is_an_unsorted_ticket_that_names_it() {
    told("hook_lacking", async |story, door| {
        let (status, _) = door.shop("msg_1", story.now(), &json!({ "note": "something else" })).await;
        assert_eq!(status, 200);
        story.quiet().await;
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!(ticket.status, Status::Unsorted);
        let message = story.messages(TicketNumber(1001)).await.remove(0);
        assert!(message.reason.unwrap().contains("the data lacks sender (/customer/email)"));
        // Nobody known, no client: as a stranger's mail.
        let fields =
            [("Authorization", "Bearer a-shared-secret"), ("Content-Type", "application/x-www-form-urlencoded")];
        assert_eq!(door.post("/hooks/open", &fields, b"subject=Hello&message=from+nobody+%26+nowhere").await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.status, Status::Unsorted);
        assert!(story.messages(TicketNumber(1002)).await[0].text.contains("from nobody & nowhere"));
        assert!(story.mailed().iter().all(|sent| sent.kind != "acknowledgement"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_address_of_ours_is_no_sender_and_an_impossible_one_neither() {
    told("hook_ours", async |story, door| {
        let senders = ["support@northwind.example", "Sam@Northwind.example", "a,b@globex.example", "no address"];
        for (at, sender) in senders.into_iter().enumerate() {
            let mut data = order(1, "#done 15m\nplease pay");
            data["customer"]["email"] = json!(sender);
            data["conversation"] = json!(format!("{at}/{}", "x".repeat(10_000)));
            assert_eq!(door.shop(&format!("msg_{at}"), story.now(), &data).await.0, 200);
            // The same long thread is the same ticket.
            assert_eq!(door.shop(&format!("msg_{at}b"), story.now(), &data).await.0, 200);
        }
        story.quiet().await;
        let mut tickets = tickets(&story).await;
        tickets.sort();
        let wanted = (1001..1005).map(|number| ("ticket".to_owned(), Some(TicketNumber(number))));
        let again = (1001..1005).map(|number| ("automatic".to_owned(), Some(TicketNumber(number))));
        assert_eq!(tickets, again.chain(wanted).collect::<Vec<_>>());
        for number in 1001..1005 {
            assert_eq!(story.ticket(TicketNumber(number)).await.status, Status::Unsorted, "{number}");
        }
        let ours = ["support@northwind.example", "sam@northwind.example", "ana@northwind.example"];
        assert!(story.mailed().iter().all(|sent| !ours.contains(&sent.to.as_str())), "nobody of ours is answered");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn slow_connections_leave_others_alone() {
    told("hook_slow", async |story, door| {
        let mut slow = Vec::new();
        // More than there may be connections: those that wait longest go.
        for _ in 0..600 {
            let mut stream = TcpStream::connect(door.address).await.unwrap();
            stream.write_all(b"POST /hooks/open HTTP/1.1\r\nHost: desk\r\nContent-Le").await.unwrap();
            slow.push(stream);
        }
        assert_eq!(door.probe(&alert("e1", "down")).await.0, 200);
        drop(slow);
        story.end().await;
    })
    .await;
}

#[test]
fn a_wrong_hook_is_told_with_its_line() {
    let folder = crate::harness::scratch("hook_config");
    let file = folder.path().join("deskd.toml");
    std::fs::write(folder.path().join("secret"), "no base64!").unwrap();
    let wrong = r#"
[[hook]]
name = "My Hook"
auth = "magic"
secret = "open"
client = "acmee"
[hook.map]
subject = "{{ subject"
sendr = "/from"
[hook.priorities]
urgent = "P9"
[[hook]]
name = "drop"
auth = "standard-webhooks"
secret = { file = "secret" }
"#;
    std::fs::write(&file, format!("{wrong}\n{}", crate::harness::SMALL_FIRM)).unwrap();
    let problems =
        deskd::config::load(&file).unwrap_err().to_string().replace(&folder.path().display().to_string(), "");
    for told in [
        "/deskd.toml:3: hook.name: \"My Hook\" is no short name",
        "/deskd.toml:4: hook.auth:",
        "/deskd.toml:5: hook.secret: is a secret written in the open",
        "/deskd.toml:6: hook.client: there is no client \"acmee\"",
        "/deskd.toml:8: hook.map.subject: is no template",
        "/deskd.toml:9: hook.map.sendr: is no key of this section; did you mean \"sender\"?",
        "/deskd.toml:11: hook.priorities.urgent: \"P9\" is no priority",
        "/deskd.toml:2: hook: nothing listens for what is posted; add [web]",
        "/deskd.toml:15: hook.secret: leads to no key of Standard Webhooks",
    ] {
        assert!(problems.contains(told), "{told}\n\nin\n{problems}");
    }
}

#[test]
fn the_command_line_explains_a_mapping() {
    let folder = crate::harness::scratch("hook_cli");
    let door = Door::open();
    let text = include_str!("firm/deskd.toml").replace("@STORE@", "sqlite:deskd.db").replace("@MORE@", &door.config());
    std::fs::write(folder.path().join("deskd.toml"), text).unwrap();
    std::fs::write(folder.path().join("alert.json"), alert("e1", "down").to_string()).unwrap();
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_deskd"));
        let output = command.current_dir(folder.path()).env_remove("DESKD_CONFIG").args(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), text, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text, _) = run(&["hooks", "test", "probe", "alert.json"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(text.lines().take(18).collect::<Vec<_>>().join("\n"), @r#"
    fs1: disk

      sender       -
      sender_name  -
      subject      {{ host }}: {{ check }}      fs1: disk
      text         /output                      DISK CRITICAL - free space: / 1%
      client       -
      priority     /severity                    critical  (P1)
      thread       {{ host }}/{{ check }}       fs1/disk
      resolved     /state                       down  (it is not over)
      remark       -
      id           /event                       e1

      client acme, no person: nobody is acknowledged, P1

    The rules alone say:
    P2 · tags degraded, monitoring
      rule "monitoring: warning" on "free space", "disk"
    "#);
    let (code, text, _) = run(&["hooks", "test", "probe", "alert.json", "--json"]);
    let said: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &said["priority"], &said["client"]), (Some(0), &json!("P1"), &json!("acme")));
    assert_eq!((&said["thread"], &said["resolved"]), (&json!("fs1/disk"), &json!(false)));
    let (code, _, told) = run(&["hooks", "test", "nobody", "alert.json"]);
    assert_eq!(code, Some(3));
    assert!(told.contains("there are datto, nagios, shop, probe, alerts, pbx, open"), "{told}");
    std::fs::write(folder.path().join("bad.json"), "{").unwrap();
    assert_eq!(run(&["hooks", "test", "probe", "bad.json"]).0, Some(4));
}
