//! Telephone numbers in the one form in which they can be compared: E.164, `+13125550100`.

/// `+1 (312) 555-0100` and `0013125550100` as `+13125550100`; `None` where it is no number with a country code.
pub fn e164(text: &str) -> Option<String> {
    let bare: String =
        text.trim().chars().filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}')).collect();
    let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"))?;
    // ITU-T E.164 section 6: at most 15 digits, and no country code begins with 0.
    let fits = (7..=15).contains(&digits.len()) && !digits.starts_with('0');
    (fits && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| format!("+{digits}"))
}
