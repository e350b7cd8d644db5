//! `[billing]`, `[client.billing]`, `[[client.fee]]` and `[[rate]]`: what is billed, from when on, and for how much.

use super::people::RateEntry;
use super::section::Section;
use super::value;
use crate::desk::firm::Billing;
use crate::words::contract::{Due, Fee, InvoiceTo, Rate};
use crate::words::{ClientKey, Minutes};

/// Longest beginning of an invoice's number: QuickBooks Online takes 21 characters in all.
const PREFIX: usize = 10;

pub(super) fn billing(main: &Section<'_>) -> Billing {
    let Some(section) = main.table("billing") else { return Billing::default() };
    let since = section.date("since").map(|found| found.value);
    let hourly_cost = section.parse("hourly_cost", value::money).map(|found| found.value);
    let prefix = section.parse("invoice_prefix", |text| {
        let good = text.len() <= PREFIX && text.chars().all(|letter| letter.is_ascii_graphic());
        if good {
            Ok(text.to_owned())
        } else {
            Err((format!("\"{text}\" begins no number of an invoice"), "write up to 10 letters: \"NW-\"".to_owned()))
        }
    });
    let dates = section.parse("date_format", |text| {
        use chrono::format::{Item, StrftimeItems};
        if StrftimeItems::new(text).any(|item| matches!(item, Item::Error)) || !text.contains('%') {
            return Err((
                format!("\"{text}\" is no strftime pattern"),
                "write \"%d/%m/%Y\" or \"%m/%d/%Y\"".to_owned(),
            ));
        }
        Ok(text.to_owned())
    });
    section.finish();
    let default = Billing::default();
    Billing {
        since,
        hourly_cost,
        prefix: prefix.map_or(default.prefix, |found| found.value),
        dates: dates.map_or(default.dates, |found| found.value),
        at: None,
    }
}

pub(super) fn invoice_to(table: Option<&Section<'_>>, name: &str) -> InvoiceTo {
    let text = |key| table.and_then(|table| table.text(key)).map(|found| found.value.to_owned());
    let minutes = |key| table.and_then(|table| table.parse(key, value::duration)).map(|found| found.value);
    let to = InvoiceTo {
        name: text("name").unwrap_or_else(|| name.to_owned()),
        email: table.and_then(|table| table.parse("email", value::address)).map(|found| found.value),
        terms: minutes("terms"),
        tax_code: text("tax_code"),
        account_code: text("account_code"),
        po_number: text("po_number"),
        rounding: minutes("rounding").map(|length| Minutes(length.num_minutes())),
        fees: Vec::new(),
    };
    if let Some(table) = table {
        table.finish();
    }
    to
}

pub(super) const DUE: &[(&str, Due)] = &[("advance", Due::Advance), ("arrears", Due::Arrears)];

/// What a client pays every month beside the retainer: licences, seats, lines.
pub(super) fn fees(client: &Section<'_>) -> Vec<Fee> {
    let mut fees: Vec<Fee> = Vec::new();
    for section in client.tables("fee") {
        let name = section.need("name", "name = \"Microsoft 365 Business Premium\"");
        section.must("amount", "amount = \"22.00 USD\": of one, for a month");
        let amount = section.parse("amount", value::money);
        let quantity = section.number("quantity", 1..=1_000_000).unwrap_or(1);
        section.must("since", "since = \"2026-06-01\"");
        let since = section.date("since");
        let until = section.date("until").map(|found| found.value);
        let due = section.choice("bill", DUE).unwrap_or(Due::Advance);
        let account_code = section.text("account_code").map(|found| found.value.to_owned());
        section.finish();
        let (Some(name), Some(amount), Some(since)) = (name, amount, since) else { continue };
        let fee = Fee {
            name: name.value.to_owned(),
            amount: amount.value,
            quantity,
            since: since.value,
            until,
            due,
            account_code,
        };
        // What was billed of a fee is found again by its name.
        if fees.iter().any(|known| known.name == fee.name && overlap(known, &fee)) {
            let right = "end the one with `until` before the other begins, or give it another name";
            section.notes.wrong(&name.place, format!("\"{}\" is there twice for the same days", fee.name), right);
        }
        fees.push(fee);
    }
    fees
}

fn overlap(one: &Fee, other: &Fee) -> bool {
    one.until.is_none_or(|until| other.since <= until) && other.until.is_none_or(|until| one.since <= until)
}

pub fn rate<'a>(section: &Section<'a>) -> Option<RateEntry<'a>> {
    section.must("amount", "amount = \"160.00 USD\"");
    let amount = section.parse("amount", value::money);
    let client = section.parse("client", value::name);
    let role = section.text("role").map(|found| found.value.to_owned());
    let skill = section.parse("skill", value::name);
    let after_hours = section.has("after_hours").then(|| section.yes("after_hours", false));
    section.finish();
    let rate = Rate {
        amount: amount?.value,
        client: client.as_ref().map(|found| ClientKey(found.value.clone())),
        role,
        skill: skill.as_ref().map(|found| found.value.clone()),
        after_hours,
    };
    Some(RateEntry { rate, client, skill })
}
