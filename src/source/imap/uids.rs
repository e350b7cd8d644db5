//! UIDs as IMAP writes them.

use std::fmt::Write;

/// Longest set of one command: servers cut long lines, some at 8,000 bytes.
const LONGEST: usize = 4_000;

/// Ascending UIDs as sets such as `1:64,70`, each short enough for one command.
pub fn sets(uids: &[u32]) -> Vec<String> {
    let mut sets = Vec::new();
    let mut set = String::new();
    let mut rest = uids;
    while let Some(first) = rest.first() {
        let run = rest.windows(2).take_while(|pair| pair[0].checked_add(1) == Some(pair[1])).count();
        if !set.is_empty() {
            set.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(set, "{first}");
        if run > 0 {
            let _ = write!(set, ":{}", rest[run]);
        }
        rest = &rest[run + 1..];
        if set.len() > LONGEST {
            sets.push(std::mem::take(&mut set));
        }
    }
    if !set.is_empty() {
        sets.push(set);
    }
    sets
}
