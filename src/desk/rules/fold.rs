//! Brings text and keywords into one form: lower case, no accents, one space between words, marks where a clause or a sentence ends.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Stands as a word of its own where a clause ends (comma, dash, bracket).
pub const CLAUSE: char = '\u{1}';
/// Stands as a word of its own where a sentence ends, also at a blank line and between subject and body.
pub const SENTENCE: char = '\u{2}';
/// Stands before the end of a sentence that asks.
pub const QUESTION: char = '\u{3}';
/// Bytes of one mail that are looked at; what follows cannot change a verdict.
pub const EXAMINED: usize = 64 * 1024;

/// The longest prefix of at most `limit` bytes that ends between two characters.
pub fn prefix(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// ` word word ␁ word ␂ `: begins and ends with a space, so that whole words can be searched as ` word `.
pub fn fold(text: &str) -> String {
    let lower = lower(prefix(text, EXAMINED)).replace("e-mail", "email").replace("wi-fi", "wifi");
    let chars: Vec<char> = lower.chars().collect();
    let mut out = String::with_capacity(lower.len() + 2);
    out.push(' ');
    let mut newlines = 0;
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let after = chars.get(at + 1).copied();
        newlines = match c {
            '\n' => newlines + 1,
            c if c.is_whitespace() => newlines,
            _ => 0,
        };
        match c {
            c if c.is_alphanumeric() => word_char(&mut out, c),
            '\'' if joins(&chars, at) => {}
            '\n' if newlines == 2 => mark(&mut out, SENTENCE),
            '?' | '？' if !inside(before, after) => {
                space(&mut out);
                out.push(QUESTION);
                mark(&mut out, SENTENCE);
            }
            '.' | '!' | ';' | '。' | '！' | '…' if !inside(before, after) || !matches!(c, '.') => {
                mark(&mut out, SENTENCE);
            }
            ',' | '(' | ')' | '[' | ']' | ':' | '–' | '—' | '、' | '"' if !inside(before, after) => {
                mark(&mut out, CLAUSE)
            }
            '-' if before.is_some_and(char::is_whitespace) && after.is_some_and(char::is_whitespace) => {
                mark(&mut out, CLAUSE);
            }
            _ => space(&mut out),
        }
    }
    space(&mut out);
    out
}

/// One keyword or phrase as it looks in a folded text, without the spaces around it; empty when nothing is left of it.
pub fn fold_phrase(phrase: &str) -> String {
    let folded = fold(phrase);
    folded
        .split(' ')
        .filter(|word| !word.is_empty() && !word.starts_with([CLAUSE, SENTENCE, QUESTION]))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Scripts that put no space between words: a phrase in them is searched anywhere.
pub fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Lower case without marks: é → e, ß → ss, ø → o, full-width letters → plain ones, every apostrophe → '.
fn lower(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in
        text.nfkd().filter(|c| !is_combining_mark(*c) && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{feff}'))
    {
        match c {
            'ß' | 'ẞ' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'œ' | 'Œ' => out.push_str("oe"),
            'ø' | 'Ø' => out.push('o'),
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' | 'ð' | 'Ð' => out.push('d'),
            'þ' | 'Þ' => out.push_str("th"),
            'ı' => out.push('i'),
            '’' | '‘' | '‛' | '´' | '`' | 'ʼ' | '′' => out.push('\''),
            '“' | '”' | '„' | '«' | '»' => out.push('"'),
            '\r' => {}
            c => out.extend(c.to_lowercase().filter(|c| !is_combining_mark(*c))),
        }
    }
    out
}

/// can't → cant, it's → its; but l'application → l application.
fn joins(chars: &[char], at: usize) -> bool {
    let tail: String = chars[at + 1..].iter().take(3).take_while(|c| c.is_alphanumeric()).collect();
    at > 0 && chars[at - 1].is_alphanumeric() && matches!(tail.as_str(), "t" | "s" | "re" | "ve" | "ll" | "d" | "m")
}

/// A sign between two letters or digits belongs to a name, a time or a number: db1.acme, 8:10, 1,5.
fn inside(before: Option<char>, after: Option<char>) -> bool {
    before.is_some_and(char::is_alphanumeric) && after.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c))
}

fn word_char(out: &mut String, c: char) {
    if is_unspaced(c) && out.ends_with(' ') && out.trim_end_matches(' ').ends_with(is_unspaced) {
        out.truncate(out.trim_end_matches(' ').len());
    }
    out.push(c);
}

fn space(out: &mut String) {
    if !out.ends_with(' ') {
        out.push(' ');
    }
}

fn mark(out: &mut String, sign: char) {
    space(out);
    if !out.trim_end().ends_with(SENTENCE) {
        out.push(sign);
        out.push(' ');
    }
}

/// The text without quoted lines, the signature, and everything below an attribution or a forwarding line.
/// Intake hands in new text already; this catches what came as plain text from elsewhere.
pub fn new_text(body: &str) -> String {
    let lines: Vec<&str> = prefix(body, EXAMINED).lines().collect();
    let mut kept = String::new();
    let mut signed = false;
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim();
        let words = kept.split_whitespace().count();
        if line.trim_end() == "--" || trimmed.starts_with("-----Original Message") {
            break;
        }
        // A bare forward says what it says by the forwarded text; with words of one's own above it, those count.
        if (is_forwarding(trimmed) || is_header_block(&lines[at..])) && words >= OWN_WORDS && !only_points(&kept) {
            break;
        }
        signed |= words > 0 && lines.len() - at <= SIGNATURE_LINES && is_closing(trimmed);
        signed &= !trimmed.to_lowercase().starts_with("p.s") && !trimmed.starts_with("PS");
        if signed
            || trimmed.starts_with('>')
            || (trimmed.starts_with("On ") && trimmed.ends_with("wrote:"))
            || is_disclaimer(trimmed)
        {
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// So many words above a forwarded text are a request of their own.
const OWN_WORDS: usize = 4;
/// A closing formula with more lines below it than these is none.
const SIGNATURE_LINES: usize = 12;

/// "Please see below, can you handle this?": a short note that points at what it forwards.
fn only_points(own: &str) -> bool {
    const POINTERS: [&str; 14] = [
        "below",
        "fyi",
        "forward",
        "this one",
        "look at this",
        "this mail",
        "see ",
        "handle",
        "weitergeleitet",
        "unten",
        "siehe",
        "hieronder",
        "zie ",
        "ci-dessous",
    ];
    let lower = own.to_lowercase();
    own.split_whitespace().count() <= 15 && POINTERS.iter().any(|pointer| lower.contains(pointer))
}

fn is_forwarding(line: &str) -> bool {
    let lower = line.to_lowercase();
    line.starts_with("_____") || lower.contains("forwarded message") || lower.starts_with("-----weitergeleitete")
}

/// `From: …`, and soon below it `Sent: …` or `Subject: …`.
fn is_header_block(lines: &[&str]) -> bool {
    const FROM: [&str; 6] = ["From:", "Von:", "Van:", "De:", "De :", "Da:"];
    const MORE: [&str; 10] = [
        "Sent:",
        "Date:",
        "Subject:",
        "Gesendet:",
        "Betreff:",
        "Verzonden:",
        "Onderwerp:",
        "Envoyé",
        "Objet",
        "Enviado",
    ];
    let begins = |line: &str, heads: &[&str]| heads.iter().any(|head| line.trim_start().starts_with(head));
    begins(lines[0], &FROM) && lines.iter().skip(1).take(4).any(|line| begins(line, &MORE))
}

/// "Kind regards", "Mit freundlichen Grüßen, A. Moser": what follows is a signature.
fn is_closing(line: &str) -> bool {
    const CLOSINGS: [&str; 44] = [
        "kind regards",
        "best regards",
        "warm regards",
        "regards",
        "best wishes",
        "with best wishes",
        "many thanks",
        "thanks",
        "thank you",
        "thx",
        "cheers",
        "sincerely",
        "yours sincerely",
        "yours faithfully",
        "with thanks",
        "br",
        "kr",
        "mit freundlichen grussen",
        "mit freundlichem gruss",
        "freundliche grusse",
        "viele grusse",
        "beste grusse",
        "liebe grusse",
        "gruss",
        "grusse",
        "mfg",
        "vg",
        "lg",
        "met vriendelijke groet",
        "met vriendelijke groeten",
        "vriendelijke groet",
        "groet",
        "groeten",
        "groetjes",
        "mvg",
        "cordialement",
        "bien cordialement",
        "salutations",
        "saludos",
        "un saludo",
        "cordiali saluti",
        "saluti",
        "cumprimentos",
        "pozdrawiam",
    ];
    if line.len() > 80 || line.ends_with('?') {
        return false;
    }
    let folded = fold_phrase(line);
    CLOSINGS.iter().any(|closing| {
        folded
            .strip_prefix(closing)
            .is_some_and(|rest| (rest.is_empty() || rest.starts_with(' ')) && rest.split_whitespace().count() <= 3)
    })
}

/// A long line about confidentiality or the wrong addressee, or the banner that a mail server puts on foreign mail.
fn is_disclaimer(line: &str) -> bool {
    const SIGNS: [&str; 24] = [
        "confidential",
        "intended recipient",
        "addressee",
        "intended solely",
        "delete it immediately",
        "privileged",
        "liability",
        "accept no",
        "from outside",
        "external sender",
        "in error",
        "viruses",
        "this communication",
        "may contain",
        "do not click",
        "vertraulich",
        "vertrouwelijk",
        "confidentiel",
        "confidencial",
        "riservat",
        "poufn",
        "destinataire",
        "empfänger",
        "geadresseerde",
    ];
    let lower = line.to_lowercase();
    line.len() > 70 && SIGNS.iter().filter(|sign| lower.contains(*sign)).count() >= 2
}

/// Folded text as a human reads it: without the marks, and without the blanks at its ends.
pub fn readable(folded: &str) -> String {
    let blank = |sign: char| sign.is_whitespace() || sign.is_control();
    folded.split(blank).filter(|part| !part.is_empty()).collect::<Vec<&str>>().join(" ")
}
