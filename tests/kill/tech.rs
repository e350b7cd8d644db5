//! Sam, who answers every assignment that reaches him, once: by itself or in a list, in words, or with `#done`.

use std::collections::{BTreeMap, HashSet};

use deskd::mail::{Mail, parse};
use deskd::store::Db;

use crate::harness::rows::rows;
use crate::harness::smtp::Taken;

pub const SAM: &str = "sam@techs.example";

/// What he wrote about one ticket.
#[derive(Clone, Copy, PartialEq)]
enum Did {
    /// A plain answer: one relay, nothing else.
    Words,
    /// Words and `#done 5m`: one resolution mail with them, one time entry.
    Done,
    /// `#1042 done 5m` in an answer to a list.
    Listed,
}

#[derive(Default)]
pub struct Tech {
    /// How many of the receiver's mails he has seen.
    seen: usize,
    lists: HashSet<String>,
    /// By ticket number, with the number of his mail.
    did: BTreeMap<i64, (u64, Did)>,
    pub mails: u64,
}

pub fn marker(number: u64) -> String {
    format!("[tech-{number:06}]")
}

/// Every tenth of his mails comes in twice.
pub fn copies(number: u64) -> u64 {
    if number % 10 == 9 { 2 } else { 1 }
}

impl Tech {
    pub fn answered(&self) -> usize {
        self.did.len()
    }

    /// His answers to what has come since the last look; the receiver may have taken a mail twice.
    pub fn read(&mut self, taken: &[Taken]) -> Vec<String> {
        let new: Vec<Mail> = taken[self.seen..]
            .iter()
            .filter(|mail| mail.recipient == SAM)
            .map(|mail| parse::parse(&mail.bytes))
            .collect();
        self.seen = taken.len();
        new.iter().filter_map(|mail| self.answer(mail)).collect()
    }

    fn answer(&mut self, mail: &Mail) -> Option<String> {
        let number = self.mails;
        let mark = marker(number);
        let text = if mail.subject.ends_with("for you") {
            if !self.lists.insert(mail.message_id.clone().unwrap()) {
                return None;
            }
            let lines = mail.text.lines().filter_map(|line| ticket(line.strip_suffix(" take")?));
            let mut new: Vec<i64> = lines.filter(|ticket| !self.did.contains_key(ticket)).collect();
            new.sort_unstable();
            new.dedup();
            self.did.extend(new.iter().map(|ticket| (*ticket, (number, Did::Listed))));
            new.iter().map(|ticket| format!("#{ticket} done 5m\r\n")).collect()
        } else if mail.text.contains(" is yours: ") {
            let ticket = ticket(&mail.subject).expect("an assignment's subject begins with its ticket");
            if self.did.contains_key(&ticket) {
                return None;
            }
            let did = if number.is_multiple_of(3) { Did::Words } else { Did::Done };
            self.did.insert(ticket, (number, did));
            let done = if did == Did::Done { "\r\n#done 5m\r\n" } else { "" };
            format!("The cable of that screen was loose. {mark}\r\n{done}")
        } else {
            String::new()
        };
        if text.is_empty() {
            return None;
        }
        self.mails += 1;
        let id = mail.message_id.as_ref().unwrap();
        let to = &mail.reply_to.first().expect("our mail to a tech has a reply address").address;
        Some(format!(
            "From: Sam Ortiz <{SAM}>\r\nTo: {to}\r\nSubject: Re: {}\r\nMessage-ID: <t{number}@techs.example>\r\n\
             In-Reply-To: <{id}>\r\nReferences: <{id}>\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\n{text}",
            mail.subject
        ))
    }

    /// Each of his mails acted exactly once.
    pub async fn faults(&self, db: &Db) -> Vec<String> {
        let mut faults = self.fates(db).await;
        let logged =
            "SELECT ticket, CAST(COUNT(*) AS BIGINT), CAST(SUM(minutes) AS BIGINT) FROM time_entry GROUP BY ticket";
        let logged: BTreeMap<i64, (i64, i64)> =
            rows::<(i64, i64, i64)>(db, logged).await.into_iter().map(|(ticket, n, sum)| (ticket, (n, sum))).collect();
        let resolved =
            "SELECT ticket, CAST(COUNT(*) AS BIGINT) FROM ticket_event WHERE kind = 'resolved' GROUP BY ticket";
        let resolved: BTreeMap<i64, i64> = rows::<(i64, i64)>(db, resolved).await.into_iter().collect();
        let told = "SELECT ticket, kind, CAST(COUNT(*) AS BIGINT) FROM outbox WHERE kind IN ('relay', 'resolution') GROUP BY ticket, kind";
        let mut told: BTreeMap<(i64, String), i64> = rows::<(i64, String, i64)>(db, told)
            .await
            .into_iter()
            .map(|(ticket, kind, n)| ((ticket, kind), n))
            .collect();
        for (ticket, (number, did)) in &self.did {
            let done = i64::from(*did != Did::Words);
            let (entries, minutes) = logged.get(ticket).copied().unwrap_or_default();
            let ends = resolved.get(ticket).copied().unwrap_or_default();
            let kind = if *did == Did::Words { "relay" } else { "resolution" };
            let mails = told.remove(&(*ticket, kind.to_owned())).unwrap_or_default();
            if (entries, minutes, ends, mails) != (done, 5 * done, done, 1) {
                faults.push(format!(
                    "#{ticket}, answered by {}: {entries} time entries ({minutes} minutes), resolved {ends} times, {mails} mails of kind {kind}",
                    marker(*number)
                ));
            }
        }
        faults.extend(
            told.into_iter().map(|((ticket, kind), n)| format!("#{ticket}: {n} mails of kind {kind} too many")),
        );
        faults
    }

    async fn fates(&self, db: &Db) -> Vec<String> {
        let mut fates: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let sql = "SELECT message_id, fate FROM inbound WHERE sender = 'sam@techs.example'";
        for (id, fate) in rows::<(String, String)>(db, sql).await {
            fates.entry(id).or_default().push(fate);
        }
        let mut said: BTreeMap<String, usize> = BTreeMap::new();
        let sql = "SELECT text FROM message WHERE actor = 'tech:sam' AND visibility = 'public'";
        for (text,) in rows::<(String,)>(db, sql).await {
            *said.entry(text.lines().next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let mut faults = Vec::new();
        for number in 0..self.mails {
            let mut found = fates.remove(&format!("t{number}@techs.example")).unwrap_or_default();
            found.sort();
            let wanted: &[&str] = if copies(number) == 2 { &["duplicate", "reply"] } else { &["reply"] };
            if found != wanted {
                faults.push(format!("{} became {found:?} and not {wanted:?}", marker(number)));
            }
            let in_list = self.did.values().any(|did| *did == (number, Did::Listed));
            let count =
                said.iter().filter(|(text, _)| text.contains(&marker(number))).map(|(_, count)| count).sum::<usize>();
            if count != usize::from(!in_list) {
                faults.push(format!("{} stands in {count} messages", marker(number)));
            }
        }
        faults
    }

    /// How many of the tickets he answered in lists.
    pub fn listed(&self) -> usize {
        self.did.values().filter(|(_, did)| *did == Did::Listed).count()
    }
}

/// `#1042 …` is 1042.
fn ticket(text: &str) -> Option<i64> {
    let digits = text.trim().strip_prefix('#')?;
    digits.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// An acknowledgement that the receiver took.
pub fn acknowledges(taken: &Taken) -> bool {
    parse::parse(&taken.bytes).header("auto-submitted") == Some("auto-replied")
}
