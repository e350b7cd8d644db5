//! A ticket as its events tell it: a fold, and nothing that the events do not say.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::event::{Event, Recorded, RuleHit, Touch, Waiting};
use crate::words::{Actor, Category, ClientKey, ContactId, Login, Minutes, Priority, Status, TicketNumber};

/// What is true of a ticket now.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    pub number: TicketNumber,
    pub subject: String,
    pub source: String,
    pub status: Status,
    pub priority: Priority,
    /// What triage gave, before anybody changed it.
    pub first_priority: Priority,
    pub category: Category,
    pub client: Option<ClientKey>,
    pub requester: Option<ContactId>,
    pub participants: Vec<ContactId>,
    pub assignee: Option<Login>,
    /// The assignee said `#take`: the passing-on stops.
    pub taken: bool,
    pub skill: Option<String>,
    pub tags: Vec<String>,
    pub rules: Vec<RuleHit>,
    /// Why it is `unsorted`, or was.
    pub unsorted: Option<String>,
    /// No human asked for it.
    pub automatic: bool,
    /// Where the clock starts; a merge takes the earliest.
    pub received_at: DateTime<Utc>,
    pub first_touch: Option<FirstTouch>,
    pub wait: Option<Wait>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub merged_into: Option<TicketNumber>,
    /// Resolution notes, oldest first.
    pub fixes: Vec<String>,
    /// All time logged on it, corrections included.
    pub minutes: Minutes,
    /// A sensitive request was approved or verified.
    pub cleared: bool,
    /// How many kind reminders the client got in the present wait.
    pub nudges: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct FirstTouch {
    pub at: DateTime<Utc>,
    pub by: Login,
    pub how: Touch,
    pub declared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    pub since: DateTime<Utc>,
    pub on: Waiting,
    pub until: Option<DateTime<Utc>>,
}

/// The tag of requests that need care: resets, leavers, administrators, bank details.
pub const SENSITIVE: &str = "sensitive";
/// The tag of tickets whose words are for their requester alone: papers for the client's managers show them as confidential.
pub const PRIVATE: &str = "private";

impl Ticket {
    /// `None` when the history does not begin with `Opened`.
    pub fn replay(number: TicketNumber, history: &[Recorded]) -> Option<Ticket> {
        let mut standing = standing(history);
        let first = standing.next()?;
        let mut ticket = Ticket::opened(number, first)?;
        for recorded in standing {
            ticket.apply(recorded);
        }
        Some(ticket)
    }

    fn opened(number: TicketNumber, first: &Recorded) -> Option<Ticket> {
        let Event::Opened {
            subject,
            source,
            requester,
            client,
            priority,
            category,
            tags,
            skill,
            rules,
            unsorted,
            automatic,
        } = &first.event
        else {
            return None;
        };
        Some(Ticket {
            number,
            subject: subject.clone(),
            source: source.clone(),
            status: if unsorted.is_some() { Status::Unsorted } else { Status::New },
            priority: *priority,
            first_priority: *priority,
            category: *category,
            client: client.clone(),
            requester: *requester,
            participants: Vec::new(),
            assignee: None,
            taken: false,
            skill: skill.clone(),
            tags: tags.clone(),
            rules: rules.clone(),
            unsorted: unsorted.clone(),
            automatic: *automatic,
            received_at: first.at,
            first_touch: None,
            wait: None,
            resolved_at: None,
            merged_into: None,
            fixes: Vec::new(),
            minutes: Minutes(0),
            cleared: false,
            nudges: 0,
        })
    }

    /// One more event; `Undone` is handled by `replay`, which leaves the undone ones out.
    pub fn apply(&mut self, recorded: &Recorded) {
        let at = recorded.at;
        match &recorded.event {
            Event::FirstTouched { by, how, declared } => {
                let touch = FirstTouch { at, by: by.clone(), how: *how, declared: *declared };
                self.touch(touch);
            }
            Event::WaitStarted { on, until } => {
                self.wait = Some(Wait { since: at, on: *on, until: *until });
                self.nudges = 0;
                self.status = Status::Waiting;
            }
            Event::WaitEnded => {
                self.wait = None;
                self.status = self.working_status();
            }
            Event::Resolved { .. } => {
                self.wait = None;
                self.resolved_at = Some(at);
                self.status = Status::Resolved;
            }
            Event::Reopened | Event::FiredAgain => {
                self.resolved_at = None;
                self.status = self.working_status();
            }
            Event::Closed => self.status = Status::Closed,
            Event::Merged { into } => {
                self.merged_into = Some(*into);
                self.status = Status::Merged;
            }
            Event::Accepted { client } => {
                self.client = client.clone().or_else(|| self.client.take());
                self.status = self.working_status();
            }
            Event::MarkedSpam => self.status = Status::Spam,
            other => self.describe(other),
        }
    }

    /// Events that change what is known of the ticket, not where it stands; all others change nothing.
    fn describe(&mut self, event: &Event) {
        match event {
            Event::Assigned { to, .. } => {
                self.taken = false;
                self.assignee = to.clone();
            }
            Event::Taken { by } => {
                self.assignee = Some(by.clone());
                self.taken = true;
            }
            Event::PriorityChanged { to, .. } => self.priority = *to,
            Event::Categorised { to, .. } => self.category = *to,
            Event::Tagged { tag } if !self.tags.contains(tag) => self.tags.push(tag.clone()),
            Event::ClientSet { client } => self.client = client.clone(),
            Event::RequesterSet { contact } => self.requester = Some(*contact),
            Event::ParticipantAdded { contact } if !self.participants.contains(contact) => {
                self.participants.push(*contact);
            }
            Event::FixNoted { text } => self.fixes.push(text.clone()),
            Event::MergedFrom { received_at, priority, first_touch_at, first_touch_by, .. } => {
                self.received_at = self.received_at.min(*received_at);
                self.priority = self.priority.min(*priority);
                if let (Some(at), Some(by)) = (*first_touch_at, first_touch_by.clone()) {
                    self.touch(FirstTouch { at, by, how: Touch::Answer, declared: false });
                }
            }
            Event::TimeLogged { minutes, .. } => self.minutes += *minutes,
            Event::Approved { .. } | Event::Verified { .. } => self.cleared = true,
            Event::Nudged { round } => self.nudges = *round,
            _ => {}
        }
    }

    /// The earliest touch counts.
    fn touch(&mut self, touch: FirstTouch) {
        if self.first_touch.as_ref().is_none_or(|first| touch.at < first.at) {
            self.first_touch = Some(touch);
        }
        if self.status == Status::New {
            self.status = Status::Open;
        }
    }

    fn working_status(&self) -> Status {
        if self.first_touch.is_some() { Status::Open } else { Status::New }
    }

    pub fn is_sensitive(&self) -> bool {
        self.tags.iter().any(|tag| tag == SENSITIVE)
    }

    pub fn has_on_it(&self, contact: ContactId) -> bool {
        self.requester == Some(contact) || self.participants.contains(&contact)
    }

    /// Over this much logged time a resolution note is owed.
    pub const NOTE_OWED_ABOVE: Minutes = Minutes(30);

    /// More than 30 minutes are logged and no note of at least a sentence says what was done.
    pub fn owes_note(&self, more: Minutes) -> bool {
        self.minutes + more > Self::NOTE_OWED_ABOVE && !self.fixes.iter().any(|note| is_sentence(note))
    }
}

/// A note of at least a sentence: three words and a dozen letters.
pub fn is_sentence(note: &str) -> bool {
    note.split_whitespace().count() >= 3 && note.chars().filter(|letter| letter.is_alphanumeric()).count() >= 12
}

/// The events that `Undone` did not take back, in order.
pub fn standing(history: &[Recorded]) -> impl Iterator<Item = &Recorded> {
    let undone: HashSet<i64> = history
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::Undone { seqs } => Some(seqs.iter().copied()),
            _ => None,
        })
        .flatten()
        .collect();
    history.iter().filter(move |recorded| !undone.contains(&recorded.seq))
}

/// Says who for people: `sam`, `the client`, `deskd`.
pub fn actor_word(actor: &Actor) -> String {
    match actor {
        Actor::Tech(login) => login.to_string(),
        Actor::Contact(_) => "the client".to_owned(),
        Actor::Stranger => "a stranger".to_owned(),
        Actor::Desk => "deskd".to_owned(),
        Actor::Operator => "the operator".to_owned(),
    }
}
