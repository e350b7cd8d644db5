//! The one table of verbs.

/// Who may use a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Tech,
    Manager,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// As `#help` shows them.
    pub arguments: &'static str,
    pub who: Who,
    /// Needs the reply token of its ticket; without it only in a new mail or an answer to a digest that names the ticket.
    pub token: bool,
    /// False: known, so that it never reaches a client, and refused as not available yet.
    pub available: bool,
    pub help: &'static str,
}

impl Verb {
    /// Why it cannot be used here, where `available` is false.
    pub fn refusal(&self) -> String {
        match self.name {
            "send" => "#send stands in the answer to a statement's draft".to_owned(),
            "pricing" => "#pricing stands in the answer to the mail about a client's range".to_owned(),
            name => format!("#{name} is not available yet"),
        }
    }
}

const fn verb(name: &'static str, arguments: &'static str, help: &'static str) -> Verb {
    Verb { name, aliases: &[], arguments, who: Who::Tech, token: true, available: true, help }
}

/// May stand in a new mail that opens a ticket.
const fn opening(name: &'static str, arguments: &'static str, help: &'static str) -> Verb {
    Verb { token: false, ..verb(name, arguments, help) }
}

const fn later(name: &'static str, who: Who) -> Verb {
    Verb { who, token: false, available: false, ..verb(name, "", "not available yet") }
}

pub const VERBS: &[Verb] = &[
    Verb {
        aliases: &["close", "resolve"],
        ..verb("done", "[25m] [category]", "resolve and log time; your text goes to the client")
    },
    verb("fix", "text", "cause and cure for the firm; the client does not see it"),
    opening("time", "1h15 [category] [day] [note]", "log time; -15m corrects the last entry"),
    opening("note", "", "the whole mail is internal"),
    verb("reply", "", "on an internal thread: the text goes to the client"),
    verb("take", "", "the ticket is yours"),
    opening("assign", "sam", "give it to a colleague"),
    verb("pass", "why", "give it back to the desk"),
    opening("p1", "[why]", "an outage"),
    opening("p2", "[why]", "a degradation"),
    opening("p3", "[why]", "normal; lowering a P1 or P2 needs the why"),
    opening("p4", "[why]", "a request"),
    opening("cat", "retainer|project|tm|warranty", "who pays"),
    opening("recat", "e12 tm", "that time entry belongs to another category"),
    Verb { who: Who::Manager, ..opening("writeoff", "e12 why", "that time entry will never be billed") },
    verb("warranty", "[#987]", "repairs what that ticket broke: not billed"),
    Verb {
        aliases: &["hold"],
        ..verb("wait", "[client|vendor] [until fri]", "pause the resolution clock until the start of that day")
    },
    verb("open", "", "end the pause, or reopen"),
    opening("called", "[14:05]", "the first touch was a phone call"),
    verb("onsite", "[14:05]", "the first touch was on site"),
    opening("tag", "word", "add a tag"),
    opening("client", "acme", "the client is another"),
    opening("from", "jane@acme.example", "the requester is another"),
    verb("cc", "address …", "add people who get the answers"),
    verb("link", "jane@home.example", "that address is the requester's too: it is asked first"),
    verb("merge", "#1040", "this ticket goes into that one"),
    verb("accept", "[client]", "an unsorted ticket becomes work"),
    verb("spam", "", "close it as spam and mute the sender"),
    verb("ack", "", "you have seen the escalation"),
    verb("approve", "jane", "ask an approver of the client"),
    verb("verified", "by phone", "you made sure who asked"),
    opening("maintenance", "acme [fri] 22:00-02:00|off", "keep the client's alerts quiet for that time"),
    verb("undo", "", "take back your last act on the ticket, never a sent mail"),
    opening("help", "", "this list"),
    later("away", Who::Tech),
    later("back", Who::Tech),
    later("swap", Who::Tech),
    later("send", Who::Manager),
    later("pricing", Who::Manager),
    later("runbook", Who::Tech),
    later("redact", Who::Manager),
];

/// The text of `#help`.
pub fn help() -> String {
    let mut text = String::new();
    for verb in VERBS.iter().filter(|verb| verb.available) {
        let mut left = format!("#{} {}", verb.name, verb.arguments);
        for alias in verb.aliases {
            left.push_str(&format!("  (#{alias})"));
        }
        text.push_str(&format!("{:<40} {}\n", left.trim_end(), verb.help));
    }
    text
}

/// What a word behind `#` is.
pub(super) enum Known {
    Verb(&'static Verb),
    /// One typo away from this name or alias.
    Nearly(&'static str),
    Text,
}

/// `word` in lower case.
pub(super) fn look_up(word: &str) -> Known {
    let names = |verb: &'static Verb| std::iter::once(verb.name).chain(verb.aliases.iter().copied());
    if let Some(verb) = VERBS.iter().find(|verb| names(verb).any(|name| name == word)) {
        return Known::Verb(verb);
    }
    let near = |name: &&'static str| word.chars().count() >= 3 && name.len() >= 3 && one_typo(word, name);
    match VERBS.iter().flat_map(names).find(near) {
        Some(name) => Known::Nearly(name),
        None => Known::Text,
    }
}

/// Damerau-Levenshtein distance of exactly one: a letter more, less, other, or two neighbours swapped.
fn one_typo(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a, b) {
        ([_], []) | ([], [_]) | ([_], [_]) => true,
        ([x, y], [u, v]) => x == v && y == u,
        _ => false,
    }
}
