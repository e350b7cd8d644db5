//! Reads the markup of an HTML reply into lines, each marked as new or quoted by the structures mail programs leave; linear, without a tree.

use super::{Line, MARKER, is_marked, signature};
use crate::mail::picture::{self, Pictures, Place};

mod attributes;
mod marks;
mod seen;

use attributes::{Attributes, decode, tag_end};
use marks::{CUT_NAMES, Mark, Sight, mark};
pub(super) use seen::{Event, Seen, Tag};

struct Open {
    name: String,
    mark: Mark,
    /// Of what stands around it.
    around: Sight,
    /// Where it leads, and how much had been said before it.
    link: Option<(String, usize)>,
    signature: bool,
    /// As the events name it, where it is one that a mail of ours may hold.
    shown: Option<&'static str>,
}

/// The lines of a body, and whether the markup was whole.
pub struct Read {
    pub lines: Vec<Line>,
    pub whole: bool,
    /// Content id and place of each picture within the mail.
    pub pictures: Vec<(String, Place)>,
    /// Only of `read_events`.
    pub events: Vec<Event>,
}

#[derive(Default)]
struct Reader<'a> {
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
    /// Open elements that hold a signature.
    signature: usize,
    /// A sign was met below which a signature stands: the delimiter, or the bookmark of desktop Outlook.
    signed: bool,
    /// Where the delimiter of a marked signature goes, as numbers of a line and of an event; not needed where the signature brings its own.
    delimiter: Option<(usize, usize)>,
    /// The open lists, each with the number of its next item where it has numbers.
    lists: Vec<Option<i64>>,
    /// Characters that the lines hold so far.
    said: usize,
    sight: Sight,
    /// Some of the line at hand cannot be made out.
    dim: bool,
    /// The end of what nobody sees: our marker counts there too.
    unseen: String,
    names: Option<&'a Pictures>,
    pictures: Vec<(String, Place)>,
    events: Option<Vec<Event>>,
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
/// `pictures` are those that the lines may name; a picture that it does not know leaves no trace in them.
pub fn read(html: &str, pictures: &Pictures) -> Read {
    run(html, Reader { whole: true, names: Some(pictures), ..Reader::default() })
}

/// As `read`, and what a copy of the page is made of.
pub fn read_events(html: &str, pictures: &Pictures) -> Read {
    run(html, Reader { whole: true, names: Some(pictures), events: Some(Vec::new()), ..Reader::default() })
}

fn run(html: &str, mut reader: Reader<'_>) -> Read {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        reader.put(&rest[..at]);
        rest = reader.tag(&rest[at..]);
    }
    reader.put(rest);
    reader.flush();
    Read {
        lines: reader.lines,
        whole: reader.whole,
        pictures: reader.pictures,
        events: reader.events.unwrap_or_default(),
    }
}

impl Reader<'_> {
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
                self.record(Seen::Break);
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
            "li" => self.item(&attributes),
            "hr" => self.text.push_str("--------------------------------"),
            "td" | "th" if !self.text.is_empty() => self.say(" "),
            "img" => self.picture(&attributes),
            _ => {}
        }
        if name == "hr" {
            self.record(Seen::Rule);
            self.flush();
        }
        if attributes.value("name").is_some_and(|name| name == "_MailAutoSig") {
            self.delimit();
            self.signed = true;
        }
        if VOID.contains(&name.as_str()) || attributes.closed {
            return;
        }
        self.open(name, &attributes);
    }

    fn open(&mut self, name: String, attributes: &Attributes) {
        let mark = mark(&name, attributes);
        match mark {
            Mark::Quoted => {
                self.flush();
                self.quoted += 1;
            }
            Mark::Hidden => self.hidden += 1,
            Mark::Plain => {}
        }
        let signature = seen::is_signature(attributes);
        if signature {
            self.delimit();
        }
        self.signature += usize::from(signature);
        self.pre += usize::from(name == "pre");
        match name.as_str() {
            "ol" => self.lists.push(Some(attributes.number("start").unwrap_or(1))),
            "ul" => self.lists.push(None),
            _ => {}
        }
        let link = (name == "a").then(|| attributes.value("href").map(|link| (link.to_owned(), self.said))).flatten();
        *self.counts.entry(name.clone()).or_default() += 1;
        let shown = (self.events.is_some() && self.hidden == 0).then(|| seen::tag(&name, attributes)).flatten();
        if let Some(tag) = &shown {
            self.record(Seen::Open(tag.clone()));
        }
        let around = self.sight;
        self.sight = around.within(attributes);
        self.open.push(Open { name, mark, around, link, signature, shown: shown.map(|tag| tag.name) });
    }

    /// What stands before an item of a list.
    fn item(&mut self, attributes: &Attributes) {
        let Some(Some(next)) = self.lists.last_mut() else { return self.say("- ") };
        if self.hidden > 0 {
            return;
        }
        let number = attributes.number("value").unwrap_or(*next);
        *next = number.saturating_add(1);
        self.say(&format!("{number}. "));
    }

    /// A picture within the mail is a word of its line.
    fn picture(&mut self, attributes: &Attributes) {
        let Some(id) = attributes.value("src").and_then(picture::content_id) else { return };
        let place = match (self.hidden, self.signature, self.signed) {
            (0, 0, false) => Place::Text,
            (0, ..) => Place::Signature,
            _ => Place::Hidden,
        };
        let label = attributes.value("src").and_then(|source| self.names?.label_of(source)).map(str::to_owned);
        if let Some(label) = label.filter(|_| place != Place::Hidden) {
            self.say(" ");
            self.record(Seen::Picture { id: id.clone(), width: attributes.value("width").and_then(seen::width) });
            self.say(&label);
            self.say(" ");
        }
        self.pictures.push((id, place));
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
                self.lines.push(Line { quoted, ..Line::default() });
            }
            match open.mark {
                Mark::Quoted => self.quoted -= 1,
                Mark::Hidden => self.hidden -= 1,
                Mark::Plain => {}
            }
            self.pre -= usize::from(open.name == "pre");
            if matches!(open.name.as_str(), "ol" | "ul") {
                self.lists.pop();
            }
            self.signature -= usize::from(open.signature);
            self.sight = open.around;
            if let Some((link, before)) = open.link
                && self.said > before
            {
                self.show_link(&link);
            }
            if let Some(shown) = open.shown {
                self.record(Seen::Close(shown));
            }
            if open.name == name {
                break;
            }
        }
    }

    /// A link whose text does not say where it leads.
    fn show_link(&mut self, link: &str) {
        let Some(address) = seen::address(link) else { return };
        let target = seen::bare_address(address);
        if self.hidden == 0 && !self.text.trim().is_empty() && !seen::names(&self.text, target) {
            self.text.push_str(" <");
            self.text.push_str(address);
            self.text.push('>');
        }
    }

    /// Text of the page.
    fn put(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let decoded = decode(text);
        if self.hidden > 0 {
            self.unseen(&decoded);
            return;
        }
        for (index, line) in decoded.split('\n').enumerate() {
            if index > 0 && self.pre > 0 {
                self.record(Seen::Break);
                self.end_line();
            } else if index > 0 {
                self.record(Seen::Text(" ".to_owned()));
                self.say(" ");
            }
            self.record(Seen::Text(line.to_owned()));
            self.say(line);
        }
    }

    /// A program that hides the notice below our marker, marker and all, does not make it the author's.
    fn unseen(&mut self, text: &str) {
        let from = self.unseen.floor_char_boundary(self.unseen.len().saturating_sub(100));
        self.unseen.drain(..from);
        self.unseen.push_str(&text[..text.floor_char_boundary(4000)]);
        if is_marked(&self.unseen) {
            self.unseen.clear();
            self.flush();
            self.lines.push(Line { text: MARKER.to_owned(), ..Line::default() });
        }
    }

    /// Words that go into the line at hand.
    fn say(&mut self, text: &str) {
        if self.hidden > 0 || text.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.quoted_text = self.cut || self.quoted > 0;
        }
        for c in text.chars() {
            if c.is_whitespace() && self.pre == 0 {
                if !self.text.ends_with(' ') && !self.text.is_empty() {
                    self.text.push(' ');
                }
            } else if !(matches!(c, '\u{feff}' | '\r') || c.is_control() && c != '\t') {
                self.text.push(c);
                self.said += 1;
                self.dim |= self.sight.is_none() && !c.is_whitespace();
            }
        }
    }

    /// The delimiter above a signature that a program marks in its own way only; not where nothing stands above it: then its author
    /// wrote within it.
    fn delimit(&mut self) {
        let own = |line: &Line| !line.quoted && !line.text.trim().is_empty();
        if self.signed || self.signature > 0 || self.hidden > 0 || self.quoted > 0 || self.cut {
            return;
        }
        self.flush();
        if !self.signed && self.lines.iter().any(own) {
            self.signed = true;
            self.delimiter = Some((self.lines.len(), self.events.as_ref().map_or(0, Vec::len)));
        }
    }

    /// The first line after the place of a delimiter tells whether one is missing there.
    fn delimit_before(&mut self, first: &Line) {
        let Some((line, event)) = self.delimiter.take() else { return };
        if first.quoted || signature::is_delimiter(first.text.trim_start()) {
            return;
        }
        self.lines.insert(line, Line { text: "-- ".to_owned(), ..Line::default() });
        let Some(events) = &mut self.events else { return };
        events[event..].iter_mut().for_each(|event| event.line += 1);
        let parts = [Seen::Break, Seen::Text("-- ".to_owned()), Seen::Break];
        events.splice(event..event, parts.map(|what| Event { line, what }));
    }

    /// With the line that it will stand on.
    fn record(&mut self, what: Seen) {
        let line = self.lines.len();
        if let Some(events) = self.events.as_mut().filter(|_| self.hidden == 0) {
            events.push(Event { line, what });
        }
    }

    /// A line end that keeps empty lines.
    fn end_line(&mut self) {
        if self.text.trim().is_empty() {
            self.text.clear();
            let quoted = self.cut || self.quoted > 0;
            self.lines.push(Line { quoted, ..Line::default() });
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
        self.signed |= !quoted && signature::is_delimiter(self.text.trim_start());
        let dim = std::mem::take(&mut self.dim);
        let line = Line { text: self.text.trim_end().to_string(), quoted, dim };
        self.delimit_before(&line);
        self.lines.push(line);
        self.text.clear();
        self.quoted_text = self.cut || self.quoted > 0;
    }
}
