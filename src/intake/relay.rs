//! The relay filter: text reaches a client only through here (rule 9).

use super::letter::token_in;
use crate::mail::{Attachment, html, parse, reply};

/// A tech's words that may be shown to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relay(String);

impl Relay {
    /// `text` is the new text without directive lines; `sure` says that it was told apart from quotes beyond doubt. HTML needs no look of
    /// its own: `likeness` gives none that says more than this text.
    pub(super) fn filter(text: &str, sure: bool, files: &[Attachment]) -> Result<Relay, String> {
        let text = words(text);
        // Without any words there is nothing that could be a quote: a file alone goes.
        if !sure && !text.is_empty() {
            return Err("the quoted text below your answer could not be told apart from it beyond doubt, or it holds words that \
                        nobody can see; send the answer once more without the quoted mail, or as plain text"
                .to_owned());
        }
        if reply::is_marked(text) {
            return Err("it still contains the line above which you write, and so text meant for you alone".to_owned());
        }
        if text
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .any(|word| word.len() == 27 && token_in(word).is_some())
        {
            return Err(
                "it contains a reply address of yours, which would let the client write in your name".to_owned()
            );
        }
        if let Some(file) = files.iter().find(|file| holds_notice(file)) {
            return Err(format!("the attached {} holds a mail meant for you alone", file.name));
        }
        Ok(Relay(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// One of our notices to techs as a file, or an answer that quotes one.
fn holds_notice(file: &Attachment) -> bool {
    let marked = |text: &str| reply::is_marked(text);
    if file.content_type.starts_with("message/") || file.name.to_ascii_lowercase().ends_with(".eml") {
        let mail = parse::parse(&file.bytes);
        return marked(&mail.text) || mail.html.as_deref().is_some_and(|page| marked(&html::to_text(page)));
    }
    file.content_type.starts_with("text/") && marked(&String::from_utf8_lossy(&file.bytes))
}

/// The text without its signature; empty when there is nothing but a signature.
pub(super) fn words(text: &str) -> &str {
    let text = text.trim();
    let bare = text.lines().next().is_some_and(|line| matches!(line.trim_end(), "--" | "\u{2014}" | "\u{2013}"));
    if bare { "" } else { reply::without_signature(text).trim() }
}
