//! Subjects that keep threads together in every mail program.

use super::format::one_line;
use crate::words::TicketNumber;

/// What mail programs put before the subject of an answer, in the languages of their users; compared without letter case.
const ANSWER: [&str; 20] = [
    "re", "aw", "sv", "vs", "antw", "odp", "rif", "r", "ref", "res", "bls", "ynt", "atb", "cev", "vá", "απ", "отв",
    "回复", "答复", "回覆",
];

/// `#1042 Acme: <subject>`: the same for every mail about this ticket to a tech.
pub fn tech_subject(number: TicketNumber, client_name: Option<&str>, subject: &str) -> String {
    let line = one_line(subject);
    let plain = match without_answer_prefix(&line) {
        "" => "(no subject)",
        plain => plain,
    };
    match client_name {
        Some(client) => format!("{number} {}: {plain}", one_line(client)),
        None => format!("{number} {plain}"),
    }
}

/// The client's own subject after exactly one `Re: `.
pub fn client_subject(subject: &str) -> String {
    let line = one_line(subject);
    format!("Re: {}", without_answer_prefix(&line)).trim_end().to_owned()
}

/// Takes off `Re:`, `AW: Re[2]:`, `SV :` … but leaves `Fwd:`, which belongs to what the client sent.
fn without_answer_prefix(subject: &str) -> &str {
    let mut rest = subject.trim();
    while let Some((head, tail)) = rest.split_once([':', '：']) {
        let word = head.trim_end();
        let word = word.split_once(['[', '(']).map_or(word, |(word, count)| match count.trim_end_matches([']', ')']) {
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => word,
            _ => "",
        });
        if !ANSWER.contains(&word.to_lowercase().as_str()) {
            break;
        }
        rest = tail.trim_start();
    }
    rest
}
