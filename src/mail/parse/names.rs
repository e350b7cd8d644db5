//! Attachment names that are safe to show and to use as file names.

const MAX_BYTES: usize = 200;
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The last path component without control, format and reserved characters, at most 200 bytes with its extension kept; never empty.
pub(crate) fn safe(name: &str, content_type: &str) -> String {
    let visible: String = name.chars().filter(|&ch| !ch.is_control() && !is_format(ch)).collect();
    let last = visible.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .map(|ch| match ch {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            ch if ch.is_whitespace() => ' ',
            ch => ch,
        })
        .collect();
    let trimmed = plain.trim_matches(|ch| ch == ' ' || ch == '.');
    let mut name = shorten(trimmed);
    if name.is_empty() {
        name = format!("attachment.{}", extension(content_type));
    }
    let stem = name.split('.').next().unwrap_or_default().trim().to_ascii_uppercase();
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    if DEVICES.contains(&stem.as_str())
        || numbered.is_some_and(|rest| matches!(rest.chars().collect::<Vec<_>>()[..], ['0'..='9' | '¹' | '²' | '³']))
    {
        name.insert(0, '_');
    }
    name
}

/// Characters that change how the rest is shown, or that nobody sees.
fn is_format(ch: char) -> bool {
    matches!(ch,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn shorten(name: &str) -> String {
    // One byte less: a device name may still get its underscore.
    let limit = MAX_BYTES - 1;
    if name.len() <= limit {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = if extension.len() <= 20 { extension } else { "" };
    let room = limit - extension.len() - 1;
    let stem = name[..name.floor_char_boundary(room)].trim_end_matches([' ', '.']);
    if extension.is_empty() { stem.to_owned() } else { format!("{stem}.{extension}") }
}

pub(crate) fn extension(content_type: &str) -> &'static str {
    match content_type {
        "text/plain" | "message/delivery-status" | "text/rfc822-headers" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "image/png" => "png",
        "image/jpeg" | "image/jpg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/heic" => "heic",
        "image/svg+xml" => "svg",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/json" => "json",
        "application/ms-tnef" => "dat",
        "application/pgp-signature" => "asc",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "message/rfc822" | "message/global" => "eml",
        _ => "bin",
    }
}
