//! Reads the markup of an HTML reply into lines, each marked as new or quoted by the structures mail programs leave; linear, without a tree.

use mail_parser::decoders::html::add_html_token;

use super::Line;

/// What an element says about the text within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    Quoted,
    Hidden,
}

struct Open {
    name: String,
    mark: Mark,
    link: Option<String>,
}

/// The lines of a body, and whether the markup was whole.
pub struct Read {
    pub lines: Vec<Line>,
    pub whole: bool,
}

#[derive(Default)]
struct Reader {
    lines: Vec<Line>,
    text: String,
    quoted_text: bool,
    open: Vec<Open>,
    counts: std::collections::HashMap<String, usize>,
    quoted: usize,
    hidden: usize,
    /// Everything from here on is the earlier mail.
    cut: bool,
    pre: usize,
    whole: bool,
}

const VOID: [&str; 10] = ["br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr"];
const BLOCKS: [&str; 26] = [
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "table",
    "tr",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "pre",
    "body",
    "html",
    "section",
    "article",
    "header",
    "footer",
    "center",
    "dl",
    "dt",
    "dd",
    "tbody",
];
/// Parts of a class or an id that only a program writes, around the earlier mail.
const QUOTE_NAMES: [&str; 30] = [
    "gmail_attr",
    "moz-cite-prefix",
    "protonmail_quote",
    "yahoo_quoted",
    "zmail_extra",
    "tutanota_quote",
    "fairemail_quote",
    "front-blockquote",
    "missive_quote",
    "airmail_on",
    "clean_bq",
    "cite2",
    "quote-pre",
    "messagereplysection",
    "sh-quoted",
    "sh-quoted-content",
    "replyforward",
    "gwt-quote",
    "hcb_quote",
    "iosymail",
    "quoted-text",
    "quoted_text",
    "quotedtext",
    "skiff_quote",
    "mailbird_quote",
    "bluemail_quote",
    "hey_quote",
    "reply-intro",
    "previous-message",
    "originalmessage",
];
/// Ids and classes after which nothing is the author's.
const CUT_NAMES: [&str; 13] = [
    "divrplyfwdmsg",
    "appendonsend",
    "outlookmessageheader",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
    "isforwardcontent",
    "replysplit",
    "zwchr",
    "stopspelling",
    "origbody",
    "mailcontainerquote",
    "originalmessagecontent",
    "fwdmsgheader",
];

pub fn read(html: &str) -> Read {
    let mut reader = Reader { whole: true, ..Reader::default() };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        reader.put(&rest[..at]);
        rest = reader.tag(&rest[at..]);
    }
    reader.put(rest);
    reader.flush();
    Read { lines: reader.lines, whole: reader.whole }
}

impl Reader {
    fn tag<'a>(&mut self, rest: &'a str) -> &'a str {
        let after = &rest[1..];
        if after.starts_with("!--") {
            return self.skip_to(rest, "-->");
        }
        if !after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            self.put("<");
            return after;
        }
        let Some(end) = tag_end(after) else {
            self.whole = false;
            return "";
        };
        let (inside, next) = (&after[..end], &after[end + 1..]);
        if let Some(name) = inside.strip_prefix('/') {
            self.close(&name.trim().to_ascii_lowercase());
            return next;
        }
        if inside.starts_with(['!', '?']) {
            return next;
        }
        let split = inside.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inside.len());
        let name = inside[..split].to_ascii_lowercase();
        if matches!(
            name.as_str(),
            "style" | "script" | "title" | "textarea" | "noscript" | "template" | "svg" | "select"
        ) {
            return if inside.ends_with('/') { next } else { self.skip_element(next, &name) };
        }
        self.start(name, &inside[split..]);
        next
    }

    fn skip_to<'a>(&mut self, rest: &'a str, end: &str) -> &'a str {
        if let Some(at) = rest.find(end) {
            return &rest[at + end.len()..];
        }
        self.whole = false;
        ""
    }

    fn skip_element<'a>(&mut self, rest: &'a str, name: &str) -> &'a str {
        let mut from = 0;
        while let Some(at) = rest[from..].find("</") {
            let tail = &rest[from + at + 2..];
            if tail.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)) {
                return tail.find('>').map_or("", |end| &tail[end + 1..]);
            }
            from += at + 2;
        }
        self.whole = false;
        ""
    }

    fn start(&mut self, name: String, attributes: &str) {
        let attributes = Attributes::read(attributes);
        if BLOCKS.contains(&name.as_str()) || name == "br" || name == "hr" {
            if name == "br" {
                self.end_line();
            } else {
                self.flush();
            }
        }
        if attributes.any_name(&CUT_NAMES) || attributes.value("data-marker").is_some_and(|v| v.starts_with("__")) {
            self.flush();
            self.cut = true;
        }
        match name.as_str() {
            "li" => self.put("- "),
            "hr" => self.text.push_str("--------------------------------"),
            "td" | "th" if !self.text.is_empty() => self.put(" "),
            _ => {}
        }
        if name == "hr" {
            self.flush();
        }
        if VOID.contains(&name.as_str()) || attributes.closed {
            return;
        }
        let mark = mark(&name, &attributes);
        match mark {
            Mark::Quoted => {
                self.flush();
                self.quoted += 1;
            }
            Mark::Hidden => self.hidden += 1,
            Mark::Plain => {}
        }
        self.pre += usize::from(name == "pre");
        let link = (name == "a").then(|| attributes.value("href").map(str::to_string)).flatten();
        *self.counts.entry(name.clone()).or_default() += 1;
        self.open.push(Open { name, mark, link });
    }

    fn close(&mut self, name: &str) {
        if name == "p" && self.counts.get("p").is_none_or(|&n| n == 0) {
            self.flush();
        }
        if self.counts.get(name).is_none_or(|&n| n == 0) {
            return;
        }
        while let Some(open) = self.open.pop() {
            if let Some(count) = self.counts.get_mut(&open.name) {
                *count -= 1;
            }
            if BLOCKS.contains(&open.name.as_str()) || open.mark == Mark::Quoted {
                self.flush();
            }
            if open.name == "p" && !self.lines.last().is_none_or(|line| line.text.is_empty()) {
                let quoted = self.cut || self.quoted > 0;
                self.lines.push(Line { text: String::new(), quoted });
            }
            match open.mark {
                Mark::Quoted => self.quoted -= 1,
                Mark::Hidden => self.hidden -= 1,
                Mark::Plain => {}
            }
            self.pre -= usize::from(open.name == "pre");
            if let Some(link) = open.link {
                self.show_link(&link);
            }
            if open.name == name {
                break;
            }
        }
    }

    /// A link whose text does not say where it leads.
    fn show_link(&mut self, link: &str) {
        let target = link.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let web = link.starts_with("http://") || link.starts_with("https://");
        if web && link.len() <= 500 && self.hidden == 0 && !self.text.trim().is_empty() && !self.text.contains(target) {
            self.text.push_str(" <");
            self.text.push_str(link);
            self.text.push('>');
        }
    }

    fn put(&mut self, text: &str) {
        if self.hidden > 0 || text.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.quoted_text = self.cut || self.quoted > 0;
        }
        let decoded = decode(text);
        for c in decoded.chars() {
            if c == '\n' && self.pre > 0 {
                self.end_line();
            } else if c.is_whitespace() && self.pre == 0 {
                if !self.text.ends_with(' ') && !self.text.is_empty() {
                    self.text.push(' ');
                }
            } else if !(matches!(c, '\u{feff}' | '\r') || c.is_control() && c != '\t') {
                self.text.push(c);
            }
        }
    }

    /// A line end that keeps empty lines.
    fn end_line(&mut self) {
        if self.text.trim().is_empty() {
            self.text.clear();
            let quoted = self.cut || self.quoted > 0;
            self.lines.push(Line { text: String::new(), quoted });
        } else {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.text.trim().is_empty() {
            self.text.clear();
            return;
        }
        let quoted = self.quoted_text || self.cut || self.quoted > 0;
        self.lines.push(Line { text: self.text.trim_end().to_string(), quoted });
        self.text.clear();
        self.quoted_text = self.cut || self.quoted > 0;
    }
}

fn mark(name: &str, attributes: &Attributes) -> Mark {
    let style: String = attributes.value("style").unwrap_or_default().to_ascii_lowercase().split_whitespace().collect();
    if matches!(name, "head") || style.contains("display:none") || style.contains("mso-hide:all") {
        return Mark::Hidden;
    }
    if name == "blockquote" {
        let only_indented =
            style.contains("border:none") || style.contains("border:medium") || style.contains("border:0");
        let cited = attributes.value("type").is_some()
            || attributes.value("cite").is_some()
            || attributes.value("class").is_some();
        return if only_indented && !cited { Mark::Plain } else { Mark::Quoted };
    }
    let barred = style.split(';').any(|rule| rule.starts_with("border-left:") && rule.contains("solid"));
    if attributes.any_name(&QUOTE_NAMES)
        || (name == "div" && barred)
        || attributes.value("fairemail").is_some_and(|v| v == "reply")
    {
        return Mark::Quoted;
    }
    Mark::Plain
}

/// Where a tag ends, with `>` in quoted values passed over.
fn tag_end(text: &str) -> Option<usize> {
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
struct Attributes {
    pairs: Vec<(String, String)>,
    closed: bool,
}

impl Attributes {
    fn read(text: &str) -> Attributes {
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

    fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn any_name(&self, among: &[&str]) -> bool {
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

fn decode(text: &str) -> String {
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
