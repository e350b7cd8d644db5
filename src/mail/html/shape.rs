//! A cheap first pass over HTML: caps its size and depth, drops what is never shown, and closes every element it opened, so that the tree
//! builders behind it have no more work than the text is long.

/// A long thread of a desktop mail program is some hundreds of KiB.
const MAX_BYTES: usize = 1024 * 1024;
/// A newsletter of nested tables reaches about 40.
const MAX_DEPTH: usize = 100;
const MAX_TAGS: usize = 60_000;

/// Elements that may be shown; everything else loses its tags and keeps its text.
pub(super) const ALLOWED: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
];
const VOID: &[&str] = &["br", "col", "hr", "img"];
/// Elements whose content is no text for people.
const HIDDEN: &[&str] = &[
    "script", "style", "title", "iframe", "noembed", "noframes", "xmp", "textarea", "template", "select", "svg", "math",
];
const CELLS: &[&str] = &["td", "th"];

pub(super) struct Shaped {
    pub html: String,
    /// Something that people would have seen is missing.
    pub cut: bool,
}

pub(super) fn shape(html: &str) -> Shaped {
    let cut = html.len() > MAX_BYTES;
    let mut pass = Pass { out: String::new(), open: Vec::new(), tags: 0, cut };
    let mut rest = &html[..html.floor_char_boundary(MAX_BYTES)];
    while let Some(at) = rest.find('<') {
        pass.out.push_str(&rest[..at]);
        rest = pass.markup(&rest[at..]);
        if pass.tags > MAX_TAGS {
            pass.cut = true;
            rest = "";
        }
    }
    pass.out.push_str(rest);
    while pass.close_top() {}
    Shaped { html: pass.out, cut: pass.cut }
}

struct Pass {
    out: String,
    open: Vec<&'static str>,
    tags: usize,
    cut: bool,
}

impl Pass {
    /// Reads what begins with `<` and gives back what follows it.
    fn markup<'a>(&mut self, text: &'a str) -> &'a str {
        if let Some(comment) = text.strip_prefix("<!--") {
            return comment.find("-->").map_or("", |end| &comment[end + 3..]);
        }
        let closing = text.as_bytes().get(1) == Some(&b'/');
        let name_at = if closing { 2 } else { 1 };
        let name_len = text[name_at..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        if name_len == 0 {
            if matches!(text.as_bytes().get(1), Some(b'!' | b'?' | b'/')) {
                return text.find('>').map_or("", |end| &text[end + 1..]);
            }
            self.out.push_str("&lt;");
            return &text[1..];
        }
        let name = text[name_at..name_at + name_len].to_ascii_lowercase();
        let end = tag_end(text);
        let after = &text[end..];
        self.tags += 1;
        if !closing && HIDDEN.contains(&name.as_str()) {
            return skip_hidden(after, &name);
        }
        let Some(&known) = ALLOWED.iter().find(|allowed| **allowed == name) else {
            return after;
        };
        if closing {
            self.close(known)
        } else {
            self.open(known, &text[..end])
        }
        after
    }

    fn open(&mut self, name: &'static str, tag: &str) {
        if VOID.contains(&name) {
            self.push_tag(name, tag);
            return;
        }
        match name {
            "li" => self.close_within(&["li"], &["ul", "ol", "table"]),
            "dt" | "dd" => self.close_within(&["dt", "dd"], &["dl", "table"]),
            "td" | "th" => self.close_within(CELLS, &["tr", "table"]),
            "tr" => self.close_within(&["tr"], &["table"]),
            "tbody" | "thead" | "tfoot" => self.close_within(&["tbody", "thead", "tfoot"], &["table"]),
            "a" => self.close_within(&["a"], &["td", "th", "table"]),
            _ => {}
        }
        if is_block(name) {
            self.close_within(&["p"], &["td", "th", "table"]);
        }
        if self.open.len() >= MAX_DEPTH {
            self.cut = true;
            return;
        }
        self.push_tag(name, tag);
        self.open.push(name);
    }

    /// A tag with an unclosed end (the mail was cut) is dropped.
    fn push_tag(&mut self, name: &'static str, tag: &str) {
        if !tag.ends_with('>') {
            return;
        }
        match remote_picture(name, tag) {
            Some(link) => self.out.push_str(&link),
            None => self.out.push_str(tag),
        }
    }

    /// Closes the innermost of `names`, and all in it, unless one of `walls` stands between.
    fn close_within(&mut self, names: &[&str], walls: &[&str]) {
        for at in (0..self.open.len()).rev() {
            if names.contains(&self.open[at]) {
                while self.open.len() > at {
                    self.close_top();
                }
                return;
            }
            if walls.contains(&self.open[at]) {
                return;
            }
        }
    }

    /// An inline element's end closes nothing but inline elements; a block's end stays within its table cell.
    fn close(&mut self, name: &'static str) {
        let Some(at) = self.open.iter().rposition(|open| *open == name) else { return };
        let between = &self.open[at + 1..];
        let walled = if is_block(name) {
            between.iter().any(|open| CELLS.contains(open) && name != "table" && name != "tr" && !name.starts_with('t'))
        } else {
            between.iter().any(|open| is_block(open))
        };
        if walled {
            return;
        }
        while self.open.len() > at {
            self.close_top();
        }
    }

    fn close_top(&mut self) -> bool {
        let Some(name) = self.open.pop() else { return false };
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        true
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "blockquote"
            | "caption"
            | "center"
            | "dd"
            | "div"
            | "dl"
            | "dt"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "li"
            | "ol"
            | "p"
            | "pre"
            | "table"
            | "tbody"
            | "td"
            | "tfoot"
            | "th"
            | "thead"
            | "tr"
            | "ul"
    )
}

/// Behind the `>` that ends the tag; quoted values may hold one.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    let mut previous = b' ';
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') if previous == b'=' => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            previous = byte;
        }
    }
    text.len()
}

fn skip_hidden<'a>(text: &'a str, name: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = text[from..].find("</") {
        let start = from + at + 2;
        if text
            .as_bytes()
            .get(start..start + name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
        {
            let end = start + tag_end(&text[start..]);
            return &text[end..];
        }
        from = start;
    }
    ""
}

/// A picture on somebody's server as a link that the reader may follow; tracking pixels go.
fn remote_picture(name: &str, tag: &str) -> Option<String> {
    if name != "img" {
        return None;
    }
    let source = attribute(tag, "src").unwrap_or_default();
    if source.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("cid:")) {
        return None;
    }
    let tiny = |name| attribute(tag, name).is_some_and(|size| matches!(size, "0" | "1" | "1px" | "0px"));
    let remote = ["http://", "https://"]
        .iter()
        .any(|scheme| source.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme)));
    if !remote || tiny("width") || tiny("height") {
        return Some(String::new());
    }
    let quoted = |text: &str| text.replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    let label = attribute(tag, "alt").filter(|alt| !alt.trim().is_empty()).unwrap_or("picture");
    Some(format!("<a href=\"{}\">[{}]</a>", quoted(source), quoted(label)))
}

/// An attribute's value as written.
fn attribute<'a>(tag: &'a str, wanted: &str) -> Option<&'a str> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(wanted) {
        let start = from + at;
        from = start + wanted.len();
        if !lower[..start].ends_with(|ch: char| ch.is_ascii_whitespace() || ch == '"' || ch == '\'') {
            continue;
        }
        let Some(value) = tag[from..].trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        return match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().map(str::trim),
            _ => value.split(|ch: char| ch.is_whitespace() || ch == '>').next(),
        };
    }
    None
}
