//! Alerts that come by mail: which one it is by the subject, and in whose name.

use chrono::TimeDelta;
use deskd::channel::alert_mail::{self, AlertMail};
use deskd::words::{Priority, Status, TicketNumber};

use crate::harness::signer::Signer;
use crate::harness::story::told_by_dns;
use crate::trust::dated;

/// Subjects as the systems write them by default.
#[test]
fn mails_of_monitoring_systems_tell_which_alert_it_is_and_whether_it_is_over() {
    for (kind, subject, alert, priority, over) in [
        ("nagios", "** PROBLEM Service Alert: web01/HTTP is CRITICAL **", "web01/http", Some(Priority::P1), false),
        ("nagios", "** RECOVERY Service Alert: web01/HTTP is OK **", "web01/http", None, true),
        ("nagios", "** PROBLEM Host Alert: web01 is DOWN **", "web01", Some(Priority::P1), false),
        ("nagios", "[PROBLEM] HTTP on web01 is WARNING!", "http on web01", Some(Priority::P3), false),
        ("nagios", "[RECOVERY] Host web01 is UP!", "host web01", None, true),
        ("nagios", "Check_MK: web01/HTTP OK -> CRIT", "web01/http", Some(Priority::P1), false),
        ("nagios", "Check_MK: web01/HTTP CRIT -> OK", "web01/http", None, true),
        ("nagios", "Check_MK: web01 UP -> DOWN", "web01", Some(Priority::P1), false),
        ("zabbix", "Problem: Free disk space is low", "free disk space is low", None, false),
        ("zabbix", "Resolved in 12m 3s: Free disk space is low", "free disk space is low", None, true),
        (
            "uptime-kuma",
            "[Customer portal] [🔴 Down] connect ECONNREFUSED",
            "customer portal",
            Some(Priority::P1),
            false,
        ),
        ("uptime-kuma", "[Customer portal] [✅ Up] 200 - OK", "customer portal", None, true),
        ("alertmanager", "[FIRING:1] HostDown (db1:9100 critical)", "hostdown (db1:9100 critical)", None, false),
        ("alertmanager", "[RESOLVED] HostDown (db1:9100 critical)", "hostdown (db1:9100 critical)", None, true),
    ] {
        let known = AlertMail {
            name: "monitor".to_owned(),
            from: vec!["monitor@northwind.example".to_owned()],
            subjects: alert_mail::ready(kind),
            priorities: deskd::channel::kind::severities().collect(),
            resolved_is: alert_mail::OVER.map(str::to_owned).to_vec(),
            client: None,
            unsigned: false,
        };
        let post = known.read("monitor@northwind.example", subject, "words").unwrap_or_else(|| panic!("{subject}"));
        assert_eq!(post.thread.as_deref(), Some(format!("monitor: {alert}").as_str()), "{subject}");
        assert_eq!((post.priority, post.resolved), (priority, over), "{subject}");
        assert_eq!(known.read("jane@acme-dental.example", subject, "words"), None);
        assert_eq!(known.read("monitor@northwind.example", "Your invoice", "words"), None);
    }
}

#[tokio::test]
async fn a_monitoring_system_that_mails_gets_a_ticket_an_alert_and_nobody_speaks_in_its_name() {
    let config = r#"
[[alert_mail]]
name = "nagios"
kind = "nagios"
from = "nagios@watch.example"
client = "acme"
"#;
    told_by_dns("alert_mail", config, async |story, _, dns| {
        let watch = Signer::new("watch.example", &dns);
        let mail = |id: &str, subject: &str| {
            dated(
                &story,
                id,
                &format!(
                    "From: Nagios <nagios@watch.example>\r\nTo: support@northwind.example\r\nSubject: {subject}\r\n\
                     Message-ID: <{id}@watch.example>\r\n\r\nHTTP CRITICAL - 503\r\n"
                ),
            )
        };
        let (problem, over) =
            ("** PROBLEM Service Alert: web01/HTTP is CRITICAL **", "** RECOVERY Service Alert: web01/HTTP is OK **");
        let first = story.mail(&watch.sign(&mail("a1", problem))).await;
        assert_eq!((first.fate.as_deref(), first.ticket), (Some("ticket"), Some(TicketNumber(1001))));
        let mailed = story.mailed();
        assert_eq!(mailed.len(), 1, "nobody is acknowledged: {mailed:?}");
        assert!(mailed[0].mail.text.contains("data of alert mail nagios"), "{}", mailed[0].mail.text);
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.priority, ticket.client.unwrap().0.as_str()), (Priority::P1, "acme"));
        let again = story.mail(&watch.sign(&mail("a2", problem))).await;
        assert_eq!((again.fate.as_deref(), again.ticket), (Some("automatic"), Some(TicketNumber(1001))));
        assert!(story.mailed().is_empty(), "counted, not mailed");
        // A forged end ends nothing.
        let forged = story.mail(&mail("f1", over)).await;
        assert_ne!(forged.ticket, Some(TicketNumber(1001)));
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::New);
        story.mail(&watch.sign(&mail("a3", over))).await;
        assert_eq!(story.ticket(TicketNumber(1001)).await.status, Status::Resolved);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn alert_mails_in_a_maintenance_wait_for_its_end_also_where_it_is_ended_early() {
    let config = r#"
[[alert_mail]]
name = "nagios"
kind = "nagios"
from = "nagios@watch.example"
client = "acme"
"#;
    told_by_dns("alert_mail_quiet", config, async |story, _, dns| {
        let (watch, sam) = (Signer::new("watch.example", &dns), Signer::new("northwind.example", &dns));
        let tell = async |id: &str, service: &str, kind: &str, state: &str| {
            let mail = format!(
                "From: Nagios <nagios@watch.example>\r\nTo: support@northwind.example\r\n\
                 Subject: ** {kind} Service Alert: web01/{service} is {state} **\r\nMessage-ID: <{id}@watch.example>\r\n\r\n{state}\r\n"
            );
            story.mail(&watch.sign(&dated(&story, id, &mail))).await
        };
        let by_sam = |id: &str, text: &str| {
            dated(
                &story,
                id,
                &format!(
                    "From: Sam Ortiz <sam@northwind.example>\r\nTo: support@northwind.example\r\nSubject: Patches\r\n\
                     Message-ID: <{id}@northwind.example>\r\n\r\n{text}\r\n"
                ),
            )
        };
        // Unsigned it is confirmed first, and opens no ticket then either.
        story.mail(&by_sam("m1", "#maintenance acme 09:00-12:00")).await;
        let question = story.mailed_one("confirmation");
        let yes = question.answer("Sam Ortiz <sam@northwind.example>", "Yes, that was me.");
        story.mail(&sam.sign(&dated(&story, "yes", &yes))).await;
        assert!(story.mailed_one("receipt").mail.text.contains("alerts of Acme Dental are quiet"));
        assert_eq!(tell("a1", "HTTP", "PROBLEM", "CRITICAL").await.fate.as_deref(), Some("automatic"));
        assert_eq!(tell("a2", "DISK", "PROBLEM", "CRITICAL").await.fate.as_deref(), Some("automatic"));
        tell("a3", "HTTP", "RECOVERY", "OK").await;
        assert!(story.mailed().is_empty(), "nobody is told");
        story.mail(&sam.sign(&by_sam("m2", "#maintenance acme off"))).await;
        story.quiet().await;
        story.advance(TimeDelta::minutes(2)).await;
        let begun = story.mailed_one_of("assignment");
        assert!(begun.mail.text.contains("web01/DISK"), "{}", begun.mail.text);
        let ticket = story.ticket(TicketNumber(1001)).await;
        assert_eq!((ticket.priority, ticket.client.unwrap().0.as_str()), (Priority::P1, "acme"));
        story.advance(TimeDelta::hours(4)).await;
        let mut tx = story.daemon.db.read().await.unwrap();
        let second = deskd::store::tickets::row(&mut tx, TicketNumber(1002)).await.unwrap();
        drop(tx);
        assert!(second.is_none(), "what was over is no ticket");
        story.end().await;
    })
    .await;
}
