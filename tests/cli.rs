//! The command line as a person and a script meet it: the real program on a database with known tickets.

use std::path::Path;
use std::process::{Command, Output};

use chrono::{DateTime, TimeDelta, Utc};
use deskd::config::Config;
use deskd::desk::event::{Event, Recorded, RuleHit, Touch, Waiting};
use deskd::desk::sla::{self, Policy};
use deskd::desk::ticket::Ticket;
use deskd::store::inbound::{self, Fate, NewInbound};
use deskd::store::maintenance::{self, Window};
use deskd::store::messages::{self, NewMessage};
use deskd::store::time::{self, NewEntry};
use deskd::store::{Db, Tx, people, tickets};
use deskd::words::{Actor, Category, ClientKey, ContactId, Login, Minutes, Priority, TicketNumber};

use crate::harness::{at, scratch};

/// The demo's firm, whose office never closes, so that times left do not depend on the hour of the test.
struct Firm {
    folder: tempfile::TempDir,
    config: Config,
    db: Db,
}

impl Firm {
    async fn open(name: &str) -> Firm {
        let folder = scratch(name);
        write_config(folder.path());
        let config = deskd::config::load(&folder.path().join("deskd.toml")).unwrap();
        let db = Db::open(&config.store_url).await.unwrap();
        db.migrate().await.unwrap();
        let mut tx = db.write().await.unwrap();
        people::mirror(&mut tx, &config.firm).await.unwrap();
        tx.commit().await.unwrap();
        Firm { folder, config, db }
    }

    fn deskd(&self, args: &[&str]) -> Output {
        deskd(self.folder.path(), args)
    }

    /// What a command that must succeed prints.
    #[track_caller]
    fn says(&self, args: &[&str]) -> String {
        let output = self.deskd(args);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Writes a ticket as the intake would: events, projection, clocks.
    async fn ticket(&self, tx: &mut Tx, events: Vec<(DateTime<Utc>, Actor, Event)>) -> TicketNumber {
        let history: Vec<Recorded> = (1..)
            .zip(events)
            .map(|(seq, (at, actor, event))| Recorded {
                seq,
                at,
                recorded_at: at,
                actor,
                cause: format!("inbound:{seq}"),
                event,
            })
            .collect();
        let now = history.last().unwrap().at;
        let number = tickets::create(tx, &Ticket::replay(TicketNumber(0), &history).unwrap(), now).await.unwrap();
        let ticket = Ticket::replay(number, &history).unwrap();
        let policy = Policy::of(&self.config.firm, ticket.client.as_ref());
        let clocks = sla::clocks(&ticket, &history, &policy);
        for recorded in &history {
            tickets::append(tx, number, recorded);
        }
        tickets::save(tx, &ticket, &clocks, now).await.unwrap();
        tickets::save_clocks(tx, number, &clocks).await.unwrap();
        number
    }
}

fn write_config(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let demo = std::fs::read_to_string(root.join("demo/deskd.toml")).unwrap();
    let always = demo.replace("hours = { mon-fri = [\"08:00-18:00\"] }", "hours = \"24h\"");
    assert_ne!(demo, always, "the calendar of the demo has changed its form");
    std::fs::write(folder.join("deskd.toml"), always).unwrap();
    std::fs::copy(root.join("rules.toml"), folder.join("rules.toml")).unwrap();
}

fn deskd(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder)
        .env_remove("DESKD_CONFIG")
        .env_remove("COLUMNS")
        .args(args)
        .output()
        .unwrap()
}

fn error(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn opened(subject: &str, priority: Priority, requester: ContactId, client: Option<&str>) -> Event {
    Event::Opened {
        subject: subject.to_owned(),
        source: "support".to_owned(),
        requester: Some(requester),
        client: client.map(ClientKey::from),
        priority,
        category: Category::Retainer,
        tags: Vec::new(),
        skill: None,
        rules: Vec::new(),
        unsorted: client.is_none().then(|| "nobody knows the sender".to_owned()),
        automatic: false,
    }
}

fn assigned(login: &str) -> Event {
    Event::Assigned { to: Some(login.into()), why: format!("anybody: {login} has the lightest load (0)") }
}

fn tech(login: &str) -> Actor {
    Actor::Tech(Login::from(login))
}

/// Half a minute off the full one, so that a slow start of the program changes no figure.
fn ago(minutes: i64) -> DateTime<Utc> {
    deskd::clock::Clock::System.now() - TimeDelta::minutes(minutes) - TimeDelta::seconds(30)
}

async fn contact(tx: &mut Tx, address: &str) -> ContactId {
    match people::by_address(tx, address).await.unwrap() {
        Some(contact) => contact.id,
        None => people::add(tx, None, "Pat \u{1b}[31mDoe", address, false).await.unwrap(),
    }
}

/// A queue with one of each kind.
async fn busy(name: &str) -> Firm {
    let firm = Firm::open(name).await;
    let mut tx = firm.db.write().await.unwrap();
    let jane = contact(&mut tx, "jane@acme-dental.example").await;
    let pat = contact(&mut tx, "pat@mail.example").await;
    let acme = Some("acme");
    let by = Actor::Contact(jane);
    let stripes = "Printer on the second floor leaves grey stripes on every page that it prints in colour";
    let printer =
        vec![(ago(30), by.clone(), opened(stripes, Priority::P3, jane, acme)), (ago(30), Actor::Desk, assigned("sam"))];
    firm.ticket(&mut tx, printer).await;
    let server = vec![
        (ago(27), by.clone(), opened("Server down \u{1b}[2J\u{202e}", Priority::P1, jane, acme)),
        (ago(27), Actor::Desk, assigned("maya")),
    ];
    firm.ticket(&mut tx, server).await;
    let touched = vec![
        (ago(400), by.clone(), opened("VPN drops", Priority::P2, jane, acme)),
        (ago(390), tech("ida"), Event::FirstTouched { by: "ida".into(), how: Touch::Answer, declared: false }),
        (ago(390), tech("ida"), Event::Taken { by: "ida".into() }),
    ];
    firm.ticket(&mut tx, touched).await;
    let until = Some(at("2031-03-07 06:00"));
    let waits = vec![
        (ago(900), by.clone(), opened("New laptop", Priority::P4, jane, acme)),
        (ago(800), tech("ida"), Event::Taken { by: "ida".into() }),
        (ago(800), tech("ida"), Event::WaitStarted { on: Waiting::Vendor, until }),
    ];
    firm.ticket(&mut tx, waits).await;
    firm.ticket(&mut tx, vec![(ago(5), Actor::Contact(pat), opened("Your prices", Priority::P3, pat, None))]).await;
    let done = vec![
        (ago(99), by, opened("Toner", Priority::P4, jane, acme)),
        (ago(98), tech("sam"), Event::Resolved { by: tech("sam") }),
    ];
    firm.ticket(&mut tx, done).await;
    tx.commit().await.unwrap();
    firm
}

#[tokio::test]
async fn the_queue_shows_the_most_overdue_first_and_fits_eighty_columns() {
    let firm = busy("cli-queue").await;
    let text = firm.says(&["queue"]);
    insta::assert_snapshot!(text, @r##"
    TICKET  PRIO  DUE                    WHO   CLIENT  SUBJECT
    #1002   P1    touch 12m late         maya  acme    Server down  [2J
    #1003   P2    resolve in 1h19        ida   acme    VPN drops
    #1001   P3    touch in 3h29          sam   acme    Printer on the second floor …
    #1004   P4    waits until Fri 7 Mar  ida   acme    New laptop

    Unsorted, from strangers (a manager answers the digest with #accept or #spam):
    TICKET  PRIO  SINCE  FROM                             SUBJECT
    #1005   P3    5m     Pat  [31mDoe <pat@mail.example>  Your prices

    3 to do, 1 overdue · 1 waiting · 1 unsorted
    "##);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "a subject must not command the terminal");
    assert!(!text.contains("Toner"));
    assert!(firm.says(&["queue", "--all"]).contains("Toner"));
    assert!(firm.says(&["queue", "--limit", "1"]).contains("Only the first 1 are shown"));
}

#[tokio::test]
async fn colours_come_when_asked_and_never_into_a_pipe() {
    let firm = busy("cli-colour").await;
    assert!(!firm.says(&["queue"]).contains('\u{1b}'));
    let coloured = firm.says(&["--color", "always", "queue"]);
    let late = coloured.lines().find(|line| line.contains("late")).unwrap();
    assert!(late.starts_with("\u{1b}[1;31m") && late.ends_with("\u{1b}[0m"), "{late:?}");
    let program = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(firm.folder.path())
        .env("COLUMNS", "120")
        .args(["queue", "--color", "never"])
        .output()
        .unwrap();
    let wide = String::from_utf8(program.stdout).unwrap();
    assert!(wide.contains("on every page that"), "more room shows more of a subject: {wide}");
}

#[tokio::test]
async fn a_script_gets_the_promised_fields_with_times_in_utc() {
    let firm = busy("cli-json").await;
    let queue: serde_json::Value = serde_json::from_str(&firm.says(&["queue", "--json"])).unwrap();
    let first = &queue[0];
    let fields: Vec<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let promised = "number subject priority status category client requester assignee source received_at first_touch_due \
                    first_touch_at resolve_due resolved_at minutes tags";
    let mut promised: Vec<&str> = promised.split(' ').collect();
    promised.sort_unstable();
    assert_eq!(fields, promised);
    assert_eq!((&first["number"], &first["priority"]), (&1002.into(), &"P1".into()));
    assert_eq!(first["requester"]["address"], "jane@acme-dental.example");
    assert!(first["received_at"].as_str().unwrap().ends_with('Z'), "{first}");
    let show: serde_json::Value = serde_json::from_str(&firm.says(&["ticket", "show", "1004", "--json"])).unwrap();
    assert_eq!(show["clocks"][1]["clock"], "resolve");
    assert_eq!(show["events"][2]["kind"], "wait_started");
}

/// A ticket of the past, so that nothing in its texts moves.
#[expect(clippy::too_many_lines, reason = "one ticket's whole life, row by row")]
async fn answered(firm: &Firm) -> TicketNumber {
    let mut tx = firm.db.write().await.unwrap();
    let jane = contact(&mut tx, "jane@acme-dental.example").await;
    let mut opening = opened("Server down", Priority::P1, jane, Some("acme"));
    if let Event::Opened { rules, .. } = &mut opening {
        let (words, gave) = (vec!["server down".to_owned()], vec!["P1".to_owned()]);
        rules.push(RuleHit { rule: "nobody can work".to_owned(), words, gave });
        // As the first version stored it.
        rules.push(serde_json::from_str(r#""a rule that is gone""#).unwrap());
    }
    let entry = Minutes(25);
    let day = at("2026-11-02 00:00").date_naive();
    let logged = Event::TimeLogged { entry: 1, tech: "sam".into(), minutes: entry, category: Category::Retainer, day };
    let breached = Event::Breached { clock: deskd::desk::event::ClockKind::FirstTouch, due: at("2026-11-02 15:15") };
    let events = vec![
        (at("2026-11-02 15:00"), Actor::Contact(jane), opening),
        (at("2026-11-02 15:00"), Actor::Desk, assigned("sam")),
        (at("2026-11-02 15:15"), Actor::Desk, breached),
        (
            at("2026-11-02 15:20"),
            tech("sam"),
            Event::FirstTouched { by: "sam".into(), how: Touch::Phone, declared: true },
        ),
        (
            at("2026-11-02 15:30"),
            tech("sam"),
            Event::PriorityChanged { to: Priority::P2, why: Some("one room".into()) },
        ),
        (at("2026-11-02 16:00"), tech("sam"), logged),
        (at("2026-11-02 16:00"), tech("sam"), Event::Resolved { by: tech("sam") }),
    ];
    let number = firm.ticket(&mut tx, events).await;
    let message = |public: bool, actor: Actor, moment: &str, text: &'static str| NewMessage {
        ticket: number,
        inbound: None,
        public,
        actor: actor.to_string(),
        sender_name: if public { "Jane Roe" } else { "Sam Ortiz" },
        sender_address: if public { "jane@acme-dental.example" } else { "sam@northwind.example" },
        subject: "Server down",
        message_id: None,
        at: at(moment),
        text,
        files: Vec::new(),
        verdicts: None,
        reason: None,
        place: None,
    };
    let asked = message(true, Actor::Contact(jane), "2026-11-02 15:00", "The server is down, nobody can work.");
    messages::insert(&mut tx, asked).await.unwrap();
    let noted = message(false, tech("sam"), "2026-11-02 15:40", "Power supply.\nOld one.");
    messages::insert(&mut tx, noted).await.unwrap();
    let key = ClientKey::from("acme");
    let sam = "sam".into();
    let new = NewEntry {
        ticket: Some(number),
        client: Some(&key),
        ..NewEntry::new(&sam, entry, Category::Retainer, day, at("2026-11-02 16:00"))
    };
    time::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    number
}

#[tokio::test]
async fn a_ticket_is_shown_whole_and_internal_words_are_told_apart_at_a_glance() {
    let firm = Firm::open("cli-ticket").await;
    answered(&firm).await;
    insta::assert_snapshot!(firm.says(&["ticket", "show", "#1001"]), @r##"
    #1001 Server down
      P2 (first P1) · resolved · retainer
      client       Acme Dental (acme)
      requester    Jane Roe <jane@acme-dental.example>
      assignee     Sam Ortiz (sam)
      received     2026-11-02 09:00 CST by support
      first touch  due 2026-11-02 09:15 CST, done 2026-11-02 09:20 CST by sam, 5m late
      resolution   due 2026-11-02 17:00 CST, done 2026-11-02 10:00 CST, in time

    Messages
      public    2026-11-02 09:00 CST  Jane Roe <jane@acme-dental.example>
          The server is down, nobody can work.

      internal  2026-11-02 09:40 CST  Sam Ortiz <sam@northwind.example>
        | Power supply.
        | Old one.

    Time
      e1     2026-11-02  sam           25m retainer
      25m in all

    History
        1  2026-11-02 09:00 CST  Jane Roe <jane@acme-dental.example> [inbound:1]: opened as P1, retainer
        2  2026-11-02 09:00 CST  deskd [inbound:2]: assigned to sam: anybody: sam has the lightest load (0)
        3  2026-11-02 09:15 CST  deskd [inbound:3]: first touch was due 2026-11-02 09:15 CST
        4  2026-11-02 09:20 CST  sam [inbound:4]: first touch of sam by phone (declared)
        5  2026-11-02 09:30 CST  sam [inbound:5]: priority P2: one room
        6  2026-11-02 10:00 CST  sam [inbound:6]: 25m retainer of sam on 2026-11-02
        7  2026-11-02 10:00 CST  sam [inbound:7]: resolved
    "##);
}

#[tokio::test]
async fn why_prints_the_sum_and_explains_priority_and_assignment() {
    let firm = Firm::open("cli-why").await;
    answered(&firm).await;
    insta::assert_snapshot!(firm.says(&["why", "1001"]), @r##"
    #1001 Server down
      P2 · resolved · times in America/Chicago

    Priority P2
      triage gave P1:
        rule "nobody can work" on "server down": P1
        rule "a rule that is gone"
      2026-11-02 09:30 CST  sam: priority P2: one room

    Assigned to sam
      2026-11-02 09:00 CST  deskd: assigned to sam: anybody: sam has the lightest load (0)

    First touch
      starts 2026-11-02 09:00 CST; P1 allows 15m of calendar "always": due 2026-11-02 09:15 CST
      2026-11-02 09:20 CST first touch: late by 5m
      counted as late

    Resolution
      starts 2026-11-02 09:00 CST; P1 allows 4h of calendar "always": due 2026-11-02 13:00 CST
      2026-11-02 09:30 CST lowered from P1 to P2: due 2026-11-02 17:00 CST
      2026-11-02 10:00 CST resolved: in time, 7h to spare

    Escalations
      2026-11-02 09:15 CST  deskd: first touch was due 2026-11-02 09:15 CST
    "##);
}

#[tokio::test]
async fn what_is_not_there_is_named_with_a_way_out_and_exit_code_three() {
    let firm = Firm::open("cli-missing").await;
    let (code, text) = error(&firm.deskd(&["ticket", "show", "7"]));
    assert_eq!((code, text.trim()), (Some(3), "deskd: there is no ticket #7; `deskd queue --all` lists what there is"));
    assert_eq!(error(&firm.deskd(&["inbound", "retry", "7"])).0, Some(3));
    assert_eq!(error(&firm.deskd(&["outbox", "drop", "7"])).0, Some(3));
    assert_eq!(error(&firm.deskd(&["rules", "test", "none.eml"])).0, Some(3));
    assert_eq!(error(&firm.deskd(&["queue", "--nonsense"])).0, Some(2));
    assert_eq!(error(&firm.deskd(&["-c", "none.toml", "queue"])).0, Some(2));
}

#[tokio::test]
async fn only_a_quarantined_arrival_can_be_tried_again() {
    let firm = Firm::open("cli-inbound").await;
    let mut tx = firm.db.write().await.unwrap();
    let raw = b"From: a@b.example\r\nDate: Mon, 2 Nov 2026 15:00:00 +0000\r\nSubject: odd\r\n\r\nx\r\n";
    let compressed = zstd::encode_all(raw.as_slice(), 3).unwrap();
    let moment = at("2026-11-02 15:00");
    for (key, fate, reason) in [
        ("one", Fate::Quarantined, "it took too long"),
        ("two", Fate::Refused, "it comes from our own address"),
        ("three", Fate::Refused, "waits for DNS: claims to be Sam Ortiz"),
    ] {
        let new = NewInbound {
            form: deskd::channel::Form::Mail,
            source: "support",
            source_key: key,
            arrived_at: moment,
            size: raw.len() as u64,
            junk: false,
            compressed: &compressed,
        };
        let id = inbound::keep(&mut tx, &[new], moment).await.unwrap()[0].0;
        let outcome = inbound::Outcome {
            fate,
            reason: Some(reason),
            ticket: None,
            message_id: None,
            content_hash: None,
            sender: "a@b.example",
            subject: "odd",
        };
        inbound::decide(&mut tx, id, &outcome, moment);
    }
    tx.commit().await.unwrap();
    insta::assert_snapshot!(firm.says(&["inbound"]), @r##"
    ID  ARRIVED      FATE         TICKET  FROM         SUBJECT
    3   11-02 09:00  waiting      -       a@b.example  odd
    2   11-02 09:00  refused      -       a@b.example  odd
    1   11-02 09:00  quarantined  -       a@b.example  odd

    Quarantined: `deskd inbound show ID` tells why, `retry ID` tries it again.
    "##);
    assert_eq!(firm.deskd(&["inbound", "show", "1", "--raw"]).stdout, raw);
    let shown = firm.says(&["inbound", "show", "1"]);
    assert!(shown.contains("it took too long") && shown.contains("date          2026-11-02 09:00 CST"), "{shown}");
    for (word, ids) in [("waiting", vec!["3"]), ("none", vec![]), ("not yet", vec![]), ("refused", vec!["3", "2"])] {
        let listed = firm.says(&["inbound", "--fate", word]);
        let first: Vec<&str> = listed.lines().filter(|line| line.contains("a@b")).map(|line| &line[..1]).collect();
        assert_eq!(first, ids, "{word}");
    }
    let refused = error(&firm.deskd(&["inbound", "retry", "2"]));
    let why = "deskd: inbound 2 was refused; only a quarantined arrival can be tried again\n";
    assert_eq!(refused, (Some(4), why.to_owned()));
    assert!(firm.says(&["inbound", "retry", "1"]).contains("goes through the door again"));
    assert!(firm.says(&["inbound"]).contains("not yet"));
    assert!(firm.says(&["inbound", "--fate", "not-yet"]).contains("a@b.example"));
}

#[tokio::test]
async fn maintenances_are_listed_with_what_runs_now() {
    let firm = Firm::open("cli_maintenance").await;
    let none = "No client's alerts are kept quiet; a technician mails `#maintenance KEY 22:00-02:00`.\n";
    assert_eq!(firm.says(&["maintenance"]), none);
    let mut tx = firm.db.write().await.unwrap();
    let client = firm.config.firm.clients[0].key.clone();
    let window = |starts_at, ends_at| Window { client: client.clone(), starts_at, ends_at, tech: Login("sam".into()) };
    for (starts_at, ends_at) in
        [(ago(60), at("2090-01-02 02:00")), (at("2090-01-05 22:00"), at("2090-01-06 02:00")), (ago(90), ago(30))]
    {
        maintenance::add(&mut tx, &window(starts_at, ends_at), ago(120)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let said = firm.says(&["maintenance"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "what is over is not shown: {said}");
    assert!(lines[1].contains("quiet now") && lines[2].contains("planned"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&firm.says(&["maintenance", "--json"])).unwrap();
    assert_eq!(json[1]["starts_at"], "2090-01-05T22:00:00Z");
}
