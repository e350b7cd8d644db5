//! The unit file: as closed as it says, and without keys that Debian's systemd does not know.

use std::process::{Command, Output};

use crate::harness::skipped;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/deskd.service");

/// `None` where there is no systemd-analyze.
fn analyze(arguments: &[&str]) -> Option<Output> {
    match Command::new("systemd-analyze").args(arguments).arg(UNIT).output() {
        Ok(output) => Some(output),
        Err(error) => {
            skipped(&format!("no systemd-analyze ({error})"));
            None
        }
    }
}

#[test]
fn the_service_scores_one_and_a_half_or_less() {
    // The threshold is ten times the score.
    let Some(output) = analyze(&["security", "--offline=true", "--threshold=15", "--no-pager"]) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn systemd_knows_every_key_of_the_service() {
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager"]) else { return };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(!complaints.contains("Unknown key") && !complaints.contains("Failed to parse"), "{complaints}");
}

#[test]
fn the_service_is_told_when_it_is_ready_and_watched() {
    let unit = std::fs::read_to_string(UNIT).unwrap();
    for line in ["Type=notify", "WatchdogSec=60s", "UMask=0077", "StateDirectory=deskd"] {
        assert!(unit.lines().any(|found| found == line), "{line} is missing");
    }
    assert!(unit.contains("deskd.toml run\n") && unit.contains("\nLoadCredential="));
}
