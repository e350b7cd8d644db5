//! Whole minutes and integer money: never a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownWord;

/// Worked time in whole minutes; negative in corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Minutes(pub i64);

impl fmt::Display for Minutes {
    /// `25m` under an hour, `6h10` above, `0m` for nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (hours, minutes) = (self.0.unsigned_abs() / 60, self.0.unsigned_abs() % 60);
        let text = match (hours, minutes) {
            (0, minutes) => format!("{sign}{minutes}m"),
            (hours, 0) => format!("{sign}{hours}h"),
            (hours, minutes) => format!("{sign}{hours}h{minutes:02}"),
        };
        f.pad(&text)
    }
}

impl Add for Minutes {
    type Output = Minutes;
    fn add(self, other: Minutes) -> Minutes {
        Minutes(self.0 + other.0)
    }
}

impl AddAssign for Minutes {
    fn add_assign(&mut self, other: Minutes) {
        self.0 += other.0;
    }
}

impl Sub for Minutes {
    type Output = Minutes;
    fn sub(self, other: Minutes) -> Minutes {
        Minutes(self.0 - other.0)
    }
}

impl Neg for Minutes {
    type Output = Minutes;
    fn neg(self) -> Minutes {
        Minutes(-self.0)
    }
}

impl Sum for Minutes {
    fn sum<I: Iterator<Item = Minutes>>(all: I) -> Minutes {
        Minutes(all.map(|minutes| minutes.0).sum())
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Digits behind the point (ISO 4217 minor unit).
    pub fn minor_digits(self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"XAF" | b"XOF" | b"PYG" | b"UGX" | b"RWF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Currency, UnknownWord> {
        match word.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Currency([a, b, c])),
            _ => Err(UnknownWord { what: "currency", word: word.to_owned() }),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = UnknownWord;
    fn try_from(word: String) -> Result<Currency, UnknownWord> {
        word.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or("???"))
    }
}

/// An amount in minor units (cents) with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

impl FromStr for Money {
    type Err = UnknownWord;

    /// `"2400.00 USD"`: exactly the currency's digits behind the point, or none.
    fn from_str(text: &str) -> Result<Money, UnknownWord> {
        let unknown = || UnknownWord { what: "amount of money", word: text.to_owned() };
        let (amount, currency) = text.split_once(' ').ok_or_else(unknown)?;
        let currency: Currency = currency.parse()?;
        let digits = currency.minor_digits() as usize;
        let (whole, fraction) = match amount.split_once('.') {
            Some((whole, fraction)) if fraction.len() == digits && digits > 0 => (whole, fraction.to_owned()),
            Some(_) => return Err(unknown()),
            None => (amount, "0".repeat(digits)),
        };
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(&fraction) {
            return Err(unknown());
        }
        let minor = format!("{whole}{fraction}").parse().map_err(|_| unknown())?;
        Ok(Money { minor, currency })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        let unit = 10_u64.pow(digits);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, rest) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        match digits {
            0 => write!(f, "{sign}{whole} {}", self.currency),
            digits => write!(f, "{sign}{whole}.{rest:0width$} {}", self.currency, width = digits as usize),
        }
    }
}
