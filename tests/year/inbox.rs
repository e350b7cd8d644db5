//! What the year's people do with deskd's own mails: assignments, drafts, reports, reviews.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{NaiveDate, TimeDelta};
use deskd::mail::{Mail, parse};

use super::world::{Ask, Letter, Report, Want, World};
use crate::harness::rows::rows;

impl World<'_> {
    /// Later than that a run may have billed what it names.
    pub fn review_is_fresh(&mut self) -> bool {
        let now = self.story.now();
        self.reports.last().is_some_and(|report| now - report.at < TimeDelta::hours(12))
    }

    /// Mia answers the review of old work with the lines that it names.
    pub async fn managers_answer(&mut self) {
        let Some(letter) = self.review.take() else { return };
        let words: Vec<&str> = letter.text.split_whitespace().collect();
        let settled = "SELECT entry FROM billing_entry UNION SELECT entry FROM write_off";
        let settled = rows::<(i64,)>(&self.story.daemon.db, settled).await;
        let mut lines = Vec::new();
        for three in words.windows(3).filter(|three| ["#writeoff", "#recat"].contains(&three[0])) {
            let Some(Ok(id)) = three[1].strip_prefix('e').map(str::parse::<i64>) else { continue };
            if settled.contains(&(id,)) {
                continue;
            }
            if lines.len() < 3 && self.dice.percent(50) && !lines.iter().any(|line: &String| line.contains(three[1])) {
                match three[0] {
                    "#writeoff" => lines.push(format!("#writeoff e{id} a favour")),
                    _ if self.recategorised(id, three[2]).await => lines.push(format!("#recat e{id} {}", three[2])),
                    _ => lines.push(format!("#writeoff e{id} a favour")),
                }
            }
        }
        if !lines.is_empty() {
            self.reply(&letter, "mia", &lines.join("\n"));
            self.story.quiet().await;
        }
    }

    /// Notes what a manager's `#recat` does; false where there is nothing to change.
    async fn recategorised(&mut self, id: i64, to: &str) -> bool {
        let sql = "SELECT id, ticket, tech, category, work_date, after_hours, minutes, corrects FROM time_entry";
        let all =
            rows::<(i64, i64, String, String, NaiveDate, bool, i64, Option<i64>)>(&self.story.daemon.db, sql).await;
        let net: i64 = all.iter().filter(|row| row.0 == id || row.7 == Some(id)).map(|row| row.6).sum();
        let Some((_, ticket, tech, category, day, after_hours, ..)) = all.into_iter().find(|row| row.0 == id) else {
            return false;
        };
        if net <= 0 || category == to {
            return false;
        }
        let old = Want { ticket, tech, minutes: -net, category, day, after_hours };
        self.wants.push(old.clone());
        self.wants.push(Want { minutes: net, category: to.to_owned(), ..old });
        true
    }

    /// Statements that were held are let go some weeks later.
    pub async fn let_go(&mut self) {
        let now = self.story.now();
        let (go, keep): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(|(at, _)| *at <= now);
        self.held = keep;
        if go.is_empty() {
            return;
        }
        // After what went out by itself at this moment.
        self.advance(now + TimeDelta::seconds(1)).await;
        for (_, letter) in go {
            self.reply(&letter, "sam", "#send");
        }
    }

    /// Reads what was mailed since the last look, and clears the folder.
    pub async fn collect(&mut self) {
        let Ok(folder) = std::fs::read_dir(self.story.config().with_file_name("outbox")) else { return };
        let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in
            folder.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "eml"))
        {
            files.insert(path.file_stem().unwrap().to_string_lossy().into_owned(), path);
        }
        for (name, path) in files {
            let kind = name.split('-').nth(1).unwrap_or_default().to_owned();
            let known = ["assignment", "not_sent", "statement_draft", "time_report", "unbilled", "pricing"]
                .contains(&kind.as_str());
            if known {
                let mail = parse::parse(&std::fs::read(&path).unwrap());
                self.read(&kind, &mail).await;
            }
            std::fs::remove_file(&path).unwrap();
        }
    }

    async fn read(&mut self, kind: &str, mail: &Mail) {
        let to = mail.to.first().map(|mailbox| mailbox.address.clone()).unwrap_or_default();
        let letter = Letter {
            reply_to: mail.reply_to.first().map(|mailbox| mailbox.address.clone()).unwrap_or_default(),
            subject: mail.subject.clone(),
            id: mail.message_id.clone().unwrap_or_default(),
            text: mail.text.clone(),
        };
        let now = self.story.now();
        match kind {
            "assignment" => self.assigned(&to, letter),
            "not_sent" => {
                self.refused += 1;
                if !mail.text.contains("doen") && !mail.text.contains("tiem") {
                    self.unexpected.push(format!("{}\n{}", mail.subject, mail.text));
                }
            }
            "statement_draft" if self.dice.percent(15) => {
                self.reply(&letter, "sam", "#hold a call is due");
                let days = 5 + self.dice.below(40) as i64;
                self.held.push((now + TimeDelta::days(days), letter));
            }
            "pricing" if self.dice.percent(30) => self.reply(&letter, "sam", "#pricing declined they grow"),
            "time_report" => {
                let newest = rows::<(i64,)>(
                    &self.story.daemon.db,
                    "SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM time_entry",
                )
                .await[0]
                    .0;
                self.reports.push(Report { at: now, newest, text: mail.text.clone() });
            }
            "unbilled" => self.review = Some(letter),
            _ => {}
        }
    }

    fn assigned(&mut self, to: &str, letter: Letter) {
        let serial = letter.subject.split_whitespace().find(|word| word.len() == 6 && word.starts_with('S'));
        let Some((client, category)) = serial.and_then(|serial| self.asked.remove(serial)) else {
            self.unexpected.push(format!("assignment {}", letter.subject));
            return;
        };
        let number = letter.subject.split('#').nth(1).unwrap_or_default();
        let number: String = number.chars().take_while(char::is_ascii_digit).collect();
        let ticket = number.parse().unwrap_or_else(|_| panic!("no ticket in {}", letter.subject));
        let tech = to.split('@').next().unwrap_or_default().to_owned();
        self.asks.push(Ask { ticket, client, tech, category, resolved: false, opened: self.story.now(), letter });
    }
}
