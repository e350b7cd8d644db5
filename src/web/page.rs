//! The pages: the firm's name, the reader's language, no script, nothing from elsewhere.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, context};

use super::portal::{FILES, Portal};

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    // Only clashing delimiters can fail here, and they are the standard ones.
    pages.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().unwrap_or_default());
    for (name, source) in [
        ("base", include_str!("../../config/pages/base.html")),
        ("new", include_str!("../../config/pages/new.html")),
        ("sent", include_str!("../../config/pages/sent.html")),
        ("survey", include_str!("../../config/pages/survey.html")),
        ("heard", include_str!("../../config/pages/heard.html")),
    ] {
        if let Err(error) = pages.add_template(name, source) {
            tracing::error!(%error, "the page {name} does not compile");
        }
    }
    pages
});

/// What somebody typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    pub name: String,
    pub email: String,
    pub subject: String,
    pub text: String,
    /// Hidden from people: only programs fill it in.
    pub website: String,
    /// A name of this page's own.
    pub once: String,
}

/// Why it was not taken. Each names the field it is about, and has its words in the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Trap,
    Email,
    Ours,
    Subject,
    Text,
    TooLarge,
    Broken,
    TooMany,
    Stopping,
}

impl Wrong {
    /// The field, and the key of its words.
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Wrong::Trap => ("website", "wrong_trap"),
            Wrong::Email => ("email", "wrong_email"),
            Wrong::Ours => ("email", "wrong_ours"),
            Wrong::Subject => ("subject", "wrong_subject"),
            Wrong::Text => ("text", "wrong_text"),
            Wrong::TooLarge => ("files", "wrong_too_large"),
            Wrong::Broken => ("text", "wrong_broken"),
            Wrong::TooMany => ("text", "wrong_too_many"),
            Wrong::Stopping => ("text", "wrong_stopping"),
        }
    }
}

/// The form, with what was typed and what is wrong with it.
pub fn form(portal: &Portal, language: &str, said: &Said, wrong: &[Wrong]) -> String {
    let words = portal.texts.words(language);
    let megabytes = (FILES / (1024 * 1024)).to_string();
    let values =
        [("address", portal.desk.address.as_str()), ("firm", portal.firm.as_str()), ("size", megabytes.as_str())];
    let say = |key: &str| words.fill("form", key, &values);
    let faults: Vec<_> = wrong
        .iter()
        .map(|wrong| {
            let (field, key) = wrong.parts();
            context! { field, text => say(key) }
        })
        .collect();
    let once = match said.once.as_str() {
        "" => data_encoding::HEXLOWER.encode(&rand::random::<[u8; 16]>()),
        once => once.to_owned(),
    };
    let labels: Vec<(&str, String)> = [
        "title",
        "intro",
        "name",
        "email",
        "email_hint",
        "subject",
        "subject_hint",
        "text",
        "text_hint",
        "files",
        "files_hint",
        "trap",
        "send",
        "optional",
        "not_sent",
        "call",
    ]
    .into_iter()
    .map(|key| (key, say(key)))
    .collect();
    let labels: std::collections::BTreeMap<&str, String> = labels.into_iter().collect();
    let view = context! {
        language => language,
        firm => &portal.firm,
        phone => &portal.phone,
        words => labels,
        said => context! { name => &said.name, email => &said.email, subject => &said.subject, text => &said.text, website => &said.website },
        once,
        faults,
    };
    render("new", view)
}

/// It is kept.
pub fn thanks(portal: &Portal, language: &str) -> String {
    let words = portal.texts.words(language);
    let values = [("address", portal.desk.address.as_str()), ("firm", portal.firm.as_str())];
    let say = |key: &str| words.fill("form", key, &values);
    let view = context! {
        language => language,
        firm => &portal.firm,
        phone => &portal.phone,
        title => say("sent_title"),
        text => say("sent_text"),
        another => say("sent_another"),
        call => say("call"),
    };
    render("sent", view)
}

pub(super) fn render(name: &str, view: minijinja::Value) -> String {
    let page = PAGES.get_template(name).and_then(|template| template.render(view));
    page.unwrap_or_else(|error| {
        tracing::error!(%error, "the page {name} cannot be shown");
        "This page cannot be shown now. Please write a mail.".to_owned()
    })
}
