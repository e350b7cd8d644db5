//! Alerts: what the ready mappings read in real payloads; one ticket an alert, also where it comes and goes; a storm is one ticket.

use chrono::TimeDelta;
use deskd::channel::Post;
use deskd::channel::delivery::Delivery;
use deskd::channel::kind::KINDS;
use deskd::store::maintenance;
use deskd::words::{ClientKey, Priority, Status, TicketNumber};
use serde_json::{Value, json};

use crate::harness::signer::Signer;
use crate::harness::story::told_by_dns;
use crate::harness::testdata;
use crate::hooks::told;
use crate::trust::dated;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";

/// What a ready mapping makes of a payload of the test data; `None` where they are not at hand.
fn read(kind: &str, file: &str) -> Option<Post> {
    let mapping = KINDS.iter().find(|known| known.name == kind).unwrap().mapping().unwrap();
    let body = std::fs::read(testdata(&format!("webhooks/{file}"))?).unwrap();
    let form = if file.ends_with(".form") { "application/x-www-form-urlencoded" } else { "application/json" };
    let delivery = Delivery { fields: vec![("content-type".to_owned(), form.to_owned())], body };
    let post = mapping.post(kind, &delivery.data().unwrap());
    assert!(post.missing.is_empty(), "{file}: {:?}", post.missing);
    assert!(!post.text.contains("{{") && !post.subject.contains("{{"), "{file}: {post:?}");
    Some(post)
}

#[test]
fn every_ready_mapping_compiles() {
    for kind in KINDS {
        kind.mapping().unwrap();
    }
}

/// What one payload has to say.
struct Payload {
    kind: &'static str,
    file: &'static str,
    subject: &'static str,
    words: &'static str,
    priority: Option<Priority>,
    thread: Option<&'static str>,
    over: bool,
}

const PAYLOADS: &[Payload] = &[
    Payload {
        kind: "alertmanager",
        file: "monitoring-own/alertmanager_firing_single.json",
        subject: "Instance db1:9100 down",
        words: "down for more than 5 minutes",
        priority: Some(Priority::P1),
        thread: Some("c0ffee0000000001"),
        over: false,
    },
    Payload {
        kind: "alertmanager",
        file: "monitoring/prometheus_v3_alert.json",
        subject: "Connect fail (host2)",
        words: "Connect to host2 fails",
        priority: Some(Priority::P1),
        thread: Some(
            "__name__=ping_success;alertname=failedConnect;environment=Production;instance=host2;job=pinger;monitor=testlab;service=System;severity=critical;timeout=600;",
        ),
        over: false,
    },
    Payload {
        kind: "grafana",
        file: "monitoring/grafana_6.json",
        subject: "[Alerting] TEST -> Battery Voltage alert",
        words: "dropped below 23.7 Volts",
        priority: Some(Priority::P3),
        thread: Some("rule/58"),
        over: false,
    },
    Payload {
        kind: "grafana",
        file: "monitoring-own/alertmanager_firing_single.json",
        subject: "Instance db1:9100 down",
        words: "instance: db1:9100",
        priority: Some(Priority::P1),
        thread: Some("c0ffee0000000001"),
        over: false,
    },
    Payload {
        kind: "uptime-kuma",
        file: "monitoring-own/uptimekuma_down.json",
        subject: "Acme / Customer portal is down",
        words: "ECONNREFUSED",
        priority: None,
        thread: Some("monitor/7"),
        over: false,
    },
    Payload {
        kind: "uptime-kuma",
        file: "monitoring-own/uptimekuma_up.json",
        subject: "Acme / Customer portal is up",
        words: "200 - OK",
        priority: None,
        thread: Some("monitor/7"),
        over: true,
    },
    Payload {
        kind: "uptime-kuma",
        file: "monitoring-own/uptimekuma_test.json",
        subject: "Servicedesk Testing",
        words: "Servicedesk Testing",
        priority: Some(Priority::P4),
        thread: None,
        over: false,
    },
    Payload {
        kind: "zabbix",
        file: "monitoring-own/zabbix_webhook_recovery.json",
        subject: "SRV-FILE01: Resolved in 12m 3s: Free disk space is less than 5% on volume D:",
        words: "Problem has been resolved",
        priority: Some(Priority::P2),
        thread: Some("SRV-FILE01/23377"),
        over: true,
    },
    Payload {
        kind: "prtg",
        file: "monitoring-own/prtg_http_action.form",
        subject: "FW-ACME-01: Ping v2 Down",
        words: "ICMP error # 11010",
        priority: Some(Priority::P1),
        thread: Some("sensor/2042"),
        over: false,
    },
    Payload {
        kind: "datto-rmm",
        file: "monitoring-own/datto_rmm_alert.json",
        subject: "ACME-DC01: Device ACME-DC01 has been offline for 15 minutes",
        words: "Windows Server 2022",
        priority: Some(Priority::P1),
        thread: Some("5f8b2c0e-7c0e-4c0a-9a51-1f3a5ae5a001"),
        over: false,
    },
    Payload {
        kind: "ninjaone",
        file: "monitoring-own/ninjaone_condition_triggered.json",
        subject: "Disk free space",
        words: "below 5 %",
        priority: Some(Priority::P1),
        thread: Some("bb3a60b5-5a1d-4f0e-9dcf-4f1d5b7a0001"),
        over: false,
    },
];

#[test]
fn real_payloads_say_what_is_wrong_how_bad_it_is_and_which_alert_it_is() {
    for Payload { kind, file, subject, words, priority, thread, over } in PAYLOADS {
        let Some(post) = read(kind, file) else { continue };
        assert_eq!(post.subject, *subject, "{file}");
        assert!(post.text.contains(words), "{file}: {}", post.text);
        assert_eq!((post.priority, post.resolved), (*priority, *over), "{file}");
        assert_eq!(post.thread.as_deref(), *thread, "{file}");
    }
}

#[test]
fn the_same_alert_has_one_identity_and_its_client_is_named() {
    let (Some(down), Some(up)) = (
        read("uptime-kuma", "monitoring-own/uptimekuma_down.json"),
        read("uptime-kuma", "monitoring-own/uptimekuma_up.json"),
    ) else {
        return;
    };
    assert_eq!(down.thread, up.thread);
    assert_eq!(down.client.as_deref(), Some("acme"), "the tag of the monitor");
    let datto = read("datto-rmm", "monitoring-own/datto_rmm_alert.json").unwrap();
    assert_eq!(datto.client.as_deref(), Some("Acme B.V."), "a client is found by its name too");
}

/// The payloads that docs/channels.md has for Datto RMM, filled in as Datto does.
fn datto() -> Vec<Value> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/channels.md")).unwrap();
    let templates = page.lines().filter(|line| line.starts_with("{ \"alert_state\""));
    let values = [
        ("[alert_uid]", "5f8b2c0e-7c0e-4c0a-9a51-1f3a5ae5a001"),
        ("[alert_priority]", "Critical"),
        ("[alert_message_en]", "Device ACME-DC01 has been offline for 15 minutes"),
        ("[device_hostname]", "ACME-DC01"),
        ("[site_name]", "Acme Dental"),
    ];
    let filled = |line: &str| values.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
    templates.map(|line| serde_json::from_str(&filled(line)).unwrap()).collect()
}

#[tokio::test]
async fn datto_rmm_tells_an_alert_and_its_end_by_the_payloads_of_the_document() {
    told("alerts_datto", async |story, door| {
        let payloads = datto();
        let [triggered, resolved] = payloads.as_slice() else { panic!("{payloads:?}") };
        let number = TicketNumber(1001);
        assert_eq!(door.tell("datto", triggered).await.0, 200);
        story.quiet().await;
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.status, ticket.priority), (Status::New, Priority::P1));
        assert_eq!(ticket.subject, "ACME-DC01: Device ACME-DC01 has been offline for 15 minutes");
        assert_eq!(ticket.client, Some(ClientKey("acme".to_owned())), "by its name");
        assert_eq!(door.tell("datto", resolved).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved, "nobody has touched it");

        // A template as it was before the document had two ends nothing.
        let mut old = triggered.clone();
        old.as_object_mut().unwrap().remove("alert_state");
        old["alert_uid"] = json!("another");
        assert_eq!(door.tell("datto", &old).await.0, 200);
        assert_eq!(door.tell("datto", &old).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.status, Status::New);
        // The end of an alert that was never told opens none.
        let mut unknown = resolved.clone();
        unknown["alert_uid"] = json!("unknown");
        story.mailed();
        assert_eq!(door.tell("datto", &unknown).await.0, 200);
        story.quiet().await;
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

/// Host and service by the macros of docs/channels.md.
#[test]
fn nagios_and_icinga_tell_host_service_and_recovery() {
    let mapping = KINDS.iter().find(|known| known.name == "nagios").unwrap().mapping().unwrap();
    let told = |service: &str, state: &str, kind: &str| {
        mapping.post(
            "nagios",
            &json!({ "host": "web01", "service": service, "state": state, "type": kind, "output": "HTTP 503" }),
        )
    };
    let problem = told("HTTP", "CRITICAL", "PROBLEM");
    assert_eq!((problem.subject.as_str(), problem.priority), ("web01/HTTP is CRITICAL", Some(Priority::P2)));
    let recovery = told("HTTP", "OK", "RECOVERY");
    assert!(recovery.resolved && recovery.thread == problem.thread);
    assert_eq!(told("", "DOWN", "PROBLEM").priority, Some(Priority::P1));
    assert!(told("", "UP", "RECOVERY").resolved);
}

#[tokio::test]
async fn a_word_about_an_alert_is_no_alert() {
    told("alerts_remark", async |story, door| {
        let tell = async |kind: &str, state: &str| {
            let data =
                json!({ "host": "web01", "service": "HTTP", "state": state, "type": kind, "output": "HTTP 503" });
            assert_eq!(door.tell("nagios", &data).await.0, 200);
            story.quiet().await;
        };
        tell("DOWNTIMESTART", "OK").await;
        tell("DOWNTIMESTART", "CRITICAL").await;
        tell("ACKNOWLEDGEMENT", "CRITICAL").await;
        assert!(story.mailed().is_empty(), "nothing is wrong that anybody was told of");
        tell("PROBLEM", "CRITICAL").await;
        let assignment = story.mailed_one("assignment");
        tell("ACKNOWLEDGEMENT", "CRITICAL").await;
        assert_eq!(story.messages(TicketNumber(1001)).await.len(), 2, "kept with it");
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::New);
        assert!(story.mailed().is_empty() && assignment.to.starts_with("sam@"));
        story.end().await;
    })
    .await;
}

fn alert(name: &str, severity: &str, status: &str) -> Value {
    json!({
        "status": status, "fingerprint": name, "labels": { "alertname": name, "instance": format!("{name}:9100"), "severity": severity },
        "annotations": { "summary": format!("{name} is in trouble") }, "startsAt": "2026-03-02T09:00:00Z",
    })
}

fn delivery(alerts: &[Value]) -> Value {
    json!({ "version": "4", "status": "firing", "receiver": "desk", "commonLabels": {}, "alerts": alerts })
}

#[tokio::test]
async fn each_alert_of_a_delivery_is_a_ticket_of_its_own() {
    told("alerts_each", async |story, door| {
        let three = delivery(&[
            alert("disk", "warning", "firing"),
            alert("db", "critical", "firing"),
            alert("ups", "info", "firing"),
        ]);
        assert_eq!(door.tell("alerts", &three).await.0, 200);
        story.quiet().await;
        let priorities = async || {
            let mut all = Vec::new();
            for number in 1001..=1003 {
                let ticket = story.ticket(TicketNumber(number)).await;
                all.push((ticket.subject, ticket.priority, ticket.status));
            }
            all
        };
        let row = |name: &str, priority, status| (format!("{name} is in trouble ({name}:9100)"), priority, status);
        let (new, over) = (Status::New, Status::Resolved);
        assert_eq!(
            priorities().await,
            [row("disk", Priority::P3, new), row("db", Priority::P1, new), row("ups", Priority::P4, new)]
        );
        assert_eq!(story.mailed().len(), 3);
        let one_over = delivery(&[alert("disk", "warning", "firing"), alert("db", "critical", "resolved")]);
        assert_eq!(door.tell("alerts", &one_over).await.0, 200);
        story.quiet().await;
        assert_eq!(
            priorities().await,
            [row("disk", Priority::P3, new), row("db", Priority::P1, over), row("ups", Priority::P4, new)]
        );
        assert!(story.mailed().is_empty());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_comes_and_goes_is_one_ticket_that_a_human_has_to_look_at() {
    told("alerts_flap", async |story, door| {
        let number = TicketNumber(1001);
        let tell = async |status: &str| {
            assert_eq!(door.tell("alerts", &delivery(&[alert("db", "critical", status)])).await.0, 200);
            story.quiet().await;
        };
        tell("firing").await;
        story.mailed();
        story.advance(TimeDelta::minutes(5)).await;
        tell("resolved").await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.advance(TimeDelta::minutes(30)).await;
        assert!(story.mailed().is_empty());
        tell("firing").await;
        let again = story.ticket(number).await;
        assert_eq!(again.status, Status::New, "the same ticket");
        assert_eq!(again.first_touch_due, Some(story.now() + TimeDelta::minutes(15)), "a first touch is due anew");
        let told = story.mailed_one("client_message");
        for words in ["A program wrote on #1001", "db is in trouble", "is open again"] {
            assert!(told.mail.text.contains(words), "{words} in {}", told.mail.text);
        }
        for _ in 0..5 {
            tell("resolved").await;
            tell("firing").await;
        }
        assert!(story.mailed().is_empty(), "counted, not mailed");
        tell("resolved").await;
        assert_eq!(story.ticket(number).await.status, Status::New, "it comes and goes: a human looks at it");
        assert_eq!(story.messages(number).await.len(), 14);
        story.mail(&told.answer(SAM, "#take")).await;
        assert_eq!(story.ticket(number).await.status, Status::Open);
        // After an hour without it, it is another trouble.
        story.mail(&told.answer(SAM, "The link was loose.\n\n#done 10m")).await;
        story.advance(TimeDelta::minutes(61)).await;
        story.mailed();
        tell("firing").await;
        assert_eq!(story.ticket(TicketNumber(1002)).await.status, Status::New);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_storm_of_a_thousand_alerts_is_one_ticket_with_a_list() {
    told("alerts_storm", async |story, door| {
        let many = |from: usize, to: usize, severity: &str, status: &str| {
            delivery(&(from..to).map(|n| alert(&format!("host{n}"), severity, status)).collect::<Vec<_>>())
        };
        assert_eq!(door.tell("alerts", &many(0, 1000, "warning", "firing")).await.0, 200);
        story.quiet().await;
        let parent = TicketNumber(1011);
        let ticket = story.ticket(parent).await;
        assert!(ticket.subject.starts_with("Alert storm: 11 alerts"), "{}", ticket.subject);
        assert_eq!((ticket.status, ticket.priority), (Status::New, Priority::P3));
        for number in 1001..=1010 {
            assert_eq!(story.ticket(TicketNumber(number)).await.merged_into, Some(parent));
        }
        let mut tx = story.daemon.db.read().await.unwrap();
        let after = deskd::store::tickets::row(&mut tx, TicketNumber(1012)).await.unwrap();
        drop(tx);
        assert!(after.is_none(), "no further ticket");
        assert_eq!(story.messages(parent).await.len(), 1000);
        let mailed = story.mailed();
        assert!(mailed.len() <= 11, "{} mails", mailed.len());
        let told = mailed.iter().rfind(|sent| sent.mail.subject.contains("#1011")).unwrap();
        for name in ["host0 is", "host9 is", "host10 is"] {
            assert!(told.mail.text.contains(name), "{name} in {}", told.mail.text);
        }
        // A worse one sets the priority; the end of all but one changes nothing, that of the last resolves it.
        assert_eq!(door.tell("alerts", &many(1000, 1001, "critical", "firing")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(parent).await.priority, Priority::P1);
        assert_eq!(door.tell("alerts", &many(1, 1001, "warning", "resolved")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(parent).await.status, Status::New);
        assert_eq!(door.tell("alerts", &many(0, 1, "warning", "resolved")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(parent).await.status, Status::Resolved);
        // Ten quiet minutes later an alert is one again.
        story.advance(TimeDelta::minutes(11)).await;
        assert_eq!(door.tell("alerts", &many(2000, 2001, "warning", "firing")).await.0, 200);
        story.quiet().await;
        assert_eq!(story.ticket(TicketNumber(1012)).await.status, Status::New);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_that_is_too_long_is_refused_with_the_reason() {
    told("alerts_long", async |story, door| {
        let small: Vec<Value> = (0..2_001).map(|n| json!({ "fingerprint": n, "status": "firing" })).collect();
        let (status, answer) = door.tell("alerts", &delivery(&small)).await;
        assert_eq!((status, &answer["error"]["code"]), (413, &json!("too_large")), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("2000"), "{answer}");
        // A large frame around many small ones would grow a hundredfold.
        let mut wide = delivery(&small[..100]);
        wide["externalURL"] = json!("x".repeat(500_000));
        assert_eq!(door.tell("alerts", &wide).await.0, 413);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn alerts_in_a_maintenance_are_kept_quiet_and_what_is_not_over_begins_when_it_ends() {
    told("alerts_maintenance", async |story, door| {
        let tell = async |name: &str, status: &str| {
            assert_eq!(door.tell("alerts", &delivery(&[alert(name, "critical", status)])).await.0, 200);
            story.quiet().await;
        };
        tell("before", "firing").await;
        let assignment = story.mailed_one("assignment");
        // It is Monday, nine o'clock in Chicago.
        story.mail(&assignment.answer(SAM, "#maintenance nobody 9:00-11:00")).await;
        assert!(story.mailed_one("not_sent").mail.text.contains("there is no client \"nobody\"; there are: acme"));
        story.mail(&assignment.answer(SAM, "#maintenance acme 09:00-11:00")).await;
        let receipt = story.mailed_one("receipt").mail.text;
        assert!(receipt.contains("alerts of Acme Dental are quiet from today 09:00 until today 11:00"), "{receipt}");
        story.advance(TimeDelta::minutes(5)).await;
        story.mailed();
        for name in ["short", "long"] {
            tell(name, "firing").await;
        }
        tell("short", "resolved").await;
        tell("long", "firing").await;
        // What is worked on already goes on as it was.
        tell("before", "firing").await;
        assert_eq!(story.messages(TicketNumber(1001)).await.len(), 3, "request, note and one more");
        assert!(story.mailed().is_empty(), "nobody is told");
        story.mail(&assignment.answer(SAM, "#take")).await;
        story.mailed();
        story.advance(TimeDelta::hours(2)).await;
        let begun = story.mailed_one_of("assignment");
        assert!(begun.mail.text.contains("long is in trouble"), "{}", begun.mail.text);
        let ticket = story.ticket(TicketNumber(1002)).await;
        assert_eq!((ticket.priority, ticket.status), (Priority::P1, Status::New));
        assert!(story.now() - ticket.received_at < TimeDelta::minutes(10), "its clock begins with the end");
        let mut tx = story.daemon.db.read().await.unwrap();
        let third = deskd::store::tickets::row(&mut tx, TicketNumber(1003)).await.unwrap();
        drop(tx);
        assert!(third.is_none(), "what was over by then is no ticket");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_maintenance_can_be_mailed_alone_and_ended_before_its_time() {
    told_by_dns("maintenance_alone", "", async |story, _, dns| {
        let sam = Signer::new("northwind.example", &dns);
        let mail = |id: &str, text: &str| {
            let mail = format!(
                "From: {SAM}\r\nTo: support@northwind.example\r\nSubject: Patch night\r\nMessage-ID: <{id}@northwind.example>\r\n\r\n{text}\r\n"
            );
            sam.sign(&dated(&story, id, &mail))
        };
        let inbound = story.mail(&mail("m1", "#maintenance acme tomorrow 22:00-02:00\n#maintenance globex 22-23")).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("refused"), None));
        assert!(story.mailed_one("not_sent").mail.text.contains("\"22-23\" is no time"));
        let inbound = story.mail(&mail("m2", "#maintenance acme tomorrow 22:00-02:00")).await;
        assert_eq!((inbound.fate.as_deref(), inbound.ticket), (Some("reply"), None), "it opens no ticket");
        let receipt = story.mailed_one("receipt").mail.text;
        assert!(receipt.contains("quiet from tomorrow 22:00 until Wed 4 Mar, 02:00"), "{receipt}");
        let mut tx = story.daemon.db.read().await.unwrap();
        let at = story.now() + TimeDelta::hours(38);
        let until = maintenance::until(&mut tx, &ClientKey("acme".into()), at).await.unwrap();
        assert_eq!(until, Some(story.now() + TimeDelta::hours(41)));
        assert_eq!(maintenance::until(&mut tx, &ClientKey("acme".into()), story.now()).await.unwrap(), None);
        drop(tx);
        story.mail(&mail("m3", "#maintenance acme off")).await;
        assert!(story.mailed_one("receipt").mail.text.contains("the maintenance of Acme Dental has ended"));
        story.mail(&mail("m4", "#maintenance acme off")).await;
        assert!(story.mailed_one("receipt").mail.text.contains("Acme Dental had no maintenance"));
        story.end().await;
    })
    .await;
}
