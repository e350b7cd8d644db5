//! What happens to a ticket or a statement, told to the firm's own programs: outbox rows in the transaction of the change.

use super::case::Unit;
use crate::desk::event::Recorded;
use crate::desk::webhook::News;
use crate::money::statement::Statement;
use crate::notice;
use crate::store::outbox::{self, Class, NewMail};
use crate::store::{StoreError, tickets};
use crate::words::TicketNumber;

/// One delivery for each of the events and each webhook that wants its kind. The ticket is in the database as the events left it.
pub(super) async fn announce(unit: &mut Unit<'_>, number: TicketNumber, events: &[Recorded]) -> Result<(), StoreError> {
    let told: Vec<(News, &Recorded)> = events
        .iter()
        .filter_map(|recorded| Some((News::of(&recorded.event).filter(|news| wanted(unit, *news))?, recorded)))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    let missing = || StoreError::Missing { what: format!("ticket {number}") };
    let row = tickets::row(unit.tx, number).await?.ok_or_else(missing)?;
    for (news, recorded) in told {
        let bytes = notice::delivery(news, &row, recorded).map_err(broken)?;
        let about =
            About { key: format!("{}/{}", number.0, recorded.seq), ticket: Some(number), subject: row.subject.clone() };
        deliver(unit, news, &about, &bytes);
    }
    Ok(())
}

/// The same of a statement that was just frozen.
pub(super) fn issued(unit: &mut Unit<'_>, statement: &Statement, hash: &str) -> Result<(), StoreError> {
    if !wanted(unit, News::StatementIssued) {
        return Ok(());
    }
    let bytes = notice::statement_delivery(statement, hash, unit.now).map_err(broken)?;
    let subject = format!("Statement {}", statement.number);
    let about = About { key: format!("statement/{}", statement.number), ticket: None, subject };
    deliver(unit, News::StatementIssued, &about, &bytes);
    Ok(())
}

fn wanted(unit: &Unit<'_>, news: News) -> bool {
    unit.firm().webhooks.iter().any(|webhook| webhook.of.contains(&news))
}

fn broken(error: serde_json::Error) -> StoreError {
    StoreError::Refused(format!("a delivery cannot be written: {error}"))
}

/// What a delivery is about, for its row.
struct About {
    /// `1042/7`: the same news twice has the same.
    key: String,
    ticket: Option<TicketNumber>,
    subject: String,
}

fn deliver(unit: &mut Unit<'_>, news: News, about: &About, bytes: &[u8]) {
    // Every program knows the event by the same id.
    let id = format!("evt_{}", super::letter::new_token());
    for webhook in unit.firm().webhooks.iter().filter(|webhook| webhook.of.contains(&news)) {
        let delivery = NewMail {
            channel: webhook.channel().into(),
            dedupe_key: format!("{}/{}", webhook.channel(), about.key),
            class: Class::MustArrive,
            kind: news.type_name(),
            automatic: false,
            ticket: about.ticket,
            envelope_from: None,
            recipient: webhook.name.clone(),
            message_id: id.clone(),
            subject: about.subject.clone(),
            content: bytes.to_vec().into(),
            next_at: unit.now,
        };
        outbox::insert(unit.tx, delivery, unit.now);
    }
}
