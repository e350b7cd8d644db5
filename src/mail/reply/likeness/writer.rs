//! Writes the copy of a page: an element is opened only when something is in it, and at most one empty line stands between two lines.

use super::super::markup::Tag;
use super::escaped;

#[derive(Default)]
pub(super) struct Writer {
    out: String,
    /// Opened in the page, and nothing in them yet.
    pending: Vec<Pending>,
    opened: Vec<&'static str>,
    breaks: usize,
    /// An empty paragraph was passed over.
    blank: bool,
    space: bool,
    /// White space that somebody put there to be seen.
    hard_space: bool,
    started: bool,
    /// The line of the page that was written last, and whether the end of a block stands between it and what comes.
    line: usize,
    apart: bool,
}

struct Pending {
    name: &'static str,
    tag: String,
    /// `false`: an empty table cell, which keeps the others in their columns.
    open: bool,
}

const BLOCKS: [&str; 8] = ["div", "p", "pre", "ul", "ol", "table", "h3", "li"];
/// Between these a line break would stand outside of any cell or item.
const INNER: [&str; 4] = ["li", "tr", "td", "th"];

impl Writer {
    pub(super) fn open(&mut self, tag: &Tag) {
        let mut text = format!("<{}", tag.name);
        for (name, value) in &tag.attributes {
            text.push_str(&format!(" {name}=\"{}\"", escaped(value)));
        }
        text.push('>');
        self.pending.push(Pending { name: tag.name, tag: text, open: true });
    }

    pub(super) fn close(&mut self, name: &'static str) {
        let block = BLOCKS.contains(&name);
        if let Some(at) = self.pending.iter().rposition(|pending| pending.open && pending.name == name) {
            if matches!(name, "td" | "th") {
                self.pending.truncate(at + 1);
                self.pending[at].open = false;
                self.pending[at].tag.push_str(&format!("</{name}>"));
            } else {
                self.pending.truncate(at);
            }
            if block {
                self.blank |= self.breaks > 0 || self.hard_space;
                (self.breaks, self.space, self.hard_space) = (0, false, false);
            }
            return;
        }
        let Some(at) = self.opened.iter().rposition(|opened| *opened == name) else { return };
        self.apart |= block || INNER.contains(&name);
        for cell in self.pending.drain(..).filter(|pending| !pending.open) {
            self.out.push_str(&cell.tag);
        }
        for opened in self.opened.drain(at..).rev() {
            self.out.push_str(&format!("</{opened}>"));
        }
        if block {
            self.blank |= self.breaks > 1;
            (self.breaks, self.space, self.hard_space) = (0, false, false);
        }
    }

    pub(super) fn line_break(&mut self) {
        self.breaks += 1;
    }

    pub(super) fn rule(&mut self, line: usize) {
        self.content(line);
        self.out.push_str("<hr>");
    }

    pub(super) fn picture(&mut self, line: usize, id: &str, label: &str, width: Option<u32>) {
        self.content(line);
        let width = width.map(|width| format!(" width=\"{width}\"")).unwrap_or_default();
        // An `@` that is escaped is another id to some mail programs.
        self.out.push_str(&format!("<img src=\"cid:{}\" alt=\"{}\"{width}>", escaped(id), escaped(label)));
    }

    pub(super) fn text(&mut self, line: usize, text: &str) {
        let in_pre = self.opened.contains(&"pre") || self.pending.iter().any(|pending| pending.name == "pre");
        if text.trim().is_empty() && !(in_pre && self.started && self.breaks == 0) {
            self.space |= !text.is_empty();
            self.hard_space |= text.contains('\u{a0}');
            return;
        }
        self.content(line);
        self.out.push_str(&escaped(text));
    }

    /// Something is about to be written: what waits comes before it.
    fn content(&mut self, line: usize) {
        let first = self.pending.iter().find(|pending| pending.open && BLOCKS.contains(&pending.name)).map(|p| p.name);
        let inner = self.pending.iter().any(|pending| INNER.contains(&pending.name));
        if self.started {
            // Something that is left out, as an element that nobody sees, ended the line.
            if line != self.line && !self.apart && first.is_none() && !inner && self.breaks == 0 {
                self.breaks = 1;
            }
            if first.is_some() && !inner && (self.blank || self.breaks > 0) {
                self.out.push_str("<br>");
            } else if first.is_none() && !inner {
                self.out.push_str(&"<br>".repeat((self.breaks + usize::from(self.blank)).min(2)));
            }
            if self.space && self.breaks == 0 {
                self.out.push(' ');
            }
        }
        for pending in self.pending.drain(..) {
            self.out.push_str(&pending.tag);
            if pending.open {
                self.opened.push(pending.name);
            }
        }
        (self.breaks, self.blank, self.started) = (0, false, true);
        (self.line, self.apart) = (line, false);
        (self.space, self.hard_space) = (false, false);
    }

    pub(super) fn finish(mut self) -> String {
        for opened in self.opened.drain(..).rev() {
            self.out.push_str(&format!("</{opened}>"));
        }
        self.out
    }
}
