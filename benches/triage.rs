//! Triage of one mail with 50 and with 5,000 rules, side by side: prints the ratio (it should stay under 1.5).

use std::time::{Duration, Instant};

use deskd::desk::rules::{Request, Rule, Rules};
use deskd::words::Priority;

fn rules(count: usize) -> Rules {
    let rule = |at: usize| Rule {
        name: format!("rule {at}"),
        any: (0..5).map(|word| format!("thing{at}x{word} stopped")).collect(),
        priority: Some(Priority::P2),
        ..Rule::default()
    };
    Rules::compile((0..count).map(rule).collect()).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The fastest of many runs.
fn fastest(rules: &Rules, body: &str) -> Duration {
    let request = Request { subject: "Question", body, from: "", client: None, source: "bench", is_open: &|_| true };
    let run = |_| {
        let start = Instant::now();
        std::hint::black_box(rules.triage(&request));
        start.elapsed()
    };
    (0..200).map(run).min().unwrap_or_default()
}

fn main() {
    let sentence =
        "Good morning, the thing4x2 stopped on Monday and the printer next to the kitchen is out of paper again. ";
    let (few, many) = (rules(50), rules(5_000));
    for (name, repeat) in [("2 KB", 20), ("60 KB", 580)] {
        let body = sentence.repeat(repeat);
        let (small, large) = (fastest(&few, &body), fastest(&many, &body));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!("triage of {name}: 50 rules {small:?}, 5,000 rules {large:?}, ratio {ratio:.2}");
    }
}
