//! The monthly review of a retainer: what to talk about with the client, to the account manager with the month's statement, and the invitation
//! to that talk once he says when.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::action::ActError;
use super::case::Unit;
use super::letter::{self, TechLetter};
use super::process::Decided;
use super::read::Ready;
use super::usage::{account_managers, manager_name};
use super::{pricing, reckon};
use crate::desk::calendar::start_of_day;
use crate::desk::directive::{self, Context};
use crate::desk::firm::{Client, Tech};
use crate::mail::Mailbox;
use crate::mail::invitation::Invitation;
use crate::money::next_month;
use crate::money::statement::Statement;
use crate::notice::{self, InvitationFacts, MailtoLinks, ReviewFacts, UsageTicket};
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::reviews;
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, jobs};
use crate::words::ClientKey;

const CONTEXT: &str = "review:";
/// How long one talks.
const LENGTH: TimeDelta = TimeDelta::minutes(30);
/// A subject of so many months that comes again is a recurring problem.
const LOOKED_AT: u32 = 3;

/// The client and the month that a token is about.
pub(super) fn about(token: &Token) -> Option<(ClientKey, NaiveDate)> {
    let (client, month) = token.context.as_deref()?.strip_prefix(CONTEXT)?.rsplit_once('/')?;
    Some((client.into(), NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").ok()?))
}

fn month_key(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// With the statement of a month, once.
pub(super) async fn tell(unit: &mut Unit<'_>, client: &Client, statement: &Statement) -> Result<(), StoreError> {
    let period = month_key(statement.month);
    if !jobs::claim(unit.tx, &format!("review/{}", client.key), &period, unit.now).await? {
        return Ok(());
    }
    let facts = facts(unit, client, statement).await?;
    for tech in account_managers(unit, client) {
        let context = format!("{CONTEXT}{}/{period}", client.key);
        let token = letter::issue(unit, None, Some(&tech), Purpose::Digest, Some(context)).await?;
        let address = letter::tech_address(unit, token);
        let links = MailtoLinks { address: address.reply_to.clone(), subject: format!("Review with {}", client.name) };
        let facts = ReviewFacts { links, ..facts.clone() };
        let rendered = notice::review(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("review/{}/{period}/{}", client.key, tech.login);
        let letter = TechLetter { kind: "review", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}

async fn facts(unit: &mut Unit<'_>, client: &Client, statement: &Statement) -> Result<ReviewFacts, StoreError> {
    let month = statement.month;
    let days = (month, next_month(month));
    let came_again = |(_, count): &(String, usize)| *count > 1;
    let rules = pricing::rules(unit, client, days).await?.into_iter().filter(came_again).collect();
    let from = start_of_day(client.time_zone, month - chrono::Months::new(LOOKED_AT - 1));
    let until = start_of_day(client.time_zone, next_month(month));
    let since = start_of_day(client.time_zone, month);
    let subjects = reviews::subjects_that_came_again(unit.tx, &client.key, (from, since, until)).await?;
    let named = |number| statement.tickets.iter().find(|line| line.number == number);
    let outside = reckon::outside_by_ticket(unit, client, month).await?;
    let outside = outside.into_iter().map(|(number, minutes)| UsageTicket {
        number,
        subject: named(number).and_then(|line| line.subject.clone()),
        minutes,
    });
    Ok(ReviewFacts {
        statement: statement.clone(),
        rules,
        subjects,
        outside: outside.collect(),
        open: reviews::open_tickets(unit.tx, &client.key).await?,
        to: client.managers.clone(),
        links: MailtoLinks::default(),
    })
}

/// `#send fri 14:00` in answer to the pack: the client's managers and whoever says so are invited; once more it moves.
pub(super) async fn answered(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    (key, month): (ClientKey, NaiveDate),
) -> Result<Decided, ActError> {
    let line = ready.new.text.lines().map(str::trim).find(|line| line.starts_with('#')).unwrap_or_default().to_owned();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line.as_str(), ""));
    let context = Context { now: unit.now, zone: tech.time_zone, may_name_tickets: false };
    let client = unit.firm().client(&key).cloned();
    let said = match (client, directive::coming_moment(rest, &context)) {
        _ if !verb.eq_ignore_ascii_case("#send") => {
            Err("the review is answered with #send and when: #send fri 14:00".to_owned())
        }
        (None, _) => Err(format!("the client {key} has left the config")),
        (Some(client), _) if client.managers.is_empty() => {
            Err(format!("{} has no managers in the config: nobody can be invited", client.name))
        }
        (_, Err(why)) => Err(why),
        (Some(client), Ok(at)) => Ok(invite(unit, &client, tech, (month, at)).await?),
    };
    match said {
        Ok(effect) => {
            super::receipt::alone(unit, ready, tech, vec![notice::Effect::Other(effect.clone())]).await?;
            Ok(Decided::because(Fate::Reply, effect))
        }
        Err(why) => {
            let refused = super::orders::Refused { line, why: why.clone(), suggestions: Vec::new() };
            super::receipt::not_sent(unit, None, ready, tech, (Purpose::Digest, &refused)).await?;
            Ok(Decided::because(Fate::Refused, format!("not done: {why}")))
        }
    }
}

/// What the receipt says of it.
async fn invite(
    unit: &mut Unit<'_>,
    client: &Client,
    tech: &Tech,
    (month, at): (NaiveDate, DateTime<Utc>),
) -> Result<String, StoreError> {
    let name = format!("{}/{}", client.key, month_key(month));
    let job = format!("review_invitation/{name}");
    // How often it was sent before.
    let sequence = jobs::periods(unit.tx, &job).await?.len();
    jobs::claim(unit.tx, &job, &format!("{sequence:04}"), unit.now).await?;
    let firm = unit.firm();
    let theirs =
        client.managers.iter().map(|address| Mailbox { name: manager_name(client, address), address: address.clone() });
    let ours = tech.emails.first().map(|address| Mailbox { name: tech.name.clone(), address: address.clone() });
    let people: Vec<Mailbox> = theirs.chain(ours).collect();
    let desk = letter::desk_of(unit, None).map(|desk| desk.address.clone());
    let language = client.language.clone().unwrap_or_else(|| firm.language.clone());
    let facts = InvitationFacts {
        firm: firm.name.clone(),
        month,
        at: at.with_timezone(&client.time_zone),
        now: unit.now,
        minutes: LENGTH.num_minutes(),
        with: tech.name.clone(),
        moved: sequence > 0,
    };
    let rendered = notice::review_invitation(&unit.office.texts, &language, &facts);
    let invitation = Invitation {
        uid: format!("review-{}-{}@{}", client.key, month_key(month), firm.domain),
        sequence: u32::try_from(sequence).unwrap_or(u32::MAX),
        summary: rendered.subject.clone(),
        starts: at,
        ends: at + LENGTH,
        written_at: unit.now,
        organizer: Mailbox {
            name: firm.name.clone(),
            address: desk.unwrap_or_else(|| format!("support@{}", firm.domain)),
        },
        attendees: people.clone(),
    };
    for person in &people {
        let letter = TechLetter {
            kind: "review_invitation",
            class: Class::MustArrive,
            key: format!("review_invitation/{name}/{sequence}/{}", person.address),
            rendered: rendered.clone(),
            files: vec![invitation.part()],
        };
        letter::to_address(unit, person.clone(), None, letter);
    }
    let when = at.with_timezone(&tech.time_zone).format("%Y-%m-%d %H:%M %Z");
    let what = if sequence == 0 { "is on its way" } else { "was moved: the new one is on its way" };
    Ok(format!("{}: the invitation for {when} {what} to {}", client.name, client.managers.join(", ")))
}
