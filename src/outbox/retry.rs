//! When a mail is tried again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::store::outbox::Claimed;

/// 1m 5m 15m 30m 1h 2h 4h, then every 4h up to 48h, each ±20 % so that a backlog does not come back as one wave.
pub(super) fn next_try(row: &Claimed, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const MINUTES: [i64; 7] = [1, 5, 15, 30, 60, 120, 240];
    // 7 h 51 min and ten times 4 h make 48 hours; a mail that was held back by a long downtime still gets all its tries.
    const TRIES: i64 = 18;
    if row.attempt >= TRIES && now - row.created_at >= TimeDelta::hours(38) {
        return None;
    }
    let step = usize::try_from(row.attempt - 1).unwrap_or(0).min(MINUTES.len() - 1);
    let seconds = (MINUTES[step] * 60) as f64 * (0.8 + 0.4 * rand::random::<f64>());
    Some(now + TimeDelta::seconds(seconds as i64))
}

/// Whether what is always refused for coming too fast ends: the platform says when it is tried again, and so how often that is.
pub(super) fn is_given_up(row: &Claimed, now: DateTime<Utc>) -> bool {
    // What a long downtime held back is tried a few times all the same.
    const TRIES: i64 = 3;
    row.attempt >= TRIES && now - row.created_at >= TimeDelta::hours(48)
}
