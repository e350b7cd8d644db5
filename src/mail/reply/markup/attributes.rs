//! What a tag says: where it ends, its attributes, and entities decoded.

use mail_parser::decoders::html::add_html_token;

/// Where a tag ends, with `>` in quoted values passed over.
pub(super) fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut after_equals = false;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            (None, b'>') => return Some(at),
            (None, _) => {}
        }
        after_equals = byte == b'=' || after_equals && byte.is_ascii_whitespace();
    }
    None
}

#[derive(Default)]
pub(super) struct Attributes {
    pairs: Vec<(String, String)>,
    pub(super) closed: bool,
}

impl Attributes {
    pub(super) fn read(text: &str) -> Attributes {
        let mut found = Attributes { closed: text.trim_end().ends_with('/'), ..Attributes::default() };
        let mut rest = text.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        while !rest.is_empty() && found.pairs.len() < 40 {
            let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
            let name = rest[..end].to_ascii_lowercase();
            rest = rest[end..].trim_start();
            let mut value = "";
            if let Some(after) = rest.strip_prefix('=') {
                let after = after.trim_start();
                (value, rest) = match after.chars().next() {
                    Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                    _ => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
                };
            }
            found.pairs.push((name, decode(value)));
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        }
        found
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.value(name)?.trim().parse().ok()
    }

    pub(super) fn any_name(&self, among: &[&str]) -> bool {
        self.pairs
            .iter()
            .filter(|(key, _)| matches!(key.as_str(), "id" | "class" | "name"))
            .flat_map(|(_, value)| value.split_whitespace())
            .any(|word| {
                let word = word.to_ascii_lowercase();
                // Yahoo numbers its ids and marks pasted ones.
                let word = word.trim_start_matches("ydp").trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
                among.iter().any(|name| {
                    word == *name || word.starts_with(name) && word.as_bytes().get(name.len()) == Some(&b'-')
                })
            })
    }
}

pub(super) fn decode(text: &str) -> String {
    if !text.contains('&') {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(32).position(|b| b == b';').map_or(1, |end| end + 1);
        add_html_token(&mut out, &rest.as_bytes()[..end], false);
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}
