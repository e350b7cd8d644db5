//! What one tech's mail asks for: its directives and its text, carried out all together or not at all.

use chrono::NaiveDate;

use super::action::{ActError, Action, TimeMore};
use super::approval;
use super::case::{Case, Deed, Unit};
use super::client::contact_for;
use super::enclosure::{Enclosed, Towards};
use super::letter;
use super::maintain;
use super::on_it::OnIt;
use super::one_person;
use super::read::Ready;
use super::relay::{self, Relay};
use super::tell::{Answer, Tell};
use super::texting::{self, KeptOut};
use super::worklog;
use crate::desk::directive::{Directive, Line, Reading, Refusal};
use crate::desk::event::Touch;
use crate::desk::firm::Tech;
use crate::desk::ticket::is_sentence;
use crate::mail::picture::without_labels;
use crate::notice::Effect;
use crate::store::StoreError;
use crate::store::messages::{self, NewMessage};
use crate::store::tokens::Purpose;
use crate::words::{Actor, Category, ClientKey, ContactId, Login, Minutes, TicketNumber};

/// A line that was refused, and the mail put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub line: String,
    pub why: String,
    pub suggestions: Vec<String>,
}

#[derive(Debug)]
pub(super) enum NotDone {
    Refused(Refused),
    Store(StoreError),
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> NotDone {
        NotDone::Store(error)
    }
}

/// What was done to one ticket.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Done {
    pub effects: Vec<Effect>,
    pub logged: bool,
    pub ask_time: bool,
    pub ask_note: Option<Minutes>,
    pub left_out: Vec<String>,
    /// Pictures of the HTML that the relayed words, read from the plain text, do not name.
    pub unplaced: Vec<String>,
    /// Files that the client's chat does not take.
    pub kept_out: Option<KeptOut>,
    pub help: bool,
    /// The category changed, and these entries keep theirs: number, minutes, category.
    pub review: Option<Vec<String>>,
    /// Words beside `#approve` stayed with the firm.
    pub kept_beside_question: bool,
}

/// A mail's directives and text, understood.
pub(super) struct Orders<'a> {
    tech: &'a Tech,
    ready: &'a Ready,
    lines: Vec<(String, Directive)>,
    /// What goes to the client; `None` when everything is internal or nothing was said.
    relay: Option<Relay>,
    /// What stays with the firm.
    internal: Option<String>,
    /// An approver is asked.
    asks: bool,
}

pub(super) fn refusal(line: &str, why: Refusal) -> NotDone {
    NotDone::Refused(Refused { line: line.to_owned(), why: why.why, suggestions: why.suggestions })
}

pub(super) fn refused(line: &str, why: impl Into<String>) -> NotDone {
    NotDone::Refused(Refused { line: line.to_owned(), why: why.into(), suggestions: Vec::new() })
}

pub(super) fn by_line(line: &str) -> impl Fn(ActError) -> NotDone + '_ {
    move |error| match error {
        ActError::Refused(why) => refused(line, why),
        ActError::Store(error) => NotDone::Store(error),
    }
}

impl<'a> Orders<'a> {
    /// The first line that cannot be done stops everything.
    pub(super) fn new(
        tech: &'a Tech,
        ready: &'a Ready,
        purpose: Purpose,
        reading: Reading,
    ) -> Result<Orders<'a>, (String, Refusal)> {
        let mut lines = Vec::new();
        for Line { raw, ticket, parsed } in reading.lines {
            match parsed {
                Ok(_) if ticket.is_some() => {
                    let why =
                        "this mail is about one ticket; a line for another belongs into an answer to a list".to_owned();
                    return Err((raw, Refusal { why, suggestions: Vec::new() }));
                }
                Ok(directive) => lines.push((raw, directive)),
                Err(why) => return Err((raw, why)),
            }
        }
        let is = |wanted: &Directive| lines.iter().any(|(_, directive)| directive == wanted);
        // What stands beside a question to an approver is no answer to who asked for it.
        let asks = lines.iter().any(|(_, directive)| matches!(directive, Directive::Approve { .. }));
        let public = !is(&Directive::Note) && (purpose == Purpose::Public && !asks || is(&Directive::Reply));
        let text = reading.rest.trim().to_owned();
        let files = ready.mail.attachments.iter().any(|file| !file.inline);
        // A bare signature says nothing: no answer, no first touch.
        let says = files || !relay::words(&text).is_empty();
        let (relay, internal) = match (public, says) {
            (true, true) => {
                let relay = Relay::filter(&text, ready.new.sure, &ready.mail.attachments)
                    .map_err(|why| (first_line(&text), Refusal { why, suggestions: Vec::new() }))?;
                (Some(relay), None)
            }
            (false, true) => (None, Some(text)),
            (_, false) => (None, None),
        };
        Ok(Orders { tech, ready, lines, relay, internal, asks })
    }

    fn deed(&self) -> Deed {
        Deed { actor: Actor::Tech(self.tech.login.clone()), at: self.ready.row.arrived_at, cause: self.ready.cause() }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Corrections first, then the words, then what ends or pauses the work.
pub(super) async fn carry_out(unit: &mut Unit<'_>, case: &mut Case, orders: &Orders<'_>) -> Result<Done, NotDone> {
    let deed = orders.deed();
    let mut done = Done::default();
    let ends = |directive: &Directive| {
        matches!(
            directive,
            Directive::Done { .. } | Directive::Wait { .. } | Directive::Merge { .. } | Directive::Pass { .. }
        )
    };
    for (line, directive) in orders.lines.iter().filter(|(_, directive)| !ends(directive)) {
        order(unit, case, &deed, (line, directive, orders.tech), &mut done).await?;
    }
    let finishing = orders.lines.iter().find(|(_, directive)| matches!(directive, Directive::Done { .. }));
    if let Some((line, Directive::Done { minutes: Some(minutes), category })) = finishing {
        let today = deed.at.with_timezone(&orders.tech.time_zone).date_naive();
        log(unit, case, &deed, line, orders.tech, (*minutes, *category, today, None), &mut done).await?;
    }
    let resolves = match finishing {
        Some((line, _)) => prepare_resolution(unit, case, &deed, orders, line, &mut done).await?,
        None => false,
    };
    let answered = speak(unit, case, &deed, orders, resolves, &mut done).await?;
    if let Some((line, _)) = finishing.filter(|_| resolves) {
        let resolve = Action::Resolve { by: orders.tech.login.clone(), answered };
        done.effects.extend(case.act(unit, &deed, resolve).await.map_err(by_line(line))?);
        done.ask_time = case.ticket.minutes == Minutes(0);
    }
    for (line, directive) in orders.lines.iter().filter(|(_, directive)| ends(directive)) {
        if !matches!(directive, Directive::Done { .. }) {
            order(unit, case, &deed, (line, directive, orders.tech), &mut done).await?;
        }
    }
    Ok(done)
}

/// The mail's text is the resolution note. Without one that is owed, answer and time stand and the ticket stays open.
async fn prepare_resolution(
    unit: &mut Unit<'_>,
    case: &mut Case,
    deed: &Deed,
    orders: &Orders<'_>,
    line: &str,
    done: &mut Done,
) -> Result<bool, NotDone> {
    let text = orders.relay.as_ref().map_or(orders.internal.as_deref().unwrap_or_default(), Relay::text);
    if is_sentence(&without_labels(text)) {
        let fix = Action::Fix { text: text.to_owned() };
        case.act(unit, deed, fix).await.map_err(by_line(line))?;
    }
    if case.ticket.owes_note(Minutes(0)) {
        done.ask_note = Some(case.ticket.minutes);
        return Ok(false);
    }
    Ok(true)
}

/// Relays or keeps the mail's text; true when something went to the client.
async fn speak(
    unit: &mut Unit<'_>,
    case: &mut Case,
    deed: &Deed,
    orders: &Orders<'_>,
    resolves: bool,
    done: &mut Done,
) -> Result<bool, NotDone> {
    if let Some(internal) = &orders.internal {
        let message = keep(unit, case, deed, orders, (internal, None)).await?;
        let note = Action::Note { message, reason: None };
        done.kept_beside_question = orders.asks;
        done.effects.extend(case.act(unit, deed, note).await.map_err(by_line(""))?);
    }
    let Some(relay) = &orders.relay else { return Ok(false) };
    if case.ticket.requester.is_none() {
        return Err(refused(
            &first_line(relay.text()),
            "nobody at the client is on this ticket; name one with #from, or add #note",
        ));
    }
    let people = OnIt::of(unit, case).await?;
    let there = texting::heard_there(unit, case, orders.ready).await?;
    let reached = reached(unit, &people, orders.ready, there).await?;
    let message_id = letter::client_message_id(unit, case).await?;
    let message = keep(unit, case, deed, orders, (relay.text(), Some(&message_id))).await?;
    let answer = Action::Answer { message, by: orders.tech.login.clone() };
    case.act(unit, deed, answer).await.map_err(by_line(&first_line(relay.text())))?;
    let enclosed = Enclosed::of(&orders.ready.mail, relay.text(), unit.firm().attachment_cap, Towards::Client);
    let others = people.all().filter(|person| !reached.contains(&person.id));
    let to: Vec<String> = others.map(|person| person.address.clone()).collect();
    done.left_out.clone_from(&enclosed.left_out);
    done.unplaced.clone_from(&enclosed.unplaced);
    if !there {
        done.kept_out = texting::kept_out(unit, case, people.requester.as_ref(), &enclosed.files).await?;
    }
    done.effects.push(if to.is_empty() { Effect::AlreadySent } else { Effect::Answered { to } });
    case.tell.push(Tell::Answer(Answer {
        message,
        message_id,
        by: orders.tech.login.clone(),
        text: relay.text().to_owned(),
        resolved: resolves,
        enclosed,
        reached,
    }));
    Ok(true)
}

/// Who has read the words already: at whichever address the tech's own mail went to, or where the client spoke last.
async fn reached(unit: &mut Unit<'_>, people: &OnIt, ready: &Ready, there: bool) -> Result<Vec<ContactId>, StoreError> {
    let mut reached: Vec<ContactId> = people.requester.iter().filter(|_| there).map(|requester| requester.id).collect();
    for mailbox in ready.mail.to.iter().chain(&ready.mail.cc) {
        let contact = unit.contact_by_address(&mailbox.address.to_lowercase()).await?.map(|contact| contact.id);
        reached.extend(contact.filter(|id| people.all().any(|person| person.id == *id)));
    }
    Ok(reached)
}

/// Stores the words; public ones under the Message-ID that the client will see.
async fn keep(
    unit: &mut Unit<'_>,
    case: &Case,
    deed: &Deed,
    orders: &Orders<'_>,
    (text, public_id): (&str, Option<&str>),
) -> Result<crate::words::MessageRow, StoreError> {
    let address = orders.ready.sender();
    let new = NewMessage {
        ticket: case.ticket.number,
        inbound: Some(orders.ready.row.id),
        public: public_id.is_some(),
        actor: deed.actor.to_string(),
        sender_name: &orders.tech.name,
        sender_address: &address,
        subject: &orders.ready.mail.subject,
        message_id: public_id.or(orders.ready.mail.message_id.as_deref()),
        at: orders.ready.row.arrived_at,
        text,
        files: orders.ready.files(),
        verdicts: orders.ready.verdict_json(),
        reason: None,
        place: None,
    };
    messages::insert(unit.tx, new).await
}

/// Minutes, category, day, note of one entry.
type TimeOrder = (Minutes, Option<Category>, NaiveDate, Option<String>);

pub(super) async fn log(
    unit: &mut Unit<'_>,
    case: &mut Case,
    deed: &Deed,
    line: &str,
    tech: &Tech,
    (minutes, category, day, note): TimeOrder,
    done: &mut Done,
) -> Result<(), NotDone> {
    let action = Action::LogTime { by: tech.login.clone(), minutes, category, day, note, more: TimeMore::default() };
    done.effects.extend(case.act(unit, deed, action).await.map_err(by_line(line))?);
    done.logged = true;
    Ok(())
}

/// One directive, but for `#done`, whose parts `carry_out` orders itself.
pub(super) async fn order(
    unit: &mut Unit<'_>,
    case: &mut Case,
    deed: &Deed,
    (line, directive, tech): (&str, &Directive, &Tech),
    done: &mut Done,
) -> Result<(), NotDone> {
    let by = tech.login.clone();
    let action = match directive {
        Directive::Done { .. } | Directive::Note | Directive::Reply => return Ok(()),
        Directive::Help | Directive::Cc { .. } | Directive::Link { .. } | Directive::Maintenance { .. } => {
            return beside(unit, case, deed, (line, directive, tech), done).await;
        }
        Directive::Recat { .. } | Directive::WriteOff { .. } => {
            return beside(unit, case, deed, (line, directive, tech), done).await;
        }
        Directive::Time { minutes, category, day, note } => {
            let entry = (*minutes, *category, *day, note.clone());
            return log(unit, case, deed, line, tech, entry, done).await;
        }
        Directive::Fix { text } => Action::Fix { text: text.clone() },
        Directive::Take => Action::Take { by },
        Directive::Assign { to } => Action::Assign { to: person(unit, tech, to).map_err(|why| refused(line, why))? },
        Directive::Pass { why } => {
            Action::Pass { by, why: why.clone().unwrap_or_else(|| "no reason given".to_owned()) }
        }
        Directive::Priority { to, why } => Action::Prioritise { to: *to, why: why.clone() },
        Directive::Cat { to } => {
            let warranty_of = warranty_named(line);
            Action::Categorise { to: *to, warranty_of }
        }
        Directive::Warranty { of } => Action::Categorise { to: Category::Warranty, warranty_of: *of },
        Directive::Wait { on, until } => Action::Wait { on: *on, until: *until },
        Directive::Open => Action::Open,
        Directive::Called { at } => Action::Touch { by, at: at.unwrap_or(deed.at), how: Touch::Phone },
        Directive::Onsite { at } => Action::Touch { by, at: at.unwrap_or(deed.at), how: Touch::Onsite },
        Directive::Tag { tag } => Action::Tag { tag: tag.clone() },
        Directive::Client { key } => Action::SetClient { client: ClientKey(key.to_lowercase()) },
        Directive::From { address } => Action::SetRequester { contact: contact_for(unit, address, "").await?.id },
        Directive::Merge { with } => Action::Merge { into: *with },
        Directive::Accept { client } => {
            Action::Accept { client: client.as_ref().map(|key| ClientKey(key.to_lowercase())) }
        }
        Directive::Spam => Action::Spam,
        Directive::Ack => Action::Acknowledge { by },
        Directive::Approve { who } => {
            let (address, name) = approval::approver(unit, case, who).map_err(|why| refused(line, why))?;
            Action::AskApproval { address, name }
        }
        Directive::Verified { how } => Action::Verify { how: how.clone() },
        Directive::Undo => Action::Undo { by },
    };
    let sorts = if let Action::Categorise { to, .. } = &action { Some(*to) } else { None };
    done.effects.extend(case.act(unit, deed, action).await.map_err(by_line(line))?);
    if let Some(to) = sorts {
        done.review = worklog::of_other_category(unit, case.ticket.number, to).await?;
    }
    Ok(())
}

/// What is no single action on the ticket.
async fn beside(
    unit: &mut Unit<'_>,
    case: &mut Case,
    deed: &Deed,
    (line, directive, tech): (&str, &Directive, &Tech),
    done: &mut Done,
) -> Result<(), NotDone> {
    match directive {
        Directive::Help => done.help = true,
        Directive::Cc { addresses } => {
            for address in addresses {
                let contact = contact_for(unit, address, "").await?.id;
                let action = Action::AddParticipant { contact };
                done.effects.extend(case.act(unit, deed, action).await.map_err(by_line(line))?);
            }
        }
        Directive::Link { address } => {
            done.effects.push(one_person::by_tech(unit, case, address).await.map_err(by_line(line))?);
        }
        Directive::Maintenance { client, window } => {
            done.effects.push(maintain::note(unit, tech, line, client, *window).await?);
        }
        Directive::Recat { entry, to } => {
            let effects = worklog::recategorise(unit, Some(&mut *case), deed, (*entry, *to, tech)).await;
            done.effects.extend(effects.map_err(by_line(line))?);
        }
        Directive::WriteOff { entry, why } => {
            done.effects.push(worklog::write_off(unit, tech, *entry, why).await.map_err(by_line(line))?);
        }
        _ => {}
    }
    Ok(())
}

/// `#cat warranty #987` names the ticket on the same line.
fn warranty_named(line: &str) -> Option<TicketNumber> {
    line.split_whitespace().skip(1).find_map(|word| word.strip_prefix('#')?.parse().ok().map(TicketNumber))
}

/// A login, an address, a first name that only one has, or `me`.
fn person(unit: &Unit<'_>, tech: &Tech, word: &str) -> Result<Login, String> {
    let firm = unit.firm();
    if word.eq_ignore_ascii_case("me") {
        return Ok(tech.login.clone());
    }
    let lower = word.to_lowercase();
    let exact = firm.techs.iter().find(|tech| tech.login.0 == lower || tech.emails.contains(&lower));
    if let Some(found) = exact {
        return Ok(found.login.clone());
    }
    let named: Vec<&Tech> = firm
        .techs
        .iter()
        .filter(|tech| {
            let name = tech.name.to_lowercase();
            name == lower || name.split_whitespace().next() == Some(lower.as_str())
        })
        .collect();
    match named.as_slice() {
        [one] => Ok(one.login.clone()),
        [] => Err(format!("there is no tech \"{word}\"; the logins are: {}", logins(unit))),
        _ => Err(format!("\"{word}\" is more than one tech; use the login: {}", logins(unit))),
    }
}

fn logins(unit: &Unit<'_>) -> String {
    unit.firm().techs.iter().map(|tech| tech.login.0.as_str()).collect::<Vec<_>>().join(", ")
}
