//! How many mails go to the intake at once: a commit costs an fsync, so a backlog goes in batches, and what is big goes alone.

/// Mails of one batch.
pub const MAILS: usize = 64;
/// Bytes of one batch.
pub const BYTES: u64 = 4 * 1024 * 1024;
/// A mail over this size is a batch of its own.
pub const ALONE: u64 = 1024 * 1024;

/// Cuts a list into batches, keeping its order.
pub fn batches<T>(list: Vec<T>, size: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut open: Vec<T> = Vec::new();
    let mut bytes = 0;
    for item in list {
        let more = size(&item);
        if more > ALONE || open.len() == MAILS || bytes + more > BYTES {
            batches.push(std::mem::take(&mut open));
            bytes = 0;
        }
        open.push(item);
        bytes += more;
        if more > ALONE {
            batches.push(std::mem::take(&mut open));
            bytes = 0;
        }
    }
    batches.push(open);
    batches.retain(|batch| !batch.is_empty());
    batches
}
