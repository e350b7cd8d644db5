//! One IMAP session: sends a command, reads to its tagged answer, and lets no await on the network go without a limit.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::Duration;

use async_imap::Session;
use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode, Status};
use chrono::{DateTime, Utc};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Timeouts;
use super::connect::{Wire, capability};
use super::uids;
use crate::source::{SourceError, batch};

/// Bytes of a mail asked for at once; half of what the guard lets through.
const PART: u64 = 4 * 1024 * 1024;
/// Header bytes that are fetched of a mail over the cap.
const HEADER: u64 = 256 * 1024;
/// Answers of one batch may be this much bigger than announced (RFC822.SIZE is often wrong) before we stop reading.
const SLACK: u64 = 3 * batch::BYTES;
/// UIDs asked for in one search window: the answer stays well under the guard's longest line.
const WINDOW: u32 = 50_000;
/// UIDs of one listing; what lies above them waits for the next one. A server that goes on telling more is not believed.
const MOST_UIDS: usize = 1_000_000;
/// Words of a CAPABILITY answer; real ones have about 50.
pub const MOST_CAPABILITIES: usize = 1_000;
/// Bytes of a folder's name.
const LONGEST_NAME: usize = 1_000;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Ok,
    /// NO or BAD, with the server's words.
    No(String),
}

/// What SELECT told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    pub uid_validity: u32,
    /// 0 where the server does not tell.
    pub uid_next: u32,
    pub exists: u32,
    /// New keywords may be stored.
    pub keywords: bool,
}

/// A mail as its folder describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub uid: u32,
    /// RFC822.SIZE: a hint, never more.
    pub size: u64,
    /// `None` where the server gave no date that can be read.
    pub arrived_at: Option<DateTime<Utc>>,
    pub junk: bool,
}

/// What became of a mail that was asked for alone.
#[derive(Debug, PartialEq)]
pub enum Single {
    Whole(Vec<u8>),
    /// Over the cap: the header block and the size.
    Header(Vec<u8>, u64),
    /// The server answers OK and gives nothing: somebody took it away.
    Gone,
    /// NO, or an answer without the body.
    Unreadable(String),
}

#[derive(Debug)]
pub struct Talk {
    session: Session<Wire>,
    pub timeouts: Timeouts,
    stop: CancellationToken,
    /// The server said EXISTS since the last search was sent.
    pub news: bool,
    bye: Option<String>,
}

/// The words for a failed read or write. async-imap puts what it could not parse into its error: that may be a mail.
pub fn fault_of(error: &io::Error) -> SourceError {
    let text = error.to_string();
    SourceError::Lost(if text.contains("during parsing of") {
        "the server sent a line that is no IMAP".to_owned()
    } else {
        format!("the connection broke: {text}")
    })
}

/// A server's words, fit for a log line.
pub fn safe(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Talk {
    pub fn new(session: Session<Wire>, timeouts: Timeouts, stop: CancellationToken) -> Talk {
        Talk { session, timeouts, stop, news: false, bye: None }
    }

    /// The next response. When we are told to stop, what is under way has a moment to end.
    async fn next<R>(&mut self, until: Instant, read_it: impl FnOnce(&Response<'_>) -> R) -> Result<R, SourceError> {
        let stop = self.stop.clone();
        let grace = self.timeouts.stop;
        let read = tokio::select! {
            biased;
            read = timeout_at(until, self.session.read_response()) => read,
            () = async { stop.cancelled().await; tokio::time::sleep(grace).await } => return Err(SourceError::Closed),
        };
        let response = read
            .map_err(|_| SourceError::Lost("the server did not answer in time".to_owned()))?
            .map_err(|error| fault_of(&error))?;
        let Some(response) = response else {
            let words = self.bye.take().map(|bye| format!(": {bye}")).unwrap_or_default();
            return Err(SourceError::Lost(format!("the server closed the connection{words}")));
        };
        match response.parsed() {
            Response::MailboxData(MailboxDatum::Exists(_)) => self.news = true,
            Response::Data { status: Status::Bye, outcome } => {
                self.bye = Some(outcome.information.as_deref().map(safe).unwrap_or_default());
            }
            _ => {}
        }
        Ok(read_it(response.parsed()))
    }

    async fn send(&mut self, command: &str) -> Result<String, SourceError> {
        let sent = timeout(self.timeouts.command, self.session.run_command(command)).await;
        match sent.map_err(|_| SourceError::Lost("the server takes no commands".to_owned()))? {
            Ok(id) => Ok(id.0),
            Err(async_imap::error::Error::Io(error)) => Err(fault_of(&error)),
            Err(error) => Err(SourceError::Lost(safe(&error.to_string()))),
        }
    }

    /// Runs a command; `each` sees every untagged response and may end the talk.
    async fn ask(
        &mut self,
        command: &str,
        limit: Duration,
        mut each: impl FnMut(&Response<'_>) -> Result<(), SourceError>,
    ) -> Result<Answer, SourceError> {
        let until = Instant::now() + limit;
        let id = self.send(command).await?;
        loop {
            let ended = self.next(until, |response| match response {
                Response::Done { tag, status: Status::Ok, .. } if tag.0 == id => Ok(Some(Answer::Ok)),
                Response::Done { tag, outcome, .. } if tag.0 == id => {
                    Ok(Some(Answer::No(outcome.information.as_deref().map(safe).unwrap_or_default())))
                }
                other => each(other).map(|()| None),
            });
            if let Some(answer) = ended.await?? {
                return Ok(answer);
            }
        }
    }

    /// A command of which only its end counts.
    pub async fn order(&mut self, command: &str) -> Result<Answer, SourceError> {
        self.ask(command, self.timeouts.command, |_| Ok(())).await
    }

    /// What the server can do, in capital letters.
    pub async fn capabilities(&mut self) -> Result<BTreeSet<String>, SourceError> {
        let mut offered = BTreeSet::new();
        self.ask("CAPABILITY", self.timeouts.command, |response| {
            if let Response::Capabilities(list) = response {
                offered.extend(list.iter().take(MOST_CAPABILITIES).map(capability));
            }
            if offered.len() > MOST_CAPABILITIES {
                return Err(SourceError::Lost("the server offers more than any server can".to_owned()));
            }
            Ok(())
        })
        .await?;
        Ok(offered)
    }

    /// `Err(Refused)` when there is no such folder.
    pub async fn select(&mut self, folder: &str) -> Result<Selected, SourceError> {
        let mut selected = Selected::default();
        let answer = self
            .ask(&format!("SELECT {}", quoted(folder)), self.timeouts.command, |response| {
                match response {
                    Response::MailboxData(MailboxDatum::Exists(count)) => selected.exists = *count,
                    Response::Data { outcome, .. } => match &outcome.code {
                        Some(ResponseCode::UidValidity(number)) => selected.uid_validity = *number,
                        Some(ResponseCode::UidNext(number)) => selected.uid_next = *number,
                        Some(ResponseCode::PermanentFlags(flags)) => {
                            selected.keywords = flags.iter().any(|flag| flag == "\\*");
                        }
                        _ => {}
                    },
                    _ => {}
                }
                Ok(())
            })
            .await?;
        match answer {
            Answer::Ok => Ok(selected),
            Answer::No(words) => Err(SourceError::Refused(format!("the folder cannot be opened: {words}"))),
        }
    }

    /// UIDs from `low` on, without those that carry `done_keyword`; ascending.
    pub async fn search(
        &mut self,
        low: u32,
        at: &Selected,
        done_keyword: Option<&str>,
    ) -> Result<Vec<u32>, SourceError> {
        self.news = false;
        let mut found = BTreeSet::new();
        let mut from = low.max(1);
        // A small folder's answer is short whatever its UIDs are; a big one is asked window by window.
        while at.exists > WINDOW && at.uid_next.saturating_sub(from) > WINDOW && found.len() < MOST_UIDS {
            self.search_in(&format!("{from}:{}", from + WINDOW - 1), done_keyword, &mut found).await?;
            from += WINDOW;
        }
        if found.len() < MOST_UIDS {
            self.search_in(&format!("{from}:*"), done_keyword, &mut found).await?;
        }
        // `n:*` with nothing new gives the last message, whatever its number.
        Ok(found.into_iter().filter(|uid| *uid >= low).collect())
    }

    async fn search_in(
        &mut self,
        set: &str,
        without: Option<&str>,
        found: &mut BTreeSet<u32>,
    ) -> Result<(), SourceError> {
        let without = without.map(|keyword| format!(" UNKEYWORD {keyword}")).unwrap_or_default();
        let command = format!("UID SEARCH UID {set}{without}");
        let answer = self
            .ask(&command, self.timeouts.command, |response| {
                if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                    found.extend(uids);
                }
                if found.len() > 2 * MOST_UIDS {
                    return Err(SourceError::Lost("the server lists more mails than a folder holds".to_owned()));
                }
                Ok(())
            })
            .await?;
        match answer {
            Answer::Ok => Ok(()),
            Answer::No(words) => Err(SourceError::Lost(format!("the server refuses to search: {words}"))),
        }
    }

    /// Sizes, dates and flags of the asked UIDs that are there; anything else that comes is passed over.
    pub async fn list(&mut self, asked: &[u32]) -> Result<Vec<Listed>, SourceError> {
        let mut found: HashMap<u32, Listed> = HashMap::new();
        for set in uids::sets(asked) {
            self.ask(
                &format!("UID FETCH {set} (UID RFC822.SIZE INTERNALDATE FLAGS)"),
                self.timeouts.body,
                |response| {
                    if let Some(listed) = listed(response).filter(|listed| asked.binary_search(&listed.uid).is_ok()) {
                        found.insert(listed.uid, listed);
                    }
                    Ok(())
                },
            )
            .await?;
        }
        let mut found: Vec<Listed> = found.into_values().collect();
        found.sort_by_key(|listed| listed.uid);
        Ok(found)
    }

    /// Bodies of many mails in one command, as far as they came; what is missing is asked for alone afterwards.
    pub async fn bodies(&mut self, asked: &[u32], announced: u64) -> Result<HashMap<u32, Vec<u8>>, SourceError> {
        let mut found: HashMap<u32, Vec<u8>> = HashMap::new();
        let mut bytes = 0;
        for set in uids::sets(asked) {
            self.ask(&format!("UID FETCH {set} (UID BODY.PEEK[])"), self.timeouts.body, |response| {
                let Some((uid, Some(body))) = body(response) else { return Ok(()) };
                if !asked.contains(&uid) || found.contains_key(&uid) {
                    return Ok(());
                }
                bytes += body.len() as u64;
                if bytes > announced + SLACK {
                    return Err(SourceError::Lost("the server sends far more than it announced".to_owned()));
                }
                found.insert(uid, body.to_vec());
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }

    /// One mail, part by part, so that neither its size nor what the server says of it can fill the memory.
    pub async fn single(&mut self, listed: &Listed, cap: u64) -> Result<Single, SourceError> {
        if listed.size > cap {
            return self.header(listed.uid, listed.size).await;
        }
        let mut whole: Vec<u8> = Vec::new();
        loop {
            let offset = whole.len() as u64;
            let (came, answer) = self.part(listed.uid, &format!("BODY.PEEK[]<{offset}.{PART}>")).await?;
            match (came, answer) {
                (_, Answer::No(words)) => return Ok(Single::Unreadable(words)),
                (None, Answer::Ok) if offset == 0 => return Ok(Single::Gone),
                (Some(None), Answer::Ok) if offset == 0 => {
                    return Ok(Single::Unreadable("the server gives no text for it".to_owned()));
                }
                (None | Some(None), Answer::Ok) => return Ok(Single::Whole(whole)),
                (Some(Some(part)), Answer::Ok) => {
                    let last = (part.len() as u64) < PART;
                    whole.extend_from_slice(&part);
                    if whole.len() as u64 > cap {
                        let size = (whole.len() as u64).max(listed.size);
                        drop(whole);
                        return self.header(listed.uid, size).await;
                    }
                    if last {
                        return Ok(Single::Whole(whole));
                    }
                }
            }
        }
    }

    async fn header(&mut self, uid: u32, size: u64) -> Result<Single, SourceError> {
        let (came, answer) = self.part(uid, &format!("BODY.PEEK[HEADER]<0.{HEADER}>")).await?;
        Ok(match (came, answer) {
            (_, Answer::No(words)) => Single::Unreadable(words),
            (None, Answer::Ok) => Single::Gone,
            (Some(header), Answer::Ok) => Single::Header(header.unwrap_or_default(), size),
        })
    }

    /// The outer `None`: no answer for this UID; the inner one: NIL.
    async fn part(&mut self, uid: u32, item: &str) -> Result<(Option<Option<Vec<u8>>>, Answer), SourceError> {
        let mut came = None;
        let answer = self
            .ask(&format!("UID FETCH {uid} (UID {item})"), self.timeouts.body, |response| {
                if let Some((of, part)) = body(response)
                    && of == uid
                    && came.is_none()
                {
                    came = Some(part.map(<[u8]>::to_vec));
                }
                Ok(())
            })
            .await?;
        Ok((came, answer))
    }

    /// Names and delimiters of the folders that `pattern` names.
    pub async fn folders(&mut self, pattern: &str) -> Result<Vec<(String, Option<String>)>, SourceError> {
        let mut names = Vec::new();
        self.ask(&format!("LIST \"\" {}", quoted(pattern)), self.timeouts.command, |response| {
            if let Response::MailboxData(MailboxDatum::List(list)) = response
                && names.len() < 100
                && list.name.len() <= LONGEST_NAME
            {
                names.push((list.name.to_string(), list.delimiter.as_deref().map(str::to_owned)));
            }
            Ok(())
        })
        .await?;
        Ok(names)
    }

    /// Waits until the server tells of something new (true) or `limit` is over. Whoever calls it searches again either way.
    pub async fn idle(&mut self, limit: Duration) -> Result<bool, SourceError> {
        let id = self.send("IDLE").await?;
        let begun = Instant::now() + self.timeouts.command;
        let waiting = |response: &Response<'_>| match response {
            Response::Continue(_) => Ok(true),
            Response::Done { tag, outcome, .. } if tag.0 == id => {
                let words = outcome.information.as_deref().map(safe).unwrap_or_default();
                Err(SourceError::Lost(format!("the server refuses IDLE: {words}")))
            }
            _ => Ok(false),
        };
        while !self.next(begun, waiting).await?? {}
        let told = self.told(limit).await?;
        let done = timeout(self.timeouts.command, self.session.run_command_untagged("DONE")).await;
        match done {
            Ok(Ok(())) => {}
            _ => return Err(SourceError::Lost("the server does not end IDLE".to_owned())),
        }
        let until = Instant::now() + self.timeouts.command;
        let ended = |response: &Response<'_>| matches!(response, Response::Done { tag, .. } if tag.0 == id);
        while !self.next(until, ended).await? {}
        Ok(told)
    }

    /// True when EXISTS came; false when the time is over or we are told to stop.
    async fn told(&mut self, limit: Duration) -> Result<bool, SourceError> {
        let until = Instant::now() + limit;
        let stop = self.stop.clone();
        while !self.news {
            let read = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(false),
                read = timeout_at(until, self.session.read_response()) => read,
            };
            let Ok(read) = read else { return Ok(false) };
            let Some(response) = read.map_err(|error| fault_of(&error))? else {
                return Err(SourceError::Lost("the server closed the connection while we waited".to_owned()));
            };
            match response.parsed() {
                Response::MailboxData(MailboxDatum::Exists(_)) => self.news = true,
                Response::Data { status: Status::Bye, outcome } => {
                    let words = outcome.information.as_deref().map(safe).unwrap_or_default();
                    return Err(SourceError::Lost(format!("the server says goodbye: {words}")));
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// Ends the session politely; nobody waits long for the answer.
    pub async fn leave(mut self) {
        let _ = timeout(self.timeouts.stop, self.order("LOGOUT")).await;
    }
}

fn listed(response: &Response<'_>) -> Option<Listed> {
    let Response::Fetch(_, attributes) = response else { return None };
    let mut listed = Listed { uid: 0, size: 0, arrived_at: None, junk: false };
    let mut described = false;
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => listed.uid = *uid,
            AttributeValue::Rfc822Size(size) => {
                listed.size = u64::from(*size);
                described = true;
            }
            AttributeValue::InternalDate(date) => {
                listed.arrived_at = DateTime::parse_from_str(date.trim(), "%d-%b-%Y %H:%M:%S %z")
                    .ok()
                    .map(|date| date.with_timezone(&Utc))
                    // A database need not know the year 5000 before Christ.
                    .filter(|date| *date >= DateTime::UNIX_EPOCH);
            }
            AttributeValue::Flags(flags) => {
                listed.junk =
                    flags.iter().any(|flag| flag.eq_ignore_ascii_case("$Junk") || flag.eq_ignore_ascii_case("Junk"));
            }
            _ => {}
        }
    }
    (listed.uid != 0 && described).then_some(listed)
}

/// UID and text of a FETCH response that carries a body.
fn body<'a>(response: &'a Response<'_>) -> Option<(u32, Option<&'a [u8]>)> {
    let Response::Fetch(_, attributes) = response else { return None };
    let uid = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })?;
    let body = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection { data, .. } => Some(data.as_deref()),
        _ => None,
    })?;
    Some((uid, body))
}
