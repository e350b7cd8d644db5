//! What the command line writes on: width and colour of the terminal, tables, moments, and text of strangers made harmless.

use std::io::{self, IsTerminal, Write};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use clap::ValueEnum;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table};

/// `--color`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    // On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

/// `Jane Roe <jane@acme.example>`, or what there is of it.
pub fn person(name: &str, address: &str) -> String {
    match (name, address) {
        ("", address) => address.to_owned(),
        (name, "") => name.to_owned(),
        (name, address) => format!("{name} <{address}>"),
    }
}

/// How a piece of text is shown where colours are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Bold,
    /// Late, failed.
    Red,
    /// Soon late, wants a look.
    Yellow,
    Green,
    /// Can wait.
    Faint,
}

#[derive(Debug, Clone, Copy)]
pub struct Paper {
    colour: bool,
    pub width: u16,
}

/// Where there is no terminal to ask and COLUMNS is not set.
const USUAL_WIDTH: u16 = 80;

impl Paper {
    pub fn of(colour: Colour) -> Paper {
        let terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = Table::new().width().filter(|width| *width > 0).or(columns).unwrap_or(USUAL_WIDTH);
        Paper { colour, width: width.max(40) }
    }

    pub fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => return text.to_owned(),
            Ink::Bold => "1",
            Ink::Red => "1;31",
            Ink::Yellow => "33",
            Ink::Green => "32",
            Ink::Faint => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A table without lines. A row is one line: the last column gets what the others leave and is cut.
    pub fn table(&self, header: &[&str], rows: &[(Ink, Vec<String>)]) -> String {
        let mut table = Table::new();
        table.force_no_tty().set_width(self.width).set_truncation_indicator("…");
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(line(header.iter().map(|name| (*name).to_owned())));
        for (_, cells) in rows {
            table.add_row(line(cells.iter().map(|cell| plain(cell))));
        }
        let last = header.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
            // No word of a cell is kept whole: what does not fit is cut where the room ends.
            column.set_delimiter('\0').set_cell_alignment(CellAlignment::Left);
            if index != last {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        let inks = std::iter::once(Ink::Bold).chain(rows.iter().map(|(ink, _)| *ink));
        let mut text = String::new();
        for (line, ink) in table.lines().zip(inks) {
            text.push_str(&self.ink(ink, line.trim_end()));
            text.push('\n');
        }
        text
    }
}

fn line(cells: impl Iterator<Item = String>) -> Row {
    let mut row = Row::from(cells.collect::<Vec<_>>());
    row.max_height(1);
    row
}

/// Writes to standard output; a reader that has gone away (`| head`) is no error.
pub fn say(text: &str) -> io::Result<()> {
    say_bytes(text.as_bytes())
}

pub fn say_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// The same as indented JSON.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    say(&text)?;
    Ok(())
}

/// Text of anybody on one line: nothing in it moves the cursor, colours the terminal or turns the direction of reading.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if dangerous(c) { ' ' } else { c }).collect()
}

/// The same for text of several lines.
pub fn plain_lines(text: &str) -> String {
    let harmless = |c: char| if c == '\n' || !dangerous(c) { c } else { ' ' };
    text.replace("\r\n", "\n").chars().map(harmless).collect()
}

fn dangerous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Cuts at a number of characters, with an ellipsis.
pub fn cut(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// `2026-11-23 08:05 CST`
pub fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z").to_string()
}

/// `12m`, `3h10`, `2d4h`: wall-clock time, whole minutes, never negative.
pub fn span(length: TimeDelta) -> String {
    let minutes = length.num_minutes().abs();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h{minutes:02}"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d{hours}h"),
    }
}
