//! The forms a text value may have: durations, sizes, hours, addresses, host names, cron lines.

use std::net::IpAddr;
use std::str::FromStr;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::nearest::{nearest, time_zones_like};
use crate::words::{Category, Minutes, Money, Priority, e164};

/// What is wrong, and what would be right.
pub type Refusal = (String, String);

fn refuse<T>(wrong: impl Into<String>, right: impl Into<String>) -> Result<T, Refusal> {
    Err((wrong.into(), right.into()))
}

/// A duration as written; what a day is depends on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    pub days: i64,
    pub rest: TimeDelta,
}

impl Length {
    pub fn with_day(self, day: TimeDelta) -> TimeDelta {
        day * i32::try_from(self.days).unwrap_or(i32::MAX) + self.rest
    }

    pub fn is_zero(self) -> bool {
        self.days == 0 && self.rest.is_zero()
    }
}

/// `"15m"`, `"1h30m"`, `"3d"`, `"90s"`.
pub fn length(text: &str) -> Result<Length, Refusal> {
    let wrong = || {
        (format!("\"{text}\" is no duration"), "write a number with s, m, h or d: \"15m\", \"1h30m\", \"3d\"".into())
    };
    let mut length = Length { days: 0, rest: TimeDelta::zero() };
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().map_err(|_| wrong())?;
        let number = i64::from(number.min(1_000_000));
        let unit = rest[digits..].chars().next().ok_or_else(wrong)?;
        match unit {
            's' => length.rest += TimeDelta::seconds(number),
            'm' => length.rest += TimeDelta::minutes(number),
            'h' => length.rest += TimeDelta::hours(number),
            'd' => length.days += number,
            _ => return Err(wrong()),
        }
        rest = &rest[digits + unit.len_utf8()..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(length) }
}

/// A duration on the wall clock, more than nothing: a day is 24 hours.
pub fn duration(text: &str) -> Result<TimeDelta, Refusal> {
    match length(text)?.with_day(TimeDelta::days(1)) {
        duration if duration.is_zero() => refuse("is no time at all", "write a duration above zero: \"15m\""),
        duration => Ok(duration),
    }
}

/// `"35MB"`, `"512 KB"`, `"2 GB"`; decimal units.
pub fn size(text: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let number = text[..digits].parse::<u32>().ok().filter(|number| *number > 0);
    match (number, unit) {
        (Some(number), Some(unit)) => Ok(u64::from(number) * unit),
        _ => refuse(format!("\"{text}\" is no size"), "write a number with KB, MB or GB: \"35 MB\""),
    }
}

/// `"10-20"` or `"15"` hours a month, halves allowed: `"7.5-15"`.
pub fn hour_range(text: &str) -> Result<(Minutes, Minutes), Refusal> {
    let right = "write hours from-to: \"10-20\"";
    let minutes = |text: &str| {
        let (whole, half) = text.trim().split_once('.').map_or((text.trim(), ""), |(whole, part)| (whole, part));
        let part = match half {
            "" | "0" => 0,
            "25" => 15,
            "5" | "50" => 30,
            "75" => 45,
            _ => return None,
        };
        whole.parse::<u16>().ok().map(|hours| Minutes(i64::from(hours) * 60 + part))
    };
    let (bottom, top) = text.split_once('-').unwrap_or((text, text));
    match (minutes(bottom), minutes(top)) {
        (Some(bottom), Some(top)) if bottom > top => refuse(format!("\"{text}\" goes backwards"), right),
        (Some(_), Some(Minutes(0))) => refuse("is a retainer without hours", right),
        (Some(bottom), Some(top)) => Ok((bottom, top)),
        _ => refuse(format!("\"{text}\" is no range of hours"), right),
    }
}

pub fn money(text: &str) -> Result<Money, Refusal> {
    Money::from_str(text).map_err(|_| {
        (
            format!("\"{text}\" is no amount of money"),
            "write the amount, a blank and the currency: \"2400.00 USD\"".into(),
        )
    })
}

pub fn category(text: &str) -> Result<Category, Refusal> {
    let known = Category::ALL.map(Category::as_str).join(", ");
    text.parse().map_err(|_| (format!("\"{text}\" is no billing category"), format!("use one of {known}")))
}

pub fn priority(text: &str) -> Result<Priority, Refusal> {
    text.parse().map_err(|_| (format!("\"{text}\" is no priority"), "use P1, P2, P3 or P4".into()))
}

/// Any letter case; lower case comes out.
pub fn address(text: &str) -> Result<String, Refusal> {
    let plain = |text: &str| !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>(),;:\"@".contains(c));
    match text.rsplit_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && plain(local)
                && (is_host(domain) && domain.contains('.') || domain == "localhost") =>
        {
            Ok(text.to_lowercase())
        }
        _ => refuse(format!("\"{text}\" is no mail address"), "write the address alone: \"jane@acme.example\""),
    }
}

/// A domain with at least one dot, lower case.
pub fn domain(text: &str) -> Result<String, Refusal> {
    if let Some((_, after)) = text.rsplit_once('@') {
        return refuse(format!("\"{text}\" is more than a domain"), format!("write \"{after}\""));
    }
    if is_host(text) && text.contains('.') && text.parse::<IpAddr>().is_err() {
        return Ok(text.to_lowercase());
    }
    refuse(format!("\"{text}\" is no domain"), "write it like \"northwind.example\"")
}

/// A host name or IP address without port or scheme.
pub fn host(text: &str) -> Result<String, Refusal> {
    if is_host(text) || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_lowercase());
    }
    refuse(
        format!("\"{text}\" is no host name"),
        "write the bare name, the port goes into `port`: \"imap.northwind.example\"",
    )
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 253 && text.split('.').all(label)
}

pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// `https://host[:port][/path]`; a trailing slash is taken off.
pub fn url(text: &str) -> Result<String, Refusal> {
    let right = "write it like \"https://desk.northwind.example\"";
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return refuse(format!("\"{text}\" is no web address"), right);
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (name, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control() || "?#\"<>".contains(c));
    if clean && is_host(name) && port.parse::<u16>().is_ok() {
        return Ok(text.trim_end_matches('/').to_owned());
    }
    refuse(format!("\"{text}\" is no web address that links can start with"), right)
}

/// A telephone number with its country code, as E.164.
pub fn phone(text: &str) -> Result<String, Refusal> {
    let number = e164(text);
    number.ok_or_else(|| (format!("\"{text}\" is no telephone number"), "write it like \"+13125550100\"".to_owned()))
}

pub fn zone(text: &str) -> Result<Tz, Refusal> {
    Tz::from_str(text).map_err(|_| {
        let right = match time_zones_like(text).as_slice() {
            [] => "use a name of the IANA list, like \"America/Chicago\"".to_owned(),
            near => format!("did you mean \"{}\"?", near.join("\" or \"")),
        };
        (format!("\"{text}\" is no time zone"), right)
    })
}

/// A short name for files, mails and the command line.
pub fn name(text: &str) -> Result<String, Refusal> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(good) {
        return Ok(text.to_owned());
    }
    refuse(format!("\"{text}\" is no short name"), "use small letters, digits, dots and dashes, at most 64: \"sam\"")
}

/// Mails a second at most: `"30/min"`, `"2/s"`, `"500/h"`. Number and period.
pub fn rate(text: &str) -> Result<(u32, TimeDelta), Refusal> {
    let parsed = text.split_once('/').and_then(|(count, period)| {
        let period = match period.trim() {
            "s" | "sec" => TimeDelta::seconds(1),
            "min" | "m" => TimeDelta::minutes(1),
            "h" | "hour" => TimeDelta::hours(1),
            _ => return None,
        };
        Some((count.trim().parse().ok().filter(|count| *count > 0)?, period))
    });
    parsed.ok_or_else(|| {
        (format!("\"{text}\" is no rate"), "write mails per period: \"30/min\", \"2/s\" or \"500/h\"".into())
    })
}

/// `"50%"`, from 1 to 1000.
pub fn percent(text: &str) -> Result<u32, Refusal> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
    match number {
        Some(percent @ 1..=1000) => Ok(percent),
        _ => refuse(format!("\"{text}\" is no part of the target"), "write a percentage above 0: \"50%\""),
    }
}

/// A reference to a name given elsewhere.
pub fn unknown_name(what: &str, name: &str, known: &[&str]) -> Refusal {
    let right = match (nearest(name, known.iter().copied()), known) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => format!("there is none yet: add a {what} of that name"),
        (None, known) => format!("known: {}", known.join(", ")),
    };
    (format!("there is no {what} \"{name}\""), right)
}

/// A Microsoft tenant: its domain or its id.
pub fn domain_or_id(text: &str) -> Result<String, Refusal> {
    if is_host(text) {
        return Ok(text.to_lowercase());
    }
    refuse(format!("\"{text}\" is no tenant"), "write its domain or its id: \"northwind.example\"")
}

/// `1.5`, as hundredths.
pub fn factor(text: &str) -> Result<u32, Refusal> {
    let wrong = || (format!("\"{text}\" is no factor"), "write it like \"1.5\"".to_owned());
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(rest) {
        return Err(wrong());
    }
    let hundredths: u32 = format!("{rest:0<2}").parse().map_err(|_| wrong())?;
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let factor = whole * 100 + hundredths;
    if (100..=500).contains(&factor) { Ok(factor) } else { Err(wrong()) }
}
