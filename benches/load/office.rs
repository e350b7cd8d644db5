//! The firm that the figures are made with: fifty clients of twenty people, four techs who can do everything, small plain mails.

use std::path::Path;
use std::sync::Arc;

use deskd::config::Config;
use deskd::intake::Office;
use deskd::store::{Db, people};

const CLIENTS: usize = 50;
const PEOPLE: usize = 20;

const HEAD: &str = r#"
rules = "rules.toml"
[firm]
name = "Northwind IT"
time_zone = "America/Chicago"
domain = "northwind.example"
url = "https://desk.northwind.example/"
[priority.P1]
first_touch = "15m"
resolve = "4h"
calendar = "always"
[priority.P2]
first_touch = "1h"
resolve = "8h"
[[escalation]]
of = "first_touch"
at = "50%"
notify = ["assignee"]
[[escalation]]
of = "first_touch"
at = "100%"
notify = ["assignee", "managers"]
repeat = "15m"
times = 4
[[rate]]
amount = "160.00 USD"
[smtp]
outbox = "sent"
"#;

/// Client and address of a contact.
fn address(number: usize) -> (usize, String) {
    let client = number % CLIENTS;
    (client, format!("person{}@client{client}.example", number / CLIENTS % PEOPLE))
}

/// Writes the config into `folder` and reads it; `source` is its mailbox.
pub fn config(folder: &Path, store: &str, source: &str) -> Config {
    let mut text = format!("{HEAD}[store]\nurl = \"{store}\"\n{source}");
    for login in ["ann", "bob", "eve", "sam"] {
        text.push_str(&format!(
            "[[tech]]\nlogin = \"{login}\"\nname = \"{login} Berg\"\nemail = \"{login}@northwind.example\"\ncapacity = 10000\n\
             skills = [\"security\", \"mail\", \"server\", \"network\", \"purchase\", \"accounts\"]\nroles = [{}]\n",
            if login == "sam" { "\"manager\"" } else { "" }
        ));
    }
    for client in 0..CLIENTS {
        let people: Vec<String> = (0..PEOPLE)
            .map(|person| {
                format!("{{ name = \"Person {person}\", email = \"person{person}@client{client}.example\" }}")
            })
            .collect();
        text.push_str(&format!(
            "[[client]]\nkey = \"client{client}\"\nname = \"Client {client}\"\ndomains = [\"client{client}.example\"]\ncontacts = [{}]\n",
            people.join(", ")
        ));
    }
    std::fs::write(folder.join("deskd.toml"), text).unwrap();
    std::fs::write(folder.join("rules.toml"), include_str!("../../config/rules.toml")).unwrap();
    std::fs::create_dir_all(folder.join("drop")).unwrap();
    deskd::config::load(&folder.join("deskd.toml")).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A Maildir that nothing is put into.
pub const DROP: &str = "[[maildir]]\nname = \"support\"\naddress = \"support@northwind.example\"\npath = \"drop\"\n";

pub fn office(config: &Config) -> Office {
    Office { firm: Arc::clone(&config.firm), texts: Arc::new(deskd::daemon::texts(config).unwrap()) }
}

/// A migrated database with the firm in it.
pub async fn store(url: &str, config: &Config) -> Db {
    let db = Db::open(url).await.unwrap();
    db.migrate().await.unwrap();
    let mut tx = db.write().await.unwrap();
    people::mirror(&mut tx, &config.firm).await.unwrap();
    tx.commit().await.unwrap();
    db
}

/// A small mail of a known contact; no two are alike.
pub fn mail(number: usize) -> String {
    let (client, from) = address(number);
    let what =
        ["The printer is jammed", "New monitor needed", "Outlook asks for a password", "VPN drops at home"][number % 4];
    format!(
        "Return-Path: <{from}>\r\nReceived: from mx.client{client}.example by mx.northwind.example; Mon, 2 Mar 2026 09:00:00 +0000\r\n\
         From: Person <{from}>\r\nTo: support@northwind.example\r\nSubject: {what} ({number})\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <m{number}@client{client}.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n\
         Good morning,\r\n\r\nthis is about the machine in room {number}. {what}, since about nine o'clock.\r\n\
         It would be nice if somebody could look at it today; I am in the office until five.\r\n\r\n\
         Kind regards\r\nPerson\r\n"
    )
}

/// A folder on a real disk; gone when dropped.
pub fn folder() -> tempfile::TempDir {
    let below = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(below).unwrap();
    let folder = tempfile::Builder::new().prefix("load-").tempdir_in(below).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// How often a second the disk takes 4 KiB for good.
pub fn fsync_rate(folder: &Path) -> f64 {
    use std::io::Write;
    let path = folder.join("fsync");
    let mut file = std::fs::File::create(&path).unwrap();
    let begun = std::time::Instant::now();
    let mut times = 0;
    while begun.elapsed().as_millis() < 500 {
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        times += 1;
    }
    let rate = f64::from(times) / begun.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}
