//! What the notices of one case need to know, read once: the people, the deadlines in their zones, the context for the tech.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;

use super::case::{Case, Unit};
use super::enclosure::{Enclosed, Towards};
use super::letter;
use super::on_it::{OnIt, said_on};
use crate::desk::event::ClockKind;
use crate::desk::firm::{Client, Runbook, Tech};
use crate::desk::sla::{Policy, SlaClock};
use crate::mail::Mailbox;
use crate::notice::{
    AnswerTime, AssignmentFacts, ClientTicketFacts, ContactFacts, MailtoLinks, Moment, PlainReply, RecentTicket,
    RetainerFacts, SensitiveFacts, SimilarTicket, TicketFacts,
};
use crate::store::messages::Message;
use crate::store::people::Contact;
use crate::store::tokens::Purpose;
use crate::store::{StoreError, tickets};
use crate::words::{Login, TicketNumber, is_phone, shown};

/// Read inside the transaction of the change, so that it shows what the change made.
pub struct Picture<'a> {
    case: &'a Case,
    clocks: &'a [SlaClock],
    client: Option<Client>,
    pub requester: Option<Contact>,
    participants: Vec<Contact>,
    /// Language of the client's mails.
    pub language: String,
    /// The words that opened the ticket.
    pub request: String,
    /// The client's latest words.
    pub latest: String,
    /// The last public words of ours.
    pub last_answer: Option<String>,
    assignee_name: Option<String>,
    first: Option<Message>,
}

impl<'a> Picture<'a> {
    pub(super) async fn of(
        unit: &mut Unit<'_>,
        case: &'a Case,
        clocks: &'a [SlaClock],
    ) -> Result<Picture<'a>, StoreError> {
        let ticket = &case.ticket;
        let client = ticket.client.as_ref().and_then(|key| unit.firm().client(key)).cloned();
        let language = client.as_ref().and_then(|client| client.language.clone());
        let all = said_on(unit, case).await?;
        let OnIt { requester, participants } = OnIt::by(unit, case, &all).await?;
        let from_client = |message: &&Message| !message.actor.starts_with("tech:") && message.is_public();
        let latest = all.iter().rev().find(from_client).or(all.last());
        Ok(Picture {
            case,
            clocks,
            requester,
            participants,
            language: language.unwrap_or_else(|| unit.firm().language.clone()),
            request: all.first().map(|message| message.text.clone()).unwrap_or_default(),
            latest: latest.map(|message| message.text.clone()).unwrap_or_default(),
            // The words that opened the ticket are no answer, even where a tech typed them in.
            last_answer: all
                .iter()
                .skip(1)
                .rev()
                .find(|message| message.actor.starts_with("tech:") && message.is_public())
                .map(|message| message.text.clone()),
            assignee_name: ticket
                .assignee
                .as_ref()
                .map(|login| unit.firm().tech(login).map_or_else(|| login.to_string(), |tech| tech.name.clone())),
            first: all.into_iter().next(),
            client,
        })
    }

    pub fn ticket(&self, reader: &Tech) -> TicketFacts {
        let ticket = &self.case.ticket;
        TicketFacts {
            number: ticket.number,
            subject: ticket.subject.clone(),
            client_name: self.client.as_ref().map(|client| client.name.clone()),
            priority: ticket.priority,
            status: ticket.status,
            category: ticket.category,
            requester_name: self.requester.as_ref().map(|contact| contact.name.clone()).filter(|name| !name.is_empty()),
            requester_address: self.requester.as_ref().map(|contact| shown(&contact.address).to_owned()),
            assignee_name: self.assignee_name.clone(),
            received_at: ticket.received_at.with_timezone(&reader.time_zone),
            locked: ticket.is_sensitive() && !ticket.cleared,
        }
    }

    pub fn client_ticket(&self, unit: &Unit<'_>) -> ClientTicketFacts {
        ClientTicketFacts {
            firm: unit.firm().name.clone(),
            number: self.case.ticket.number,
            subject: self.case.ticket.subject.clone(),
            requester_name: self.requester.as_ref().map(|contact| contact.name.clone()).filter(|name| !name.is_empty()),
            now: unit.now,
        }
    }

    fn zone(&self, unit: &Unit<'_>) -> Tz {
        self.client.as_ref().map_or(unit.firm().time_zone, |client| client.time_zone)
    }

    fn clock(&self, kind: ClockKind) -> Option<&SlaClock> {
        self.clocks.iter().find(|clock| clock.kind == kind && clock.stopped_at.is_none())
    }

    pub fn due_of(&self, kind: ClockKind) -> Option<DateTime<Utc>> {
        self.clock(kind).map(|clock| clock.due)
    }

    pub fn first_touch_due(&self, reader: &Tech) -> Option<Moment> {
        self.due_of(ClockKind::FirstTouch).map(|due| due.with_timezone(&reader.time_zone))
    }

    pub fn answer_due(&self, reader: &Tech) -> Option<Moment> {
        let due = self.due_of(ClockKind::Answer).or(self.due_of(ClockKind::FirstTouch))?;
        Some(due.with_timezone(&reader.time_zone))
    }

    /// When a human will answer, as far as the client may know.
    pub fn answer_time(&self, unit: &Unit<'_>) -> AnswerTime {
        let policy = Policy::of(unit.firm(), self.case.ticket.client.as_ref());
        let pace = policy.pace(self.case.ticket.priority);
        let zone = self.zone(unit);
        let calendar = pace.opens.as_ref().unwrap_or(&pace.calendar);
        let opening = calendar.next_open(unit.now);
        let shown = self.client.as_ref().is_some_and(|client| client.show_sla);
        match self.due_of(ClockKind::FirstTouch).filter(|due| shown && *due > unit.now) {
            Some(due) => AnswerTime::By(due.with_timezone(&zone)),
            None if opening > unit.now => AnswerTime::FromOpening(opening.with_timezone(&zone)),
            None => AnswerTime::Soon,
        }
    }

    /// Named outside hours only.
    pub fn emergency_phone(&self, unit: &Unit<'_>) -> Option<String> {
        let client = self.client.as_ref().and_then(|client| client.calendar.as_deref());
        let calendar = unit.firm().calendars.get(client.unwrap_or("office"))?;
        let closed = !calendar.is_open(unit.now);
        unit.firm().emergency_phone.clone().filter(|_| closed)
    }

    /// Everybody at the client who is on the ticket.
    pub fn client_people(&self) -> Vec<Contact> {
        self.requester.iter().chain(&self.participants).cloned().collect()
    }

    pub fn plain_reply(&self, purpose: Purpose) -> PlainReply {
        let names = self.client_people().into_iter().map(|person| match person.name.is_empty() {
            true => person.address,
            false => person.name,
        });
        match purpose {
            Purpose::Public if self.requester.is_some() => PlainReply::ToClient(names.collect()),
            _ => PlainReply::Internal,
        }
    }

    /// What travels to a tech with `text` of the mail that brought the change.
    pub(super) fn arrived(&self, text: &str, cap: u64) -> Enclosed {
        self.case.arrived.as_ref().map_or_else(Enclosed::default, |mail| Enclosed::of(mail, text, cap, Towards::Tech))
    }

    /// What travels with the request; of one that came earlier only the names of its files are known.
    pub(super) fn with_request(&self, cap: u64) -> Enclosed {
        let mut enclosed = self.arrived(&self.request, cap);
        if self.case.arrived.is_none() {
            let named = self.first.as_ref().map(|first| first.attachments.0.iter().map(|file| file.name.clone()));
            enclosed.left_out.extend(named.into_iter().flatten());
        }
        enclosed
    }

    /// The whole context, so that nobody spends half an hour finding it.
    pub(super) async fn assignment(
        &self,
        unit: &mut Unit<'_>,
        case: &Case,
        tech: &Tech,
        enclosed: &Enclosed,
    ) -> Result<AssignmentFacts, StoreError> {
        let ticket = &case.ticket;
        let verdict = self.first.as_ref().and_then(|first| first.verdicts.as_ref()).map(|json| json.0.clone());
        Ok(AssignmentFacts {
            ticket: self.ticket(tech),
            now: unit.now,
            request: self.request.clone(),
            html: enclosed.html.clone(),
            attachments: enclosed.attached(),
            left_out: enclosed.left_out.clone(),
            logos: enclosed.logos.clone(),
            first_touch_due: self.first_touch_due(tech),
            resolve_due: self.due_of(ClockKind::Resolve).map(|due| due.with_timezone(&tech.time_zone)),
            why: case.assignment_reason(),
            from_tech: None,
            pass_reason: None,
            contact: self.contact(unit).await?,
            recent: self.recent(unit, tech).await?,
            similar: self.similar(unit).await?,
            retainer: retainer(unit, ticket.client.as_ref()).await?,
            environment: self.client.as_ref().and_then(|client| client.environment.clone()),
            runbooks: runbooks(unit, case),
            rules: case.ticket.rules.clone(),
            sensitive: ticket.is_sensitive().then(|| self.sensitive(verdict.as_ref())),
            unverified: self.first.as_ref().and_then(|first| first.reason.clone()),
            unvouched_cc: case.unvouched_cc.clone(),
            reply: self.plain_reply(letter::purpose_for(case)),
            links: MailtoLinks::default(),
        })
    }

    async fn contact(&self, unit: &mut Unit<'_>) -> Result<Option<ContactFacts>, StoreError> {
        let Some(contact) = &self.requester else { return Ok(None) };
        let earlier = unit.earlier(contact.id, self.case.ticket.number).await?.count;
        let listed = |list: &Vec<String>| list.contains(&contact.address);
        let person = self.client.as_ref().and_then(|client| {
            client.contacts.iter().find(|person| person.email.as_deref() == Some(contact.address.as_str()))
        });
        // Who has no mail address is known by number.
        let number = Some(contact.address.clone()).filter(|address| is_phone(address));
        Ok(Some(ContactFacts {
            name: contact.name.clone(),
            address: Some(shown(&contact.address).to_owned()).filter(|_| number.is_none()),
            phone: number.or_else(|| person.and_then(|person| person.phone.clone())),
            manager: self.client.as_ref().is_some_and(|client| listed(&client.managers)),
            approver: self.client.as_ref().is_some_and(|client| listed(&client.approvers)),
            earlier_tickets: u32::try_from(earlier).unwrap_or(u32::MAX),
        }))
    }

    async fn recent(&self, unit: &mut Unit<'_>, tech: &Tech) -> Result<Vec<RecentTicket>, StoreError> {
        let Some(contact) = &self.requester else { return Ok(Vec::new()) };
        let rows = unit.earlier(contact.id, self.case.ticket.number).await?.recent;
        let zoned = |row: tickets::Recent| RecentTicket {
            number: row.number,
            subject: row.subject,
            status: row.status,
            at: row.received_at.with_timezone(&tech.time_zone),
        };
        Ok(rows.into_iter().map(zoned).collect())
    }

    /// Resolved tickets of the same client that share a rule or words of the subject, with their notes.
    async fn similar(&self, unit: &mut Unit<'_>) -> Result<Vec<SimilarTicket>, StoreError> {
        let ticket = &self.case.ticket;
        let Some(client) = &ticket.client else { return Ok(Vec::new()) };
        let words = telling_words(&ticket.subject);
        let mut ranked: Vec<(usize, TicketNumber, String)> = unit
            .resolved_of(client, ticket.number)
            .await?
            .iter()
            .map(|(number, subject)| {
                let shared = telling_words(subject).iter().filter(|word| words.contains(word)).count();
                (shared, *number, subject.clone())
            })
            .filter(|(shared, ..)| *shared > 0)
            .collect();
        ranked.sort_by_key(|(shared, number, _)| (std::cmp::Reverse(*shared), std::cmp::Reverse(*number)));
        let mut similar = Vec::new();
        for (_, number, subject) in ranked.into_iter().take(3) {
            similar.push(SimilarTicket { number, subject, note: resolution_note(unit, number).await? });
        }
        Ok(similar)
    }

    fn sensitive(&self, verdict: Option<&serde_json::Value>) -> SensitiveFacts {
        let approvers = self.client.as_ref().map(|client| client.approvers.clone()).unwrap_or_default();
        let address = self.requester.as_ref().map(|contact| contact.address.as_str()).unwrap_or_default();
        SensitiveFacts {
            verified: verdict.is_some_and(super::read::is_authentic),
            approver: approvers.iter().any(|approver| approver == address),
            approvers,
        }
    }
}

/// Cause and cure as the techs wrote it down: the last note, else the last public words.
async fn resolution_note(unit: &mut Unit<'_>, number: TicketNumber) -> Result<Option<String>, StoreError> {
    let history = tickets::history(unit.tx, number).await?;
    let ticket = crate::desk::ticket::Ticket::replay(number, &history);
    Ok(ticket.and_then(|ticket| ticket.fixes.into_iter().next_back()))
}

/// This month's use of a client's retainer.
pub(super) async fn retainer(
    unit: &mut Unit<'_>,
    client: Option<&crate::words::ClientKey>,
) -> Result<Option<RetainerFacts>, StoreError> {
    let Some(client) = client.and_then(|key| unit.firm().client(key)) else { return Ok(None) };
    let today = unit.now.with_timezone(&client.time_zone).date_naive();
    let Some(term) = client.retainer_on(today) else { return Ok(None) };
    let used = unit.retainer_used(&client.key, crate::money::month_of(today)).await?;
    Ok(Some(RetainerFacts {
        client_name: client.name.clone(),
        used,
        bottom: term.bottom,
        top: term.top,
        month: today.month(),
    }))
}

/// Words that tell one subject from another: four letters and more, lower case.
fn telling_words(subject: &str) -> Vec<String> {
    let words = subject.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| word.chars().count() > 3).map(str::to_lowercase).collect()
}

/// How a person is written to.
pub(super) fn mailbox(contact: &Contact) -> Mailbox {
    Mailbox { name: contact.name.clone(), address: contact.address.clone() }
}

/// The tech's name, or the login of one who has left.
pub(super) fn tech_name(unit: &Unit<'_>, login: &Login) -> String {
    unit.firm().tech(login).map_or_else(|| login.to_string(), |tech| tech.name.clone())
}

/// So many are shown, the first of the config first.
const RUNBOOKS: usize = 5;

fn runbooks(unit: &Unit<'_>, case: &Case) -> Vec<(String, String)> {
    let ticket = &case.ticket;
    let fits = |runbook: &&Runbook| runbook.fits(ticket.skill.as_deref(), &ticket.tags, ticket.client.as_ref());
    let all = unit.firm().runbooks.iter().filter(fits);
    all.take(RUNBOOKS).map(|runbook| (runbook.name.clone(), runbook.at.clone())).collect()
}
