//! Monthly statements: drafted for the account manager, sent to the client's managers and frozen, talked about by reply.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::action::{ActError, Action};
use super::case::{Deed, Unit};
use super::client;
use super::letter::{self, TechLetter};
use super::process::Decided;
use super::read::Ready;
use super::usage::{account_managers, manager_name};
use super::{pricing, reckon, review};
use crate::desk::calendar::local_moment;
use crate::desk::firm::{Client, Drafting, Tech};
use crate::mail::{Attachment, Mailbox};
use crate::money::statement::{Statement, hash};
use crate::money::{month_of, next_month};
use crate::notice::{self, DraftFacts, MailtoLinks, Missing, StatementFacts};
use crate::outbox::Class;
use crate::store::inbound::Fate;
use crate::store::statements::{self, Row};
use crate::store::tokens::{Purpose, Token};
use crate::store::{StoreError, jobs};
use crate::words::Priority;

/// What a token of a statement says in `context`.
const CONTEXT: &str = "statement:";
/// Statements drafted, and sent, in one transaction.
const AT_A_TIME: usize = 10;
/// A draft goes out by itself on this working day of the month, at the time of the draft.
const OUT_ON: usize = 3;
/// What was drafted late goes out after so many working days more.
const TO_READ: u32 = 2;
/// The job whose periods are the months that were drafted.
const DRAFTS: &str = "statement_drafts";

/// The number of the statement that a token is for.
pub(super) fn number_of(token: &Token) -> Option<i64> {
    token.context.as_deref()?.strip_prefix(CONTEXT)?.parse().ok()
}

/// When the statements of the month before `first` are drafted, and when they go out.
fn moments(drafting: &Drafting, zone: chrono_tz::Tz, first: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let before = first.and_time(NaiveTime::MIN).and_utc() - TimeDelta::seconds(1);
    let planned = drafting.at.after(&before).next().filter(|at| month_of(at.date_naive()).0 == first)?.naive_utc();
    let working = |from: NaiveDate| from.iter_days().take(60).filter(|day| drafting.calendar.is_working_day(*day));
    let day = working(planned.date()).next()?;
    let out = working(first).nth(OUT_ON - 1)?.max(day);
    Some((local_moment(zone, day.and_time(planned.time())), local_moment(zone, out.and_time(planned.time()))))
}

/// Whether there is a month to draft or a draft to send.
pub async fn waits(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    Ok(!statements::due(unit.tx, unit.now, 1).await?.is_empty() || undrafted(unit).await?.is_some())
}

/// The earliest month whose time to be drafted has come, with the moment when it goes out: after a long time away there are several.
async fn undrafted(unit: &mut Unit<'_>) -> Result<Option<(NaiveDate, DateTime<Utc>)>, StoreError> {
    let firm = unit.firm();
    let Some(drafting) = &firm.drafting else { return Ok(None) };
    let this = month_of(unit.now.with_timezone(&firm.time_zone).date_naive()).0;
    let last = jobs::newest(unit.tx, DRAFTS).await?;
    let last = last.and_then(|period| NaiveDate::parse_from_str(&format!("{period}-01"), "%Y-%m-%d").ok());
    // The first one ever is the month before.
    let mut month = last.map_or_else(|| month_of(this.pred_opt().unwrap_or(this)).0, next_month);
    while month < this {
        if let Some((drafts, out)) = moments(drafting, firm.time_zone, next_month(month))
            && drafts <= unit.now
        {
            let late = unit.now - drafts > TimeDelta::days(1);
            return Ok(Some((
                month,
                if late { out.max(drafting.calendar.days_after(unit.now, TO_READ)) } else { out },
            )));
        }
        month = next_month(month);
    }
    Ok(None)
}

/// Drafts what is to be drafted, and sends what nobody held, some at a time: others want to write too. True where there may be more.
pub async fn statements(unit: &mut Unit<'_>) -> Result<bool, StoreError> {
    let mut done = false;
    if let Some((month, out)) = undrafted(unit).await? {
        done = true;
        let left = to_draft(unit, month).await?;
        for client in left.iter().take(AT_A_TIME) {
            pricing::check(unit, client, month).await?;
            pricing::check_under(unit, client, month).await?;
            draft(unit, client, month, out).await?;
        }
        if left.len() <= AT_A_TIME {
            jobs::claim(unit.tx, DRAFTS, &month.format("%Y-%m").to_string(), unit.now).await?;
        }
    }
    for number in statements::due(unit.tx, unit.now, AT_A_TIME as i64).await? {
        done |= send(unit, number).await?;
    }
    Ok(done)
}

/// Clients whose month is covered by a retainer and has no statement yet.
async fn to_draft(unit: &mut Unit<'_>, month: NaiveDate) -> Result<Vec<Client>, StoreError> {
    // A desk that began later knows nothing of that month.
    let begun = statements::begun(unit.tx).await?;
    let zone = unit.firm().time_zone;
    if begun.is_none_or(|at| at.with_timezone(&zone).date_naive() >= next_month(month)) {
        return Ok(Vec::new());
    }
    let have = statements::drafted(unit.tx, month).await?;
    let wants = |client: &&Client| !client.internal && !have.contains(&client.key) && reckon::covers(client, month);
    Ok(unit.firm().clients.iter().filter(wants).cloned().collect())
}

async fn draft(unit: &mut Unit<'_>, client: &Client, month: NaiveDate, out: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(number) = statements::draft(unit.tx, &client.key, month, out, unit.now).await? else { return Ok(()) };
    let statement = reckon::statement(unit, client, month, number).await?;
    let missing: Vec<Missing> = reckon::without_time(unit, client, month).await?;
    for tech in account_managers(unit, client) {
        let token = letter::issue(unit, None, Some(&tech), Purpose::Digest, Some(format!("{CONTEXT}{number}"))).await?;
        let address = letter::tech_address(unit, token);
        let facts = DraftFacts {
            statement: statement.clone(),
            missing: missing.clone(),
            goes_out: out.with_timezone(&tech.time_zone),
            now: unit.now,
            to: client.managers.clone(),
            links: MailtoLinks { address: address.reply_to.clone(), subject: format!("Statement {number}") },
        };
        let rendered = notice::statement_draft(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("statement_draft/{number}/{}", tech.login);
        let letter = TechLetter { kind: "statement_draft", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, None, &tech, &address, letter).await?;
    }
    Ok(())
}

/// Freezes a statement, mails it to the client's managers and the account manager, and tells the firm's programs. False where it was sent before.
async fn send(unit: &mut Unit<'_>, number: i64) -> Result<bool, StoreError> {
    let Some(row) = statements::one(unit.tx, number).await? else { return Ok(false) };
    let Some(client) = unit.firm().client(&row.client).cloned() else {
        // A client who has left the config gets nothing more; the draft stays for whoever looks.
        statements::hold(unit.tx, number, "the client has left the config").await?;
        return Ok(true);
    };
    let statement = reckon::statement(unit, &client, row.month, number).await?;
    let content = statement.to_json();
    let hash = hash(&content);
    let newest = statements::newest_entry(unit.tx).await?;
    if !statements::freeze(unit.tx, number, (&content, &hash), newest, unit.now).await? {
        return Ok(false);
    }
    super::announce::issued(unit, &statement, &hash)?;
    mail(unit, &client, &statement, "statement").await?;
    review::tell(unit, &client, &statement).await?;
    Ok(true)
}

/// The frozen words once more.
pub async fn resend(unit: &mut Unit<'_>, number: i64) -> Result<usize, ActError> {
    let row = statements::one(unit.tx, number).await?;
    let Some(row) = row else { return Err(ActError::refused(format!("there is no statement {number}"))) };
    let Some(statement) = frozen(&row) else {
        return Err(ActError::refused(format!("statement {number} was not sent yet: it is a {}", row.state)));
    };
    let Some(client) = unit.firm().client(&row.client).cloned() else {
        return Err(ActError::refused(format!("the client {} has left the config", row.client)));
    };
    let key = format!("statement/again/{}", unit.now.timestamp_millis());
    mail(unit, &client, &statement, &key).await?;
    Ok(client.managers.len())
}

/// What a sent statement says.
pub fn frozen(row: &Row) -> Option<Statement> {
    serde_json::from_str(row.content.as_deref()?).ok()
}

async fn mail(unit: &mut Unit<'_>, client: &Client, statement: &Statement, key: &str) -> Result<(), StoreError> {
    let language = client.language.clone().unwrap_or_else(|| unit.firm().language.clone());
    let facts = StatementFacts { firm: unit.firm().name.clone(), statement: statement.clone() };
    let rendered = notice::statement(&unit.office.texts, &language, &facts);
    let sheet = Attachment {
        name: format!("statement-{}.csv", statement.number),
        content_type: "text/csv".to_owned(),
        content_id: None,
        inline: false,
        decoration: false,
        bytes: statement.csv().into_bytes(),
    };
    let token =
        letter::issue(unit, None, None, Purpose::Client, Some(format!("{CONTEXT}{}", statement.number))).await?;
    let reply_to = letter::tech_address(unit, token).reply_to;
    let firm = unit.firm().name.clone();
    let reply_to = reply_to.map(|address| Mailbox { name: firm, address });
    let ours = account_managers(unit, client)
        .into_iter()
        .filter_map(|tech| Some((tech.name, tech.emails.into_iter().next()?)));
    let theirs = client.managers.iter().map(|address| (manager_name(client, address), address.clone()));
    let readers: Vec<(String, String)> = theirs.chain(ours).collect();
    for (name, address) in readers {
        let letter = TechLetter {
            kind: "statement",
            class: Class::MustArrive,
            key: format!("{key}/{}/{address}", statement.number),
            rendered: rendered.clone(),
            files: vec![sheet.clone()],
        };
        letter::to_address(unit, Mailbox { name, address }, reply_to.clone(), letter);
    }
    Ok(())
}

/// The account manager answers a draft: `#send`, or `#hold why`.
pub(super) async fn answered(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    number: i64,
) -> Result<Decided, ActError> {
    let line = ready.new.text.lines().map(str::trim).find(|line| line.starts_with('#')).unwrap_or_default().to_owned();
    let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line.as_str(), ""));
    let why = rest.trim();
    let said = match verb.to_lowercase().as_str() {
        "#send" => match send(unit, number).await? {
            true => Ok(format!("statement {number} is on its way to the client")),
            false => Err(format!("statement {number} was sent before")),
        },
        "#hold" if why.is_empty() => Err("say why: #hold the July hours are still in question".to_owned()),
        "#hold" => match statements::hold(unit.tx, number, why).await? {
            true => Ok(format!("statement {number} is held until you answer its draft with #send")),
            false => Err(format!("statement {number} was sent before")),
        },
        _ => Err("the draft of a statement is answered with #send, or with #hold and why".to_owned()),
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

/// A client's reply to a statement: a plain yes of one of its managers is the agreement, anything else a request for the account manager.
/// `None`: of no statement of ours any more.
pub(super) async fn from_client(unit: &mut Unit<'_>, ready: &Ready, number: i64) -> Result<Option<Decided>, ActError> {
    let Some(row) = statements::one(unit.tx, number).await? else { return Ok(None) };
    let Some(own) = unit.firm().client(&row.client).cloned() else { return Ok(None) };
    let sender = ready.sender();
    let manager = own.managers.contains(&sender);
    if manager && client::dmarc_failure(ready).is_none() && super::approval::says_yes(&ready.new.text) {
        let first = statements::agree(unit.tx, number, &sender, unit.now).await?;
        let why = if first { "agreed to" } else { "agreed once more to" };
        return Ok(Some(Decided::because(Fate::Reply, format!("{why} statement {number}"))));
    }
    let who = client::sender(unit, ready).await?;
    if who.certain_client() != Some(&own.key) {
        return Ok(None);
    }
    let mut case = client::open_request(unit, ready, &client::request_of(ready, &who)).await?;
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    case.act(unit, &deed, Action::Tag { tag: format!("statement-{number}") }).await?;
    if case.ticket.priority != Priority::P3 {
        let why = format!("a reply to statement {number}");
        case.act(unit, &deed, Action::Prioritise { to: Priority::P3, why: Some(why) }).await?;
    }
    match account_managers(unit, &own).into_iter().next() {
        Some(tech) => case.act(unit, &deed, Action::Assign { to: tech.login }).await?,
        None => case.act(unit, &deed, Action::AssignBySkill).await?,
    };
    case.tell.push(super::tell::Tell::Acknowledge { too_large: false });
    let ticket = case.save(unit).await?;
    Ok(Some(Decided::on(Fate::Ticket, ticket).with_reason(format!("a reply to statement {number}"))))
}
