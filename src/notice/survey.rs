//! The question that goes with a resolution, and what managers hear of a bad answer.

use chrono::{DateTime, Utc};
use minijinja::{Value, context};

use super::facts::{MailtoLinks, Moment, PlainReply, TicketFacts};
use super::language::Words;
use super::{Notice, Rendered, Texts};
use crate::words::Satisfaction;

/// How was it?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionFacts {
    /// Where it is answered by a press; `None` where the desk serves no pages: by a word alone.
    pub page: Option<String>,
}

impl QuestionFacts {
    pub(super) fn view(&self, words: &Words) -> Value {
        let answers = Satisfaction::ALL.map(|answer| {
            context! {
                face => answer.face(),
                label => words.get("survey", answer.as_str()),
                word => spoken(words, answer),
                url => self.page.as_ref().map(|page| format!("{page}?answer={answer}")),
            }
        });
        context! { answers => answers.to_vec(), by_press => self.page.is_some() }
    }
}

/// The first of the words that count.
fn spoken(words: &Words, answer: Satisfaction) -> &str {
    let all = words.get(
        "survey",
        match answer {
            Satisfaction::Good => "good_words",
            Satisfaction::Fair => "fair_words",
            Satisfaction::Bad => "bad_words",
        },
    );
    all.split(',').next().unwrap_or_default().trim()
}

/// The client is not content with how it was handled.
#[derive(Debug, Clone, PartialEq)]
pub struct UnhappyFacts {
    pub ticket: TicketFacts,
    pub now: DateTime<Utc>,
    /// What the client said of it.
    pub words: Option<String>,
    pub request: String,
    /// Our last words.
    pub answer: Option<String>,
    pub resolved_at: Option<Moment>,
    pub links: MailtoLinks,
}

impl Notice for UnhappyFacts {
    fn name(&self) -> &'static str {
        "unhappy"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => self.ticket.tech_subject(),
            ticket => self.ticket.view(words, self.now),
            words => self.words.as_deref().map(str::trim),
            request => self.request.trim(),
            answer => self.answer.as_deref().map(str::trim),
            resolved => self.resolved_at.as_ref().map(|at| words.moment(self.now, at)),
            reply => PlainReply::Internal.view(words),
            links => self.links.view(words, &[("reopen", "#open\n"), ("take", "#take\n")]),
        }
    }
}

/// To the managers: somebody is to talk to this client.
pub fn unhappy(texts: &Texts, language: &str, facts: &UnhappyFacts) -> Rendered {
    texts.render(language, facts)
}
