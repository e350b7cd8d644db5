//! What a story looks at: mails of a kind and their words, a later moment, what the command line prints.

use std::process::Command;

use super::at;
use super::story::{Sent, Story};

pub fn of_kind(mailed: &[Sent], kind: &str) -> Vec<Sent> {
    mailed.iter().filter(|sent| sent.kind == kind).cloned().collect()
}

/// The text, without the breaks of its lines.
pub fn words(sent: &Sent) -> String {
    sent.mail.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Time goes on until then (UTC).
pub async fn until(story: &Story, moment: &str) {
    story.advance(at(moment) - story.now()).await;
}

/// All that `deskd` prints with the story's config; it goes by the time of this machine.
pub fn deskd(story: &Story, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .arg("--config")
        .arg(story.config())
        .args(args)
        .env("COLUMNS", "110")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}
