//! The desk under load: draining a mailbox, from the notice to the ticket, the schedule over many tickets, memory. docs/figures.md tells how.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a bench that cannot go on says so by a panic")]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/harness/dovecot.rs"]
mod dovecot;
#[path = "load/drain.rs"]
mod drain;
#[path = "load/hooks.rs"]
mod hooks;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/notice.rs"]
mod notice;
#[path = "load/office.rs"]
mod office;
#[path = "load/pass.rs"]
mod pass;
#[path = "load/retainers.rs"]
mod retainers;
#[path = "load/watch.rs"]
mod watch;

/// What the Dovecot of the tests asks of its harness.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn scratch(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(&format!("deskd-{name}-")).tempdir().unwrap()
}

const USAGE: &str =
    "load drain [MAILS [ROUNDS]] | statements [MAILS] | notice [MAILS] | pass [TICKETS] | memory [MAILS]
    | hooks [A_SECOND [SECONDS]] | retainers [CLIENTS]
    Databases are made below target/tmp; DESKD_TEST_POSTGRES adds Postgres.";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize, usual: usize| words.get(at).map_or(usual, |word| word.parse().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let part = words.first().map_or("", String::as_str);
    watch::install(part == "statements");
    runtime.block_on(async {
        match part {
            "drain" => drain::run(number(1, 4_000), number(2, 3)).await,
            "statements" => drain::statements(number(1, 640)).await,
            "notice" => notice::run(number(1, 60)).await,
            "pass" => pass::run(number(1, 1_000_000)).await,
            "hooks" => hooks::run(number(1, 2_000), number(2, 30)).await,
            "retainers" => retainers::run(number(1, 1_000)).await,
            "memory" => memory::run(number(1, 4_000)).await,
            "_daemon" => memory::daemon(words[1].as_ref()).await,
            _ => eprintln!("{USAGE}"),
        }
    });
}
