//! What a telephone line tells: calls, recorded messages, their transcriptions, text messages, and keys pressed, as Twilio posts them.
//!
//! <https://www.twilio.com/docs/voice/twiml#request-parameters>, <https://www.twilio.com/docs/voice/twiml/record>,
//! <https://www.twilio.com/docs/messaging/guides/webhook-request>

use serde_json::Value;

use super::Post;
use super::mapping::{clean, short};
use crate::words::e164;

/// What stands for the caller where the number is withheld: ANONYMOUS (seen from Twilio), and by the same habit RESTRICTED, BLOCKED,
/// UNKNOWN and UNAVAILABLE, typed on a telephone's keys.
const WITHHELD: [&str; 5] = ["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];

/// Words that end text messages from us, and that begin them again, alone in a message.
/// <https://help.twilio.com/articles/223134027>
const STOP: [&str; 7] = ["stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke"];
const START: [&str; 3] = ["start", "unstop", "yes"];
const HELP: [&str; 2] = ["help", "info"];

/// The key that says "seen" in a call to a tech.
const SEEN: &str = "1";
/// What is put to the fields of a post whose address names a call; Twilio has no field of this name.
const CALL_NAME: &str = "DeskdCall";

/// Which of them a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Call,
    Recording,
    Transcription,
    Text,
    /// In a call that we made.
    Key,
}

/// What a text message asks of the line itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

fn field<'d>(data: &'d Value, name: &str) -> &'d str {
    data.get(name).and_then(Value::as_str).unwrap_or_default().trim()
}

/// What people wrote or said, without control characters.
fn words(data: &Value, name: &str) -> String {
    clean(field(data, name), true)
}

impl Event {
    pub fn of(data: &Value) -> Event {
        let has = |name| !field(data, name).is_empty();
        match () {
            () if has(CALL_NAME) => Event::Key,
            () if has("MessageSid") || has("SmsSid") => Event::Text,
            () if has("TranscriptionSid") => Event::Transcription,
            () if has("RecordingSid") => Event::Recording,
            () => Event::Call,
        }
    }

    /// The platform's own id of the delivery; `None` where it lacks.
    pub fn key(self, data: &Value) -> Option<String> {
        let names: &[&str] = match self {
            Event::Call | Event::Key => &["CallSid"],
            Event::Recording => &["RecordingSid"],
            Event::Transcription => &["TranscriptionSid"],
            Event::Text => &["MessageSid", "SmsSid"],
        };
        let id = names.iter().map(|name| field(data, name)).find(|id| !id.is_empty())?;
        let fits = id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| if self == Event::Key { format!("{id}/{SEEN}") } else { id.to_owned() })
    }
}

impl Keyword {
    pub fn of(data: &Value) -> Option<Keyword> {
        let word = field(data, "Body").trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        let listed = |words: &[&str]| words.contains(&word.as_str());
        match () {
            () if Event::of(data) != Event::Text => None,
            () if listed(&STOP) => Some(Keyword::Stop),
            () if listed(&START) => Some(Keyword::Start),
            () if listed(&HELP) => Some(Keyword::Help),
            () => None,
        }
    }
}

/// The number that was called.
pub fn dialled(data: &Value) -> Option<String> {
    e164(field(data, "To"))
}

/// The post of a key pressed in the call of this name, as it is kept; `None`: another key, or none.
pub fn seen(data: &Value, call: &str) -> Option<Value> {
    let mut kept = data.as_object().filter(|_| field(data, "Digits") == SEEN)?.clone();
    kept.insert(CALL_NAME.to_owned(), Value::from(call));
    Some(Value::Object(kept))
}

/// What a delivery says. `line` is the name in the config.
pub fn post(line: &str, data: &Value) -> Post {
    if Event::of(data) == Event::Key {
        return pressed(line, data);
    }
    let from = field(data, "From");
    let caller = e164(from).filter(|number| !WITHHELD.contains(&number.as_str()));
    let event = Event::of(data);
    let shown = caller.clone().unwrap_or_else(|| "a withheld number".to_owned());
    let (subject, text) = match event {
        Event::Text => (beginning(&words(data, "Body")), with_media(data)),
        _ => (format!("Call from {shown}"), spoken(event, data, &shown)),
    };
    let thread = match event {
        Event::Text => caller.clone(),
        _ => Some(field(data, "CallSid")).filter(|id| !id.is_empty()).map(|id| format!("call/{id}")),
    };
    let missing = if caller.is_some() { Vec::new() } else { vec!["the caller's number (it is withheld)".to_owned()] };
    Post {
        origin: format!("line {line}"),
        place: caller.clone().filter(|_| event == Event::Text),
        sender: caller.unwrap_or_default(),
        subject,
        text,
        thread: thread.map(short),
        spoken: event == Event::Transcription,
        keyword: Keyword::of(data),
        missing,
        ..Post::default()
    }
}

fn pressed(line: &str, data: &Value) -> Post {
    let dialled = dialled(data).unwrap_or_default();
    Post {
        origin: format!("line {line}"),
        subject: format!("Key {SEEN} pressed"),
        text: format!("{SEEN} was pressed in the call to {dialled}: it has been seen."),
        sender: dialled,
        pressed: Some(field(data, CALL_NAME).to_owned()),
        ..Post::default()
    }
}

fn spoken(event: Event, data: &Value, caller: &str) -> String {
    let recording = field(data, "RecordingUrl");
    let listen = if recording.is_empty() { String::new() } else { format!("\n\nListen: {recording}") };
    match event {
        Event::Transcription if field(data, "TranscriptionStatus") == "completed" => {
            format!("{}{listen}", words(data, "TranscriptionText"))
        }
        Event::Transcription => format!("The message could not be written down.{listen}"),
        Event::Recording => {
            let seconds = field(data, "RecordingDuration");
            let length = if seconds.is_empty() { String::new() } else { format!(" of {seconds} s") };
            format!("The caller left a message{length}.{listen}")
        }
        _ => format!("{caller} called {}.", field(data, "To")),
    }
}

/// The text with the addresses of what was sent with it.
fn with_media(data: &Value) -> String {
    let count: usize = field(data, "NumMedia").parse().unwrap_or(0);
    let mut text = words(data, "Body");
    for place in 0..count.min(20) {
        let url = field(data, &format!("MediaUrl{place}"));
        let kind = field(data, &format!("MediaContentType{place}"));
        text.push_str(&format!("\n\nSent with it ({kind}): {url}"));
    }
    text.trim().to_owned()
}

/// A text message has no subject: its first words are.
pub fn beginning(text: &str) -> String {
    const LONGEST: usize = 60;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "Message".to_owned();
    }
    if line.chars().count() <= LONGEST {
        return line;
    }
    let cut: String = line.chars().take(LONGEST).collect();
    format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words))
}
