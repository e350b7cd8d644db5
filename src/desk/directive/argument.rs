//! What stands behind a verb: durations, days, clock times, categories, tickets, people.

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};

use super::{Context, Directive, Refusal};
use crate::desk::event::Waiting;
use crate::mail::build::can_be_written;
use crate::words::{Category, Minutes, Priority, TicketNumber};

const LONGEST: i64 = 12 * 60;
const HOURS: [&str; 6] = ["h", "hr", "hrs", "hour", "hours", "std"];

/// `verb` is a name of the table, not an alias.
pub(super) fn parse(verb: &str, arguments: &str, context: &Context) -> Result<Directive, Refusal> {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let some = || (!arguments.is_empty()).then(|| arguments.to_owned());
    let need = |example: &str| some().ok_or_else(|| Refusal::new(format!("#{verb} needs more: {example}"), &[example]));
    if let Some(directive) = lone(verb) {
        return nothing(verb, &words, directive);
    }
    if let Some(parsed) = of_entry(verb, &words) {
        return parsed;
    }
    if let Ok(to) = verb.parse::<Priority>() {
        return Ok(Directive::Priority { to, why: some() });
    }
    match verb {
        "done" => done(&words),
        "fix" => Ok(Directive::Fix { text: need("#fix cause and cure")? }),
        "time" => time(&words, context),
        "assign" => Ok(Directive::Assign { to: one(verb, &words, "#assign sam")? }),
        "pass" => Ok(Directive::Pass { why: some() }),
        // `#cat warranty #987`: the ticket that it makes good.
        "cat" => match words.as_slice() {
            [word, of] if category("cat", word) == Ok(Category::Warranty) => {
                Ok(Directive::Warranty { of: Some(ticket("cat warranty", of)?) })
            }
            _ => category_alone(&words),
        },
        "warranty" => match words.as_slice() {
            [] => Ok(Directive::Warranty { of: None }),
            [word] => Ok(Directive::Warranty { of: Some(ticket("warranty", word)?) }),
            _ => Err(Refusal::new("#warranty takes one ticket number", &["#warranty #987"])),
        },
        "wait" => wait(&words, context),
        "called" => Ok(Directive::Called { at: moment(verb, &words, context)? }),
        "onsite" => Ok(Directive::Onsite { at: moment(verb, &words, context)? }),
        "tag" => {
            let tag = one(verb, &words, "#tag printer")?;
            Ok(Directive::Tag { tag: tag.trim_start_matches('#').to_lowercase() })
        }
        "client" => Ok(Directive::Client { key: one(verb, &words, "#client acme")?.to_lowercase() }),
        "from" => Ok(Directive::From { address: address(verb, &one(verb, &words, "#from jane@acme.example")?)? }),
        "cc" => {
            need("#cc jane@acme.example")?;
            let parts = arguments.split([',', ';', ' ']).filter(|part| !part.is_empty());
            Ok(Directive::Cc { addresses: parts.map(|part| address(verb, part)).collect::<Result<_, _>>()? })
        }
        "link" => Ok(Directive::Link { address: address(verb, &one(verb, &words, "#link jane@home.example")?)? }),
        "merge" => Ok(Directive::Merge { with: ticket(verb, &one(verb, &words, "#merge #1040")?)? }),
        "accept" => match words.as_slice() {
            [] => Ok(Directive::Accept { client: None }),
            [key] => Ok(Directive::Accept { client: Some(key.to_lowercase()) }),
            _ => Err(Refusal::new("#accept takes one client key", &[&format!("#accept {}", words[0])])),
        },
        "approve" => Ok(Directive::Approve { who: need("#approve jane")? }),
        "verified" => {
            let how = need("#verified by phone")?;
            Ok(Directive::Verified { how: how.strip_prefix("by ").unwrap_or(&how).to_owned() })
        }
        "maintenance" => maintenance(&words, context),
        "help" => Ok(Directive::Help),
        other => Err(Refusal::new(format!("#{other} is not available yet"), &[])),
    }
}

fn category_alone(words: &[&str]) -> Result<Directive, Refusal> {
    Ok(Directive::Cat { to: category("cat", &one("cat", words, "#cat retainer")?)? })
}

/// The verbs that take nothing.
fn lone(verb: &str) -> Option<Directive> {
    Some(match verb {
        "note" => Directive::Note,
        "reply" => Directive::Reply,
        "take" => Directive::Take,
        "open" => Directive::Open,
        "spam" => Directive::Spam,
        "ack" => Directive::Ack,
        "undo" => Directive::Undo,
        _ => return None,
    })
}

/// Text behind a verb that takes none was meant for somebody: it must not vanish.
fn nothing(verb: &str, words: &[&str], directive: Directive) -> Result<Directive, Refusal> {
    if words.is_empty() {
        return Ok(directive);
    }
    let why = format!("#{verb} stands alone on its line; put \"{}\" on another line", words.join(" "));
    Err(Refusal::new(why, &[&format!("#{verb}")]))
}

fn one(verb: &str, words: &[&str], example: &str) -> Result<String, Refusal> {
    match words {
        [word] => Ok((*word).to_owned()),
        [] => Err(Refusal::new(format!("#{verb} needs more: {example}"), &[example])),
        [first, ..] => Err(Refusal::new(format!("#{verb} takes one word"), &[&format!("#{verb} {first}")])),
    }
}

fn done(words: &[&str]) -> Result<Directive, Refusal> {
    let (spent, rest) = match words {
        [first, rest @ ..] if starts_as_duration(first) => {
            let (minutes, used) = duration("done", words)?;
            if minutes.0 <= 0 {
                return Err(Refusal::new("#done logs time that was worked", &["#done", "#time -15m"]));
            }
            (Some(minutes), &rest[used - 1..])
        }
        _ => (None, words),
    };
    let chosen = match rest {
        [] => None,
        [word] => Some(category("done", word)?),
        [word, ..] => {
            let more = format!(
                "#done takes a time and a category; \"{}\" is more than that: put it on another line",
                rest.join(" ")
            );
            let time = spent.map(|minutes| format!(" {minutes}")).unwrap_or_default();
            let kept = category("done", word).map(|category| format!(" {category}")).unwrap_or_default();
            return Err(Refusal::new(more, &[&format!("#done{time}{kept}")]));
        }
    };
    Ok(Directive::Done { minutes: spent, category: chosen })
}

fn time(words: &[&str], context: &Context) -> Result<Directive, Refusal> {
    if words.is_empty() {
        return Err(Refusal::new("#time needs a duration", &["#time 25m"]));
    }
    let (minutes, used) = duration("time", words)?;
    let mut rest = &words[used..];
    let today = context.now.with_timezone(&context.zone).date_naive();
    let (mut chosen, mut day) = (None, None);
    while let [word, more @ ..] = rest {
        let word = word.trim_end_matches([',', ':']);
        if chosen.is_none()
            && word.len() >= 2
            && let Ok(category) = category("time", word)
        {
            chosen = Some(category);
        } else if day.is_none()
            && let Some(found) = past_day(word, today)
        {
            day = Some(found);
        } else {
            break;
        }
        rest = more;
    }
    let day = day.unwrap_or(today);
    if day > today {
        let why = format!("{day} is in the future; was it worked already?");
        return Err(Refusal::new(why, &[&format!("#time {minutes} {today}")]));
    }
    let note = (!rest.is_empty()).then(|| rest.join(" "));
    Ok(Directive::Time { minutes, category: chosen, day, note })
}

fn starts_as_duration(word: &str) -> bool {
    word.trim_start_matches(['-', '−', '–', '+']).starts_with(|c: char| c.is_ascii_digit() || c == ',' || c == '.')
}

/// Minutes, and how many words they took (`1 h 30 m` is four).
fn duration(verb: &str, words: &[&str]) -> Result<(Minutes, usize), Refusal> {
    let unit = |word: &&str| {
        matches!(
            word.to_lowercase().as_str(),
            "m" | "min" | "mins" | "minutes" | "h" | "hr" | "hrs" | "hour" | "hours" | "std"
        )
    };
    let mut joined = words.first().map(|word| word.to_lowercase()).unwrap_or_default();
    let mut used = 1;
    if joined.chars().last().is_some_and(|c| c.is_ascii_digit()) && words.get(1).is_some_and(unit) {
        joined.push_str(&words[1].to_lowercase());
        used = 2;
    }
    // "1h 30m", "1 h 30 m": the minutes stand apart, and are no note.
    let number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let in_minutes = |word: &str| matches!(word, "m" | "min" | "mins" | "minutes");
    if HOURS.iter().any(|unit| joined.strip_suffix(unit).is_some_and(|before| before.ends_with(char::is_numeric))) {
        let apart: Vec<String> = words[used..].iter().take(2).map(|word| word.to_lowercase()).collect();
        let taken = match apart.as_slice() {
            [first, ..]
                if number(first.trim_end_matches(char::is_alphabetic))
                    && in_minutes(first.trim_start_matches(char::is_numeric)) =>
            {
                1
            }
            [first, second] if number(first) && in_minutes(second) => 2,
            _ => 0,
        };
        joined.push_str(&apart[..taken].concat());
        used += taken;
    }
    let negative = joined.starts_with(['-', '−', '–']);
    let plain = joined.trim_start_matches(['-', '−', '–', '+']);
    if let Ok(bare @ 0..10) = plain.parse::<i64>() {
        let sign = if negative { "-" } else { "" };
        let why = format!("{bare} minutes or {bare} hours?");
        return Err(Refusal::new(why, &[&format!("#{verb} {sign}{bare}m"), &format!("#{verb} {sign}{bare}h")]));
    }
    let Some(minutes) = minutes(plain) else {
        let why = format!("\"{}\" is no duration: 90m, 1h30, 1.5h, 1:30 or 45", words.first().unwrap_or(&""));
        return Err(Refusal::new(why, &[&format!("#{verb} 25m")]));
    };
    if minutes == 0 {
        return Err(Refusal::new("no time at all cannot be logged", &[&format!("#{verb} 15m")]));
    }
    if minutes > LONGEST {
        let why = format!("{} is more than 12 hours; was it really? Log it day by day", Minutes(minutes));
        let guess = if minutes % 60 == 0 { minutes / 60 } else { LONGEST };
        return Err(Refusal::new(why, &[&format!("#{verb} {}", Minutes(guess.clamp(1, LONGEST)))]));
    }
    Ok((Minutes(if negative { -minutes } else { minutes }), used))
}

/// `90m`, `1h30`, `1h30m`, `1.5h`, `1,5h`, `1:30`, `45`; no sign.
pub fn minutes(text: &str) -> Option<i64> {
    let number = |digits: &str| {
        (!digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse::<i64>().ok())
            .flatten()
    };
    let text =
        text.replace("hours", "h").replace("hour", "h").replace("hrs", "h").replace("hr", "h").replace("std", "h");
    let text = text.replace("minutes", "m").replace("mins", "m").replace("min", "m").replace(',', ".");
    if let Some((hours, minutes)) = text.split_once(':') {
        let (hours, minutes) = (number(hours)?, number(minutes).filter(|_| minutes.len() == 2)?);
        return (minutes < 60).then_some(hours * 60 + minutes);
    }
    if let Some((hours, rest)) = text.split_once('h') {
        let rest = rest.strip_suffix('m').unwrap_or(rest);
        if let Some((whole, part)) = hours.split_once('.') {
            let whole = if whole.is_empty() { 0 } else { number(whole)? };
            let scale = 10_i64.pow(u32::try_from(part.len()).ok()?.min(5));
            return rest.is_empty().then_some(whole * 60 + (number(part)? * 60 + scale / 2) / scale);
        }
        let rest = if rest.is_empty() { 0 } else { number(rest)? };
        return (rest < 60).then_some(number(hours)? * 60 + rest);
    }
    number(text.strip_suffix('m').unwrap_or(&text))
}

/// Any prefix that fits one category only, or `t&m`.
fn category(verb: &str, word: &str) -> Result<Category, Refusal> {
    let lower = word.to_lowercase();
    if matches!(lower.as_str(), "t&m" | "t+m") {
        return Ok(Category::Tm);
    }
    let fits: Vec<Category> =
        Category::ALL.into_iter().filter(|category| category.as_str().starts_with(&lower)).collect();
    if let ([category], false) = (fits.as_slice(), lower.is_empty()) {
        return Ok(*category);
    }
    let near = Category::ALL.into_iter().find(|category| category.as_str().starts_with(lower.get(..2).unwrap_or("?")));
    let why = format!("\"{word}\" is no billing category: retainer, project, tm or warranty");
    Err(Refusal::new(why, &[&format!("#{verb} {}", near.unwrap_or(Category::Retainer))]))
}

fn ticket(verb: &str, word: &str) -> Result<TicketNumber, Refusal> {
    let number = word.trim_start_matches('#').parse::<i64>().ok().filter(|number| *number > 0);
    let refused = || Refusal::new(format!("\"{word}\" is no ticket number"), &[&format!("#{verb} #1040")]);
    number.map(TicketNumber).ok_or_else(refused)
}

/// What is done to a time entry, which stands first.
fn of_entry(verb: &str, words: &[&str]) -> Option<Result<Directive, Refusal>> {
    let parsed = match (verb, words) {
        ("recat", [id, word]) => {
            entry(verb, id).and_then(|entry| Ok(Directive::Recat { entry, to: category("recat e12", word)? }))
        }
        ("recat", _) => Err(Refusal::new("#recat takes an entry and a category", &["#recat e12 tm"])),
        ("writeoff", [id, why @ ..]) if !why.is_empty() => {
            entry(verb, id).map(|entry| Directive::WriteOff { entry, why: why.join(" ") })
        }
        ("writeoff", _) => {
            Err(Refusal::new("#writeoff takes an entry and the reason", &["#writeoff e12 a favour to them"]))
        }
        _ => return None,
    };
    Some(parsed)
}

/// `e12`
fn entry(verb: &str, word: &str) -> Result<i64, Refusal> {
    let id = word.trim_start_matches(['e', 'E']).parse::<i64>().ok().filter(|id| *id > 0);
    id.ok_or_else(|| {
        Refusal::new(format!("\"{word}\" is no time entry: they look like e12"), &[&format!("#{verb} e12 …")])
    })
}

/// Also `<jane@acme.example>` and `mailto:`; lower case.
fn address(verb: &str, word: &str) -> Result<String, Refusal> {
    let bare = word.trim_matches(['<', '>', '"', '\'', ',', ';']).to_lowercase();
    let bare = bare.strip_prefix("mailto:").unwrap_or(&bare);
    match bare.rsplit_once('@') {
        Some((_, domain)) if !domain.starts_with('.') && domain.contains('.') && can_be_written(bare) => {
            Ok(bare.to_owned())
        }
        _ => Err(Refusal::new(format!("\"{word}\" is no mail address"), &[&format!("#{verb} jane@acme.example")])),
    }
}

fn wait(words: &[&str], context: &Context) -> Result<Directive, Refusal> {
    let (on, rest) = match words {
        [word, rest @ ..] if word.eq_ignore_ascii_case("client") || word.eq_ignore_ascii_case("customer") => {
            (Waiting::Client, rest)
        }
        [word, rest @ ..] if word.eq_ignore_ascii_case("vendor") || word.eq_ignore_ascii_case("supplier") => {
            (Waiting::Vendor, rest)
        }
        rest => (Waiting::Client, rest),
    };
    let rest = match rest {
        [word, rest @ ..] if word.eq_ignore_ascii_case("until") || word.eq_ignore_ascii_case("till") => rest,
        rest => rest,
    };
    let who = if on == Waiting::Client { "client" } else { "vendor" };
    let until = match rest {
        [] => None,
        [word] => {
            let today = context.now.with_timezone(&context.zone).date_naive();
            let Some(day) = coming_day(word, today) else {
                let why = format!("\"{word}\" is no day: fri, tomorrow or {}", today + Days::new(3));
                return Err(Refusal::new(why, &[&format!("#wait {who} until fri")]));
            };
            if day <= today {
                return Err(Refusal::new(
                    format!("{day} is not in the future"),
                    &[&format!("#wait {who} until tomorrow")],
                ));
            }
            Some(local(day, NaiveTime::MIN, context))
        }
        _ => {
            let why = format!("\"{}\" is not understood: #wait [client|vendor] [until day]", rest.join(" "));
            return Err(Refusal::new(why, &[&format!("#wait {who} until fri")]));
        }
    };
    Ok(Directive::Wait { on, until })
}

/// `14:05`, `2:05pm`, `9h30`, `yesterday 16:10`; in the past.
fn moment(verb: &str, words: &[&str], context: &Context) -> Result<Option<DateTime<Utc>>, Refusal> {
    let here = context.now.with_timezone(&context.zone);
    let words: Vec<&str> = words.iter().filter(|word| !word.eq_ignore_ascii_case("at")).copied().collect();
    let (day, clock) = match words.as_slice() {
        [] => return Ok(None),
        [clock] => (Some(here.date_naive()), *clock),
        [day, clock] => (past_day(day, here.date_naive()), *clock),
        [_, clock, ..] => (None, *clock),
    };
    let now = here.format("%H:%M").to_string();
    let (Some(day), Some(clock)) = (day, clock_time(clock)) else {
        let why = format!("\"{}\" is no time of day", words.join(" "));
        return Err(Refusal::new(why, &[&format!("#{verb} {now}")]));
    };
    let at = local(day, clock, context);
    if at > context.now {
        let time = clock.format("%H:%M");
        let why = format!("{time} has not come yet; was it yesterday?");
        return Err(Refusal::new(why, &[&format!("#{verb} {now}"), &format!("#{verb} yesterday {time}")]));
    }
    Ok(Some(at))
}

fn clock_time(word: &str) -> Option<NaiveTime> {
    let lower = word.to_lowercase();
    let (digits, noon) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (lower.as_str(), None),
    };
    let (hour, minute) = digits.split_once([':', '.', 'h']).unwrap_or((digits, if noon.is_some() { "0" } else { "" }));
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match noon {
        Some(add) if (1..=12).contains(&hour) => hour % 12 + add,
        Some(_) => return None,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn weekday(word: &str) -> Option<Weekday> {
    let lower = word.to_lowercase();
    if lower.len() < 3 { None } else { lower.parse().ok() }
}

/// A day that was: the last such weekday (today included). A written date may lie ahead; the caller asks.
fn past_day(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    match word.to_lowercase().as_str() {
        "today" => return Some(today),
        "yesterday" => return today.pred_opt(),
        "tomorrow" => return today.succ_opt(),
        _ => {}
    }
    if let Some(weekday) = weekday(word) {
        let back = (7 + today.weekday().num_days_from_monday() - weekday.num_days_from_monday()) % 7;
        return today.checked_sub_days(Days::new(u64::from(back)));
    }
    word.parse().ok()
}

/// A day that comes: the next such weekday, never today.
fn coming_day(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    if word.eq_ignore_ascii_case("tomorrow") {
        return today.succ_opt();
    }
    if let Some(weekday) = weekday(word) {
        let ahead = (7 + weekday.num_days_from_monday() - today.weekday().num_days_from_monday()) % 7;
        return today.checked_add_days(Days::new(if ahead == 0 { 7 } else { u64::from(ahead) }));
    }
    word.parse().ok()
}

/// `fri 14:00`, `tomorrow 2pm`, `2026-12-10 14:00`: a moment that comes; else what is wrong with it.
pub fn coming_moment(text: &str, context: &Context) -> Result<DateTime<Utc>, String> {
    let today = context.now.with_timezone(&context.zone).date_naive();
    let words: Vec<&str> = text.split_whitespace().filter(|word| !word.eq_ignore_ascii_case("at")).collect();
    let found = match words.as_slice() {
        [day, clock] => {
            let day = if day.eq_ignore_ascii_case("today") { Some(today) } else { coming_day(day, today) };
            day.zip(clock_time(clock))
        }
        _ => None,
    };
    let Some((day, clock)) = found else {
        return Err(format!("\"{}\" is no day with a time: write fri 14:00 or {today} 14:00", text.trim()));
    };
    let at = local(day, clock, context);
    if at <= context.now {
        return Err(format!("{day} {} is over", clock.format("%H:%M")));
    }
    Ok(at)
}

/// `acme 22:00-02:00`, `acme fri 22:00-02:00`, `acme off`. Without a day the next such time that is not over.
fn maintenance(words: &[&str], context: &Context) -> Result<Directive, Refusal> {
    let wrong = |why: String| Refusal::new(why, &["#maintenance acme 22:00-02:00"]);
    let ([client, rest @ ..], Some(last)) = (words, words.get(1..).and_then(<[&str]>::last)) else {
        return Err(wrong("#maintenance needs a client and a time".to_owned()));
    };
    let client = client.to_lowercase();
    if rest.len() == 1 && last.eq_ignore_ascii_case("off") {
        return Ok(Directive::Maintenance { client, window: None });
    }
    let times = last.split_once(['-', '–']).and_then(|(from, until)| Some((clock_time(from)?, clock_time(until)?)));
    let Some((from, until)) = times else { return Err(wrong(format!("\"{last}\" is no time from … until …"))) };
    let today = context.now.with_timezone(&context.zone).date_naive();
    let day = match rest {
        [_] => None,
        [day, _] if day.eq_ignore_ascii_case("today") => Some(today),
        [day, _] => Some(
            coming_day(day, today).ok_or_else(|| wrong(format!("\"{day}\" is no day: fri, tomorrow or {today}")))?,
        ),
        _ => return Err(wrong("#maintenance takes a client, a day and a time".to_owned())),
    };
    let on = |day: NaiveDate| {
        let last_day = if until <= from { day.succ_opt().unwrap_or(day) } else { day };
        (local(day, from, context), local(last_day, until, context))
    };
    let mut window = on(day.unwrap_or(today));
    if day.is_none() && window.1 <= context.now {
        window = on(today.succ_opt().unwrap_or(today));
    }
    if window.1 <= context.now {
        return Err(wrong(format!("that time is over: it ended at {last}")));
    }
    Ok(Directive::Maintenance { client, window: Some(window) })
}

/// A local time as an instant: in a gap the first valid one after it, in a fold the first of two.
fn local(day: NaiveDate, time: NaiveTime, context: &Context) -> DateTime<Utc> {
    let mut wanted = day.and_time(time);
    for _ in 0..48 {
        match context.zone.from_local_datetime(&wanted) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.with_timezone(&Utc),
            LocalResult::None => wanted += TimeDelta::minutes(30),
        }
    }
    Utc.from_utc_datetime(&wanted)
}
