//! What the firm's own programs are told: over real posts, with a program that is slow, full, gone or wants no more of it.

use std::process::Command;

use chrono::TimeDelta;
use deskd::words::TicketNumber;
use serde_json::{Value, json};

use crate::harness::receiver::{self, Delivery, Receiver, SECRET};
use crate::harness::story::Story;
use crate::harness::{at, free_port};

const SAM: &str = "Sam Ortiz <sam@northwind.example>";
const OLD: &str = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQ=";

/// On both databases: a program that is told everything, and the story.
async fn told(name: &str, more: impl Fn(&std::path::Path) -> String, story: impl AsyncFn(Story, Receiver)) {
    crate::harness::ring();
    let begin = async |url: String| {
        let folder = crate::harness::scratch("webhooks");
        std::fs::write(folder.path().join("old"), OLD).unwrap();
        let receiver = Receiver::start().await;
        let old = format!("old_secret = {{ file = \"{}/old\" }}", folder.path().display());
        let config = receiver::config("crm", &receiver.url, folder.path(), &old) + &more(folder.path());
        (Story::begin_with(url, &config).await, receiver)
    };
    let (on_sqlite, receiver) = begin("sqlite:deskd.db".to_owned()).await;
    story(on_sqlite, receiver).await;
    if let Some(database) = crate::harness::postgres::bare(name).await {
        let (on_postgres, receiver) = begin(database.url.clone()).await;
        story(on_postgres, receiver).await;
        database.remove().await;
    }
}

fn nothing(_: &std::path::Path) -> String {
    String::new()
}

fn request(number: u32) -> String {
    format!(
        "From: Jane Roe <jane@acme-dental.example>\r\nTo: support@northwind.example\r\nSubject: Printer {number}\r\n\
         Message-ID: <p{number}@acme-dental.example>\r\n\r\nThe printer at the front desk prints stripes.\r\n"
    )
}

fn kinds(told: &[Delivery]) -> Vec<String> {
    told.iter().map(Delivery::kind).collect()
}

/// What the command line says.
fn deskd(story: &Story, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .arg("--config")
        .arg(story.config())
        .args(args)
        .env("COLUMNS", "200")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_tickets_life_is_told_step_by_step_signed_and_with_the_ticket_as_it_stands() {
    told("webhook_life", nothing, async |story, crm| {
        story.mail(&request(1)).await;
        let opened = crm.told();
        assert_eq!(kinds(&opened), ["ticket.created", "ticket.assigned"]);
        let created = opened[0].json();
        let ticket = &created["data"]["ticket"];
        assert_eq!(created["timestamp"], json!(story.now()));
        assert_eq!(
            (&ticket["number"], &ticket["subject"], &ticket["client"], &ticket["assignee"]),
            (&json!(1001), &json!("Printer 1"), &json!("acme"), &json!("sam")),
            "{ticket}"
        );
        assert_eq!(ticket["requester"]["address"], "jane@acme-dental.example");
        assert_eq!(
            (&created["data"]["event"]["seq"], &created["data"]["event"]["kind"]),
            (&json!(1), &json!("opened"))
        );
        for delivery in &opened {
            assert!(delivery.is_signed_with(SECRET) && delivery.is_signed_with(OLD), "{delivery:?}");
            assert!(!delivery.is_signed_with("whsec_YW5vdGhlcg=="));
            assert_eq!(delivery.stamp, story.now().timestamp());
        }
        assert_ne!(opened[0].id, opened[1].id);

        story.advance(TimeDelta::minutes(9)).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "The drum was worn out, it is new now.\n\n#done 25m")).await;
        let done = crm.told();
        let mut names = kinds(&done);
        names.sort();
        assert_eq!(names, ["ticket.first_touch", "ticket.resolved", "ticket.time_logged"]);
        let logged = done.iter().find(|delivery| delivery.kind() == "ticket.time_logged").unwrap().json();
        assert_eq!(
            (&logged["data"]["event"]["minutes"], &logged["data"]["ticket"]["minutes"]),
            (&json!(25), &json!(25))
        );
        assert_eq!(logged["data"]["ticket"]["status"], "resolved", "as it stands after all of it");

        let answer = story.mailed_one_of("resolution").answer("Jane Roe <jane@acme-dental.example>", "Stripes again!");
        story.mail(&answer).await;
        assert_eq!(kinds(&crm.told()), ["ticket.reopened"]);

        // Nobody answers: the answer's deadline passes.
        story.advance(TimeDelta::hours(8)).await;
        assert!(kinds(&crm.told()).contains(&"ticket.breached".to_owned()));
        story.end().await;
    })
    .await;
}

/// Seven in Chicago on Friday the 3rd of April: the statements of March go out.
async fn until_statements(story: &Story) {
    story.advance(at("2026-04-03 12:00") - story.now()).await;
}

#[tokio::test]
async fn a_statement_that_goes_out_is_told_once_with_its_figures_and_without_money() {
    let other = |folder: &std::path::Path| {
        receiver::config("other", "http://127.0.0.1:9/x", folder, "events = [\"created\", \"time_logged\"]")
    };
    told("webhook_statement", other, async |story, crm| {
        story.mail(&request(1)).await;
        let assignment = story.mailed_one_of("assignment");
        for hours in ["11h", "10h30"] {
            story.mail(&assignment.answer(SAM, &format!("#note\n#time {hours}"))).await;
        }
        crm.told();
        // Wednesday is the first working day, when drafts are made.
        story.advance(at("2026-04-01 12:00") - story.now()).await;
        assert!(!kinds(&crm.told()).contains(&"statement.issued".to_owned()), "a draft is no statement");
        crm.answers(&[503]);
        until_statements(&story).await;
        let refused: Vec<Delivery> = crm.told().into_iter().filter(|told| told.kind() == "statement.issued").collect();
        assert_eq!(refused.len(), 1);
        story.advance(TimeDelta::minutes(2)).await;
        let taken: Vec<Delivery> = crm.told().into_iter().filter(|told| told.kind() == "statement.issued").collect();
        assert_eq!(taken.len(), 1, "tried again like any other");
        assert_eq!((&taken[0].id, &taken[0].body), (&refused[0].id, &refused[0].body));
        assert!(taken[0].is_signed_with(SECRET) && taken[0].is_signed_with(OLD));

        let (_, listed) = deskd(&story, &["statement", "list", "--json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let hash = listed.as_array().unwrap().iter().find(|row| row["client"] == "acme").unwrap()["hash"].clone();
        assert_eq!(hash.as_str().map(str::len), Some(64), "{listed}");
        let figures = json!({
            "number": 1, "client": "acme", "month": "2026-03", "hash": hash,
            "used": 1290, "bottom": 600, "top": 1200, "carried_in": 0, "over": 90
        });
        let said = taken[0].json();
        // The whole of it: no cost, no rate, no ticket's words.
        assert_eq!(said["data"], json!({ "statement": figures }));
        assert_eq!(said["timestamp"], json!(at("2026-04-03 12:00")));

        let (code, said) = deskd(&story, &["statement", "resend", "1"]);
        assert_eq!(code, 0, "{said}");
        story.advance(TimeDelta::minutes(1)).await;
        assert!(!kinds(&crm.told()).contains(&"statement.issued".to_owned()), "it was issued once");
        let (_, rows) = deskd(&story, &["webhooks", "list", "--all", "--limit", "500"]);
        let issued: Vec<&str> = rows.lines().filter(|line| line.contains("statement_issued")).collect();
        assert!(issued.len() == 1 && issued[0].contains("crm"), "only who wants it: {rows}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_that_is_away_holds_up_neither_mail_nor_another_program_and_gets_it_later() {
    let port = free_port();
    let gone = move |folder: &std::path::Path| {
        receiver::config("gone", &format!("http://127.0.0.1:{port}/x"), folder, "events = [\"created\"]")
    };
    told("webhook_away", gone, async |story, crm| {
        for number in 1..=3 {
            story.mail(&request(number)).await;
        }
        assert_eq!(crm.told().len(), 6);
        assert!(story.mailed().iter().any(|sent| sent.kind == "acknowledgement"));
        let (code, said) = deskd(&story, &["webhooks", "list"]);
        assert_eq!(code, 0, "{said}");
        let lines: Vec<&str> = said.lines().filter(|line| line.contains("queued")).collect();
        assert_eq!(lines.len(), 3, "only what it wants: {said}");
        assert!(lines.iter().all(|line| line.contains("gone") && line.contains("created")), "{said}");
        assert!(said.contains(&format!("cannot reach http://127.0.0.1:{port}/x")), "{said}");
        assert!(!said.contains("crm"), "what was taken is not shown: {said}");
        let (_, mails) = deskd(&story, &["outbox", "list", "--all"]);
        assert!(!mails.contains("created"), "mails only: {mails}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_program_refuses_comes_again_with_the_same_id_and_bytes_and_a_new_timestamp() {
    told("webhook_again", nothing, async |story, crm| {
        crm.answers(&[503, 302, 429]);
        story.mail(&request(1)).await;
        let mut first = crm.told();
        assert_eq!(first.len(), 2);
        story.advance(TimeDelta::minutes(2)).await;
        let mut second = crm.told();
        assert_eq!(second.len(), 2);
        story.advance(TimeDelta::minutes(10)).await;
        // One of the two was refused a second time.
        assert_eq!(crm.told().len(), 1);
        for list in [&mut first, &mut second] {
            list.sort_by(|one, other| one.id.cmp(&other.id));
        }
        for (one, other) in first.iter().zip(&second) {
            assert_eq!((&one.id, &one.body), (&other.id, &other.body));
            assert!(other.stamp > one.stamp && other.is_signed_with(SECRET));
        }
        story.advance(TimeDelta::hours(1)).await;
        assert!(crm.told().is_empty(), "what was taken does not come again");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_is_told_to_the_managers_once_listed_and_replayed() {
    told("webhook_dead", nothing, async |story, crm| {
        crm.answers(&vec![500; 1000]);
        story.mail(&request(1)).await;
        for _ in 0..18 {
            story.advance(TimeDelta::hours(5)).await;
        }
        let mailed = story.mailed();
        let told: Vec<_> = mailed.iter().filter(|sent| sent.kind == "undelivered").collect();
        let managers: Vec<&str> = told.iter().map(|sent| sent.to.as_str()).collect();
        assert!(!managers.is_empty(), "{:?}", mailed.iter().map(|sent| &sent.kind).collect::<Vec<_>>());
        // The first two on Thursday evening, the breach in the night after.
        assert_eq!(managers, ["mia@northwind.example"; 2], "one mail a day");
        let text = &told[0].mail.text;
        assert!(text.contains("deskd webhooks replay --failed --webhook crm"), "{text}");
        assert!(!text.contains("key=1"), "the query may be a secret: {text}");
        assert!(text.contains("500 Internal Server Error: the queue is full"), "{text}");

        let ids: Vec<String> = crm.told().into_iter().map(|delivery| delivery.id).collect();
        let (_, listed) = deskd(&story, &["webhooks", "list", "--json"]);
        let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
        let failed = listed.iter().filter(|row| row["state"] == "failed").count();
        assert!(failed >= 2);
        let created = listed.iter().find(|row| row["kind"] == "ticket.created").unwrap();
        assert_eq!((&created["state"], &created["attempts"]), (&json!("failed"), &json!(18)), "{created}");
        assert_eq!(created["body"]["data"]["ticket"]["number"], 1001);
        let (_, shown) = deskd(&story, &["outbox", "show", &created["id"].to_string()]);
        assert!(shown.contains("\"type\":\"ticket.created\""), "{shown}");

        crm.answers(&[]);
        let (code, said) = deskd(&story, &["webhooks", "replay", "--failed", "--webhook", "crm"]);
        assert_eq!(
            (code, said.as_str()),
            (0, format!("{failed} are queued again; a running daemon sends them within seconds\n").as_str())
        );
        // The command line goes by the real clock, which the story's has not reached yet.
        story.advance(TimeDelta::days(5000)).await;
        let again = crm.told();
        let known = again.iter().filter(|delivery| ids.contains(&delivery.id)).count();
        assert!(known >= failed, "the same ids");
        assert_eq!(deskd(&story, &["webhooks", "list"]).1, "Everything was taken; --all shows it.\n");

        // Also what was taken can be told again: the program may have lost it.
        let id = created["id"].to_string();
        assert_eq!(deskd(&story, &["webhooks", "replay", &id]).0, 0);
        story.quiet().await;
        assert_eq!(
            crm.told().iter().map(|delivery| &delivery.id).collect::<Vec<_>>(),
            [&created["message_id"].as_str().unwrap().to_owned()]
        );
        assert_eq!(deskd(&story, &["webhooks", "replay", "999999"]).0, 3);
        let mail: Vec<Value> = serde_json::from_str(&deskd(&story, &["outbox", "list", "--all", "--json"]).1).unwrap();
        let (code, said) = deskd(&story, &["webhooks", "replay", &mail[0]["id"].to_string()]);
        assert!(code == 4 && said.contains("is no delivery to a webhook; `deskd webhooks list --all`"), "{said}");
        let (code, said) = deskd(&story, &["webhooks", "list", "--webhook", "crn"]);
        assert_eq!((code, said.contains("there is no webhook \"crn\"; there are crm")), (3, true), "{said}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_program_that_says_gone_is_not_asked_again() {
    told("webhook_gone", nothing, async |story, crm| {
        crm.answers(&[410, 410]);
        story.mail(&request(1)).await;
        assert_eq!(crm.told().len(), 2);
        story.advance(TimeDelta::hours(8)).await;
        let ids: Vec<String> = crm.told().iter().map(|delivery| delivery.kind()).collect();
        assert!(!ids.contains(&"ticket.created".to_owned()), "{ids:?}");
        let (_, said) = deskd(&story, &["webhooks", "list"]);
        assert_eq!(said.lines().filter(|line| line.contains("failed")).count(), 2, "{said}");
        let row = story.ticket(TicketNumber(1001)).await;
        assert_eq!(row.assignee.unwrap().0, "sam", "the desk goes on");
        story.end().await;
    })
    .await;
}

#[test]
fn a_webhook_that_cannot_work_is_told_by_check() {
    let folder = crate::harness::scratch("webhook_check");
    let config = include_str!("firm/deskd.toml").replace("@STORE@", "sqlite:deskd.db");
    std::fs::write(folder.path().join("short"), "no base64!").unwrap();
    let wrong = r#"
[[webhook]]
name = "crm"
url = "http://crm.northwind.example/deskd"
secret = { file = "short" }
events = ["created", "deleted"]
[[webhook]]
name = "crm"
url = "crm"
secret = "whsec_in_the_open"
[[phone]]
name = "main"
number = "555 0100"
account = "me"
auth_token = { file = "short" }
api = "http://twilio.northwind.example"
"#;
    std::fs::write(folder.path().join("deskd.toml"), config.replace("@MORE@", wrong)).unwrap();
    let Err(problems) = deskd::config::load(&folder.path().join("deskd.toml")) else { panic!("it is wrong") };
    let said = problems.to_string();
    for part in [
        "sends the account's token to twilio.northwind.example in the open",
        "\"555 0100\" is no telephone number",
        "\"me\" is no Account SID",
        "nothing listens for what is posted",
        "sends tickets to crm.northwind.example in the open",
        "leads to no key of Standard Webhooks",
        "\"deleted\" is no event",
        "\"crm\" is no web address",
        "is a secret written in the open",
        "a webhook named \"crm\" is already given",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
}
