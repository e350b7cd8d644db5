//! What is drawn by lot in the year: who writes, who answers, with which lines; and what of it must stand in the books.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::firm::{Client, Firm};
use crate::harness::rows::rows;
use crate::harness::story::Story;

/// A small generator whose numbers are the same everywhere (Knuth's MMIX constants).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// An entry that a directive must have made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    pub ticket: i64,
    pub tech: String,
    pub minutes: i64,
    pub category: String,
    pub day: NaiveDate,
    pub after_hours: bool,
}

/// A ticket in the hands of the technician who got it.
pub struct Ask {
    pub ticket: i64,
    pub client: String,
    pub tech: String,
    /// As far as the test knows: what time without a category becomes.
    pub category: Option<&'static str>,
    pub resolved: bool,
    pub opened: DateTime<Utc>,
    pub letter: Letter,
}

/// What an answer needs of a mail.
#[derive(Clone)]
pub struct Letter {
    pub reply_to: String,
    pub subject: String,
    pub id: String,
    pub text: String,
}

/// A mail to the managers about the week: when it came, the newest entry then, its words.
pub struct Report {
    pub at: DateTime<Utc>,
    pub newest: i64,
    pub text: String,
}

pub struct World<'s> {
    pub story: &'s Story,
    pub firm: Firm,
    pub dice: Dice,
    pub asks: Vec<Ask>,
    pub wants: Vec<Want>,
    pub reports: Vec<Report>,
    pub sent: u32,
    pub requests: u32,
    pub typos: u32,
    pub refused: u32,
    pub unexpected: Vec<String>,
    /// Serial numbers of requests that are on their way.
    pub asked: HashMap<String, (String, Option<&'static str>)>,
    /// Mails that were refused, put right, to go out later.
    mended: Vec<(usize, String, Vec<Want>)>,
    pub held: Vec<(DateTime<Utc>, Letter)>,
    pub review: Option<Letter>,
    touched: Vec<usize>,
}

/// Subject, first words, and what a rule makes of it.
const TROUBLES: [(&str, &str, Option<&str>); 6] = [
    ("Printer", "My printer prints grey stripes", None),
    ("Wifi", "The wifi at my desk is a little slow", None),
    ("Old server", "Please tidy the old server in the cellar", None),
    ("Calendar", "Please share my calendar with Kim", None),
    ("Desk move", "Please plan the migration of my desk telephone", Some("project")),
    ("Keyboard", "My keyboard has lost a key", None),
];

pub fn covered(client: &Client, day: NaiveDate) -> bool {
    client.terms.iter().any(|term| term.since <= day && term.until.is_none_or(|until| day <= until))
        && client
            .terms
            .iter()
            .filter(|term| term.since <= day)
            .max_by_key(|term| term.since)
            .is_some_and(|term| term.until.is_none_or(|until| day <= until))
}

impl<'s> World<'s> {
    pub fn new(story: &'s Story, firm: Firm, seed: u64) -> World<'s> {
        World {
            story,
            firm,
            dice: Dice(seed),
            asks: Vec::new(),
            wants: Vec::new(),
            reports: Vec::new(),
            sent: 0,
            requests: 0,
            typos: 0,
            refused: 0,
            unexpected: Vec::new(),
            asked: HashMap::new(),
            mended: Vec::new(),
            held: Vec::new(),
            review: None,
            touched: Vec::new(),
        }
    }

    /// A working day: requests, then answers some hours later, then what was refused once more.
    pub async fn day(&mut self, date: NaiveDate) {
        let morning = date.and_hms_opt(12, 0, 0).unwrap().and_utc();
        let into = TimeDelta::seconds(self.dice.below(4 * 3600) as i64);
        self.advance(morning + into).await;
        for _ in 0..2 + self.dice.below(2) {
            self.request();
        }
        self.story.quiet().await;
        let later = 3600 + self.dice.below(8 * 3600) as i64;
        self.advance(self.story.now() + TimeDelta::seconds(later)).await;
        self.touched.clear();
        for (place, text, wants) in std::mem::take(&mut self.mended) {
            self.touched.push(place);
            self.answer(place, &text);
            self.wants.extend(wants);
        }
        for place in 0..self.asks.len() {
            if !self.asks[place].resolved && self.dice.percent(85) {
                self.first_answer(place);
            }
        }
        for _ in 0..self.dice.below(3) {
            self.afterthought();
        }
        self.story.quiet().await;
        self.collect().await;
        if self.dice.percent(25) {
            self.recategorise().await;
        }
        if self.review_is_fresh() && self.dice.percent(50) {
            self.managers_answer().await;
        }
        self.let_go().await;
        self.story.quiet().await;
        self.collect().await;
    }

    /// Moves the clock and reads what came of it before anybody writes.
    pub async fn advance(&mut self, to: DateTime<Utc>) {
        let by = to - self.story.now();
        if by > TimeDelta::zero() {
            self.story.advance(by).await;
        }
        self.collect().await;
    }

    fn request(&mut self) {
        let chance = self.dice.below(100);
        let kind = if chance < 66 {
            'r'
        } else if chance < 86 {
            't'
        } else {
            'o'
        };
        let of_kind = |client: &&Client| match client.key.as_str() {
            "acme" => kind == 'r',
            "globex" => kind == 't',
            key => key.starts_with(kind),
        };
        let keys: Vec<String> = self.firm.clients.iter().filter(of_kind).map(|client| client.key.clone()).collect();
        let key = self.dice.of(&keys).clone();
        let (subject, words, gives) = *self.dice.of(&TROUBLES);
        let today = self.story.now().date_naive();
        let client = self.firm.client(&key);
        let category = match (gives, client.category) {
            (Some(given), _) => Some(given),
            (None, Some("retainer")) if !covered(client, today) => None,
            (None, own) => Some(own.unwrap_or("tm")),
        };
        self.requests += 1;
        let serial = format!("S{:05}", self.requests);
        let from = match key.as_str() {
            "acme" => "Jane Roe <jane@acme-dental.example>".to_owned(),
            "globex" => "Hank Scorpio <hank@globex.example>".to_owned(),
            key => format!("Pat {key} <pat@{key}.example>"),
        };
        let raw = format!(
            "From: {from}\r\nTo: support@northwind.example\r\nSubject: {subject} {serial}\r\n\
             Message-ID: <{serial}@{key}.example>\r\n\r\n{words}, see {serial}. Whenever you have time.\r\n"
        );
        self.asked.insert(serial, (key, category));
        self.drop_in(&raw);
    }

    pub fn drop_in(&mut self, raw: &str) {
        self.sent += 1;
        self.story.drop_in(raw.as_bytes(), self.story.now());
    }

    pub fn reply(&mut self, letter: &Letter, tech: &str, text: &str) {
        let (to, subject, id) = (&letter.reply_to, &letter.subject, &letter.id);
        let name = self.firm.tech(tech).name;
        let raw = format!(
            "From: {name} <{tech}@northwind.example>\r\nTo: {to}\r\nSubject: Re: {subject}\r\nIn-Reply-To: <{id}>\r\n\
             References: <{id}>\r\nMessage-ID: <y{}@northwind.example>\r\n\r\n{}\r\n",
            self.sent,
            text.replace('\n', "\r\n")
        );
        self.drop_in(&raw);
    }

    pub fn answer(&mut self, place: usize, text: &str) {
        let (letter, tech) = (self.asks[place].letter.clone(), self.asks[place].tech.clone());
        self.reply(&letter, &tech, text);
    }

    fn today(&self, place: usize) -> NaiveDate {
        self.story.now().with_timezone(&self.firm.tech(&self.asks[place].tech).zone).date_naive()
    }

    fn minutes(&mut self) -> i64 {
        match self.dice.below(10) {
            0..6 => 5 + self.dice.below(56) as i64,
            6..9 => 30 + self.dice.below(91) as i64,
            _ => 120 + self.dice.below(150) as i64,
        }
    }

    /// A category that this day allows, and how the line says it: nothing where the ticket has it anyway.
    fn category(&mut self, place: usize, day: NaiveDate) -> (&'static str, String) {
        let known = self.asks[place].category;
        let covered = covered(self.firm.client(&self.asks[place].client), day);
        let chosen = match self.dice.below(100) {
            _ if known == Some("warranty") => "warranty",
            0..80 if covered => "retainer",
            80..88 => "project",
            _ => "tm",
        };
        let silent = known == Some(chosen) && (chosen == "warranty" || self.dice.percent(50));
        (chosen, if silent { String::new() } else { format!(" {chosen}") })
    }

    fn want(&self, place: usize, minutes: i64, category: &str, day: NaiveDate) -> Want {
        let ask = &self.asks[place];
        Want {
            ticket: ask.ticket,
            tech: ask.tech.clone(),
            minutes,
            category: category.to_owned(),
            day,
            after_hours: false,
        }
    }

    fn first_answer(&mut self, place: usize) {
        if self.touched.contains(&place) {
            return;
        }
        self.touched.push(place);
        let today = self.today(place);
        let mut text = "I have put in a new part and tested it together with you.\n".to_owned();
        let mut wants = Vec::new();
        if self.dice.percent(6) && self.asks.len() > 3 {
            self.warranty(place, &mut text);
        }
        let typo = self.dice.percent(5);
        if !typo && self.dice.percent(30) {
            wants.push(self.time_line(place, today, &mut text));
        }
        let (minutes, (category, said)) = (self.minutes(), self.category(place, today));
        let done = !self.dice.percent(15);
        let verb = if done { "done" } else { "time" };
        wants.push(self.want(place, minutes, category, today));
        if typo {
            self.typos += 1;
            let wrong = if done { "doen" } else { "tiem" };
            self.answer(place, &format!("{text}\n#{wrong} {minutes}m{said}"));
            // Put right the next day, with the day on which it was done.
            let right = format!("{text}\n#time {minutes}m {category} {today}\n#done");
            self.mended.push((place, right, wants));
            self.asks[place].resolved = true;
            return;
        }
        self.answer(place, &format!("{text}\n#{verb} {minutes}m{said}"));
        self.wants.extend(wants);
        self.asks[place].resolved = done;
    }

    /// `#time 45m retainer 2026-03-30 after-hours …`
    fn time_line(&mut self, place: usize, today: NaiveDate, text: &mut String) -> Want {
        let back = if self.dice.percent(60) { 0 } else { self.dice.below(40) };
        let day = today - Days::new(back);
        let (minutes, (category, said)) = (self.minutes(), self.category(place, day));
        let when = match back {
            0 => String::new(),
            1 => " yesterday".to_owned(),
            _ => format!(" {day}"),
        };
        let after_hours = self.dice.percent(35);
        let note = if after_hours { " after-hours at night" } else { " on the phone" };
        *text += &format!("\n#time {minutes}m{said}{when}{note}");
        Want { after_hours, ..self.want(place, minutes, category, day) }
    }

    fn warranty(&mut self, place: usize, text: &mut String) {
        let own = (&self.asks[place].client, self.asks[place].ticket);
        let other = self.asks.iter().find(|ask| ask.client == *own.0 && ask.ticket != own.1);
        if let Some(other) = other {
            *text += &format!("\n#warranty #{}", other.ticket);
            self.asks[place].category = Some("warranty");
        }
    }

    /// Something about an older ticket: late time, a correction, another category.
    fn afterthought(&mut self) {
        if self.asks.len() < 4 {
            return;
        }
        let recent = self.asks.len().saturating_sub(120);
        let place = recent + usize::try_from(self.dice.below((self.asks.len() - recent) as u64)).unwrap();
        if self.touched.contains(&place) || !self.asks[place].resolved || self.is_old(place) {
            return;
        }
        if self.mended.iter().any(|(other, ..)| *other == place) {
            return;
        }
        self.touched.push(place);
        let today = self.today(place);
        let mut text = "#note".to_owned();
        match self.dice.below(10) {
            0..6 => {
                let want = self.time_line(place, today, &mut text);
                self.answer(place, &text);
                self.wants.push(want);
            }
            6..9 => self.correct(place),
            _ => {
                let to = *self.dice.of(&["project", "tm"]);
                self.asks[place].category = Some(to);
                self.answer(place, &format!("#cat {to}"));
            }
        }
    }

    /// A month after a ticket was closed deskd asks whether a mail to it is meant so.
    fn is_old(&self, place: usize) -> bool {
        self.story.now() - self.asks[place].opened > TimeDelta::days(30)
    }

    /// `#time -15m`: on the day and with the category of the last entry.
    fn correct(&mut self, place: usize) {
        let ask = &self.asks[place];
        let own: Vec<&Want> =
            self.wants.iter().filter(|want| want.ticket == ask.ticket && want.tech == ask.tech).collect();
        let sum: i64 = own.iter().map(|want| want.minutes).sum();
        let last = own.iter().rev().find(|want| want.minutes > 0).map(|want| (*want).clone());
        let Some(last) = last.filter(|_| sum > 5) else { return };
        let minutes = 1 + self.dice.below(sum.min(40) as u64) as i64;
        let minutes = if minutes < 10 { sum.min(10) } else { minutes };
        self.answer(place, &format!("#time -{minutes}m"));
        self.wants.push(Want { minutes: -minutes, ..last });
    }

    /// `#recat e12 tm` of a technician's own entry.
    async fn recategorise(&mut self) {
        let sql = "SELECT e.id, e.ticket, e.tech, e.category, e.work_date, e.after_hours,
                CAST(e.minutes + COALESCE((SELECT SUM(c.minutes) FROM time_entry c WHERE c.corrects = e.id), 0) AS BIGINT)
             FROM time_entry e WHERE e.corrects IS NULL AND e.category <> 'warranty'
                AND NOT EXISTS (SELECT 1 FROM write_off w WHERE w.entry = e.id) ORDER BY e.id DESC LIMIT 60";
        let all = rows::<(i64, i64, String, String, NaiveDate, bool, i64)>(&self.story.daemon.db, sql).await;
        if all.is_empty() {
            return;
        }
        let (id, ticket, tech, category, day, after_hours, net) = self.dice.of(&all).clone();
        let Some(place) = self.asks.iter().position(|ask| ask.ticket == ticket && ask.tech == tech) else { return };
        if net <= 0 || self.is_old(place) || self.mended.iter().any(|(other, ..)| *other == place) {
            return;
        }
        let covered = covered(self.firm.client(&self.asks[place].client), day);
        let to = *self.dice.of(&["tm", "project", "retainer"]);
        if to == category || (to == "retainer" && !covered) {
            return;
        }
        self.answer(place, &format!("#recat e{id} {to}"));
        let old = Want { ticket, tech, minutes: -net, category, day, after_hours };
        self.wants.push(old.clone());
        self.wants.push(Want { minutes: net, category: to.to_owned(), ..old });
        self.story.quiet().await;
    }
}
