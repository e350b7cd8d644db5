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
    rules.triage(&Request { subject, body, from: "jane@acme.example", client: None, source: "support", is_open: &|_| true })
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
    let cases: Vec<Case> = text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect();
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
    let folder = std::env::var("DESKD_TESTDATA").unwrap_or_else(|_| format!("{}/../shared/testdata", env!("CARGO_MANIFEST_DIR")));
    let Ok(text) = std::fs::read_to_string(format!("{folder}/tickets/dev.jsonl")) else {
        println!("skipped: no test data");
        return;
    };
    let (right, all, found, outages) = measure("dev", &text);
    assert!(found + 1 >= outages, "{found} of {outages} P1");
    assert!(right * 100 >= all * 85, "{right} of {all}");
}
