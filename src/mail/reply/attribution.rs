//! Lines that introduce a quote: "On Monday somebody wrote:" in any language, and "-----Original Message-----".

use std::sync::LazyLock;

use regex::Regex;

use super::block::{ADDRESS, DATE, bare, field, pattern};

/// How strongly a line says that a quote follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Counts only where quoted lines follow.
    Weak,
    /// Counts alone, but a person may have typed it.
    Likely,
    Strong,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Attribution {
    pub lines: usize,
    pub strength: Strength,
    /// Bytes of the first line that are the author's own text before it.
    pub own: usize,
}

static VERB: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:^|[\s>)\]\x22'’,.;*])(?:wrote|writes|a\s+écrit|écrit|a\s+ecrit|schrieb|schreibt|geschrieben|schreef|geschreven|escribió|escribio|ha\s+escrito|",
        r"escreveu|escrito|va\s+escriure|ha\s+escrit|ha\s+scritto|scritto|scrive|skrev|skreiv|skrifaði|kirjoitti|kirjutas|rašė|parašė|rakstīja|napisała?|napisał\(a\)|",
        r"pisze|napsala?|napsal\(a\)|napísala?|napísal\(a\)|írta|ezt\s+írta|a\s+scris|scris|napisao|napisala|napisao/la|je\s+napisala?|написал[аи]?|написала?|написав|пише|пишет|писал|написа|",
        r"έγραψε|έγραψαν|yazdı|şunu\s+yazdı|yazmış|כתבה?|‏?كتبت?|نوشت|đã\s+viết|viết|menulis|เขียนว่า|เขียน|shkroi|a\s+wrote)(?:$|[\s:：<>(\[\x22'*.,-])|写道|寫道|写了|写到|书きました|書きました|のメール|님이\s*작성|작성:|wrote\s*:"
    ))
});
static BETWEEN_DASHES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[\s>*]*[-_=~—–]{2,}\s*(\S[^\r\n]{2,70}?)\s*[-_=~—–]{2,}[\s*]*$"));
static SEPARATOR_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)origin|ursprüngl|ursprungl|oprindelig|opprinnelig|alkuperäinen|eredeti|původní|pôvodná|pierwotn|oorspronkelijk|исходн|оригинал|первоначальн|",
        r"orijinal|özgün|αρχικό|izvorn|izvirn|algne|oriģināl|元の|原始|原邮件|原郵件|원본|gốc|asli|הודעה מקורית|الأصلية|bericht|quoted|quot"
    ))
});
static FORWARD_WORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)forward|weitergeleit|doorgestuurd|transféré|transmis|réexpédié|inoltrat|reenviad|reencaminhad|encaminhad|vidarebefordra|videresend|välitetty|välitetyn|edelleenlähetetty|edastatud|",
        r"przekazan|przesłan|podan[ae] dalej|přeposlan|preposlan|továbbít|redirecționat|redirectionat|пересла|пересыл|пересил|переадрес|препрат|iletil|i̇letil|yönlendiril|προωθ|proslijeđ|prosleđ|posredovan|pārsūt|persiųst|转发|轉寄|転送|전달|chuyển tiếp|diteruskan|הועבר|مُعاد|إعادة توجيه|edelleenlähetet|áframsend|retransm"
    ))
});

static LIST_ITEM: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:\d{1,2}[.)]|[-*•])\s+\S"));
/// Notes puts the name, the moment and the subject between dashes.
static NOTES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^\S.{0,100}?---\s?\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[^\n]{0,30}---"));
static MIDLINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:-{2,}\s*|\s{2,})On\s+(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|\d)",
    )
});

/// "-----Original Message-----" and its kin; `true` for a forward. `next` are the lines after it.
pub fn separator(line: &str, next: &[&str]) -> Option<bool> {
    if line.len() > 200 {
        return None;
    }
    let bare = bare(line);
    if let Some(found) = BETWEEN_DASHES.captures(bare) {
        let words = found.get(1).map_or("", |m| m.as_str());
        if FORWARD_WORD.is_match(words) {
            return Some(true);
        }
        let letters = words.chars().any(char::is_alphabetic) && words.split_whitespace().count() <= 6;
        if (SEPARATOR_WORD.is_match(words) || VERB.is_match(words)) && letters {
            return Some(false);
        }
        let heads = next
            .iter()
            .filter(|line| !super::block::bare(line).is_empty())
            .take(2)
            .filter(|line| field(line).is_some_and(|f| f.0.is_some()));
        return (letters && heads.count() == 2).then_some(false);
    }
    let short = bare.chars().count() <= 60 && bare.ends_with([':', '：']) && bare.split_whitespace().count() <= 6;
    (short && FORWARD_WORD.is_match(bare) && !DATE.is_match(bare)).then_some(true)
}

/// The attribution that begins at line `at`, over up to four lines; `quote_follows` tells of the line it is asked for.
pub fn attribution(lines: &[&str], at: usize) -> Option<Attribution> {
    let own =
        MIDLINE.find(lines[at].get(..lines[at].len().min(400))?).filter(|m| m.start() > 0).map_or(0, |m| m.start());
    if own > 0 && weigh(lines[at].get(own..)?).is_some_and(|s| s == Strength::Strong) {
        return Some(Attribution { lines: 1, strength: Strength::Strong, own });
    }
    let mut best = joined(lines, at)?;
    // A line of text above a wrapped attribution does not belong to it.
    let second = lines.get(at + 1).map_or("", |line| bare(line));
    if best.lines > 1
        && DATE.is_match(second)
        && !second.starts_with(char::is_lowercase)
        && let Some(inner) = joined(lines, at + 1)
        && inner.lines < best.lines
        && inner.strength >= best.strength
    {
        return None;
    }
    best.own = 0;
    Some(best)
}

fn joined(lines: &[&str], at: usize) -> Option<Attribution> {
    let first = bare(lines.get(at)?);
    if first.is_empty() || first.len() > 400 {
        return None;
    }
    let mut text = String::new();
    for count in 1..=4 {
        let line = bare(lines.get(at + count - 1)?);
        if line.is_empty() || line.len() > 400 || line.starts_with('>') {
            return None;
        }
        if count > 1 {
            text.push(' ');
        }
        text.push_str(line);
        if let Some(strength) = weigh(&text) {
            return Some(Attribution { lines: count, strength, own: 0 });
        }
        let begins = first.chars().any(|c| c.is_ascii_digit()) && !is_list_item(first) || first.contains(['@', '<']);
        if !begins || first.ends_with(['.', '!', '?']) && !first.ends_with("..") && count == 1 && !DATE.is_match(first)
        {
            return None;
        }
    }
    None
}

/// "1. serial number", but not "3. März 2026".
fn is_list_item(line: &str) -> bool {
    LIST_ITEM.is_match(line) && !DATE.is_match(line)
}

/// A line that a program may have written above a quote, for whoever knows that one follows: it names an address and a moment,
/// or an address or a moment and ends with a colon.
pub fn resembles(line: &str) -> bool {
    let line = bare(line);
    if line.is_empty() || line.len() > 400 {
        return false;
    }
    let colon = line.ends_with([':', '：']);
    let (address, date) = (ADDRESS.is_match(line), DATE.is_match(line));
    let sentence = line.ends_with(['.', '!', '?']) && line.split_whitespace().count() > 4;
    address && date && !sentence || colon && (address || date) || weigh(line).is_some()
}

/// A line that says by itself that a quote follows.
pub fn weighs(line: &str) -> bool {
    weigh(line).is_some()
}

fn weigh(text: &str) -> Option<Strength> {
    if text.len() > 500 {
        return None;
    }
    if NOTES.is_match(text) {
        return Some(Strength::Strong);
    }
    let core =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | '_' | '>' | '\u{feff}' | '\u{200b}'));
    let colon = core.ends_with([':', '：']) || core.ends_with(":-");
    let core = core.trim_end_matches([':', '：', ' ', '\u{a0}', '*']);
    let address = ADDRESS.find(core).is_some() || core.contains("<mailto:");
    let date = DATE.find(core);
    let verb = VERB.find_iter(text).last();
    let dashed = text.trim_end().ends_with("---");
    match (verb, date, address) {
        (Some(verb), Some(_), true) => {
            let at_end = verb.end() + 60 >= text.len() || text.get(..verb.start()).is_some_and(|head| head.len() < 60);
            (colon || dashed || (at_end && ends_with_verb(text))).then_some(Strength::Strong)
        }
        (Some(verb), Some(date), false) if colon || dashed => {
            let first_words: String = core.chars().take(24).collect();
            let dated_first = date.start() < verb.start() && first_words.chars().any(|c| c.is_ascii_digit());
            Some(if dated_first { Strength::Strong } else { Strength::Likely })
        }
        (Some(_), None, true) if colon => Some(Strength::Strong),
        (Some(_), None, false) if colon => Some(Strength::Weak),
        (None, Some(_), true) if colon => Some(Strength::Strong),
        (None, Some(_), true) if text.trim_end().ends_with('>') && core.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(Strength::Weak)
        }
        (None, Some(_), false) if colon && core.chars().count() < 160 => Some(Strength::Weak),
        (None, None, true) if colon => Some(Strength::Weak),
        _ => None,
    }
}

fn ends_with_verb(text: &str) -> bool {
    let tail = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '*' | ':' | '：'));
    VERB.find_iter(tail).last().is_some_and(|verb| verb.end() >= tail.len())
}
