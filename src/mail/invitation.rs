//! Invitations to a meeting: an iCalendar request (RFC 5545, RFC 5546) as the part of a mail that mail programs offer to accept (RFC 6047).

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};

use super::{Attachment, Mailbox};

/// What makes a part an invitation; `build` puts it beside the text instead of behind it.
pub(super) const REQUEST: &str = "text/calendar; charset=utf-8; method=REQUEST";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Stays the same when the meeting is moved.
    pub uid: String,
    /// One more each time it is moved.
    pub sequence: u32,
    pub summary: String,
    pub starts: DateTime<Utc>,
    pub ends: DateTime<Utc>,
    pub written_at: DateTime<Utc>,
    pub organizer: Mailbox,
    pub attendees: Vec<Mailbox>,
}

impl Invitation {
    pub fn part(&self) -> Attachment {
        Attachment {
            name: "invitation.ics".to_owned(),
            content_type: REQUEST.to_owned(),
            content_id: None,
            inline: false,
            decoration: false,
            bytes: self.calendar().into_bytes(),
        }
    }

    fn calendar(&self) -> String {
        let mut event = Event::with_uid(&self.uid);
        event
            .sequence(self.sequence)
            .summary(&self.summary)
            .timestamp(self.written_at)
            .starts(self.starts)
            .ends(self.ends)
            .status(EventStatus::Confirmed)
            .append_property(person("ORGANIZER", &self.organizer).done());
        for attendee in &self.attendees {
            let mut attendee = person("ATTENDEE", attendee);
            attendee
                .add_parameter("CUTYPE", "INDIVIDUAL")
                .add_parameter("ROLE", "REQ-PARTICIPANT")
                .add_parameter("PARTSTAT", "NEEDS-ACTION")
                // An answer would come to the desk, where nobody waits for it.
                .add_parameter("RSVP", "FALSE");
            event.append_multi_property(attendee.done());
        }
        let mut calendar = Calendar::empty();
        for (key, value) in
            [("VERSION", "2.0"), ("PRODID", "-//deskd//deskd//EN"), ("CALSCALE", "GREGORIAN"), ("METHOD", "REQUEST")]
        {
            calendar.append_property(Property::new(key, value));
        }
        calendar.push(event.done());
        calendar.to_string()
    }
}

/// A calendar user (RFC 5545 section 3.3.3); a name may hold neither quotes nor control characters (section 3.2).
fn person(key: &str, who: &Mailbox) -> Property {
    let plain = |text: &str| text.chars().filter(|letter| !letter.is_control() && *letter != '"').collect::<String>();
    let mut property = Property::new(key, format!("mailto:{}", plain(&who.address)));
    if !who.name.is_empty() {
        property.add_parameter("CN", &plain(&who.name));
    }
    property
}
