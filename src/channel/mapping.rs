//! From the data of a delivery to what it says, by the `[hook.map]` of the config: each field is a JSON pointer (`/host/name`) or a template.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Post;
use crate::mail::build;
use crate::words::{Priority, e164, is_phone};

/// The fields of `[hook.map]`, in the order in which they are explained.
pub const FIELDS: [&str; 10] =
    ["sender", "sender_name", "subject", "text", "client", "priority", "thread", "resolved", "remark", "id"];

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// RFC 6901.
    Pointer(String),
    /// Over the fields of the data.
    Template(Template),
}

/// A minijinja template, compiled once.
#[derive(Clone)]
pub struct Template {
    text: String,
    compiled: Arc<Environment<'static>>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

impl std::fmt::Debug for Template {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.text, formatter)
    }
}

/// The one template of an environment.
const ONLY: &str = "map";

/// `[[hook]]`, as far as it says what a delivery means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    pub fields: BTreeMap<&'static str, Origin>,
    /// What the sender calls a priority, lower case.
    pub priorities: BTreeMap<String, Priority>,
    /// Values of `resolved` that mean that it is over, lower case.
    pub resolved_is: Vec<String>,
    /// The client of everything that comes here, unless the data names one.
    pub client: Option<String>,
    /// Where the data has a list of alerts, each of them for itself (RFC 6901).
    pub each: Option<String>,
}

/// Data with more than that in its list, or that would grow beyond this many bytes with each for itself, is refused.
const MOST_ALERTS: usize = 2_000;
const LARGEST: usize = 16 * 1024 * 1024;

/// A list that is too long to be kept as one delivery each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the list at {0} is too long: send at most {MOST_ALERTS} alerts in one delivery")]
pub struct TooMany(String);

/// What became of one field, for `deskd hooks test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traced {
    pub field: &'static str,
    /// As the config has it; `None` where the usual places were looked at.
    pub from: Option<String>,
    /// Empty where nothing was found.
    pub value: String,
    pub remark: Option<String>,
}

/// Subjects longer than this are cut.
const SUBJECT: usize = 300;
/// Threads longer than this (bytes) are shortened.
const THREAD: usize = 200;
/// Where subject and text are looked for without a mapping.
const USUAL: [(&str, &[&str]); 2] = [
    ("subject", &["/subject", "/title", "/summary", "/name"]),
    ("text", &["/text", "/message", "/body", "/description", "/content"]),
];

impl Origin {
    /// Checked, so that a wrong one is told where it stands.
    pub fn read(text: &str) -> Result<Origin, String> {
        if text.starts_with('/') {
            return Ok(Origin::Pointer(text.to_owned()));
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment
            .add_template_owned(ONLY, text.to_owned())
            .map_err(|error| error.detail().map_or_else(|| error.to_string(), str::to_owned))?;
        Ok(Origin::Template(Template { text: text.to_owned(), compiled: Arc::new(environment) }))
    }

    pub fn as_str(&self) -> &str {
        match self {
            Origin::Pointer(text) => text,
            Origin::Template(template) => &template.text,
        }
    }

    /// The value and, where there is none, why.
    fn take(&self, data: &Value, fields: &minijinja::Value) -> (String, Option<String>) {
        match self {
            Origin::Pointer(pointer) => match data.pointer(pointer) {
                None | Some(Value::Null) => (String::new(), Some("the data has nothing there".to_owned())),
                Some(value) => (plain(value), None),
            },
            Origin::Template(template) => {
                match template.compiled.get_template(ONLY).and_then(|template| template.render(fields)) {
                    Ok(text) => (text.trim().to_owned(), None),
                    Err(error) => (String::new(), Some(format!("the template fails: {error}"))),
                }
            }
        }
    }
}

/// The data as templates see it.
fn fields_of(data: &Value) -> minijinja::Value {
    minijinja::Value::from(minijinja::value::Serde(data))
}

/// A value in words: texts as they are, all else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Object(_) | Value::Array(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// A thread is a key of the database: a long one is kept as its SHA-256, which is as good for telling one from another.
pub(super) fn short(thread: String) -> String {
    if thread.len() <= THREAD { thread } else { data_encoding::HEXLOWER.encode(&Sha256::digest(thread.as_bytes())) }
}

/// Texts of strangers: no control characters, and NUL least of all.
pub fn clean(text: &str, lines: bool) -> String {
    let kept = |letter: char| match letter {
        '\n' | '\t' if lines => Some(letter),
        letter if letter.is_control() => (!lines).then_some(' '),
        letter => Some(letter),
    };
    text.replace("\r\n", "\n").chars().filter_map(kept).collect::<String>().trim().to_owned()
}

impl Mapping {
    /// What the data says. Nothing is refused: what is missing is named in the post.
    pub fn post(&self, hook: &str, data: &Value) -> Post {
        self.explain(hook, data).0
    }

    /// The data once for each entry of its list, in the same shape with a list of one; alone where there is no list, or one entry.
    pub fn split(&self, data: Value, bytes: usize) -> Result<Vec<Value>, TooMany> {
        let Some(at) = &self.each else { return Ok(vec![data]) };
        let Some(list) = data.pointer(at).and_then(Value::as_array).filter(|list| list.len() > 1) else {
            return Ok(vec![data]);
        };
        let entries = list.clone();
        let mut around = data;
        if let Some(list) = around.pointer_mut(at) {
            *list = Value::Null;
        }
        let shell = serde_json::to_vec(&around).map_or(bytes, |shell| shell.len());
        if entries.len() > MOST_ALERTS || shell.saturating_mul(entries.len()).saturating_add(bytes) > LARGEST {
            return Err(TooMany(at.clone()));
        }
        let alone = |entry: Value| {
            let mut alone = around.clone();
            if let Some(list) = alone.pointer_mut(at) {
                *list = Value::Array(vec![entry]);
            }
            alone
        };
        Ok(entries.into_iter().map(alone).collect())
    }

    /// The delivery's own name, from the data.
    pub fn id(&self, data: &Value) -> Option<String> {
        let origin = self.fields.get("id")?;
        let (id, _) = origin.take(data, &fields_of(data));
        (!id.is_empty() && id.len() <= 200 && !id.contains(char::is_control)).then_some(id)
    }

    /// The same with where each field came from.
    pub fn explain(&self, hook: &str, data: &Value) -> (Post, Vec<Traced>) {
        let mut traced = Vec::new();
        let fields = fields_of(data);
        for field in FIELDS {
            let usual = USUAL.iter().find(|(name, _)| *name == field).map(|(_, pointers)| *pointers);
            traced.push(match (self.fields.get(field), usual) {
                (Some(origin), _) => {
                    let (value, remark) = origin.take(data, &fields);
                    Traced { field, from: Some(origin.as_str().to_owned()), value, remark }
                }
                (None, Some(pointers)) => {
                    let found = pointers.iter().find_map(|at| Some((at, data.pointer(at)?.as_str()?)));
                    let remark = found.map(|(at, _)| format!("not mapped; found at {at}"));
                    let value = found.map(|(_, text)| text.trim().to_owned()).unwrap_or_default();
                    Traced { field, from: None, value, remark }
                }
                (None, None) => Traced { field, from: None, value: String::new(), remark: None },
            });
        }
        let post = self.build(hook, data, &mut traced);
        (post, traced)
    }

    fn build(&self, hook: &str, data: &Value, traced: &mut [Traced]) -> Post {
        let mut missing = Vec::new();
        let mut take = |field: &str| {
            let found = traced.iter().find(|traced| traced.field == field);
            if let Some(Traced { from: Some(from), value, .. }) = found
                && value.is_empty()
                && matches!(field, "sender" | "subject" | "text")
            {
                missing.push(format!("{field} ({from})"));
            }
            found.map(|found| found.value.clone()).unwrap_or_default()
        };
        let (sender, subject, text) = (take("sender").to_lowercase(), take("subject"), take("text"));
        let (name, client, thread) = (take("sender_name"), take("client"), take("thread"));
        let (priority, resolved) = (take("priority"), take("resolved").to_lowercase());
        let is_remark = !take("remark").is_empty();
        let subject = clean(&subject, false);
        let sender = clean(&sender, false);
        let mut remark = |field: &str, words: String| {
            if let Some(traced) = traced.iter_mut().find(|traced| traced.field == field) {
                traced.remark = Some(words);
            }
        };
        let meant = self.priority(&priority);
        if !priority.is_empty() {
            remark(
                "priority",
                meant.map_or_else(|| "no priority is called so: the rules decide".to_owned(), |p| p.to_string()),
            );
        }
        let over = !resolved.is_empty() && self.resolved_is.contains(&resolved);
        if !resolved.is_empty() {
            remark("resolved", if over { "it is over".to_owned() } else { "it is not over".to_owned() });
        }
        // A telephone system names a caller by number.
        let sender = e164(&sender).unwrap_or(sender);
        let is_address = is_phone(&sender) || build::can_be_written(&sender);
        if !sender.is_empty() && !is_address {
            missing.push(
                "sender (it is no address that mail can be written to, and no number with + and country code)"
                    .to_owned(),
            );
        }
        Post {
            origin: format!("hook {hook}"),
            sender: if is_address { sender } else { String::new() },
            sender_name: clean(&name, false),
            subject: if subject.is_empty() {
                format!("Message from {hook}")
            } else {
                subject.chars().take(SUBJECT).collect()
            },
            // Without any text people see the data itself.
            text: if text.is_empty() { plain(data) } else { clean(&text, true) },
            client: Some(client).filter(|client| !client.is_empty()).or_else(|| self.client.clone()),
            priority: meant,
            thread: Some(short(clean(&thread, false))).filter(|thread| !thread.is_empty()),
            resolved: over,
            remark: is_remark,
            missing,
            ..Post::default()
        }
    }

    /// `P1` … `P4`, or what the config calls so.
    fn priority(&self, value: &str) -> Option<Priority> {
        let value = value.trim().to_lowercase();
        self.priorities.get(&value).copied().or_else(|| value.to_uppercase().parse().ok())
    }
}
