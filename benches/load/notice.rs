//! (b) From the EXISTS line that the source reads to the committed ticket with its outbox rows.

use std::time::{Duration, Instant};

use crate::dovecot::Dovecot;
use crate::drain::{Desk, deliver};
use crate::office;
use crate::watch::TRACE;

pub async fn run(mails: usize) {
    let server = Dovecot::start("").await;
    deliver(&server, "support", 1);
    let folder = office::folder();
    let url = format!("sqlite:{}", folder.path().join("desk.db").display());
    let config = office::config(folder.path(), &url, office::DROP);
    let fsyncs = office::fsync_rate(folder.path());
    let db = office::store(&url, &config).await;
    let desk = Desk::start(db, office::office(&config), &server, "support").await;
    desk.until_tickets(1).await;
    let mut took = Vec::new();
    let mut delivered = Vec::new();
    for number in 1..=mails {
        desk.health.until(|now| now.state == "watching").await;
        TRACE.lock().unwrap().clear();
        let begun = Instant::now();
        server.deliver("support", &format!("m{number:07}"), &office::mail(number));
        desk.until_tickets(number + 1).await;
        delivered.push(begun.elapsed());
        let trace = TRACE.lock().unwrap().clone();
        let said = |word: &str| trace.iter().rev().find(|(line, _)| line == word).map(|(_, at)| *at);
        if let (Some(exists), Some(committed)) = (said("EXISTS"), said("committed")) {
            took.push(committed - exists);
        }
    }
    desk.end().await.close().await;
    took.sort_unstable();
    delivered.sort_unstable();
    let at = |list: &[Duration], share: f64| {
        let last = list.len().saturating_sub(1);
        list[((last as f64) * share).round() as usize].as_secs_f64() * 1e3
    };
    println!(
        "{} mails, disk: {fsyncs:.0} fsyncs/s. EXISTS to committed ticket and outbox rows: median {:.1} ms, p99 {:.1} ms; \
         delivered to committed (Dovecot gathers notices): median {:.0} ms",
        took.len(),
        at(&took, 0.5),
        at(&took, 0.99),
        at(&delivered, 0.5)
    );
}
