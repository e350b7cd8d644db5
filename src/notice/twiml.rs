//! What Twilio is told to say and do: TwiML, <https://www.twilio.com/docs/voice/twiml>.

use minijinja::{AutoEscape, Environment, Value, context};

/// Our answer to Twilio, or what a call that we make begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twiml {
    /// Somebody calls the line.
    Call,
    /// After a message, a recording or a key.
    Said,
    /// We call a technician.
    Page,
}

/// What a technician hears, and where the key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageFacts {
    pub words: String,
    /// Which key does what.
    pub press: String,
    /// As `<Say language>` has it.
    pub language: String,
    /// Web address, ours.
    pub action: String,
}

impl Twiml {
    fn source(self) -> &'static str {
        match self {
            Twiml::Call => include_str!("../../config/phone/call.xml"),
            Twiml::Said => include_str!("../../config/phone/said.xml"),
            Twiml::Page => include_str!("../../config/phone/page.xml"),
        }
    }
}

pub fn page_call(facts: &PageFacts) -> String {
    let PageFacts { words, press, language, action } = facts;
    twiml(Twiml::Page, context! { words, press, language, action })
}

/// Every fact is escaped. What XML has no way to say (<https://www.w3.org/TR/xml/#charsets>) is left out.
pub fn twiml(which: Twiml, facts: Value) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // The templates are our own, and a test renders each.
    let page = environment.render_str(which.source(), facts).unwrap_or_else(|_| "<Response/>".to_owned());
    let sayable = |letter: &char| {
        matches!(letter, '\t' | '\n' | '\r') || (*letter >= ' ' && !matches!(letter, '\u{fffe}' | '\u{ffff}'))
    };
    page.chars().filter(sayable).collect()
}
