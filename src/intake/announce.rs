//! What happens to a ticket, told to the firm's own programs: outbox rows in the transaction of the change.

use super::case::Unit;
use crate::desk::event::Recorded;
use crate::desk::webhook::News;
use crate::notice;
use crate::store::outbox::{self, Class, NewMail};
use crate::store::{StoreError, tickets};
use crate::words::TicketNumber;

/// One delivery for each of the events and each webhook that wants its kind. The ticket is in the database as the events left it.
pub(super) async fn announce(unit: &mut Unit<'_>, number: TicketNumber, events: &[Recorded]) -> Result<(), StoreError> {
    let webhooks = &unit.firm().webhooks;
    let wanted = |news: &News| webhooks.iter().any(|webhook| webhook.of.contains(news));
    let told: Vec<(News, &Recorded)> =
        events.iter().filter_map(|recorded| Some((News::of(&recorded.event).filter(wanted)?, recorded))).collect();
    if told.is_empty() {
        return Ok(());
    }
    let missing = || StoreError::Missing { what: format!("ticket {number}") };
    let row = tickets::row(unit.tx, number).await?.ok_or_else(missing)?;
    for (news, recorded) in told {
        let broken = |error| StoreError::Refused(format!("a delivery cannot be written: {error}"));
        let bytes = notice::delivery(news, &row, recorded).map_err(broken)?;
        // Every program knows the event by the same id.
        let id = format!("evt_{}", super::letter::new_token());
        for webhook in webhooks.iter().filter(|webhook| webhook.of.contains(&news)) {
            let delivery = NewMail {
                channel: webhook.channel().into(),
                dedupe_key: format!("{}/{}/{}", webhook.channel(), number.0, recorded.seq),
                class: Class::MustArrive,
                kind: news.type_name(),
                automatic: false,
                ticket: Some(number),
                envelope_from: None,
                recipient: webhook.name.clone(),
                message_id: id.clone(),
                subject: row.subject.clone(),
                content: bytes.clone().into(),
                next_at: unit.now,
            };
            outbox::insert(unit.tx, delivery, unit.now);
        }
    }
    Ok(())
}
