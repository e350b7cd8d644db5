//! Where done mail goes: finds or creates the folder, and moves by the best way the server has.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

use super::talk::{Answer, Talk};
use super::uids;
use crate::source::SourceError;

/// Marks a done mail where it cannot be moved.
pub const DONE_KEYWORD: &str = "$DeskdDone";

/// How this server gets a mail out of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Move,
    /// COPY, `\Deleted` and UID EXPUNGE (UIDPLUS); never EXPUNGE, which would take other people's deleted mail too.
    CopyAndExpunge,
    /// The mail stays and carries `DONE_KEYWORD`.
    Keyword,
    /// Not even keywords: our own table of keys alone knows what is done.
    Leave,
}

impl Way {
    pub fn of(capabilities: &BTreeSet<String>, keywords: bool) -> Way {
        match () {
            () if capabilities.contains("MOVE") => Way::Move,
            () if capabilities.contains("UIDPLUS") => Way::CopyAndExpunge,
            () if keywords => Way::Keyword,
            () => Way::Leave,
        }
    }
}

/// The folder for done mail, as the server calls it; empty where nothing is moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processed {
    name: String,
}

/// Finds the folder or creates it, below INBOX where the server allows it nowhere else. `/` in `wanted` parts its levels.
pub async fn processed(talk: &mut Talk, wanted: &str) -> Result<Processed, SourceError> {
    let delimiter = talk.folders("").await?.into_iter().find_map(|(_, delimiter)| delimiter);
    let levels: Vec<String> = wanted.split('/').map(utf7).collect();
    let plain = match &delimiter {
        Some(delimiter) => levels.join(delimiter),
        None => utf7(wanted),
    };
    let below = delimiter.map(|delimiter| format!("INBOX{delimiter}{plain}"));
    for name in [Some(&plain), below.as_ref()].into_iter().flatten() {
        if talk.folders(name).await?.iter().any(|(found, _)| found == name) {
            return Ok(Processed { name: name.clone() });
        }
    }
    let mut words = String::new();
    for name in [Some(&plain), below.as_ref()].into_iter().flatten() {
        match talk.order(&format!("CREATE {}", quoted(name))).await? {
            Answer::Ok => {
                // So that people see it in mail programs that show subscribed folders only; not vital.
                talk.order(&format!("SUBSCRIBE {}", quoted(name))).await?;
                return Ok(Processed { name: name.clone() });
            }
            Answer::No(answer) => words = answer,
        }
    }
    Err(SourceError::Lost(format!("the folder {wanted} for done mail cannot be created: {words}; create it by hand")))
}

/// Gets committed mail out of the way. `Answer::No`: it stays where it is, and that harms nobody.
pub async fn put_away(talk: &mut Talk, done: &[u32], way: Way, to: &Processed) -> Result<Answer, SourceError> {
    let folder = quoted(&to.name);
    for set in uids::sets(done) {
        let orders = match way {
            Way::Move => vec![format!("UID MOVE {set} {folder}")],
            Way::CopyAndExpunge => vec![
                format!("UID COPY {set} {folder}"),
                format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"),
                format!("UID EXPUNGE {set}"),
            ],
            Way::Keyword => vec![format!("UID STORE {set} +FLAGS.SILENT ({DONE_KEYWORD})")],
            Way::Leave => Vec::new(),
        };
        for order in orders {
            let answer = talk.order(&order).await?;
            if answer != Answer::Ok {
                return Ok(answer);
            }
        }
    }
    Ok(Answer::Ok)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Base64 of RFC 3501 section 5.1.3: `,` instead of `/`, no padding.
static MODIFIED_BASE64: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    specification.encoding().ok()
});

/// A folder name in modified UTF-7 (RFC 3501 section 5.1.3).
pub fn utf7(name: &str) -> String {
    let mut out = String::new();
    let mut foreign: Vec<u8> = Vec::new();
    let close = |foreign: &mut Vec<u8>, out: &mut String| {
        if let Some(encoding) = MODIFIED_BASE64.as_ref().filter(|_| !foreign.is_empty()) {
            out.push('&');
            encoding.encode_append(foreign, out);
            out.push('-');
            foreign.clear();
        }
    };
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            close(&mut foreign, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                foreign.extend(unit.to_be_bytes());
            }
        }
    }
    close(&mut foreign, &mut out);
    out
}
