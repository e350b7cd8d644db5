//! What time brings about: reminders, escalations, breaches, waiting, closing; exact, once, and true after downtime.

use chrono::TimeDelta;
use deskd::desk::event::{ClockKind, Event};
use deskd::store::tickets;
use deskd::words::{Priority, Status, TicketNumber};

use crate::harness::rows::change_each;
use crate::harness::story::{Sent, Story, told};
use crate::story::from_jane;

const SAM: &str = "Sam Ortiz <sam@northwind.example>";

async fn outage(story: &Story) -> (TicketNumber, Sent) {
    let inbound = story.mail(&from_jane("down", "Server down", "The server is down, nobody can work.")).await;
    (inbound.ticket.unwrap(), story.mailed_one_of("assignment"))
}

fn kinds(mailed: &[Sent]) -> Vec<String> {
    mailed.iter().map(|sent| format!("{} to {}", sent.kind, sent.to.split('@').next().unwrap())).collect()
}

#[tokio::test]
async fn a_neglected_outage_is_passed_over_at_half_time_and_escalates_at_the_deadline_with_repeats() {
    told("neglected", async |story, _| {
        let (number, _) = outage(&story).await;
        story.advance(TimeDelta::seconds(449)).await;
        assert!(story.mailed().is_empty(), "not a second early");
        story.advance(TimeDelta::seconds(1)).await;
        assert_eq!(kinds(&story.mailed()), ["assignment to ana"], "Sam did not take it by half of the time");
        story.advance(TimeDelta::seconds(450)).await;
        let mailed = story.mailed();
        assert_eq!(kinds(&mailed), ["escalation to ana", "escalation to mia"]);
        assert!(mailed[0].mail.text.contains("MISSED on"), "{}", mailed[0].mail.text);
        assert!(mailed[0].mail.text.contains("nobody has answered the client yet"), "it names what was missed");
        let clock = clocks(&story, number).await;
        assert!(clock.iter().any(|event| matches!(event, Event::Breached { clock: ClockKind::FirstTouch, .. })));
        for round in 1..4 {
            story.advance(TimeDelta::minutes(15)).await;
            assert_eq!(kinds(&story.mailed()), ["escalation to ana", "escalation to mia"], "repeat {round}");
        }
        story.advance(TimeDelta::minutes(15)).await;
        assert!(story.mailed().is_empty(), "four times in all");
        story.end().await;
    })
    .await;
}

async fn clocks(story: &Story, number: TicketNumber) -> Vec<Event> {
    let mut tx = story.daemon.db.read().await.unwrap();
    tickets::history(&mut tx, number).await.unwrap().into_iter().map(|recorded| recorded.event).collect()
}

#[tokio::test]
async fn a_touch_ends_reminders_and_escalations_at_once() {
    told("touched", async |story, _| {
        let (number, assignment) = outage(&story).await;
        story.advance(TimeDelta::minutes(2)).await;
        story.mail(&assignment.answer(SAM, "I am on my way to you.")).await;
        story.mailed();
        story.advance(TimeDelta::minutes(60)).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "escalation" && sent.kind != "reminder"));
        let events = clocks(&story, number).await;
        assert!(!events.iter().any(|event| matches!(event, Event::Breached { clock: ClockKind::FirstTouch, .. })));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn an_acknowledged_escalation_is_not_repeated() {
    told("acknowledged", async |story, _| {
        outage(&story).await;
        story.advance(TimeDelta::minutes(15)).await;
        let escalation =
            story.mailed().into_iter().find(|sent| sent.kind == "escalation" && sent.to.starts_with("mia")).unwrap();
        story.mail(&escalation.answer("Mia Chen <mia@northwind.example>", "#ack")).await;
        story.mailed();
        story.advance(TimeDelta::minutes(45)).await;
        assert!(story.mailed().iter().all(|sent| sent.kind != "escalation"));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn after_downtime_what_is_overdue_escalates_within_a_second_of_the_start() {
    told("downtime", async |story, url| {
        let (number, _) = outage(&story).await;
        story.mailed();
        story.clock.advance(TimeDelta::zero());
        let clock = story.clock.clone();
        let story = {
            // The daemon is down while the deadline passes.
            let stopped = story;
            stopped.restart_after(&url, "", || clock.advance(TimeDelta::hours(2))).await
        };
        story.quiet().await;
        let mailed = story.mailed();
        assert!(
            mailed.iter().any(|sent| sent.kind == "escalation" && sent.to.starts_with("mia")),
            "{:?}",
            kinds(&mailed)
        );
        assert!(
            mailed.iter().filter(|sent| sent.kind == "escalation" && sent.to.starts_with("mia")).count() == 1,
            "missed repeats are one mail"
        );
        let ticket = story.ticket(number).await;
        assert!(ticket.first_touch_due.unwrap() < story.now());
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_clock_starts_at_the_arrival_not_at_the_look() {
    told("arrival", async |story, _| {
        let arrived = story.now() - TimeDelta::minutes(40);
        let raw = from_jane("late", "Server down", "The server is down, nobody can work.");
        let inbound = story.mail_bytes(raw.as_bytes(), arrived).await;
        let ticket = story.ticket(inbound.ticket.unwrap()).await;
        assert_eq!(ticket.received_at, arrived);
        assert_eq!(ticket.first_touch_due, Some(arrived + TimeDelta::minutes(15)));
        story.quiet().await;
        let mailed = story.mailed();
        assert!(mailed.iter().any(|sent| sent.kind == "escalation"), "a P1 that is late on arrival escalates at once");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn mail_over_three_days_old_becomes_a_ticket_without_acknowledgement_told_in_one_list() {
    told("old_mail", async |story, _| {
        let arrived = story.now() - TimeDelta::days(5);
        for id in ["old1", "old2"] {
            let raw = from_jane(id, &format!("Printer {id}"), "My printer is broken.");
            story.mail_bytes(raw.as_bytes(), arrived).await;
        }
        story.quiet().await;
        let mailed = story.mailed();
        assert!(mailed.iter().all(|sent| sent.kind != "acknowledgement"));
        let lists: Vec<_> = mailed.iter().filter(|sent| sent.kind == "late_list").collect();
        assert!(lists.iter().any(|list| list.mail.text.contains("Printer old1")), "{:?}", kinds(&mailed));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn waiting_pauses_the_resolution_clock_and_the_pause_is_credited() {
    told("waiting", async |story, _| {
        // 9:00 in Chicago on Monday; P3 resolves in 3 days of 8 working hours.
        let inbound = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        let before = story.ticket(number).await.resolve_due.unwrap();
        story.advance(TimeDelta::minutes(60)).await;
        story.mail(&assignment.answer(SAM, "Which printer?\n#wait client")).await;
        let ticket = story.ticket(number).await;
        assert_eq!(ticket.status, Status::Waiting);
        let relay = story.mailed().into_iter().find(|sent| sent.kind == "relay").unwrap();
        story.advance(TimeDelta::minutes(60)).await;
        story.mail(&relay.answer("Jane Roe <jane@acme-dental.example>", "The one in the hall.")).await;
        let ticket = story.ticket(number).await;
        assert_eq!(ticket.status, Status::Open);
        assert_eq!(ticket.resolve_due, Some(before + TimeDelta::minutes(60)), "an hour of office time was paused");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_silent_client_is_reminded_twice_and_then_the_ticket_is_resolved_and_closed() {
    told("silence", async |story, _| {
        let inbound = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "Which printer is it?\n#wait client")).await;
        story.mailed();
        let mut told = Vec::new();
        for _ in 0..12 {
            story.advance(TimeDelta::days(1)).await;
            told.extend(story.mailed().into_iter().filter(|sent| sent.to.starts_with("jane")).map(|sent| sent.kind));
        }
        assert_eq!(told, ["waiting_reminder", "waiting_reminder", "closed_notice"]);
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        story.advance(TimeDelta::days(7)).await;
        assert_eq!(story.ticket(number).await.status, Status::Closed);
        // Any answer reopens it.
        story
            .mail(&from_jane("again", &format!("Re: Printer {number}"), "Sorry, I was away. The one in the hall."))
            .await;
        assert_eq!(story.ticket(number).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_tech_wakes_a_ticket_on_the_day_he_named() {
    told("wake", async |story, _| {
        let inbound = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "The part comes on Thursday.\n#wait vendor until thu")).await;
        story.mailed();
        story.advance(TimeDelta::days(2)).await;
        assert_eq!(story.ticket(number).await.status, Status::Waiting);
        story.advance(TimeDelta::days(1)).await;
        assert_eq!(story.ticket(number).await.status, Status::Open);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn raising_tightens_and_lowering_counts_from_the_start() {
    told("rebase", async |story, _| {
        let inbound = story.mail(&from_jane("p", "Printer", "My printer is broken.")).await;
        let number = inbound.ticket.unwrap();
        let assignment = story.mailed_one_of("assignment");
        let start = story.now();
        story.advance(TimeDelta::minutes(30)).await;
        story.mail(&assignment.answer(SAM, "#p1")).await;
        let ticket = story.ticket(number).await;
        assert_eq!(ticket.first_touch_due, Some(start + TimeDelta::minutes(45)), "the change plus the new target");
        story.mail(&assignment.answer(SAM, "#p2 it is only slow")).await;
        let ticket = story.ticket(number).await;
        assert_eq!((ticket.priority, ticket.first_touch_due), (Priority::P2, Some(start + TimeDelta::minutes(60))));
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_projection_is_what_the_events_say() {
    told("projection", async |story, _| {
        let (number, assignment) = outage(&story).await;
        story.advance(TimeDelta::minutes(20)).await;
        story.mail(&assignment.answer(SAM, "The power supply died, I replace it now.\n#time 40m\n#tag hardware")).await;
        story.mail(&assignment.answer(SAM, "It runs again, the power supply was replaced.\n#done 10m")).await;
        let row = story.ticket(number).await;
        let mut tx = story.daemon.db.read().await.unwrap();
        let history = tickets::history(&mut tx, number).await.unwrap();
        let ticket = deskd::desk::ticket::Ticket::replay(number, &history).unwrap();
        assert_eq!(ticket.status, row.status);
        assert_eq!(ticket.priority, row.priority);
        assert_eq!(ticket.category, row.category);
        assert_eq!(ticket.assignee, row.assignee);
        assert_eq!(ticket.tags, row.tags.0);
        assert_eq!(ticket.minutes.0, row.minutes);
        assert_eq!(ticket.first_touch.map(|touch| touch.at), row.first_touch_at);
        assert_eq!(ticket.resolved_at, row.resolved_at);
        tx.rollback().await.unwrap();
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_resolved_out_of_a_wait_is_measured_with_the_wait_credited() {
    told("resolved_waiting", async |story, _| {
        let (number, assignment) = outage(&story).await;
        story.mail(&assignment.answer(SAM, "The vendor brings the part.\n#wait vendor")).await;
        story.advance(TimeDelta::hours(6)).await;
        story.mail(&assignment.answer(SAM, "It runs again with the new part.\n#done 10m")).await;
        assert_eq!(story.ticket(number).await.status, Status::Resolved);
        let events = clocks(&story, number).await;
        assert!(!events.iter().any(|event| matches!(event, Event::Breached { clock: ClockKind::Resolve, .. })));
        let mut tx = story.daemon.db.read().await.unwrap();
        let breaches = deskd::store::figures::breaches(&mut tx).await.unwrap();
        assert_eq!(breaches, [], "four hours of six were paused");
        tx.rollback().await.unwrap();
        story.end().await;
    })
    .await;
}

/// What is written for a ticket of this subject is refused by the database.
const POISON: (&str, &str) = (
    "CREATE TRIGGER poison BEFORE INSERT ON outbox WHEN NEW.subject LIKE '%Poison%' BEGIN SELECT RAISE(ABORT, 'no'); END",
    "ALTER TABLE outbox ADD CONSTRAINT poison CHECK (subject NOT LIKE '%Poison%') NOT VALID",
);

#[tokio::test]
async fn a_timer_whose_mail_cannot_be_written_holds_up_no_other() {
    told("poison", async |story, _| {
        story.mail(&from_jane("p", "Poison", "My printer is broken.")).await;
        story.mail(&from_jane("b", "Beamer", "The beamer is dark.")).await;
        story.mailed();
        change_each(&story.daemon.db, POISON).await;
        story.advance(TimeDelta::hours(3)).await;
        let reminded: Vec<String> = story.mailed().into_iter().map(|sent| sent.mail.subject).collect();
        assert!(reminded.iter().any(|subject| subject.contains("Beamer")), "{reminded:?}");
        assert!(!reminded.iter().any(|subject| subject.contains("Poison")), "{reminded:?}");
        story.end().await;
    })
    .await;
}
