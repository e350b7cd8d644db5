//! The memory allocator's manners. glibc takes every big block that is freed as a sign to keep blocks of that size for later, in a heap a
//! thread: a daemon that has once had a mail of 30 MB in hand holds several times as much for ever. It reads its settings only at the
//! start of a process.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Big blocks are given back when they are freed; a few threads share a heap. An operator's own settings win.
const SETTINGS: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "1048576"), ("MALLOC_ARENA_MAX", "2")];

const BEGUN: &str = "DESKD_BEGUN_ANEW";

/// Begins this process anew (same process id, same everything) with these settings. Returns when they are there already, or when that
/// cannot be done: then it takes more memory, and works.
pub fn tame() {
    let there = SETTINGS.iter().all(|(name, _)| std::env::var_os(name).is_some());
    // Some systems take the settings away from a program with privileges: it is begun anew once and no more.
    if there || std::env::var_os(BEGUN).is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    let missing = SETTINGS.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let error = again.args(arguments).envs(missing.copied()).env(BEGUN, "1").exec();
    tracing::debug!(%error, "the process could not be begun anew");
}
