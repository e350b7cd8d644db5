//! The relay filter: text reaches a client only through here (rule 9).

use super::letter::token_in;
use crate::mail::reply;

/// A tech's words that may be shown to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relay(String);

impl Relay {
    /// `text` is the new text without directive lines; `sure` says that it was told apart from quotes beyond doubt.
    pub(super) fn filter(text: &str, sure: bool) -> Result<Relay, String> {
        let text = words(text);
        // Without any words there is nothing that could be a quote: a file alone goes.
        if !sure && !text.is_empty() {
            return Err("the quoted text below your answer could not be told apart from it beyond doubt; \
                        send the answer once more without the quoted mail"
                .to_owned());
        }
        if text.contains(reply::MARKER) {
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
        Ok(Relay(text.to_owned()))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// The text without its signature; empty when there is nothing but a signature.
pub(super) fn words(text: &str) -> &str {
    let text = text.trim();
    let bare = text.lines().next().is_some_and(|line| matches!(line.trim_end(), "--" | "\u{2014}" | "\u{2013}"));
    if bare { "" } else { reply::without_signature(text).trim() }
}
