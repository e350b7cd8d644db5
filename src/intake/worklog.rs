//! Time on a ticket: entries with a category, and corrections that are entries of their own.

use chrono::NaiveDate;

use super::action::{ActError, Action, TimeMore};
use super::case::{Case, Deed, Unit};
use super::usage;
use crate::desk::event::{Event, Recorded};
use crate::desk::firm::Tech;
use crate::notice::Effect;
use crate::store::{StoreError, billing, leaks, time};
use crate::words::{Category, ClientKey, Login, Minutes, TicketNumber};

/// One time entry as a tech asks for it.
pub(super) struct Work {
    pub by: Login,
    pub minutes: Minutes,
    pub category: Option<Category>,
    pub day: NaiveDate,
    pub note: Option<String>,
    pub more: TimeMore,
}

/// Time that is typed in for a tech (`deskd time add`, an import).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTime {
    pub tech: Login,
    pub ticket: Option<TicketNumber>,
    /// Where there is no ticket.
    pub client: Option<ClientKey>,
    pub minutes: Minutes,
    pub category: Option<Category>,
    pub day: NaiveDate,
    pub note: Option<String>,
    pub after_hours: bool,
    pub unbillable: Option<String>,
}

/// Who types in what others worked.
const COMMAND_LINE: &str = "command line";
/// More than this in one entry is a slip.
const LONGEST: Minutes = Minutes(12 * 60);

/// Logs time on a ticket or for a client; gives the entry's number.
pub async fn add_time(unit: &mut Unit<'_>, new: &NewTime) -> Result<i64, ActError> {
    let refuse = |why: String| Err(ActError::refused(why));
    if unit.firm().tech(&new.tech).is_none() {
        return refuse(format!("there is no tech \"{}\"", new.tech));
    }
    if new.minutes <= Minutes(0) || new.minutes > LONGEST {
        return refuse(format!(
            "{} is no time of one day: write up to {LONGEST}; deskd time correct takes back",
            new.minutes
        ));
    }
    let today = unit.now.with_timezone(&unit.firm().time_zone).date_naive();
    if new.day > today {
        return refuse(format!("{} is in the future", new.day));
    }
    let more = TimeMore {
        after_hours: new.after_hours,
        unbillable: new.unbillable.clone(),
        entered_by: Some(COMMAND_LINE.to_owned()),
    };
    if let Some(number) = new.ticket {
        let Some(mut case) = Case::found(unit, number).await? else {
            return refuse(format!("there is no ticket {number}"));
        };
        let deed = Deed::by_desk(unit.now, "cli:time");
        let action = Action::LogTime {
            by: new.tech.clone(),
            minutes: new.minutes,
            category: new.category,
            day: new.day,
            note: new.note.clone(),
            more,
        };
        case.act(unit, &deed, action).await?;
        let entry = case.history().iter().rev().find_map(|recorded| match recorded.event {
            Event::TimeLogged { entry, .. } => Some(entry),
            _ => None,
        });
        case.save(unit).await?;
        return entry.ok_or_else(|| ActError::refused("the entry was not made"));
    }
    for_client(unit, new, &more).await
}

async fn for_client(unit: &mut Unit<'_>, new: &NewTime, more: &TimeMore) -> Result<i64, ActError> {
    let client = new.client.as_ref().and_then(|key| unit.firm().client(key));
    let Some(client) = client.cloned() else {
        let key = new.client.as_ref().map_or_else(String::new, ToString::to_string);
        return Err(ActError::refused(format!("there is no client \"{key}\"")));
    };
    let category = new.category.or(client.default_category).unwrap_or(unit.firm().default_category);
    if category == Category::Retainer && client.retainer_on(new.day).is_none() {
        return Err(ActError::refused(format!("{} has no retainer that covers {}", client.name, new.day)));
    }
    let entry = time::NewEntry {
        client: Some(&client.key),
        note: new.note.as_deref(),
        after_hours: more.after_hours,
        unbillable: more.unbillable.as_deref(),
        entered_by: more.entered_by.as_deref(),
        ..time::NewEntry::new(&new.tech, new.minutes, category, new.day, unit.now)
    };
    let id = time::insert(unit.tx, &entry).await?;
    usage::announce(unit, &client.key, new.day).await?;
    Ok(id)
}

/// An entry comes to `to` minutes: the difference is an entry of its own, on the same day. Gives its number and what it says; `None`
/// where it comes to that already.
pub async fn correct_time(
    unit: &mut Unit<'_>,
    id: i64,
    to: Minutes,
    why: &str,
) -> Result<Option<(i64, Minutes)>, ActError> {
    let Some(entry) = time::one(unit.tx, id).await? else {
        return Err(ActError::refused(format!("there is no entry e{id}")));
    };
    if let Some(first) = entry.corrects {
        return Err(ActError::refused(format!("e{id} corrects e{first} itself: correct that one")));
    }
    let by = to - time::net(unit.tx, id).await?;
    if by == Minutes(0) {
        return Ok(None);
    }
    let new = time::NewEntry {
        ticket: entry.ticket,
        client: entry.client.as_ref(),
        note: Some(why),
        corrects: Some(id),
        after_hours: entry.after_hours,
        unbillable: entry.reason.as_deref(),
        entered_by: Some(COMMAND_LINE),
        ..time::NewEntry::new(&entry.tech, by, entry.category, entry.work_date, unit.now)
    };
    let made = time::insert(unit.tx, &new).await?;
    if let Some(number) = entry.ticket
        && let Some(mut case) = Case::found(unit, number).await?
    {
        let deed = Deed::by_desk(unit.now, "cli:time");
        let (tech, category, day) = (entry.tech.clone(), entry.category, entry.work_date);
        case.record(unit, &deed, Event::TimeLogged { entry: made, tech, minutes: by, category, day });
        case.save(unit).await?;
    }
    if let Some(client) = &entry.client {
        usage::announce(unit, client, entry.work_date).await?;
    }
    Ok(Some((made, by)))
}

/// `#time 2h after-hours replaced the disk`: nobody but the tech knows when the work was done.
fn says_after_hours(note: &str) -> bool {
    let words = note.to_lowercase().replace(['-', '_'], " ");
    words == "after hours" || words.starts_with("after hours ") || words.ends_with(" after hours")
}

impl Case {
    pub(super) async fn log_time(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        work: Work,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("log time")?;
        let number = self.ticket.number;
        let mut category = work.category.unwrap_or(self.ticket.category);
        let (mut corrects, mut unbillable) = (None, work.more.unbillable.clone());
        let mut client = self.ticket.client.clone();
        let mut after_hours = work.more.after_hours || work.note.as_deref().is_some_and(says_after_hours);
        if work.minutes < Minutes(0) {
            let entries = time::of_tech_on(unit.tx, number, &work.by).await?;
            let sum: Minutes = entries.iter().map(|entry| entry.minutes).sum();
            let Some(last) = entries.iter().find(|entry| entry.minutes > Minutes(0)) else {
                return Err(ActError::refused(format!("you have logged no time on {number} that could be corrected")));
            };
            if sum + work.minutes < Minutes(0) {
                return Err(ActError::refused(format!(
                    "you have logged {sum} on {number}; no more than that can be taken back"
                )));
            }
            corrects = Some(last.id);
            category = work.category.unwrap_or(last.category);
            after_hours = last.after_hours;
            unbillable = last.reason.clone();
            client.clone_from(&last.client);
        }
        let day = if corrects.is_some() { self.corrected_day(unit, &work).await? } else { work.day };
        if category == Category::Retainer && corrects.is_none() {
            let instead = format!("#time {} tm (or project, or warranty)", work.minutes);
            self.must_have_retainer(unit, day, &instead)?;
        }
        let entry = time::insert(
            unit.tx,
            &time::NewEntry {
                ticket: Some(number),
                client: client.as_ref(),
                note: work.note.as_deref(),
                corrects,
                after_hours,
                unbillable: unbillable.as_deref(),
                entered_by: work.more.entered_by.as_deref(),
                ..time::NewEntry::new(&work.by, work.minutes, category, day, unit.now)
            },
        )
        .await?;
        let event = Event::TimeLogged { entry, tech: work.by, minutes: work.minutes, category, day };
        self.record(unit, deed, event);
        if let Some(client) = client {
            usage::announce(unit, &client, day).await?;
        }
        let zone = unit.firm().time_zone;
        let shown = (day != unit.now.with_timezone(&zone).date_naive())
            .then(|| crate::desk::calendar::start_of_day(zone, day).with_timezone(&zone));
        Ok(vec![Effect::Time { minutes: work.minutes, category, day: shown }])
    }

    /// Work on a retainer needs one that covers the day; `instead` is what to write where there is none.
    pub(super) fn must_have_retainer(&self, unit: &Unit<'_>, day: NaiveDate, instead: &str) -> Result<(), ActError> {
        let number = self.ticket.number;
        let Some(client) = self.ticket.client.as_ref().and_then(|key| unit.firm().client(key)) else {
            return Err(ActError::refused(format!(
                "{number} has no client, and so no retainer: write {instead}, or name the client with #client first"
            )));
        };
        if client.retainer_on(day).is_some() {
            return Ok(());
        }
        let none = if client.retainers.is_empty() {
            format!("{} has no retainer", client.name)
        } else {
            format!("{} has no retainer that covers {}", client.name, day.format("%-d %B %Y"))
        };
        Err(ActError::refused(format!("{none}: write {instead}, or correct the ticket with #client")))
    }

    /// A correction counts on the day of the entry that it corrects.
    async fn corrected_day(&self, unit: &mut Unit<'_>, work: &Work) -> Result<NaiveDate, ActError> {
        let entries = time::of_tech_on(unit.tx, self.ticket.number, &work.by).await?;
        let last = entries.iter().find(|entry| entry.minutes > Minutes(0));
        Ok(last.map_or(work.day, |entry| entry.work_date))
    }
}

/// Entries of a ticket that its new category leaves as they are, for a look: `e12 25m retainer`.
pub(super) async fn of_other_category(
    unit: &mut Unit<'_>,
    number: TicketNumber,
    to: Category,
) -> Result<Option<Vec<String>>, StoreError> {
    let entries = time::of_ticket(unit.tx, number).await?;
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| entry.corrects.is_none() && entry.category != to) {
        let net: Minutes =
            entries.iter().filter(|other| other.corrects == Some(entry.id)).map(|other| other.minutes).sum();
        if entry.minutes + net > Minutes(0) {
            found.push(format!("e{} {} {}", entry.id, entry.minutes + net, entry.category));
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

/// `#recat e12 tm`: the entry is taken back, and stands anew under another category. By who worked, or a manager. `held` is the ticket
/// in hand, where it is this entry's.
pub(super) async fn recategorise(
    unit: &mut Unit<'_>,
    held: Option<&mut Case>,
    deed: &Deed,
    (id, to, by): (i64, Category, &Tech),
) -> Result<Vec<Effect>, ActError> {
    let entry = time::one(unit.tx, id).await?.filter(|entry| entry.tech == by.login || by.manager);
    let Some(entry) = entry else {
        return Err(ActError::refused(format!("you have no entry e{id}; managers may change those of others")));
    };
    let net = time::net(unit.tx, id).await?;
    if entry.corrects.is_some() || net <= Minutes(0) {
        return Err(ActError::refused(format!("nothing is left of e{id}")));
    }
    if billing::is_written_off(unit.tx, id).await? {
        return Err(ActError::refused(format!("e{id} was written off")));
    }
    if entry.category == to {
        return Err(ActError::refused(format!("e{id} is {to} already")));
    }
    let client = entry.client.as_ref().and_then(|key| unit.firm().client(key)).cloned();
    if to == Category::Retainer && client.is_none_or(|client| client.retainer_on(entry.work_date).is_none()) {
        return Err(ActError::refused(format!("no retainer covers {}", entry.work_date)));
    }
    let here = held.as_ref().map(|case| case.ticket.number);
    let mut loaded = match entry.ticket {
        Some(number) if here != Some(number) => Case::found(unit, number).await?,
        _ => None,
    };
    // Its ticket may have come into the one in hand.
    let is_held = entry.ticket == here || loaded.as_ref().is_some_and(|case| Some(case.ticket.number) == here);
    loaded = loaded.filter(|_| !is_held);
    let mut case = loaded.as_mut().or(held.filter(|_| is_held));
    if to == Category::Warranty && !case.as_ref().is_some_and(|case| makes_good(case.history())) {
        return Err(ActError::refused("warranty needs the ticket that it makes good: #cat warranty #987 first"));
    }
    let mut now = id;
    for (minutes, category, corrects) in [(-net, entry.category, Some(id)), (net, to, None)] {
        let new = time::NewEntry {
            ticket: entry.ticket,
            client: entry.client.as_ref(),
            note: entry.note.as_deref(),
            corrects,
            after_hours: entry.after_hours,
            unbillable: entry.reason.as_deref(),
            entered_by: Some(&by.login.0),
            ..time::NewEntry::new(&entry.tech, minutes, category, entry.work_date, unit.now)
        };
        now = time::insert(unit.tx, &new).await?;
        if let Some(case) = case.as_mut() {
            let (tech, day) = (entry.tech.clone(), entry.work_date);
            case.record(unit, deed, Event::TimeLogged { entry: now, tech, minutes, category, day });
        }
    }
    leaks::moved(unit.tx, id, now).await?;
    if let Some(case) = loaded {
        case.save(unit).await?;
    }
    if let Some(client) = &entry.client {
        usage::announce(unit, client, entry.work_date).await?;
    }
    Ok(vec![Effect::Recategorised { entry: id, to, now }])
}

/// Its category says which ticket it makes good.
pub(super) fn makes_good(history: &[Recorded]) -> bool {
    let last = history.iter().rev().find(|recorded| matches!(recorded.event, Event::Categorised { .. }));
    last.is_some_and(|recorded| matches!(recorded.event, Event::Categorised { warranty_of: Some(_), .. }))
}

/// `#writeoff e12 why`: a manager lets it go.
pub(super) async fn write_off(unit: &mut Unit<'_>, by: &Tech, id: i64, why: &str) -> Result<Effect, ActError> {
    if !by.manager {
        return Err(ActError::refused("#writeoff is for managers"));
    }
    let Some(entry) = time::one(unit.tx, id).await? else {
        return Err(ActError::refused(format!("there is no entry e{id}")));
    };
    if let Some(first) = entry.corrects {
        return Err(ActError::refused(format!("e{id} corrects e{first}: write that one off")));
    }
    if !entry.billable {
        return Err(ActError::refused(format!("e{id} is not billable anyway")));
    }
    if billing::is_settled(unit.tx, id).await? {
        return Err(ActError::refused(format!("e{id} was billed, or written off before")));
    }
    billing::write_off(unit.tx, id, (&by.login, why), unit.now).await?;
    Ok(Effect::WrittenOff { entry: id })
}
