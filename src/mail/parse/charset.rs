//! Guessing the charset of bytes that declare none: UTF-8 where it fits, else the legacy charset that makes the likeliest text.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, ISO_2022_JP, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252,
};

/// Only this much of a long text decides.
const SAMPLE: usize = 16 * 1024;

/// `hint` is a charset label that the mail declares elsewhere.
pub(crate) fn guess(bytes: &[u8], hint: Option<&str>) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if bytes.windows(3).any(|window| window == b"\x1b$B" || window == b"\x1b$@") {
            return ISO_2022_JP.decode_without_bom_handling(bytes).0.into_owned();
        }
        return text.to_owned();
    }
    let hinted = hint
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .filter(|encoding| *encoding != encoding_rs::UTF_8)
        .and_then(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes));
    if let Some(text) = hinted {
        return text.into_owned();
    }
    if mostly_utf8(bytes) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    likeliest(&bytes[..bytes.len().min(SAMPLE)]).decode_without_bom_handling(bytes).0.into_owned()
}

/// Cut or slightly damaged UTF-8: several whole characters and hardly anything else.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes[..bytes.len().min(SAMPLE)].utf8_chunks() {
        good += chunk.valid().chars().filter(|ch| !ch.is_ascii()).count();
        bad += chunk.invalid().len();
    }
    good > 2 * bad
}

fn likeliest(sample: &[u8]) -> &'static Encoding {
    let candidates = [WINDOWS_1252, SHIFT_JIS, EUC_JP, EUC_KR, BIG5, GB18030, WINDOWS_1251, KOI8_R];
    let mut best = (WINDOWS_1252, i64::MIN);
    for encoding in candidates {
        let score = score(encoding, sample);
        if score > best.1 {
            best = (encoding, score);
        }
    }
    best.0
}

/// How much the decoded text looks like somebody's writing; per byte above ASCII, so that charsets of different width compare.
fn score(encoding: &'static Encoding, sample: &[u8]) -> i64 {
    let (text, _, broken) = encoding.decode(sample);
    let damage = if broken { text.chars().filter(|&ch| ch == '\u{FFFD}').count() as i64 * 60 } else { 0 };
    let mut points = -damage - swallowed(encoding, sample, &text);
    let japanese = encoding == EUC_JP || encoding == SHIFT_JIS;
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(ch) = rest.next() {
        let wedged = previous.is_ascii_lowercase() && rest.peek().is_some_and(char::is_ascii_lowercase);
        points += match ch {
            // Within a Latin word stands an accent, not a sign of another script.
            '\u{3000}'..='\u{d7a3}' | 'А'..='я' if wedged => -8,
            '\0'..='\x7f' => 0,
            // Kana stands in Japanese charsets by no chance; the Chinese ones have it too, and nobody uses it.
            '\u{3040}'..='\u{30ff}' if japanese => 24,
            '\u{3040}'..='\u{30ff}' => 10,
            '\u{ac00}'..='\u{d7a3}' => 20,
            // Chinese is made of these, Japanese has kana between them, Korean hardly any.
            '\u{4e00}'..='\u{9fff}' if japanese => 15,
            '\u{4e00}'..='\u{9fff}' if encoding == EUC_KR => 0,
            // Everyday Big5 swallows letters; what swallows none is likelier the other Chinese charset.
            '\u{4e00}'..='\u{9fff}' if encoding == BIG5 => 16,
            '\u{4e00}'..='\u{9fff}' => 17,
            '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff5e}' => 12,
            '\u{ff61}'..='\u{ff9f}' => 2,
            // A Cyrillic word has small letters behind its first one.
            'а'..='я' | 'ё' if previous.is_alphabetic() || previous == ' ' => 9,
            'А'..='Я' if !previous.is_lowercase() => 5,
            'А'..='я' => -12,
            // One accent among Latin letters is a Latin word (`größe` has two); a row of them is none.
            'ß' if matches!(previous, 'ä' | 'ö' | 'ü') => 9,
            'À'..='ÿ' if is_accented(previous) => -6,
            'à'..='ÿ' => 9,
            'À'..='ß' => 7,
            '–' | '—' | '‘'..='„' | '…' | '€' | '«' | '»' | '\u{a0}' | '°' | '§' | '•' | '№' => 7,
            '\u{80}'..='\u{9f}' => -30,
            _ => -4,
        };
        previous = ch;
    }
    points
}

/// The price of letters that became the second byte of a character. Common Chinese and Korean characters have none there; in Big5 and
/// Shift JIS they are everyday.
fn swallowed(encoding: &'static Encoding, sample: &[u8], text: &str) -> i64 {
    let letters = |bytes: &[u8]| bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count() as i64;
    let lost = letters(sample) - letters(text.as_bytes());
    lost * if encoding == GB18030 || encoding == EUC_KR { 12 } else { 9 }
}

fn is_accented(ch: char) -> bool {
    ('À'..='ÿ').contains(&ch)
}
