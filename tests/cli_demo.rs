//! `deskd demo` on the real program: the morning passes, the techs' replies count, and Ctrl-C ends it well.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::scratch;

fn sent(folder: &std::path::Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".eml")).count()
}

#[test]
fn the_morning_of_the_demo_turns_mails_into_tickets_and_answers() {
    let folder = scratch("demo-once");
    let output = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder.path())
        .args(["demo", "--once", "--folder", "trial"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for wanted in [
        "\"Server down, nobody can work\" from jane@acme-dental.example: ticket #1001",
        "acknowledgement to jane@acme-dental.example",
        "resolution to jane@acme-dental.example",
        "receipt to ",
        ": duplicate #1002",
        "\"Question about your prices\" from pat.doe@mail.example: ticket #1005 (unsorted: nobody knows the sender)",
        "relay to bob@acme-dental.example",
        "resolution to mary@lakeside-law.example",
        "Unsorted, from strangers",
    ] {
        assert!(text.contains(wanted), "\"{wanted}\" is not in:\n{text}");
    }
    assert!(text.contains("Its clock (America/Chicago) says "), "{text}");
    // Exactly what has left is told as mailed.
    let mailed = text.lines().filter(|line| line.starts_with("  > ")).count();
    assert_eq!(mailed, sent(&folder.path().join("trial/sent")), "{text}");
    let config = folder.path().join("trial/deskd.toml");
    let show = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .args(["ticket", "show", "1001", "--json", "-c"])
        .arg(&config)
        .output()
        .unwrap();
    let ticket: serde_json::Value = serde_json::from_slice(&show.stdout).unwrap();
    assert_eq!((&ticket["status"], &ticket["minutes"]), (&"resolved".into(), &25.into()));
    assert!(ticket["first_touch_at"].is_string());
}

/// The recipes of the README, as a newcomer pastes them into a shell.
#[test]
fn the_mails_of_the_readme_become_a_ticket_and_its_answer() {
    let folder = scratch("demo-readme");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder.path())
        .args(["demo", "--speed", "1000", "--folder", "deskd-demo-readme"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    // What is not told within two minutes will not be told: then the demo ends, and its lines with it.
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap());
    let (done, patience) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if patience.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let mut until = |wanted: &str| {
        lines.by_ref().find(|line| line.contains(wanted)).unwrap_or_else(|| panic!("\"{wanted}\" was not told"))
    };
    until("the desk stays open until Ctrl-C");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let recipe = |with: &str| {
        let found = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let script = found.into_iter().find(|script| script.contains(with)).unwrap();
        let done = Command::new("sh").args(["-euc", script]).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    recipe("cat > my.eml");
    assert!(until("The scanner does not send mail any more\" from jane@").contains(": ticket #"));
    until("> assignment to ");
    recipe("cat > answer.eml");
    until("> resolution to jane@acme-dental.example: ");
    drop(done);
    kill(pid, Signal::SIGINT).unwrap();
    assert!(demo.wait().unwrap().success());
}

#[test]
fn the_desk_of_the_demo_stays_open_until_it_is_interrupted() {
    let folder = scratch("demo-open");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder.path())
        .args(["demo", "--speed", "1000", "--folder", "trial"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap());
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.by_ref().find(|line| line.contains("the desk stays open until Ctrl-C")).expect("the end of the morning");
    let own =
        "From: jane@acme-dental.example\r\nTo: support@northwind.example\r\nSubject: My own mail\r\n\r\nHello\r\n";
    std::fs::write(folder.path().join("trial/inbox/new/own.eml"), own).unwrap();
    lines.by_ref().find(|line| line.contains("\"My own mail\"")).expect("word of the own mail");
    kill(pid, Signal::SIGINT).unwrap();
    assert!(demo.wait().unwrap().success());
    let again = Command::new(env!("CARGO_BIN_EXE_deskd"))
        .current_dir(folder.path())
        .args(["demo", "--folder", "trial"])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(4), "a folder in use is left alone");
}
