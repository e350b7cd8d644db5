//! Hours that nobody wrote down and money that nobody bills: the weekly reminder to each tech, the weekly report to the managers, and the
//! review of work that lies open for long.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};

use super::case::Unit;
use super::letter::{self, TechLetter};
use super::tell::managers;
use super::worklog::makes_good;
use crate::desk::calendar::{local_moment, start_of_day};
use crate::desk::event::{Event, Recorded};
use crate::desk::firm::{Client, Tech};
use crate::money::{ledger, month_of, next_month};
use crate::notice::{
    self, Flaw, HygieneFacts, LeakFacts, MailtoLinks, ReminderOfTimeFacts, ShortDay, TechWeek, UnbilledFacts, Untimed,
    Wrong,
};
use crate::outbox::Class;
use crate::store::hygiene::{self, Loose};
use crate::store::leaks::{self, About};
use crate::store::tokens::Purpose;
use crate::store::{StoreError, jobs, statements, tickets};
use crate::words::{Category, Minutes, Money};

/// The jobs whose periods are the days on which they were planned.
const REMINDER: &str = "time_reminder";
const REPORT: &str = "time_report";
/// Days that a week's reports look at, the present one among them.
const WEEK: u64 = 7;
/// Work that lies open longer than this is brought up every week until it is billed or written off.
const LONG: u64 = 30;
/// Further back than this the weekly report does not look: the review does.
const LOOKS_BACK: u64 = 60;

/// Whether a reminder or a report is due.
pub async fn waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    Ok(due(unit, REMINDER).await?.is_some() || due(unit, REPORT).await?.is_some())
}

/// Writes what is due. True where something was done.
pub async fn hygiene(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let mut done = false;
    if let Some(day) = due(unit, REMINDER).await?
        && jobs::claim(unit.tx, REMINDER, &day.to_string(), unit.now).await?
    {
        done = true;
        let firm = unit.firm();
        for tech in &firm.techs {
            remind(unit, tech, day).await?;
        }
    }
    if let Some(day) = due(unit, REPORT).await?
        && jobs::claim(unit.tx, REPORT, &day.to_string(), unit.now).await?
    {
        done = true;
        report(unit, day).await?;
        review(unit, day).await?;
    }
    Ok(done)
}

/// The day of the latest planned moment that has come, where it was not done: after a long time away only that one.
async fn due(unit: &mut Unit<'_>, job: &str) -> Result<Option<NaiveDate>, StoreError> {
    let firm = unit.firm();
    let plan = if job == REMINDER { &firm.reports.time_reminder } else { &firm.reports.time_report };
    let Some(plan) = plan else { return Ok(None) };
    let now = unit.now.with_timezone(&firm.time_zone).naive_local().and_utc();
    let planned = plan.after(&(now - TimeDelta::days(8))).take_while(|at| *at <= now).last();
    let Some(planned) = planned.map(|at| at.naive_utc()) else { return Ok(None) };
    // Of a week before the desk began there is nothing to say.
    let began = statements::begun(unit.tx).await?;
    if began.is_none_or(|began| local_moment(firm.time_zone, planned) <= began) {
        return Ok(None);
    }
    let day = planned.date();
    Ok((!jobs::ran(unit.tx, job, &day.to_string()).await?).then_some(day))
}

fn back(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(chrono::Days::new(days)).unwrap_or(day)
}

/// Minutes that a tech owes on a day: a fifth of the week on each working day.
fn owed(unit: &Unit<'_>, tech: &Tech, day: NaiveDate) -> Minutes {
    let works = unit.firm().calendars.get(&tech.calendar).is_none_or(|calendar| calendar.is_working_day(day));
    let began = tech.started.is_none_or(|started| started <= day);
    let minutes = i64::from(tech.hours_per_week) * 60 / 5;
    if works && began { Minutes(minutes) } else { Minutes(0) }
}

/// To a tech: tickets touched without time, and days with less than was expected. Nobody is told that all is well.
async fn remind(unit: &mut Unit<'_>, tech: &Tech, day: NaiveDate) -> Result<(), StoreError> {
    // From the day of the last one on: it was not over then.
    let from = back(day, WEEK);
    let since = start_of_day(tech.time_zone, from);
    let tickets = hygiene::touched_without_time(unit.tx, &tech.login, (since, from)).await?;
    let logged = hygiene::days(unit.tx, (from, day)).await?;
    // Today is not over.
    let days: Vec<ShortDay> = from
        .iter_days()
        .take_while(|one| *one < day)
        .map(|one| ShortDay {
            day: one,
            logged: logged.get(&(tech.login.clone(), one)).copied().unwrap_or_default(),
            expected: owed(unit, tech, one),
        })
        .filter(|one| one.logged < one.expected)
        .collect();
    if tickets.is_empty() && days.is_empty() {
        return Ok(());
    }
    let address = letter::tech_token(unit, None, tech, Purpose::Digest).await?;
    let facts = ReminderOfTimeFacts {
        tickets: tickets.into_iter().map(|ticket| untimed(unit, ticket)).collect(),
        days,
        links: MailtoLinks { address: address.reply_to.clone(), subject: "Time".to_owned() },
    };
    let rendered = notice::reminder_of_time(&unit.office.texts, &unit.firm().language, &facts);
    let key = format!("{REMINDER}/{day}/{}", tech.login);
    let letter = TechLetter { kind: REMINDER, class: Class::Once, key, rendered, files: Vec::new() };
    letter::to_tech(unit, None, tech, &address, letter).await
}

fn untimed(unit: &Unit<'_>, ticket: hygiene::Untimed) -> Untimed {
    let client = ticket.client.as_ref().and_then(|key| unit.firm().client(key));
    Untimed {
        number: ticket.number,
        subject: ticket.subject,
        client: client.map(|client| client.name.clone()),
        tech: ticket.assignee.map(|login| login.0),
    }
}

/// To the managers: hours against what was expected, what waits to be billed, and what is in the wrong place.
async fn report(unit: &mut Unit<'_>, day: NaiveDate) -> Result<(), StoreError> {
    let from = back(day, WEEK - 1);
    let logged = hygiene::days(unit.tx, (from, day)).await?;
    let techs: Vec<TechWeek> = unit
        .firm()
        .techs
        .iter()
        .map(|tech| {
            let of = |one: NaiveDate| logged.get(&(tech.login.clone(), one)).copied().unwrap_or_default();
            let days = || from.iter_days().take_while(|one| *one <= day);
            TechWeek {
                name: tech.name.clone(),
                logged: days().map(of).sum(),
                expected: days().map(|one| owed(unit, tech, one)).sum(),
            }
        })
        .collect();
    let zone = unit.firm().time_zone;
    // From the day of the last report on, however long ago that was.
    let last = jobs::before(unit.tx, REPORT, &day.to_string()).await?.and_then(|last| last.parse().ok());
    let (since, until) =
        (start_of_day(zone, last.map_or(back(day, WEEK), |last: NaiveDate| last.min(back(day, WEEK)))), unit.now);
    let mut untimed_tickets = Vec::new();
    for ticket in hygiene::resolved_without_time(unit.tx, (since, until)).await? {
        let own = ticket.client.as_ref().and_then(|key| unit.firm().client(key)).is_some_and(|client| client.internal);
        if !own {
            leaks::note(unit.tx, "no_time", About::Ticket(ticket.number), None, unit.now).await?;
            untimed_tickets.push(untimed(unit, ticket));
        }
    }
    let mut flaws = Vec::new();
    for entry in hygiene::loose(unit.tx, (back(day, LOOKS_BACK), day)).await? {
        if let Some(flaw) = flaw(unit, &entry).await? {
            note_leak(unit, &entry, flaw.wrong).await?;
            flaws.push(flaw);
        }
    }
    let open = open_money(unit, day).await?;
    let leak = meter(unit).await?;
    let facts =
        HygieneFacts { from, day, techs, untimed: untimed_tickets, flaws, open, leak, links: MailtoLinks::default() };
    tell(unit, day, REPORT, |unit, links| {
        notice::time_report(&unit.office.texts, &unit.firm().language, &HygieneFacts { links, ..facts.clone() })
    })
    .await
}

/// What the next run would bill, by currency.
async fn open_money(unit: &mut Unit<'_>, day: NaiveDate) -> Result<Vec<Money>, StoreError> {
    Ok(super::billing::draft(unit, month_of(day).0).await?.totals())
}

/// What is wrong with an entry, and the line that puts it right.
async fn flaw(unit: &mut Unit<'_>, entry: &Loose) -> Result<Option<Flaw>, StoreError> {
    let client = entry.client.as_ref().and_then(|key| unit.firm().client(key)).cloned();
    if client.as_ref().is_some_and(|client| client.internal) {
        return Ok(None);
    }
    let (wrong, fix) = match wrong(unit, entry, client.as_ref()).await? {
        Some(found) => found,
        None => return Ok(None),
    };
    Ok(Some(Flaw {
        entry: entry.id,
        ticket: entry.ticket,
        client: client.map(|client| client.name),
        tech: entry.tech.0.clone(),
        day: entry.work_date,
        minutes: entry.minutes,
        category: entry.category,
        wrong,
        fix,
    }))
}

async fn wrong(
    unit: &mut Unit<'_>,
    entry: &Loose,
    client: Option<&Client>,
) -> Result<Option<(Wrong, Option<String>)>, StoreError> {
    let id = entry.id;
    let Some(client) = client else {
        let fix = entry.ticket.map(|number| format!("{number} client acme"));
        return Ok(Some((Wrong::NoClient, fix)));
    };
    let term = client.retainer_on(entry.work_date);
    let skill = entry.skill.as_deref();
    let recat = |to: Category| Some(format!("#recat e{id} {to}"));
    let burns = term.is_some_and(|term| term.burns(entry.category, skill));
    if entry.category == Category::Retainer && !burns {
        return Ok(Some((Wrong::NoRetainer, recat(Category::Tm))));
    }
    if entry.category == Category::Tm && !burns && term.is_some_and(|term| term.burns(Category::Retainer, skill)) {
        return Ok(Some((Wrong::Included, recat(Category::Retainer))));
    }
    let elsewhere = entry.own_category.is_some_and(|own| own != entry.category);
    let history = match entry.ticket.filter(|_| elsewhere || entry.category == Category::Warranty) {
        Some(number) => tickets::history(unit.tx, number).await?,
        None => Vec::new(),
    };
    if entry.category == Category::Warranty && !makes_good(&history) {
        let fix = entry.ticket.map(|number| format!("{number} cat warranty #987"));
        return Ok(Some((Wrong::WarrantyOfNothing, fix)));
    }
    // The ticket has what its rule gave, and the entry another.
    if let (true, Some(own)) = (elsewhere, entry.own_category)
        && rules_gave(&history, own)
    {
        return Ok(Some((Wrong::AgainstRule, recat(own))));
    }
    if by_rate(entry) && !burns && worth(unit, entry).is_none() {
        return Ok(Some((Wrong::NoRate, None)));
    }
    if entry.ticket.is_none() && entry.note.is_none() {
        return Ok(Some((Wrong::NoTicket, None)));
    }
    Ok(None)
}

fn by_rate(entry: &Loose) -> bool {
    matches!(entry.category, Category::Tm | Category::Project)
}

fn rules_gave(history: &[Recorded], category: Category) -> bool {
    let gave = format!("category {category}");
    history.iter().any(|recorded| match &recorded.event {
        Event::Opened { rules, .. } => rules.iter().any(|rule| rule.gave.contains(&gave)),
        _ => false,
    })
}

/// At the rate of its client, or the one of everybody.
fn worth(unit: &Unit<'_>, entry: &Loose) -> Option<Money> {
    let firm = unit.firm();
    let roles = firm.tech(&entry.tech).map(|tech| tech.roles.clone()).unwrap_or_default();
    let rate = firm.rates.iter().find(|rate| {
        rate.client.as_ref().is_none_or(|client| Some(client) == entry.client.as_ref())
            && rate.role.as_ref().is_none_or(|role| roles.contains(role))
            && rate.skill.as_ref().is_none_or(|skill| entry.skill.as_ref() == Some(skill))
            && rate.after_hours.is_none_or(|after| after == entry.after_hours)
    })?;
    Some(ledger::cost(rate.amount, entry.minutes))
}

/// What would have been lost.
async fn note_leak(unit: &mut Unit<'_>, entry: &Loose, wrong: Wrong) -> Result<(), StoreError> {
    if !wrong.costs() {
        return Ok(());
    }
    let worth = worth(unit, entry);
    leaks::note(unit.tx, wrong.as_str(), About::Entry(entry.id), worth, unit.now).await
}

/// The first day that the review leaves alone: work of a month that is still to be billed is not old.
async fn billed_until(unit: &mut Unit<'_>) -> Result<Option<NaiveDate>, StoreError> {
    if unit.firm().billing.at.is_none() {
        return Ok(None);
    }
    let last = jobs::newest(unit.tx, super::billing::RUN).await?;
    let last = last.and_then(|period| NaiveDate::parse_from_str(&format!("{period}-01"), "%Y-%m-%d").ok());
    Ok(Some(last.map_or(NaiveDate::MIN, next_month)))
}

/// Work older than 30 days that is neither billed nor written off, every week until it is.
async fn review(unit: &mut Unit<'_>, day: NaiveDate) -> Result<(), StoreError> {
    let Some(first) = first_day(unit).await? else { return Ok(()) };
    let mut entries = Vec::new();
    let mut sums: Vec<Money> = Vec::new();
    let until = billed_until(unit).await?;
    for entry in hygiene::loose(unit.tx, (first, back(day, LONG))).await? {
        if until.is_some_and(|until| entry.work_date >= until) {
            continue;
        }
        let client = entry.client.as_ref().and_then(|key| unit.firm().client(key)).cloned();
        let own = client.as_ref().is_some_and(|client| client.internal);
        if own || entry.category == Category::Warranty {
            continue;
        }
        // Hours of a retainer have no price of their own.
        let worth = worth(unit, &entry).filter(|_| by_rate(&entry));
        leaks::note(unit.tx, "old", About::Entry(entry.id), worth, unit.now).await?;
        if let Some(worth) = worth {
            match sums.iter_mut().find(|sum| sum.currency == worth.currency) {
                Some(sum) => sum.minor += worth.minor,
                None => sums.push(worth),
            }
        }
        let found = wrong(unit, &entry, client.as_ref()).await?;
        entries.push(Flaw {
            entry: entry.id,
            ticket: entry.ticket,
            client: client.map(|client| client.name),
            tech: entry.tech.0,
            day: entry.work_date,
            minutes: entry.minutes,
            category: entry.category,
            wrong: found.as_ref().map_or(Wrong::NotBilled, |(wrong, _)| *wrong),
            fix: found.and_then(|(_, fix)| fix).or(Some(format!("#writeoff e{} why", entry.id))),
        });
    }
    if entries.is_empty() {
        return Ok(());
    }
    let facts = UnbilledFacts { entries, worth: sums, links: MailtoLinks::default() };
    tell(unit, day, "unbilled", |unit, links| {
        notice::unbilled(&unit.office.texts, &unit.firm().language, &UnbilledFacts { links, ..facts.clone() })
    })
    .await
}

/// The first day whose work deskd bills.
async fn first_day(unit: &mut Unit<'_>) -> Result<Option<NaiveDate>, StoreError> {
    if let Some(since) = unit.firm().billing.since {
        return Ok(Some(month_of(since).0));
    }
    let began = statements::begun(unit.tx).await?;
    Ok(began.map(|at| month_of(at.with_timezone(&unit.firm().time_zone).date_naive()).0))
}

/// What these reports found since the year began, and what of it came in.
pub(super) async fn meter(unit: &mut Unit<'_>) -> Result<LeakFacts, StoreError> {
    let zone = unit.firm().time_zone;
    let today = unit.now.with_timezone(&zone).date_naive();
    let year = NaiveDate::from_ymd_opt(today.year(), 1, 1).unwrap_or(today);
    let since: DateTime<Utc> = start_of_day(zone, year);
    let (count, meters) = leaks::meter(unit.tx, since).await?;
    Ok(LeakFacts {
        year: today.year(),
        count,
        found: meters.iter().map(|meter| meter.found).filter(|money| money.minor != 0).collect(),
        recovered: meters.iter().map(|meter| meter.recovered).filter(|money| money.minor != 0).collect(),
    })
}

async fn tell(
    unit: &mut Unit<'_>,
    day: NaiveDate,
    kind: &'static str,
    render: impl Fn(&Unit<'_>, MailtoLinks) -> notice::Rendered,
) -> Result<(), StoreError> {
    for tech in managers(unit) {
        let address = letter::tech_token(unit, None, &tech, Purpose::Digest).await?;
        let links = MailtoLinks { address: address.reply_to.clone(), subject: "Time report".to_owned() };
        let rendered = render(unit, links);
        let key = format!("{kind}/{day}/{}", tech.login);
        let letter = TechLetter { kind, class: Class::Once, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}
