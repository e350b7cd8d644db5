//! What a tech gets back for his or her own mail: what the directives did, why nothing was done, what to confirm.

use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::facts::{MailtoLinks, Moment, PlainReply, RetainerFacts, shown_subject};
use super::format::{one_line, strings};
use super::language::Words;
use super::{Notice, Rendered, Texts, tech_subject};
use crate::words::{Category, Minutes, Priority, TicketNumber};

/// Which ticket a receipt is about, as far as its subject goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketName {
    pub number: TicketNumber,
    pub client_name: Option<String>,
    pub subject: String,
}

/// One thing that a directive or a plain reply did.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Resolved,
    Reopened,
    /// The answer goes to these people.
    Answered {
        to: Vec<String>,
    },
    /// The tech's own mail already went to the client.
    AlreadySent,
    Noted,
    /// Negative takes time back.
    Time {
        minutes: Minutes,
        category: Category,
        day: Option<Moment>,
    },
    FixKept,
    Taken,
    Assigned {
        to: String,
    },
    Passed {
        to: Option<String>,
    },
    Priority(Priority),
    Category(Category),
    Tag(String),
    WarrantyOf(TicketNumber),
    WaitingClient {
        until: Option<Moment>,
    },
    WaitingVendor {
        until: Option<Moment>,
    },
    Merged {
        into: TicketNumber,
    },
    Client(String),
    From(String),
    Cc(String),
    Called {
        at: Moment,
    },
    Onsite,
    Accepted {
        client: Option<String>,
    },
    Spam,
    Acknowledged,
    ApprovalAsked {
        of: String,
    },
    Verified {
        how: String,
    },
    /// `#undo`, of what.
    Maintenance {
        client: String,
        from: Moment,
        until: Moment,
    },
    /// `any`: there was one to end.
    MaintenanceOver {
        client: String,
        any: bool,
    },
    /// An entry is another category's now, under this number.
    Recategorised {
        entry: i64,
        to: Category,
        now: i64,
    },
    WrittenOff {
        entry: i64,
    },
    Undone {
        what: String,
    },
    Opened {
        assignee: Option<String>,
    },
    /// Anything else, in ready words.
    Other(String),
}

/// What happened to one ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceiptLine {
    /// `None` for what is done to no ticket.
    pub number: Option<TicketNumber>,
    pub effects: Vec<Effect>,
    /// Given where time was logged on a retainer.
    pub retainer: Option<RetainerFacts>,
}

/// What else a tech should know beside what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The words of a mail with `#approve` went to nobody.
    BesideQuestion,
    /// Pictures that may belong to the quoted mail, by name.
    Unplaced(Vec<String>),
    /// Files that the chat in which the client is answered does not take; they go to that address by mail, where one is known.
    KeptOut { chat: String, files: Vec<String>, address: Option<String> },
    /// In an answer to a list: resolved without any time.
    AskTime(TicketNumber),
    /// The ticket has another category now, and these entries keep theirs.
    Review(TicketNumber, Vec<String>),
    /// In an answer to a list: so much time wants a resolution note.
    AskNote(TicketNumber, Minutes),
}

impl Remark {
    fn words(&self, words: &Words) -> String {
        match self {
            Remark::BesideQuestion => words.get("remark", "beside_question").to_owned(),
            Remark::Unplaced(files) => words.fill("remark", "unplaced", &[("files", &files.join(", "))]),
            Remark::KeptOut { chat, files, address } => {
                let files = files.join(", ");
                let how = if address.is_some() { "kept_out_mailed" } else { "kept_out" };
                let address = address.as_deref().unwrap_or_default();
                words.fill("remark", how, &[("files", &files), ("chat", chat), ("address", address)])
            }
            Remark::AskTime(ticket) => words.fill("remark", "ask_time", &[("ticket", &ticket.to_string())]),
            Remark::Review(ticket, entries) => {
                words.fill("remark", "review", &[("ticket", &ticket.to_string()), ("entries", &entries.join(", "))])
            }
            Remark::AskNote(ticket, minutes) => {
                let values = [("ticket", &*ticket.to_string()), ("minutes", &*minutes.to_string())];
                words.fill("remark", "ask_note", &values)
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReceiptFacts {
    /// What the tech's mail answered; a receipt for a digest reply has none.
    pub ticket: Option<TicketName>,
    pub now: DateTime<Utc>,
    pub lines: Vec<ReceiptLine>,
    pub remarks: Vec<Remark>,
    /// Attachments that did not fit into the relay.
    pub left_out: Vec<String>,
    /// Resolved without any time: ask how long.
    pub ask_time: bool,
    /// More than 30 minutes without a resolution note: the ticket stays open. The minutes logged.
    pub ask_note: Option<Minutes>,
    pub links: MailtoLinks,
}

/// A mail whose directives were refused: nothing of it was done or relayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSentFacts {
    pub ticket: Option<TicketName>,
    /// The subject of the tech's mail, where there is no ticket.
    pub mail_subject: String,
    /// The refused line as written.
    pub line: String,
    pub reason: String,
    /// The whole mail put right, one for each reading; empty where only its writer can put it right.
    pub corrected: Vec<Corrected>,
    /// The words were said where the client reads: only the directives were not done.
    pub heard: bool,
    pub links: MailtoLinks,
}

/// A refused mail, put right and ready to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// What the refused line became.
    pub line: String,
    pub mail: String,
}

/// 15 minutes later the answer still waits.
#[derive(Debug, Clone, PartialEq)]
pub struct NotSentReminderFacts {
    pub refused: NotSentFacts,
    pub now: DateTime<Utc>,
    pub written_at: Moment,
}

/// A mail that would act as a tech, once its sender confirms.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmationFacts {
    pub now: DateTime<Utc>,
    pub mail_subject: String,
    pub arrived_at: Moment,
    /// What it will do, in words, one a line.
    pub would_do: Vec<String>,
    /// The beginning of its text, so that the tech recognises it.
    pub excerpt: String,
    pub links: MailtoLinks,
}

/// A tech's mail that could not be verified: it is kept as an internal comment.
#[derive(Debug, Clone, PartialEq)]
pub struct UnverifiedFacts {
    pub ticket: Option<TicketName>,
    pub now: DateTime<Utc>,
    pub mail_subject: String,
    pub arrived_at: Moment,
    pub reason: String,
    pub way_out: String,
    pub excerpt: String,
}

/// One verb of the directive table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerbHelp {
    /// `#done [25m] [category]`
    pub usage: String,
    pub meaning: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpFacts {
    pub ticket: Option<TicketName>,
    pub verbs: Vec<VerbHelp>,
}

impl TicketName {
    fn tech_subject(&self) -> String {
        tech_subject(self.number, self.client_name.as_deref(), &self.subject)
    }
}

fn subject_or(ticket: Option<&TicketName>, otherwise: &str) -> String {
    ticket.map_or_else(|| one_line(otherwise), TicketName::tech_subject)
}

impl Effect {
    /// `resolved`, `25m retainer`.
    fn words(&self, words: &Words, now: DateTime<Utc>) -> String {
        let plain = |key: &str| words.get("effect", key).to_owned();
        let with = |key: &str, name: &str, value: &str| words.fill("effect", key, &[(name, value)]);
        match self {
            Effect::Resolved => plain("resolved"),
            Effect::Reopened => plain("reopened"),
            Effect::AlreadySent => plain("already_sent"),
            Effect::Noted => plain("noted"),
            Effect::FixKept => plain("fix_kept"),
            Effect::Taken => plain("taken"),
            Effect::Onsite => plain("onsite"),
            Effect::Spam => plain("spam"),
            Effect::Acknowledged => plain("acknowledged"),
            Effect::Answered { to } => with("answered", "to", &to.join(", ")),
            Effect::Time { minutes, category, day } => time_words(words, now, *minutes, *category, day.as_ref()),
            Effect::Assigned { to } | Effect::Passed { to: Some(to) } => with("assigned", "to", to),
            Effect::Passed { to: None } => plain("unassigned"),
            Effect::Priority(priority) => {
                let word = words.get("priority", priority.as_str());
                words.fill("effect", "priority", &[("priority", priority.as_str()), ("word", word)])
            }
            Effect::Category(category) => with("category", "category", words.get("category", category.as_str())),
            Effect::Recategorised { entry, to, now } => words.fill(
                "effect",
                "recategorised",
                &[
                    ("entry", &format!("e{entry}")),
                    ("category", words.get("category", to.as_str())),
                    ("now", &format!("e{now}")),
                ],
            ),
            Effect::WrittenOff { entry } => with("written_off", "entry", &format!("e{entry}")),
            Effect::Tag(tag) => with("tag", "tag", tag),
            Effect::WarrantyOf(number) => with("warranty_of", "number", &number.to_string()),
            Effect::WaitingClient { until } => waiting_words(words, now, "waiting_client", until.as_ref()),
            Effect::WaitingVendor { until } => waiting_words(words, now, "waiting_vendor", until.as_ref()),
            Effect::Merged { into } => with("merged", "number", &into.to_string()),
            Effect::Client(name) => with("client", "name", name),
            Effect::From(address) => with("from", "address", address),
            Effect::Cc(address) => with("cc", "address", address),
            Effect::Called { at } => with("called", "at", &words.moment(now, at)),
            Effect::Accepted { client: Some(client) } => with("accepted_for", "client", client),
            Effect::Accepted { client: None } => plain("accepted"),
            Effect::ApprovalAsked { of } => with("approval_asked", "of", of),
            Effect::Verified { how } => with("verified", "how", how),
            Effect::Maintenance { client, from, until } => {
                let (from, until) = (words.moment(now, from), words.moment(now, until));
                words.fill("effect", "maintenance", &[("client", client), ("from", &from), ("until", &until)])
            }
            Effect::MaintenanceOver { client, any: true } => with("maintenance_over", "client", client),
            Effect::MaintenanceOver { client, any: false } => with("maintenance_none", "client", client),
            Effect::Undone { what } => with("undone", "what", what),
            Effect::Opened { assignee: Some(name) } => with("opened_for", "name", name),
            Effect::Opened { assignee: None } => plain("opened"),
            Effect::Other(ready) => one_line(ready),
        }
    }
}

fn time_words(words: &Words, now: DateTime<Utc>, minutes: Minutes, category: Category, day: Option<&Moment>) -> String {
    let time = format!("{minutes} {}", words.get("category", category.as_str()));
    match day {
        Some(day) => words.fill("effect", "time_on", &[("time", &time), ("day", &words.day(now, day))]),
        None => time,
    }
}

fn waiting_words(words: &Words, now: DateTime<Utc>, key: &str, until: Option<&Moment>) -> String {
    let waiting = words.get("effect", key);
    match until {
        Some(until) => words.fill("effect", "until", &[("what", waiting), ("day", &words.day(now, until))]),
        None => waiting.to_owned(),
    }
}

impl ReceiptLine {
    /// `#1042 resolved · 25m retainer · Acme: 6h10 of 10–20h used in November`
    fn words(&self, words: &Words, now: DateTime<Utc>) -> String {
        let effects = self.effects.iter().map(|effect| effect.words(words, now));
        let all: Vec<String> = effects.chain(self.retainer.as_ref().map(|retainer| retainer.view(words))).collect();
        let number = self.number.map(|number| format!("{number} ")).unwrap_or_default();
        format!("{number}{}", all.join(" · "))
    }
}

impl Notice for ReceiptFacts {
    fn name(&self) -> &'static str {
        "receipt"
    }

    fn view(&self, words: &Words) -> Value {
        let lines: Vec<String> = self.lines.iter().map(|line| line.words(words, self.now)).collect();
        let remarks: Vec<String> = self.remarks.iter().map(|remark| remark.words(words)).collect();
        let times = [("15m", "#time 15m\n"), ("30m", "#time 30m\n"), ("1h", "#time 1h\n"), ("2h", "#time 2h\n")];
        let plain_subject = lines.first().map_or_else(String::new, |line| one_line(line));
        context! {
            subject => subject_or(self.ticket.as_ref(), &plain_subject),
            lines => strings(&lines),
            remarks => strings(&remarks),
            left_out => strings(&self.left_out),
            ask_time => self.ask_time,
            time_links => self.links.view(words, &times),
            ask_note => self.ask_note.map(|minutes| minutes.to_string()),
            fix_links => self.links.view(words, &[("fix", "#fix \n")]),
            undo_links => self.links.view(words, &[("undo", "#undo\n")]),
            reply => PlainReply::Internal.view(words),
        }
    }
}

impl NotSentFacts {
    fn facts(&self, words: &Words, written: Option<String>) -> Value {
        let bodies: Vec<String> = self.corrected.iter().map(|one| format!("{}\n", one.mail.trim_end())).collect();
        let label = |one: &Corrected| match self.corrected.len() {
            1 => words.get("link", "send_again").to_owned(),
            // Each reading has a button of its own.
            _ => words.fill("link", "send_as", &[("line", &one.line)]),
        };
        let labels: Vec<String> = self.corrected.iter().map(label).collect();
        // Phones cut off long links, so a long mail is copied instead.
        let links = match bodies.iter().all(|body| body.len() <= 1200) {
            true => self.links.labelled(labels.iter().map(String::as_str).zip(bodies.iter().map(String::as_str))),
            false => strings(&[]),
        };
        let mails: Vec<String> = self.corrected.iter().map(|one| one.mail.trim_end().to_owned()).collect();
        context! {
            subject => subject_or(self.ticket.as_ref(), &self.mail_subject),
            line => one_line(&self.line),
            reason => self.reason.trim(),
            corrected => strings(&mails),
            heard => self.heard,
            written,
            links,
        }
    }
}

impl Notice for NotSentFacts {
    fn name(&self) -> &'static str {
        "not_sent"
    }

    fn view(&self, words: &Words) -> Value {
        self.facts(words, None)
    }
}

impl Notice for NotSentReminderFacts {
    fn name(&self) -> &'static str {
        "not_sent_reminder"
    }

    fn view(&self, words: &Words) -> Value {
        self.refused.facts(words, Some(words.moment(self.now, &self.written_at)))
    }
}

impl Notice for ConfirmationFacts {
    fn name(&self) -> &'static str {
        "confirmation"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => shown_subject(&self.mail_subject, words),
            arrived => words.moment(self.now, &self.arrived_at),
            would_do => strings(&self.would_do),
            excerpt => self.excerpt.trim(),
            links => self.links.view(words, &[("confirm", "ok\n")]),
        }
    }
}

impl Notice for UnverifiedFacts {
    fn name(&self) -> &'static str {
        "unverified"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => subject_or(self.ticket.as_ref(), &shown_subject(&self.mail_subject, words)),
            mail_subject => shown_subject(&self.mail_subject, words),
            arrived => words.moment(self.now, &self.arrived_at),
            on_ticket => self.ticket.as_ref().map(|ticket| ticket.number.to_string()),
            reason => self.reason.trim(),
            way_out => self.way_out.trim(),
            excerpt => self.excerpt.trim(),
        }
    }
}

impl Notice for HelpFacts {
    fn name(&self) -> &'static str {
        "help"
    }

    fn view(&self, words: &Words) -> Value {
        let verbs = self.verbs.iter().map(|verb| context! { usage => &verb.usage, meaning => &verb.meaning });
        context! {
            subject => subject_or(self.ticket.as_ref(), words.get("ticket", "help_subject")),
            verbs => verbs.collect::<Vec<Value>>(),
        }
    }
}

/// What your mail did, one line a ticket, with the retainer's balance; asks for time or a resolution note where one is missing.
pub fn receipt(texts: &Texts, language: &str, facts: &ReceiptFacts) -> Rendered {
    texts.render(language, facts)
}

/// Nothing of your mail was done: the line, the reason, and the mail put right.
pub fn not_sent(texts: &Texts, language: &str, facts: &NotSentFacts) -> Rendered {
    texts.render(language, facts)
}

/// The refused mail still waits.
pub fn not_sent_reminder(texts: &Texts, language: &str, facts: &NotSentReminderFacts) -> Rendered {
    texts.render(language, facts)
}

/// Was this mail yours? A plain reply makes it count.
pub fn confirmation(texts: &Texts, language: &str, facts: &ConfirmationFacts) -> Rendered {
    texts.render(language, facts)
}

/// Your mail could not be verified, and what to do about it.
pub fn unverified(texts: &Texts, language: &str, facts: &UnverifiedFacts) -> Rendered {
    texts.render(language, facts)
}

/// The verbs.
pub fn help(texts: &Texts, language: &str, facts: &HelpFacts) -> Rendered {
    texts.render(language, facts)
}
