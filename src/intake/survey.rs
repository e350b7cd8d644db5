//! How was it? Asked with the resolution, answered by a page or a word, and told to the managers where it was bad.

use chrono::{DateTime, TimeDelta, Utc};

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::letter::{self, TechLetter};
use super::picture::Picture;
use super::read::Ready;
use super::tell::{Tell, readers};
use crate::desk::event::Event;
use crate::desk::firm::Notify;
use crate::notice::{self, Effect, QuestionFacts, UnhappyFacts, Words};
use crate::outbox::Class;
use crate::store::people::{self, Contact};
use crate::store::survey::{self, Survey};
use crate::store::tokens::Purpose;
use crate::store::{StoreError, tickets};
use crate::words::{Actor, ContactId, MessageRow, Satisfaction, Status, TicketNumber};

/// One person is asked once in such a time, however many of their tickets are resolved.
const APART: TimeDelta = TimeDelta::days(14);
/// So long after the first answer another one may take its place.
const CHANGEABLE: TimeDelta = TimeDelta::days(7);
/// So long a question waits for an answer.
const OPEN: TimeDelta = TimeDelta::days(30);
/// So many bad answers about one ticket are told.
const TOLD: usize = 5;
/// Longest words beside an answer, in characters.
const LONGEST: usize = 2000;

/// What may still be said to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was said yet.
    Open,
    /// Something was said, and may be changed until then.
    Changeable(DateTime<Utc>),
    /// What was said stands; nobody asks any more where nothing was.
    Over,
}

impl Standing {
    /// `status` is the ticket's: where it was joined with another or thrown out, its question is over.
    pub fn of(survey: &Survey, status: Status, now: DateTime<Utc>) -> Standing {
        let until = survey.answered_at.map_or(survey.asked_at + OPEN, |at| at + CHANGEABLE);
        if !status.counts() || now >= until {
            return Standing::Over;
        }
        if survey.answered_at.is_some() { Standing::Changeable(until) } else { Standing::Open }
    }
}

/// The question that goes with a resolution to these people; `None`: nobody is asked. The answer of whoever gets it counts, so
/// that nobody gets it who was asked lately.
pub(super) async fn ask(
    unit: &mut Unit<'_>,
    case: &Case,
    people: &[Contact],
) -> Result<Option<QuestionFacts>, StoreError> {
    let (firm, ticket) = (unit.firm(), &case.ticket);
    let client = ticket.client.as_ref().and_then(|key| firm.client(key));
    let wanted = firm.survey && client.is_some_and(|client| client.survey && !client.internal);
    let asked = |person: &Contact| Some(person.id) == ticket.requester;
    if !wanted || ticket.automatic || ticket.status != Status::Resolved || !people.iter().any(asked) {
        return Ok(None);
    }
    if survey::of_ticket(unit.tx, ticket.number).await?.is_some_and(|survey| survey.answer.is_some()) {
        return Ok(None);
    }
    let people: Vec<ContactId> = people.iter().map(|person| person.id).collect();
    for person in &people {
        if survey::asked_since(unit.tx, *person, unit.now - APART).await? {
            return Ok(None);
        }
    }
    let token = survey::ask(unit.tx, ticket.number, &people, &letter::new_token(), unit.now).await?;
    Ok(Some(QuestionFacts { page: firm.has_pages.then(|| format!("{}/survey/{token}", firm.url)) }))
}

/// An answer in a client's reply.
pub(super) struct Said {
    pub answer: Satisfaction,
    /// What stands beside it: that is a message like any other.
    pub more: Option<String>,
}

/// The answer that a reply begins with, where its sender was asked about this ticket and may still answer.
pub(super) async fn said(
    unit: &mut Unit<'_>,
    case: &Case,
    contact: Option<&Contact>,
    text: &str,
) -> Result<Option<Said>, StoreError> {
    let Some(contact) = contact.filter(|_| matches!(case.ticket.status, Status::Resolved | Status::Closed)) else {
        return Ok(None);
    };
    let Some(survey) = survey::of_ticket(unit.tx, case.ticket.number).await? else { return Ok(None) };
    if Standing::of(&survey, case.ticket.status, unit.now) == Standing::Over
        || !survey::was_asked(unit.tx, survey.ticket, contact.id).await?
    {
        return Ok(None);
    }
    Ok(in_words(words_of(unit, case), text, &contact.name))
}

/// Whether these words in a chat answer the question about that ticket, though they stand by themselves.
pub(super) async fn is_answer(unit: &mut Unit<'_>, ready: &Ready, number: TicketNumber) -> Result<bool, StoreError> {
    let over = |row: &tickets::Row| matches!(row.status, Status::Resolved | Status::Closed);
    let Some(row) = tickets::row(unit.tx, number).await?.filter(over) else { return Ok(false) };
    let Some(survey) = survey::of_ticket(unit.tx, number).await? else { return Ok(false) };
    let sender = people::by_address(unit.tx, &ready.sender()).await?;
    let Some(sender) = sender else { return Ok(false) };
    if !survey::was_asked(unit.tx, number, sender.id).await? {
        return Ok(false);
    }
    let text = &ready.new.text;
    let language = language(unit, row.client.as_ref());
    let words = unit.office.texts.words(&language);
    Ok(Standing::of(&survey, row.status, unit.now) != Standing::Over && in_words(words, text, "").is_some())
}

fn language(unit: &Unit<'_>, client: Option<&crate::words::ClientKey>) -> String {
    let own = client.and_then(|key| unit.firm().client(key)?.language.clone());
    own.unwrap_or_else(|| unit.firm().language.clone())
}

fn words_of<'a>(unit: &Unit<'a>, case: &Case) -> &'a Words {
    unit.office.texts.words(&language(unit, case.ticket.client.as_ref()))
}

/// The first line is one of the words, with a thank-you at most. `name` is the sender's, who may have signed.
fn in_words(words: &Words, text: &str, name: &str) -> Option<Said> {
    let listed = |key: &'static str| words.get("survey", key).split(',').map(folded).filter(|word| !word.is_empty());
    let thanks: Vec<String> = listed("thanks_words").collect();
    // A name may follow: "thanks Sam".
    let is_thanks = |line: &str| {
        line.is_empty()
            || thanks.iter().any(|word| {
                line.strip_prefix(word.as_str()).is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(' ') && rest.split_whitespace().count() <= 1
                })
            })
    };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = folded(lines.next()?);
    let says = |answer: Satisfaction| {
        let key = match answer {
            Satisfaction::Good => "good_words",
            Satisfaction::Fair => "fair_words",
            Satisfaction::Bad => "bad_words",
        };
        listed(key).any(|word| {
            first.strip_prefix(word.as_str()).is_some_and(|rest| {
                let apart = !rest.starts_with(char::is_alphanumeric) || !word.ends_with(char::is_alphanumeric);
                apart && is_thanks(rest.trim())
            })
        })
    };
    let answer = Satisfaction::ALL.into_iter().find(|answer| says(*answer))?;
    let name = folded(name);
    let is_name = |line: &str| !line.is_empty() && name.split(' ').chain([name.as_str()]).any(|part| part == line);
    let more: Vec<&str> = lines.filter(|line| !is_thanks(&folded(line)) && !is_name(&folded(line))).collect();
    Some(Said { answer, more: (!more.is_empty()).then(|| more.join("\n")) })
}

/// Lower case, without punctuation and the marks that choose how a face is drawn.
fn folded(text: &str) -> String {
    let kept = |letter: char| match letter {
        '\u{fe0f}' | '\u{200d}' | '\u{1f3fb}'..='\u{1f3ff}' => None,
        '!' | '.' | ',' | ';' | ':' | '"' | '\'' | '(' | ')' => Some(' '),
        letter => Some(letter),
    };
    let plain: String = text.to_lowercase().chars().filter_map(kept).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An answer by the page: whoever has the link was asked.
pub async fn rate(
    unit: &mut Unit<'_>,
    token: &str,
    answer: Satisfaction,
    words: Option<String>,
) -> Result<(), ActError> {
    let gone = || ActError::refused("there is no such question");
    let survey = survey::by_token(unit.tx, token).await?.ok_or_else(gone)?;
    if survey.answer == Some(answer) && survey.words == words {
        return Ok(());
    }
    // Not `Case::load`: what was merged is answered for no other ticket.
    let row = tickets::row(unit.tx, survey.ticket).await?.ok_or_else(gone)?;
    if Standing::of(&survey, row.status, unit.now) == Standing::Over {
        return Err(ActError::refused("it is too late to answer"));
    }
    let actor = row.requester.map_or(Actor::Stranger, Actor::Contact);
    let deed = Deed { actor, at: unit.now, cause: "survey".to_owned() };
    super::act(unit, &deed, survey.ticket, Action::Rate { answer, words, message: None }).await?;
    Ok(())
}

impl Case {
    pub(super) async fn rate(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        (answer, words, message): (Satisfaction, Option<String>, Option<MessageRow>),
    ) -> Result<Vec<Effect>, ActError> {
        let survey = survey::of_ticket(unit.tx, self.ticket.number).await?;
        let Some(survey) = survey.filter(|_| !self.ticket.automatic) else {
            return Err(ActError::refused(format!("nobody was asked about {}", self.ticket.number)));
        };
        if Standing::of(&survey, self.ticket.status, unit.now) == Standing::Over {
            return Err(ActError::refused("it is too late to answer"));
        }
        let words =
            words.map(|words| words.trim().chars().take(LONGEST).collect()).filter(|words: &String| !words.is_empty());
        survey::answer(unit.tx, self.ticket.number, (answer, words.as_deref()), deed.at).await?;
        if answer == Satisfaction::Bad && self.is_news(words.as_ref()) {
            self.tell.push(Tell::Unhappy { words: words.clone() });
        }
        self.record(unit, deed, Event::Rated { answer, words, message });
        Ok(Vec::new())
    }
}

impl Case {
    /// A manager hears of a bad answer once, and again where there are new words; whoever has the link floods nobody with it.
    fn is_news(&self, words: Option<&String>) -> bool {
        let told: Vec<&Option<String>> = self
            .history()
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::Rated { answer: Satisfaction::Bad, words, .. } => Some(words),
                _ => None,
            })
            .collect();
        told.is_empty() || (told.len() < TOLD && words.is_some() && told.iter().all(|old| old.as_ref() != words))
    }
}

/// The managers and the account manager, at once: somebody is to talk to this client.
pub(super) async fn unhappy(
    unit: &mut Unit<'_>,
    case: &Case,
    picture: &Picture<'_>,
    words: Option<&str>,
    key: &str,
) -> Result<(), StoreError> {
    for tech in readers(unit, case, &[Notify::Managers, Notify::AccountManager]) {
        let address = letter::tech_token(unit, Some(case.ticket.number), &tech, Purpose::Internal).await?;
        let facts = UnhappyFacts {
            ticket: picture.ticket(&tech),
            now: unit.now,
            words: words.map(str::to_owned),
            request: picture.request.clone(),
            answer: picture.last_answer.clone(),
            resolved_at: case.ticket.resolved_at.map(|at| at.with_timezone(&tech.time_zone)),
            links: letter::links(unit, case, &address),
        };
        let rendered = notice::unhappy(&unit.office.texts, &unit.firm().language, &facts);
        let key = format!("unhappy/{key}/{}", tech.login);
        let letter = TechLetter { kind: "unhappy", class: Class::MustArrive, key, rendered, files: Vec::new() };
        letter::to_tech(unit, Some(case), &tech, &address, letter).await?;
    }
    Ok(())
}
