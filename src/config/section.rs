//! Reading one TOML table key by key: every fault is noted with the line of its key and reading goes on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::problem::Problem;

/// A file as it was read.
#[derive(Debug)]
pub struct Source {
    /// As shown in problems: the main file as given, included ones below its folder.
    pub path: PathBuf,
    pub text: String,
}

/// Where a key stands, for problems found later.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub file: &'a Source,
    pub offset: usize,
    pub key: String,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Found<'a, T> {
    pub value: T,
    pub place: Place<'a>,
}

/// Collects problems while everything is read.
#[derive(Debug, Default)]
pub struct Notes(RefCell<Vec<Problem>>);

impl Notes {
    pub fn wrong(&self, place: &Place<'_>, wrong: impl Into<String>, right: impl Into<String>) {
        self.note(place, wrong.into(), right.into(), false);
    }

    pub fn warn(&self, place: &Place<'_>, wrong: impl Into<String>, right: impl Into<String>) {
        self.note(place, wrong.into(), right.into(), true);
    }

    fn note(&self, place: &Place<'_>, wrong: String, right: String, warning: bool) {
        let before = place.file.text.get(..place.offset).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let (file, key) = (place.file.path.clone(), place.key.clone());
        self.push(Problem { file, line, key, wrong, right, warning });
    }

    pub fn push(&self, problem: Problem) {
        let mut all = self.0.borrow_mut();
        // A key may be read twice: for its section and for a check across sections.
        if !all.contains(&problem) {
            all.push(problem);
        }
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn take(&self) -> Vec<Problem> {
        self.0.take()
    }
}

/// One table. Keys that nobody asked for are unknown: `finish` says so.
#[derive(Debug)]
pub struct Section<'a> {
    pub notes: &'a Notes,
    /// The line of its header, or of its inline braces.
    pub place: Place<'a>,
    table: &'a DeTable<'a>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Section<'a> {
    pub fn new(notes: &'a Notes, place: Place<'a>, table: &'a DeTable<'a>) -> Section<'a> {
        Section { notes, place, table, asked: RefCell::default() }
    }

    fn path(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }

    pub(super) fn raw(&self, key: &'static str) -> Option<Found<'a, &'a DeValue<'a>>> {
        self.asked.borrow_mut().insert(key);
        let (name, value) = self.table.get_key_value(key)?;
        let place = Place { file: self.place.file, offset: name.span().start, key: self.path(key) };
        Some(Found { value: value.get_ref(), place })
    }

    /// Every key with its value, for tables whose keys are names of the user's own.
    pub fn entries(&self) -> Vec<(&'a str, Found<'a, &'a DeValue<'a>>)> {
        let entry = |(name, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a Spanned<std::borrow::Cow<'a, str>> = name;
            let text: &'a str = name.get_ref();
            let place = Place { file: self.place.file, offset: name.span().start, key: self.path(text) };
            (text, Found { value: value.get_ref(), place })
        };
        self.table.iter().map(entry).collect()
    }

    pub fn has(&self, key: &'static str) -> bool {
        self.raw(key).is_some()
    }

    pub fn is_text(&self, key: &'static str) -> bool {
        self.raw(key).is_some_and(|found| found.value.is_str())
    }

    /// Where `key` stands, or the section when it is absent.
    pub fn place_of(&self, key: &'static str) -> Place<'a> {
        self.raw(key).map_or_else(|| Place { key: self.path(key), ..self.place.clone() }, |found| found.place)
    }

    fn wrong_type(&self, found: &Found<'_, &DeValue<'_>>, right: &str) {
        self.notes.wrong(&found.place, format!("is {}", kind(found.value)), right);
    }

    pub fn text(&self, key: &'static str) -> Option<Found<'a, &'a str>> {
        let found = self.raw(key)?;
        match found.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.notes.wrong(&found.place, "is empty", "leave the key out or give it a value");
                None
            }
            DeValue::String(text) => Some(Found { value: text, place: found.place }),
            _ => {
                self.wrong_type(&found, &format!("write text in quotes: {key} = \"…\""));
                None
            }
        }
    }

    /// A text that must be there; `example` is the line to write.
    pub fn need(&self, key: &'static str, example: &str) -> Option<Found<'a, &'a str>> {
        self.must(key, example);
        self.text(key)
    }

    /// Says so when `key` is missing.
    pub fn must(&self, key: &'static str, example: &str) {
        if !self.has(key) {
            self.notes.wrong(&self.place_of(key), "is missing", format!("add {example}"));
        }
    }

    /// A text of a certain form; `read` says what is wrong and what would be right.
    pub fn parse<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, (String, String)>,
    ) -> Option<Found<'a, T>> {
        let found = self.text(key)?;
        match read(found.value.trim()) {
            Ok(value) => Some(Found { value, place: found.place }),
            Err((wrong, right)) => {
                self.notes.wrong(&found.place, wrong, right);
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let read = |text: &str| {
            words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
                let list: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                (format!("\"{text}\" is not known here"), format!("use {}", list.join(" or ")))
            })
        };
        self.parse(key, read).map(|found| found.value)
    }

    pub fn yes(&self, key: &'static str, default: bool) -> bool {
        let Some(found) = self.raw(key) else { return default };
        match found.value {
            DeValue::Boolean(yes) => *yes,
            _ => {
                self.wrong_type(&found, "write true or false, without quotes");
                default
            }
        }
    }

    /// A whole number within a range.
    pub fn number(&self, key: &'static str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let found = self.raw(key)?;
        let right = format!("write a whole number from {} to {}, without quotes", range.start(), range.end());
        let DeValue::Integer(number) = found.value else {
            self.wrong_type(&found, &right);
            return None;
        };
        let value = u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            self.notes.wrong(&found.place, format!("{} is out of range", number.as_str()), right);
        }
        value
    }

    /// A date, quoted or as TOML's own.
    pub fn date(&self, key: &'static str) -> Option<Found<'a, NaiveDate>> {
        let found = self.raw(key)?;
        let text = match found.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            _ => String::new(),
        };
        match text.parse() {
            Ok(value) => Some(Found { value, place: found.place }),
            Err(_) => {
                self.notes.wrong(&found.place, "is no date of the calendar", "write year-month-day: \"2026-11-02\"");
                None
            }
        }
    }

    /// A list of texts, or one text alone.
    pub fn texts(&self, key: &'static str) -> Vec<Found<'a, String>> {
        self.raw(key).map_or_else(Vec::new, |found| texts(self.notes, &found))
    }

    pub fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let found = self.raw(key)?;
        section(self.notes, found)
    }

    /// `[[key]]`, or a list of inline tables.
    pub fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(found) = self.raw(key) else { return Vec::new() };
        let DeValue::Array(list) = found.value else {
            self.wrong_type(&found, &format!("there may be several: write [[{}]] in double brackets", found.place.key));
            return Vec::new();
        };
        let each = |item: &'a Spanned<DeValue<'a>>| {
            let place = Place { offset: item.span().start, ..found.place.clone() };
            section(self.notes, Found { value: item.get_ref(), place })
        };
        list.iter().filter_map(each).collect()
    }

    /// `[key.NAME]`: name and table each.
    pub fn named(&self, key: &'static str) -> Vec<(&'a str, Section<'a>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let inner = outer.entries();
        inner.into_iter().filter_map(|(name, found)| Some((name, section(self.notes, found)?))).collect()
    }

    /// Names the keys that nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, found) in self.entries() {
            if asked.contains(key) {
                continue;
            }
            let right = match nearest(key, asked.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known here: {}", asked.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.notes.wrong(&found.place, "is no key of this section", right);
        }
    }
}

/// A table value as a section.
pub fn section<'a>(notes: &'a Notes, found: Found<'a, &'a DeValue<'a>>) -> Option<Section<'a>> {
    match found.value {
        DeValue::Table(table) => Some(Section::new(notes, found.place, table)),
        other => {
            notes.wrong(
                &found.place,
                format!("is {}", kind(other)),
                "write a table: { key = \"value\" } or a [section]",
            );
            None
        }
    }
}

/// A list of texts, or one text alone; each with its own line.
pub fn texts<'a>(notes: &Notes, found: &Found<'a, &'a DeValue<'a>>) -> Vec<Found<'a, String>> {
    let place = |offset| Place { offset, ..found.place.clone() };
    match found.value {
        DeValue::String(text) => vec![Found { value: text.to_string(), place: found.place.clone() }],
        DeValue::Array(list) => {
            let mut all = Vec::new();
            for item in list.iter() {
                let place = place(item.span().start);
                match item.get_ref() {
                    DeValue::String(text) => all.push(Found { value: text.to_string(), place }),
                    DeValue::Datetime(date) => all.push(Found { value: date.to_string(), place }),
                    other => notes.wrong(&place, format!("has {} in its list", kind(other)), "write texts in quotes"),
                }
            }
            all
        }
        other => {
            notes.wrong(&found.place, format!("is {}", kind(other)), "write a list of texts: [\"…\", \"…\"]");
            Vec::new()
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
