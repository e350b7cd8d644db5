//! Directives: what a tech may write, and what must never reach a client.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use deskd::desk::directive::{Context, Directive, Reading, VERBS, help, read};
use deskd::desk::event::Waiting;
use deskd::words::{Category, Minutes, Priority, TicketNumber};
use proptest::prelude::*;

/// Wednesday 2026-11-18, 15:00 in Chicago.
fn context() -> Context {
    let now = Utc.with_ymd_and_hms(2026, 11, 18, 21, 0, 0).unwrap();
    Context { now, zone: chrono_tz::America::Chicago, may_name_tickets: false }
}

fn reading(text: &str) -> Reading {
    read(text, &context())
}

fn one(text: &str) -> Directive {
    let reading = reading(text);
    assert_eq!(reading.lines.len(), 1, "{text}: {reading:?}");
    reading.lines[0].parsed.clone().unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"))
}

fn refused(text: &str) -> (String, Vec<String>) {
    let refusal = reading(text).lines[0].parsed.clone().unwrap_err();
    (refusal.why, refusal.suggestions)
}

fn time(minutes: i64, category: Option<Category>, day: &str, note: Option<&str>) -> Directive {
    let note = note.map(str::to_owned);
    Directive::Time { minutes: Minutes(minutes), category, day: day.parse::<NaiveDate>().unwrap(), note }
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn the_answer_goes_on_and_the_directive_is_taken_out() {
    let reading = reading("Reset MFA and checked sign-in, all good.\n#done 25m\n");
    assert_eq!(reading.rest, "Reset MFA and checked sign-in, all good.");
    let done = Directive::Done { minutes: Some(Minutes(25)), category: None };
    assert_eq!(reading.lines[0].parsed, Ok(done));
}

#[test]
fn a_duration_is_read_in_every_common_form() {
    for (text, minutes) in [
        ("90m", 90),
        ("1h30", 90),
        ("1h30m", 90),
        ("1.5h", 90),
        ("1,5h", 90),
        ("1:30", 90),
        ("45", 45),
        ("2h", 120),
        ("1h 30m", 90),
        ("25 min", 25),
        (".5h", 30),
        ("-15m", -15),
        ("−15m", -15),
        ("0.25h", 15),
    ] {
        match one(&format!("#time {text}")) {
            Directive::Time { minutes: read, .. } => assert_eq!(read, Minutes(minutes), "{text}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_small_bare_number_a_long_day_and_a_future_day_are_asked_about() {
    assert_eq!(refused("#time 2").1, ["#time 2m", "#time 2h"]);
    assert_eq!(refused("#done 3").1, ["#done 3m", "#done 3h"]);
    assert!(refused("#time 13h").0.contains("more than 12 hours"));
    assert!(refused("#time 1h 2026-11-20").0.contains("future"));
    assert!(refused("#time soon").0.contains("no duration"));
    assert!(refused("#time 99999999999999999999h").0.contains("no duration"));
}

#[test]
fn time_takes_category_day_and_note() {
    let project = Some(Category::Project);
    assert_eq!(one("#time 1h15 project yesterday cutover prep"), time(75, project, "2026-11-17", Some("cutover prep")));
    assert_eq!(one("#time 1h mon"), time(60, None, "2026-11-16", None));
    assert_eq!(one("#time 30 ret 2026-11-02"), time(30, Some(Category::Retainer), "2026-11-02", None));
    assert_eq!(one("#time 30 called the vendor"), time(30, None, "2026-11-18", Some("called the vendor")));
}

#[test]
fn waiting_ends_at_the_start_of_the_local_day() {
    let friday = Some(utc("2026-11-20T06:00:00Z"));
    assert_eq!(one("#wait client until fri"), Directive::Wait { on: Waiting::Client, until: friday });
    assert_eq!(one("#hold vendor fri"), Directive::Wait { on: Waiting::Vendor, until: friday });
    assert_eq!(one("#wait"), Directive::Wait { on: Waiting::Client, until: None });
    assert!(refused("#wait until yesterday").0.contains("no day"));
}

#[test]
fn a_call_is_at_a_time_that_was() {
    assert_eq!(one("#called 14:05"), Directive::Called { at: Some(utc("2026-11-18T20:05:00Z")) });
    assert_eq!(one("#called"), Directive::Called { at: None });
    assert_eq!(refused("#called 16:30").1, ["#called 15:00", "#called yesterday 16:30"]);
}

#[test]
fn phones_and_word_processors_are_forgiven() {
    for text in [
        "#Done 25m",
        "＃done 25m",
        "\u{a0}#done\u{a0}25m",
        "- #done 25m",
        "• #DONE 25m",
        "“#done 25m”",
        "# done 25m",
        "#close 25m",
        "#resolve 25m",
    ] {
        assert_eq!(one(text), Directive::Done { minutes: Some(Minutes(25)), category: None }, "{text}");
    }
}

#[test]
fn what_is_no_directive_stays_text_untouched() {
    for text in [
        "#!/bin/sh",
        "#1 in Ohio",
        "##done",
        "#hashtag",
        "#123 looks related",
        "  see #42\n\nbye \n",
        "#include <stdio.h>",
    ] {
        let reading = reading(text);
        assert_eq!((reading.lines.len(), reading.rest.as_str()), (0, text));
    }
}

#[test]
fn a_typo_is_refused_with_the_line_that_was_meant() {
    assert_eq!(refused("All good.\n#doen 25m").1, ["#done 25m"]);
    assert_eq!(refused("#tiem 1h").1, ["#time 1h"]);
    assert_eq!(refused("#asign sam").1, ["#assign sam"]);
}

#[test]
fn a_directive_in_the_middle_never_leaks() {
    let reading = reading("Hello Jane,\n\nit works.\n#done 25m\n\nBest\nSam");
    assert_eq!(reading.rest, "Hello Jane,\n\nit works.\n\nBest\nSam");
    assert!(reading.lines[0].parsed.clone().unwrap_err().why.contains("first or last"));
}

#[test]
fn directives_stand_in_the_first_and_the_last_block() {
    let reading = reading(
        "#p2 two sites\n\nHello Jane,\n\nit works.\n\n#fix the cable was loose\nand is now screwed in\n\n#time 30 tm",
    );
    assert_eq!(reading.rest, "Hello Jane,\n\nit works.");
    let parsed: Vec<Directive> = reading.lines.iter().map(|line| line.parsed.clone().unwrap()).collect();
    assert_eq!(parsed[0], Directive::Priority { to: Priority::P2, why: Some("two sites".to_owned()) });
    assert_eq!(parsed[1], Directive::Fix { text: "the cable was loose\nand is now screwed in".to_owned() });
    assert_eq!(parsed[2], time(30, Some(Category::Tm), "2026-11-18", None));
}

#[test]
fn a_ticket_is_named_only_where_that_is_allowed() {
    let free = Context { may_name_tickets: true, ..context() };
    let reading = read("#1042 take\n#1043 #spam", &free);
    assert_eq!(reading.lines[0].ticket, Some(TicketNumber(1042)));
    assert_eq!(reading.lines[0].parsed, Ok(Directive::Take));
    assert_eq!(reading.lines[1].parsed, Ok(Directive::Spam));
    assert_eq!(refused("#1042 take").1, ["#take"]);
}

#[test]
fn a_verb_of_a_later_day_is_refused_and_never_relayed() {
    let reading = reading("#redact\nhello");
    assert_eq!(reading.rest, "hello");
    assert!(reading.lines[0].parsed.clone().unwrap_err().why.contains("not available yet"));
}

#[test]
fn text_behind_a_lone_verb_is_asked_about_and_bad_arguments_name_a_way_out() {
    assert!(refused("#note please keep this inside").0.contains("stands alone"));
    assert_eq!(refused("#cat retianer").1, ["#cat retainer"]);
    assert!(refused("#merge soon").0.contains("no ticket number"));
    assert!(refused("#from jane").0.contains("no mail address"));
    assert_eq!(one("#verified by phone"), Directive::Verified { how: "phone".to_owned() });
    assert_eq!(one("#warranty #987"), Directive::Warranty { of: Some(TicketNumber(987)) });
}

#[test]
fn help_lists_every_available_verb() {
    let text = help();
    assert!(VERBS.iter().filter(|verb| verb.available).all(|verb| text.contains(&format!("#{} ", verb.name))));
}

proptest! {
    #[test]
    fn reading_never_panics_and_never_leaves_a_verb(text in "([ -]?[#＃]?[# ]?(done|time|p1|Note|doen|x|1042)?[ :\u{a0}]?[0-9hm:,.éß-]{0,6}[ a-z]{0,6}\r?\n{0,3}){0,8}") {
        let rest = reading(&text).rest;
        for line in rest.lines() {
            let line = line.trim().to_lowercase();
            prop_assert!(!VERBS.iter().any(|verb| line == format!("#{}", verb.name) || line.starts_with(&format!("#{} ", verb.name))), "{line}");
        }
    }

    #[test]
    fn any_text_without_the_sign_comes_back_as_it_was(text in "[^#＃﹟]{0,200}") {
        prop_assert_eq!(reading(&text).rest, text);
    }

    #[test]
    fn any_text_at_all_is_survived(text in "\\PC{0,80}(\n\\PC{0,40}){0,4}") {
        let _ = reading(&text);
    }
}

#[test]
fn minutes_that_stand_apart_from_their_hours_are_no_note() {
    for written in ["#time 1 h 30 m", "#time 1h 30m", "#time 1h 30 min", "#time 1 hour 30 minutes"] {
        assert_eq!(one(written), time(90, None, "2026-11-18", None), "{written}");
    }
    assert_eq!(one("#time 1h 30 cables"), time(60, None, "2026-11-18", Some("30 cables")));
}

#[test]
fn the_category_warranty_may_name_its_ticket() {
    assert_eq!(one("#cat warranty #987"), Directive::Warranty { of: Some(TicketNumber(987)) });
    assert_eq!(one("#cat project"), Directive::Cat { to: Category::Project });
    assert_eq!(refused("#cat project now").1, ["#cat project"]);
}

#[test]
fn a_verb_at_the_end_of_a_sentence_is_asked_about_and_a_hashtag_is_text() {
    let (why, suggestions) = refused("Hi, ordered a new mouse. #done 15m\nSam");
    assert!(why.contains("a line of its own"), "{why}");
    assert_eq!(suggestions, ["Hi, ordered a new mouse.\n#done 15m"]);
    for text in ["All good #close", "Done by phone #called 14:05", "Spent a while #time 1h30 retainer"] {
        assert!(reading(text).lines[0].parsed.is_err(), "{text}");
    }
    for text in [
        "Their C# program says so",
        "It is ##done",
        "We are #1 in Ohio",
        "See https://x.example/#done",
        "a #note for you",
        "please #open the door",
        "I had no #time today",
        "it was #fixed",
        "#done? I do not think so, but who knows what #happened",
    ] {
        assert!(reading(text).lines.iter().all(|line| line.parsed.is_err() || line.raw.starts_with('#')), "{text}");
    }
    assert_eq!(reading("a #note for you").rest, "a #note for you");
}
