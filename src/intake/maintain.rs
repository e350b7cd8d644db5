//! `#maintenance acme 22:00-02:00`: on any of our mails, or in a mail of its own, which opens no ticket.

use chrono::{DateTime, Utc};

use super::action::ActError;
use super::case::Unit;
use super::orders::{self, NotDone};
use super::process::Decided;
use super::read::Ready;
use super::receipt;
use crate::desk::directive::{Directive, Line, Reading};
use crate::desk::firm::Tech;
use crate::notice::Effect;
use crate::store::inbound::Fate;
use crate::store::maintenance::{self, Window};
use crate::store::tokens::Purpose;

/// Its directives are about no ticket.
pub(super) fn is_all_of(reading: &Reading) -> bool {
    let verb = |line: &Line| line.raw.trim_start_matches(['#', ' ']).to_lowercase();
    !reading.lines.is_empty() && reading.lines.iter().all(|line| verb(line).starts_with("maintenance"))
}

/// A client's maintenance, noted or ended; all of the mail's lines or none.
pub(super) async fn mail(
    unit: &mut Unit<'_>,
    ready: &Ready,
    tech: &Tech,
    reading: Reading,
) -> Result<Decided, ActError> {
    unit.tx.deed().await?;
    match try_maintain(unit, tech, reading).await {
        Ok(effects) => {
            unit.tx.deed_done().await?;
            receipt::alone(unit, ready, tech, effects).await?;
            Ok(Decided::because(Fate::Reply, "a maintenance"))
        }
        Err(NotDone::Refused(refused)) => {
            unit.undo_deed().await?;
            receipt::not_sent(unit, None, ready, tech, (Purpose::Digest, &refused)).await?;
            Ok(Decided::because(Fate::Refused, format!("not done: {}", refused.why)))
        }
        Err(NotDone::Store(error)) => Err(error.into()),
    }
}

async fn try_maintain(unit: &mut Unit<'_>, tech: &Tech, reading: Reading) -> Result<Vec<Effect>, NotDone> {
    let mut effects = Vec::new();
    for line in reading.lines {
        match line.parsed {
            Ok(Directive::Maintenance { client, window }) => {
                effects.push(note(unit, tech, &line.raw, &client, window).await?);
            }
            Ok(_) => {}
            Err(why) => return Err(orders::refusal(&line.raw, why)),
        }
    }
    Ok(effects)
}

/// Notes a client's maintenance, or ends it.
pub(super) async fn note(
    unit: &mut Unit<'_>,
    tech: &Tech,
    line: &str,
    called: &str,
    window: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Result<Effect, NotDone> {
    let Some(client) = unit.firm().client_called(called) else {
        let keys: Vec<&str> = unit.firm().clients.iter().map(|client| client.key.0.as_str()).collect();
        return Err(orders::refused(line, format!("there is no client \"{called}\"; there are: {}", keys.join(", "))));
    };
    let name = client.name.clone();
    let Some((starts_at, ends_at)) = window else {
        let ended = maintenance::end(unit.tx, &client.key, unit.now).await?;
        maintenance::look_again(unit.tx, unit.now).await?;
        return Ok(Effect::MaintenanceOver { client: name, any: ended > 0 });
    };
    let window = Window { client: client.key.clone(), starts_at, ends_at, tech: tech.login.clone() };
    maintenance::add(unit.tx, &window, unit.now).await?;
    let zone = tech.time_zone;
    Ok(Effect::Maintenance { client: name, from: starts_at.with_timezone(&zone), until: ends_at.with_timezone(&zone) })
}
