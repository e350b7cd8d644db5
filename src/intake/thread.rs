//! Which ticket a mail belongs to: its reply token, the messages it refers to, or the tag in its subject.

use std::sync::LazyLock;

use regex::Regex;

use super::case::Unit;
use super::letter::token_in;
use super::read::Ready;
use crate::store::tokens::{self, Token};
use crate::store::{StoreError, messages};
use crate::words::TicketNumber;

/// What a mail points at.
#[derive(Debug, Clone, Default)]
pub(super) struct Thread {
    /// A token in an address of ours or in a Message-ID of ours that it answers; a tech's before a client's.
    pub token: Option<Token>,
    /// The token stands in an address only, and the mail answers nothing: address books remember Reply-To.
    pub token_by_address_only: bool,
    /// The ticket of the newest message that it refers to.
    pub referred: Option<TicketNumber>,
    /// `#1042` in the subject.
    pub tag: Option<TicketNumber>,
}

/// How many of a mail's references are looked up, the newest first.
const REFERENCES: usize = 30;

impl Thread {
    pub(super) async fn of(unit: &mut Unit<'_>, ready: &Ready) -> Result<Thread, StoreError> {
        let mail = &ready.mail;
        let mut thread = Thread { tag: subject_tag(&mail.subject), ..Thread::default() };
        let ids: Vec<String> =
            mail.in_reply_to.iter().chain(mail.references.iter().rev()).take(REFERENCES).cloned().collect();
        for id in &ids {
            if ours(unit, id)
                && let Some(token) = token_in(id)
            {
                thread.offer(tokens::find(unit.tx, &token.to_lowercase()).await?, false);
            }
            if thread.referred.is_none() {
                thread.referred = messages::ticket_of(unit.tx, id).await?;
            }
        }
        for address in recipient_tokens(unit, ready) {
            thread.offer(tokens::find(unit.tx, &address).await?, ids.is_empty());
        }
        Ok(thread)
    }

    fn offer(&mut self, found: Option<Token>, by_address_only: bool) {
        let better = |old: &Token, new: &Token| old.tech.is_none() && new.tech.is_some();
        if let Some(found) = found.filter(|new| self.token.as_ref().is_none_or(|old| better(old, new))) {
            self.token = Some(found);
            self.token_by_address_only = by_address_only;
        }
    }

    /// The ticket, however it was named.
    pub(super) fn ticket(&self) -> Option<TicketNumber> {
        let by_token = self.token.as_ref().filter(|_| self.token_counts()).and_then(|token| token.ticket);
        by_token.or(self.referred).or(self.tag)
    }

    /// A token that stands in an address only counts if the subject names its ticket.
    pub(super) fn token_counts(&self) -> bool {
        let Some(token) = &self.token else { return false };
        !self.token_by_address_only || token.ticket.is_none() || self.tag == token.ticket
    }
}

fn ours(unit: &Unit<'_>, message_id: &str) -> bool {
    message_id.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(&unit.firm().domain))
}

/// Tokens in plus parts of our own addresses, wherever the mail names its recipients.
fn recipient_tokens(unit: &Unit<'_>, ready: &Ready) -> Vec<String> {
    let mail = &ready.mail;
    let named = mail.to.iter().chain(&mail.cc).map(|mailbox| mailbox.address.clone());
    let delivered = ["delivered-to", "x-original-to", "envelope-to"].into_iter().flat_map(|name| {
        mail.headers_named(name).map(|value| value.trim_matches(['<', '>', ' ']).to_owned()).collect::<Vec<_>>()
    });
    let token = |address: String| {
        unit.firm().desk_by_address(&address)?;
        let (local, _) = address.rsplit_once('@')?;
        let (_, plus) = local.split_once('+')?;
        token_in(plus).map(str::to_lowercase)
    };
    named.chain(delivered).filter_map(token).collect()
}

/// The first `#1042` of a subject; numbers below four digits are no tags.
pub(super) fn subject_tag(subject: &str) -> Option<TicketNumber> {
    static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:^|[^\w&])#(\d{4,12})\b").ok());
    let captures = TAG.as_ref()?.captures(subject)?;
    captures.get(1)?.as_str().parse().ok().map(TicketNumber)
}
