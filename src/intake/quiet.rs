//! Alerts in a client's maintenance: kept, told to nobody, and looked at again when it ends.

use chrono::{DateTime, Utc};

use super::action::ActError;
use super::case::Unit;
use super::post;
use super::process::Decided;
use super::read::Ready;
use crate::channel::Post;
use crate::store::checks::{self, Check};
use crate::store::inbound::Fate;
use crate::store::{StoreError, inbound, maintenance};
use crate::words::ClientKey;

/// The alert waits for `until`; its end in between makes it none.
pub(super) async fn keep(
    unit: &mut Unit<'_>,
    ready: &Ready,
    post: &Post,
    (client, until): (&ClientKey, DateTime<Utc>),
) -> Result<Decided, ActError> {
    maintenance::hold(unit.tx, &ready.row.source, &place(ready, post), ready.row.id).await?;
    let check = Check { inbound: ready.row.id, message: None, next_at: until, gives_up_at: until };
    checks::add(unit.tx, &check).await?;
    let hour = until.with_timezone(&unit.firm().time_zone).format("%Y-%m-%d %H:%M");
    let why = format!("maintenance of {client}: looked at again at {hour}, unless it is over by then");
    Ok(Decided::because(Fate::Automatic, why))
}

/// Its trouble is over; true when that was one that waited.
pub(super) async fn over(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<bool, StoreError> {
    maintenance::release(unit.tx, &ready.row.source, &place(ready, post)).await
}

/// The maintenance has ended: what is not over begins now, and its clock with it.
pub(super) async fn settle(unit: &mut Unit<'_>, check: Check, ready: &Ready, post: &Post) -> Result<(), StoreError> {
    if !checks::take(unit.tx, check.inbound).await?
        || !maintenance::take(unit.tx, &ready.row.source, &place(ready, post), check.inbound).await?
    {
        return Ok(());
    }
    let mut now = ready.clone();
    now.row.arrived_at = unit.now;
    let decided = match post::take(unit, &now, post).await {
        Ok(decided) => decided,
        Err(ActError::Store(error)) => return Err(error),
        Err(ActError::Refused(why)) => Decided::because(Fate::Refused, why),
    };
    let reason = decided.reason.unwrap_or_else(|| "not over when the maintenance ended".to_owned());
    inbound::became(unit.tx, check.inbound, (decided.fate, decided.ticket), &reason).await
}

/// Where it belongs: without a thread it is alone.
fn place(ready: &Ready, post: &Post) -> String {
    post.thread.clone().unwrap_or_else(|| format!("/inbound/{}", ready.row.id.0))
}
