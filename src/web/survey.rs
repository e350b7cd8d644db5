//! `/survey/TOKEN`: how was it? Looking at the page answers nothing, as programs that guard mailboxes press every link.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use minijinja::context;
use serde::Deserialize;
use tokio::sync::watch;

use super::page;
use super::portal::answer;
use crate::clock::Clock;
use crate::intake::{self, ActError, Office, Standing, Unit};
use crate::notice::Words;
use crate::store::survey::{self, Survey};
use crate::store::tickets::{self, Row};
use crate::store::{Db, StoreError};
use crate::words::Satisfaction;

#[derive(Clone)]
pub struct Door {
    pub db: Db,
    pub office: watch::Receiver<Arc<Office>>,
    pub clock: Clock,
}

/// Others write too: so often an answer is tried before its sender is asked to press once more.
const TRIES: u32 = 5;

pub fn routes(door: Door) -> Router {
    Router::new().route("/survey/{token}", get(show).post(take)).with_state(door)
}

#[derive(Deserialize)]
struct Asked {
    answer: Option<String>,
    kept: Option<String>,
}

#[derive(Deserialize)]
struct Given {
    answer: Option<String>,
    #[serde(default)]
    words: String,
}

/// What a page shows.
struct Sheet {
    office: Arc<Office>,
    language: String,
    token: String,
    survey: Survey,
    row: Row,
    standing: Standing,
}

impl Sheet {
    /// `None`: there is no such question.
    async fn of(door: &Door, token: &str, headers: &HeaderMap) -> Result<Option<Sheet>, StoreError> {
        let office = door.office.borrow().clone();
        let mut tx = door.db.read().await?;
        let Some(survey) = survey::by_token(&mut tx, token).await? else { return Ok(None) };
        let Some(row) = tickets::row(&mut tx, survey.ticket).await? else { return Ok(None) };
        let client = row.client.as_ref().and_then(|key| office.firm.client(key));
        let language = client.and_then(|client| client.language.clone());
        let language = language.unwrap_or_else(|| browsers(&office, headers));
        let standing = Standing::of(&survey, row.status, door.clock.now());
        Ok(Some(Sheet { language, token: token.to_owned(), survey, row, standing, office }))
    }

    fn words(&self) -> &Words {
        self.office.texts.words(&self.language)
    }

    fn about(&self) -> String {
        let number = self.row.number.to_string();
        self.words().fill("survey", "about", &[("ticket", &number), ("subject", &self.row.subject)])
    }

    fn form(&self, chosen: Option<Satisfaction>, said: &str, fault: Option<&str>) -> String {
        let words = self.words();
        let say = |key| words.get("survey", key);
        let answers = Satisfaction::ALL
            .map(|answer| context! { value => answer.as_str(), face => answer.face(), label => say(answer.as_str()) });
        page::render(
            "survey",
            context! {
                language => &self.language,
                firm => &self.office.firm.name,
                words => context! {
                    title => say("title"),
                    words => say("words"),
                    words_hint => say("words_hint"),
                    send => say("send"),
                    optional => words.get("form", "optional"),
                },
                about => self.about(),
                answers => answers.to_vec(),
                chosen => chosen.map(Satisfaction::as_str),
                said,
                fault => fault.map(say),
            },
        )
    }

    /// What was said, and until when it may be changed.
    fn heard(&self) -> String {
        let words = self.words();
        let said = self.survey.answer.map(|answer| words.get("survey", answer.as_str()));
        let until = match self.standing {
            Standing::Changeable(until) => {
                let client = self.row.client.as_ref().and_then(|key| self.office.firm.client(key));
                let zone = client.map_or(self.office.firm.time_zone, |client| client.time_zone);
                Some(words.plain_day(until.with_timezone(&zone).date_naive()))
            }
            _ => None,
        };
        page::render(
            "heard",
            context! {
                language => &self.language,
                firm => &self.office.firm.name,
                title => words.get("survey", if said.is_some() { "thanks" } else { "title" }),
                about => self.about(),
                heard => said.map(|answer| words.fill("survey", "heard", &[("answer", answer)])),
                until => until.map(|day| words.fill("survey", "until", &[("day", &day)])),
                change => words.get("survey", "change"),
                change_at => format!("/survey/{}", self.token),
                over => (self.standing == Standing::Over).then(|| over(&self.office, words)),
            },
        )
    }
}

fn browsers(office: &Office, headers: &HeaderMap) -> String {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    office.texts.best(wanted)
}

fn over(office: &Office, words: &Words) -> String {
    let desk = office.firm.desks.first().map_or("", |desk| desk.address.as_str());
    words.fill("survey", "over", &[("address", desk)])
}

/// The same for a question that never was: nobody learns which tokens there are.
fn nothing_here(door: &Door, headers: &HeaderMap) -> Response {
    let office = door.office.borrow().clone();
    let language = browsers(&office, headers);
    let words = office.texts.words(&language);
    let view = context! { language, firm => &office.firm.name, title => words.get("survey", "title"), over => over(&office, words) };
    answer(StatusCode::NOT_FOUND, page::render("heard", view))
}

fn out_of_order(error: &StoreError) -> Response {
    tracing::error!(error = %crate::lifecycle::chain(error), "survey: the database cannot be asked");
    (StatusCode::SERVICE_UNAVAILABLE, "This page cannot be shown now. Please try again in a minute.\n").into_response()
}

async fn show(
    State(door): State<Door>,
    Path(token): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let sheet = match Sheet::of(&door, &token, &headers).await {
        Ok(Some(sheet)) => sheet,
        Ok(None) => return nothing_here(&door, &headers),
        Err(error) => return out_of_order(&error),
    };
    if sheet.standing == Standing::Over {
        return answer(StatusCode::GONE, sheet.heard());
    }
    if asked.kept.is_some() && sheet.survey.answer.is_some() {
        return answer(StatusCode::OK, sheet.heard());
    }
    let pressed = asked.answer.and_then(|word| word.parse().ok());
    let said = sheet.survey.words.clone().unwrap_or_default();
    answer(StatusCode::OK, sheet.form(pressed.or(sheet.survey.answer), &said, None))
}

async fn take(
    State(door): State<Door>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(given): Form<Given>,
) -> Response {
    let sheet = match Sheet::of(&door, &token, &headers).await {
        Ok(Some(sheet)) => sheet,
        Ok(None) => return nothing_here(&door, &headers),
        Err(error) => return out_of_order(&error),
    };
    let Some(said) = given.answer.as_deref().and_then(|word| word.parse().ok()) else {
        return answer(StatusCode::UNPROCESSABLE_ENTITY, sheet.form(None, &given.words, Some("choose")));
    };
    let words = Some(given.words.replace("\r\n", "\n").replace('\0', "").trim().to_owned());
    match keep(&door, &sheet.office, &token, (said, words.filter(|words| !words.is_empty()))).await {
        // A page of its own, so that looking at it again sends nothing again.
        Ok(()) => Redirect::to(&format!("/survey/{token}?kept=1")).into_response(),
        Err(ActError::Refused(_)) => answer(StatusCode::GONE, sheet.heard()),
        Err(ActError::Store(error)) => {
            tracing::error!(error = %crate::lifecycle::chain(&error), "survey: an answer could not be kept");
            answer(StatusCode::SERVICE_UNAVAILABLE, sheet.form(Some(said), &given.words, Some("stopping")))
        }
    }
}

async fn keep(
    door: &Door,
    office: &Office,
    token: &str,
    (answer, words): (Satisfaction, Option<String>),
) -> Result<(), ActError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let kept = async {
            let mut tx = door.db.write().await?;
            let mut unit = Unit::new(&mut tx, office, door.clock.now());
            intake::rate(&mut unit, token, answer, words.clone()).await?;
            Ok(tx.commit().await?)
        };
        match kept.await {
            Err(ActError::Store(StoreError::Again { .. })) if tries < TRIES => {}
            done => return done,
        }
    }
}
