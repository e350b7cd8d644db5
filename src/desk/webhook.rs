//! What the firm's own programs are told of tickets and statements (`[[webhook]]`).

use super::event::Event;

/// One kind of news; `as_str` is its name in the config, `type_name` the `type` of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Created,
    Assigned,
    FirstTouch,
    Breached,
    Resolved,
    Reopened,
    TimeLogged,
    /// Of no ticket: a month's statement was frozen and is on its way to the client.
    StatementIssued,
}

/// A program that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub name: String,
    pub of: Vec<News>,
}

impl News {
    pub const ALL: [News; 8] = [
        News::Created,
        News::Assigned,
        News::FirstTouch,
        News::Breached,
        News::Resolved,
        News::Reopened,
        News::TimeLogged,
        News::StatementIssued,
    ];

    /// What an event is told as; `None`: nobody is told of it.
    pub fn of(event: &Event) -> Option<News> {
        match event {
            Event::Opened { .. } => Some(News::Created),
            Event::Assigned { .. } | Event::Taken { .. } => Some(News::Assigned),
            Event::FirstTouched { .. } => Some(News::FirstTouch),
            Event::Breached { .. } => Some(News::Breached),
            Event::Resolved { .. } => Some(News::Resolved),
            Event::Reopened | Event::FiredAgain => Some(News::Reopened),
            Event::TimeLogged { .. } => Some(News::TimeLogged),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            News::StatementIssued => "statement_issued",
            of_ticket => of_ticket.type_name().trim_start_matches("ticket."),
        }
    }

    pub fn type_name(self) -> &'static str {
        match self {
            News::Created => "ticket.created",
            News::Assigned => "ticket.assigned",
            News::FirstTouch => "ticket.first_touch",
            News::Breached => "ticket.breached",
            News::Resolved => "ticket.resolved",
            News::Reopened => "ticket.reopened",
            News::TimeLogged => "ticket.time_logged",
            News::StatementIssued => "statement.issued",
        }
    }
}

impl Webhook {
    /// Its channel in the outbox.
    pub fn channel(&self) -> String {
        channel(&self.name)
    }
}

/// `webhook/crm`
pub fn channel(name: &str) -> String {
    format!("webhook/{name}")
}
