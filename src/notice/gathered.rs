//! The one list that a tech gets instead of many mails: each line names its ticket and what happened, with the words in full.

use chrono::{DateTime, TimeDelta, Utc};
use minijinja::{Value, context};

use super::facts::{MailtoLinks, Moment, shown_subject};
use super::format::strings;
use super::language::Words;
use super::tech::{TICKET_LINKS, due_view};
use super::{Notice, Rendered, Texts};
use crate::words::{Priority, Status, TicketNumber};

/// One mail that was not sent by itself. Without a ticket only `kind`, `subject` and `words` say something.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GatheredEntry {
    /// The mail it would have been: `assignment`, `client_message` …
    pub kind: String,
    pub number: Option<TicketNumber>,
    pub subject: String,
    pub client_name: Option<String>,
    pub priority: Option<Priority>,
    /// As they are when the list is written.
    pub status: Option<Status>,
    /// Who has it, unless it is the reader.
    pub assignee_name: Option<String>,
    pub due: Option<Moment>,
    /// What that mail said; empty where the line says it all.
    pub words: String,
    /// Names of its files, which travel with the list.
    pub files: Vec<String>,
    /// To the reply address of that mail.
    pub links: MailtoLinks,
}

#[derive(Debug, Clone, PartialEq)]
pub struct GatheredFacts {
    pub now: DateTime<Utc>,
    pub over: u32,
    pub within: TimeDelta,
    pub entries: Vec<GatheredEntry>,
    /// To this list; `subject` is not used.
    pub links: MailtoLinks,
}

impl GatheredEntry {
    fn view(&self, words: &Words, now: DateTime<Utc>) -> Value {
        context! {
            number => self.number.map(|number| number.to_string()),
            subject => shown_subject(&self.subject, words),
            client => &self.client_name,
            priority => self.priority.map(Priority::as_str),
            priority_word => self.priority.map(|priority| words.get("priority", priority.as_str())),
            status => self.status.filter(|status| *status != Status::New).map(|status| words.get("status", status.as_str())),
            assignee => &self.assignee_name,
            what => words.get("gathered", &self.kind),
            due => due_view(words, now, self.due.as_ref()),
            words => self.words.trim(),
            files => strings(&self.files),
            take => self.number.map(|number| format!("{number} take")),
            links => self.links.view(words, &TICKET_LINKS),
        }
    }
}

impl Notice for GatheredFacts {
    fn name(&self) -> &'static str {
        "gathered"
    }

    fn view(&self, words: &Words) -> Value {
        let entries = self.entries.iter().map(|entry| entry.view(words, self.now));
        context! {
            subject => words.count("digest", "gathered", self.entries.len()),
            over => self.over,
            within => words.span(self.within),
            example => self.entries.iter().find_map(|entry| entry.number).map(|number| format!("{number} take")),
            entries => entries.collect::<Vec<Value>>(),
        }
    }
}

/// Many mails to one tech or manager, told in one list: what happened, and every word of it.
pub fn gathered(texts: &Texts, language: &str, facts: &GatheredFacts) -> Rendered {
    texts.render(language, facts)
}
