//! What clients get. Nothing internal can be in it: the facts have no place for it.

use minijinja::{Value, context};

use super::facts::{CleanHtml, ClientTicketFacts, Moment};
use super::format::{safe, strings};
use super::language::Words;
use super::{Notice, QuestionFacts, Rendered, Texts, client_subject};

/// When a human will answer, as far as the client may know.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerTime {
    /// The deadline is promised (`show_sla`).
    By(Moment),
    /// The desk is open, and no moment is promised.
    Soon,
    /// The desk opens then.
    FromOpening(Moment),
}

#[derive(Debug, Clone, PartialEq)]
pub struct AcknowledgementFacts {
    pub ticket: ClientTicketFacts,
    pub answer: AnswerTime,
    /// Given outside hours only.
    pub emergency_phone: Option<String>,
    /// The mail was over the size cap: only its beginning was taken in.
    pub too_large: bool,
}

/// A tech's words, filtered and from the firm.
#[derive(Debug, Clone, PartialEq)]
pub struct RelayFacts {
    pub ticket: ClientTicketFacts,
    pub tech_name: String,
    /// Already without directives, quotes and internals.
    pub text: String,
    /// The same as HTML, already cleaned; `None` makes paragraphs of the text.
    pub html: Option<CleanHtml>,
    /// Attachments that did not fit, by name.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ResolutionFacts {
    pub ticket: ClientTicketFacts,
    pub tech_name: String,
    /// As in a relay; empty where the tech wrote nothing.
    pub text: String,
    pub html: Option<CleanHtml>,
    pub left_out: Vec<String>,
    pub question: Option<QuestionFacts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReminderRound {
    First,
    Second,
}

#[derive(Debug, Clone, PartialEq)]
pub struct WaitingReminderFacts {
    pub ticket: ClientTicketFacts,
    pub round: ReminderRound,
    /// The last public words from us, which wait for an answer.
    pub question: Option<String>,
    pub tech_name: Option<String>,
    /// When the request is closed without an answer.
    pub closes_at: Option<Moment>,
}

/// Resolved because no answer came.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedNoticeFacts {
    pub ticket: ClientTicketFacts,
}

/// A question to an approver of the client: may this sensitive request be carried out?
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalFacts {
    pub ticket: ClientTicketFacts,
    pub approver_name: String,
    /// Who asked for it, with the address it came from.
    pub requester: Option<String>,
    /// The words of the request.
    pub request: String,
}

/// A code that shows that somebody in a chat is the person of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCodeFacts {
    pub firm: String,
    pub code: String,
    /// The chat's name in the config.
    pub chat: String,
    /// What who asked is called there.
    pub who: String,
}

impl Notice for LinkCodeFacts {
    fn name(&self) -> &'static str {
        "link_code"
    }

    fn view(&self, _: &Words) -> Value {
        context! { firm => &self.firm, code => &self.code, chat => &self.chat, who => &self.who }
    }
}

/// Whether an address is somebody's too, asked of whoever reads there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkQuestionFacts {
    pub firm: String,
    /// `Jane Roe <jane@acme.example>`
    pub who: String,
    /// The one that is asked.
    pub address: String,
}

/// What became of such a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedFacts {
    pub question: LinkQuestionFacts,
    /// The answer was yes; else the question has only been asked.
    pub joined: bool,
}

impl Notice for LinkQuestionFacts {
    fn name(&self) -> &'static str {
        "link_question"
    }

    fn view(&self, _: &Words) -> Value {
        context! { firm => &self.firm, who => &self.who, address => &self.address }
    }
}

impl Notice for LinkedFacts {
    fn name(&self) -> &'static str {
        "linked"
    }

    fn view(&self, _: &Words) -> Value {
        let LinkQuestionFacts { firm, who, address } = &self.question;
        context! { firm, who, address, joined => self.joined }
    }
}

impl Notice for AcknowledgementFacts {
    fn name(&self) -> &'static str {
        "acknowledgement"
    }

    fn view(&self, words: &Words) -> Value {
        let now = self.ticket.now;
        let (answer, when) = match &self.answer {
            AnswerTime::By(at) => ("by", words.moment_with_zone(now, at)),
            AnswerTime::Soon => ("soon", String::new()),
            AnswerTime::FromOpening(at) => ("opening", words.moment_with_zone(now, at)),
        };
        context! {
            subject => client_subject(&self.ticket.subject),
            ticket => self.ticket.view(),
            answer, when,
            emergency_phone => &self.emergency_phone,
            too_large => self.too_large,
        }
    }
}

fn answer_view(
    ticket: &ClientTicketFacts,
    tech: &str,
    text: &str,
    html: Option<&CleanHtml>,
    left_out: &[String],
) -> Value {
    context! {
        subject => client_subject(&ticket.subject),
        ticket => ticket.view(),
        tech,
        text => text.trim(),
        html => safe(html),
        left_out => strings(left_out),
    }
}

impl Notice for RelayFacts {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn view(&self, _: &Words) -> Value {
        answer_view(&self.ticket, &self.tech_name, &self.text, self.html.as_ref(), &self.left_out)
    }
}

impl Notice for ResolutionFacts {
    fn name(&self) -> &'static str {
        "resolution"
    }

    fn view(&self, words: &Words) -> Value {
        let answer = answer_view(&self.ticket, &self.tech_name, &self.text, self.html.as_ref(), &self.left_out);
        context! { question => self.question.as_ref().map(|question| question.view(words)), ..answer }
    }
}

impl Notice for WaitingReminderFacts {
    fn name(&self) -> &'static str {
        "waiting_reminder"
    }

    fn view(&self, words: &Words) -> Value {
        context! {
            subject => client_subject(&self.ticket.subject),
            ticket => self.ticket.view(),
            second => self.round == ReminderRound::Second,
            question => self.question.as_deref().map(str::trim),
            tech => &self.tech_name,
            closes => self.closes_at.as_ref().map(|at| words.day(self.ticket.now, at)),
        }
    }
}

impl Notice for ApprovalFacts {
    fn name(&self) -> &'static str {
        "approval"
    }

    fn view(&self, _: &Words) -> Value {
        context! {
            subject => client_subject(&self.ticket.subject),
            ticket => self.ticket.view(),
            approver => &self.approver_name,
            requester => &self.requester,
            request => self.request.trim(),
        }
    }
}

impl Notice for ClosedNoticeFacts {
    fn name(&self) -> &'static str {
        "closed_notice"
    }

    fn view(&self, _: &Words) -> Value {
        context! { subject => client_subject(&self.ticket.subject), ticket => self.ticket.view() }
    }
}

/// To a known sender: we have it, its number, and when a human will answer. Never repeats what the client wrote.
pub fn acknowledgement(texts: &Texts, language: &str, facts: &AcknowledgementFacts) -> Rendered {
    texts.render(language, facts)
}

/// A tech's answer.
pub fn relay(texts: &Texts, language: &str, facts: &RelayFacts) -> Rendered {
    texts.render(language, facts)
}

/// A tech's answer that resolves the ticket.
pub fn resolution(texts: &Texts, language: &str, facts: &ResolutionFacts) -> Rendered {
    texts.render(language, facts)
}

/// We still wait for the client.
pub fn waiting_reminder(texts: &Texts, language: &str, facts: &WaitingReminderFacts) -> Rendered {
    texts.render(language, facts)
}

/// No answer came, so we take it as solved.
pub fn closed_notice(texts: &Texts, language: &str, facts: &ClosedNoticeFacts) -> Rendered {
    texts.render(language, facts)
}

/// To an approver of the client: may we? A plain "ok" says yes.
pub fn approval(texts: &Texts, language: &str, facts: &ApprovalFacts) -> Rendered {
    texts.render(language, facts)
}

/// To the address that somebody in a chat says is theirs.
pub fn link_question(texts: &Texts, language: &str, facts: &LinkQuestionFacts) -> Rendered {
    texts.show(language, facts)
}

pub fn linked(texts: &Texts, language: &str, facts: &LinkedFacts) -> Rendered {
    texts.show(language, facts)
}

pub fn link_code(texts: &Texts, language: &str, facts: &LinkCodeFacts) -> Rendered {
    texts.render(language, facts)
}
