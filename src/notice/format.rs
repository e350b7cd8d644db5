//! Putting text into shape: one line, wrapped, quoted, as HTML paragraphs, as a `mailto:` link.

use std::fmt::Write;

use minijinja::Value;
use minijinja::value::ValueKind;

use super::facts::CleanHtml;

const COLUMNS: usize = 78;

/// Control and format characters (line breaks, bidirectional overrides) become spaces, runs of spaces one.
pub(super) fn one_line(text: &str) -> String {
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
    };
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || invisible(c)).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

pub(super) fn strings(all: &[String]) -> Value {
    all.iter().map(Value::from).collect::<Vec<Value>>().into()
}

/// How the elements look that somebody's HTML is made of; in the tags, as mail programs drop style sheets.
const LOOKS: [(&str, &str); 8] = [
    ("<p>", "<p style=\"margin:0 0 12px\">"),
    ("<ul>", "<ul style=\"margin:0 0 12px;padding-left:24px\">"),
    ("<ol", "<ol style=\"margin:0 0 12px;padding-left:28px\""),
    ("<h3>", "<h3 style=\"margin:0 0 8px;font-size:17px\">"),
    (
        "<pre>",
        "<pre style=\"margin:0 0 12px;white-space:pre-wrap;font-family:Consolas,Menlo,monospace;font-size:14px\">",
    ),
    (
        "<table>",
        "<table cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"margin:0 0 12px;border-collapse:collapse\">",
    ),
    ("<td", "<td class=\"line\" valign=\"top\" style=\"padding:4px 14px 4px 0;border-bottom:1px solid #c3c9d1\""),
    ("<th", "<th class=\"line\" align=\"left\" style=\"padding:4px 14px 4px 0;border-bottom:2px solid #c3c9d1\""),
];

/// Goes into a page as it is, dressed.
pub(super) fn safe(html: Option<&CleanHtml>) -> Option<Value> {
    let html = LOOKS.iter().fold(html?.0.clone(), |html, (plain, dressed)| html.replace(plain, dressed));
    Some(Value::from_safe_string(html))
}

/// RFC 6068: opens a mail with a subject and the first lines of its body.
pub(super) fn mailto(address: &str, subject: &str, body: &str) -> String {
    let mut url = String::with_capacity(address.len() + subject.len() + body.len() + 32);
    url.push_str("mailto:");
    percent(&mut url, address, b"@+");
    url.push_str("?subject=");
    percent(&mut url, subject, b"");
    url.push_str("&body=");
    percent(&mut url, &body.replace('\n', "\r\n"), b"");
    url
}

fn percent(url: &mut String, text: &str, plain: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || plain.contains(&byte) {
            url.push(char::from(byte));
        } else {
            let _ = write!(url, "%{byte:02X}");
        }
    }
}

/// Filter `wrap`: lines of at most 78 columns; what has no space (a link) stays whole.
pub(super) fn wrap(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        wrap_line(&mut out, line);
    }
    out
}

fn wrap_line(out: &mut String, line: &str) {
    let mut column = 0;
    for word in line.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
}

/// Filter `quote`: each line set off by a bar, so that nobody takes a client's words for ours.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.trim().lines() {
        if !out.is_empty() {
            out.push('\n');
        }
        let line = line.trim_end();
        out.push_str(if line.is_empty() { "  |" } else { "  | " });
        out.push_str(line);
    }
    out
}

/// Filter `paragraphs`: escaped text with its line breaks; a value that is already safe HTML stays as it is.
pub(super) fn paragraphs(value: &Value) -> Value {
    if value.is_safe() || value.kind() == ValueKind::Undefined {
        return value.clone();
    }
    let text = value.as_str().unwrap_or_default().trim();
    let mut html = String::with_capacity(text.len() + text.len() / 8 + 64);
    for paragraph in
        text.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')).filter(|text| !text.trim().is_empty())
    {
        html.push_str("<p style=\"margin:0 0 12px\">");
        for (index, line) in paragraph.lines().enumerate() {
            if index > 0 {
                html.push_str("<br>\n");
            }
            escape_line(&mut html, line);
        }
        html.push_str("</p>\n");
    }
    Value::from_safe_string(html)
}

/// Leading spaces keep their width, so that pasted tables and code stay readable.
fn escape_line(html: &mut String, line: &str) {
    let text = line.trim_start_matches(' ');
    for _ in 0..(line.len() - text.len()).min(40) {
        html.push_str("&nbsp;");
    }
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#x27;"),
            c => html.push(c),
        }
    }
}

/// What every plain text part ends up as: no trailing spaces, at most one empty line in a row, one newline at the end.
pub(super) fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if !out.is_empty() {
            out.push_str(if empty > 0 { "\n\n" } else { "\n" });
        }
        out.push_str(line);
        empty = 0;
    }
    out.push('\n');
    out
}
