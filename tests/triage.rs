//! Triage by the default rules: measured on the public requests, and on our own in other words.

use deskd::config::rules::{DEFAULT, RulesFile};
use deskd::desk::rules::{Doubt, Request, Rule, Rules, Verdict};
use deskd::words::Priority;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    id: String,
    subject: String,
    body: String,
    priority: Priority,
    trap: String,
}

fn default_rules() -> Rules {
    let file: RulesFile = toml::from_str(DEFAULT).unwrap();
    Rules::compile(file.build().unwrap()).unwrap()
}

fn triage(rules: &Rules, subject: &str, body: &str) -> Verdict {
    rules.triage(&Request {
        subject,
        body,
        from: "jane@acme.example",
        client: None,
        source: "support",
        is_open: &|_| true,
    })
}

fn rule(name: &str, any: &[&str]) -> Rule {
    Rule {
        name: name.to_owned(),
        any: any.iter().map(|word| (*word).to_owned()).collect(),
        priority: Some(Priority::P1),
        ..Rule::default()
    }
}

/// Prints the figures per trap and each miss; (right, all, P1 found, P1 in all).
fn measure(name: &str, text: &str) -> (usize, usize, usize, usize) {
    let rules = default_rules();
    let cases: Vec<Case> =
        text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut traps: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut right, mut found, mut outages) = (0, 0, 0);
    for case in &cases {
        let verdict = triage(&rules, &case.subject, &case.body);
        let trap = traps.entry(case.trap.clone()).or_default();
        trap.1 += 1;
        outages += usize::from(case.priority == Priority::P1);
        found += usize::from(case.priority == Priority::P1 && verdict.priority == Priority::P1);
        if verdict.priority == case.priority {
            right += 1;
            trap.0 += 1;
        } else {
            println!("{} wants {}: {}", case.id, case.priority, verdict.explain());
        }
    }
    let each: Vec<String> = traps.iter().map(|(trap, (right, all))| format!("{trap} {right}/{all}")).collect();
    println!("triage {name}: {right}/{} right, P1 {found}/{outages} found · {}", cases.len(), each.join(", "));
    (right, cases.len(), found, outages)
}

#[test]
fn the_default_rules_sort_the_public_requests() {
    let folder = std::env::var("DESKD_TESTDATA")
        .unwrap_or_else(|_| format!("{}/../shared/testdata", env!("CARGO_MANIFEST_DIR")));
    let Ok(text) = std::fs::read_to_string(format!("{folder}/tickets/dev.jsonl")) else {
        println!("skipped: no test data");
        return;
    };
    let (right, all, found, outages) = measure("dev", &text);
    assert!(found + 1 >= outages, "{found} of {outages} P1");
    assert!(right * 100 >= all * 85, "{right} of {all}");
}

#[test]
fn the_default_rules_sort_our_own_requests() {
    let (right, all, found, outages) = measure("own", include_str!("triage/own.jsonl"));
    assert!(found + 1 >= outages, "{found} of {outages} P1");
    assert!(right * 100 >= all * 90, "{right} of {all}");
}

/// Sixty requests each, written before the rules knew them; docs/rules.md has the figure of the first, blind measure.
#[test]
fn the_default_rules_sort_requests_that_were_written_blind() {
    let sets = [("blind-1", include_str!("triage/blind-1.jsonl"))];
    let figures = sets.map(|(name, text)| (name, measure(name, text)));
    for (name, (right, all, found, outages)) in figures {
        assert!(found + 1 >= outages, "{name}: {found} of {outages} P1");
        assert!(right * 100 >= all * 85, "{name}: {right} of {all}");
    }
}

#[test]
fn words_match_whole_in_any_case_and_accent_and_across_line_breaks() {
    let rules = Rules::compile(vec![rule("down", &["server down", "Störung", "ＶＰＮ weg", "网络中断"])]).unwrap();
    for text in ["SERVER\n  down", "störung", "STORUNG", "vpn weg", "今天网络中断了"] {
        assert_eq!(triage(&rules, "", text).priority, Priority::P1, "{text}");
    }
    for text in ["server downtime", "webserver down", "server. Down", "storungen"] {
        assert_eq!(triage(&rules, "", text).priority, Priority::P3, "{text}");
    }
}

#[test]
fn a_doubt_is_explained() {
    let rules = Rules::compile(vec![Rule { doubts: Doubt::ALL.to_vec(), ..rule("down", &["down"]) }]).unwrap();
    let verdict = triage(&rules, "", "The server is not down.");
    assert_eq!(verdict.explain(), "P3\n  rule \"down\" on \"down\"\n    lost: negated by \"not\"\n");
    assert_eq!(triage(&rules, "", "It was fixed but now it is down.").priority, Priority::P1);
}

#[test]
fn the_first_rule_wins_and_one_with_also_adds_its_tags() {
    let tagged = |name: &str, tag: &str| Rule { tags: vec![tag.to_owned()], ..rule(name, &["down"]) };
    let also = Rule { also: true, priority: None, ..tagged("third", "c") };
    let rules = Rules::compile(vec![tagged("first", "a"), tagged("second", "b"), also]).unwrap();
    let verdict = triage(&rules, "down", "");
    assert_eq!(verdict.tags, ["a", "c"]);
    assert_eq!(verdict.matches[1].lost.as_deref(), Some("priority came from \"first\"; tags came from \"first\""));
}

#[test]
fn every_problem_of_every_rule_is_told_at_once() {
    let broken = Rule { regex: vec!["(".to_owned()], ..rule("b", &["x"]) };
    let long = Rule { regex: vec!["a".repeat(2000)], ..rule("c", &["x"]) };
    let idle = Rule { priority: None, ..rule("d", &["x"]) };
    let never = Rule { none: vec!["X".to_owned()], ..rule("e", &["x"]) };
    let rules = vec![rule("a", &["x"]), rule("A", &["x"]), broken, long, idle, never, rule("f", &[])];
    let problems = Rules::compile(rules).unwrap_err();
    let names: Vec<&str> = problems.iter().map(|problem| problem.rule.as_str()).collect();
    assert_eq!(names, ["A", "b", "c", "d", "e", "f"]);
}
