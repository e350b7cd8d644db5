//! A run of billing as it is frozen: clients, invoices, lines, and what could not be billed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::billing::Account;
use crate::words::contract::InvoiceTo;
use crate::words::{ClientKey, Currency, Login, Minutes, Money, TicketNumber};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Retainer,
    Fee,
    Overage,
    Time,
    Project,
    /// Within the range: paid by the month's fee.
    Included,
    Warranty,
    Unbillable,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Retainer,
        Kind::Fee,
        Kind::Overage,
        Kind::Time,
        Kind::Project,
        Kind::Included,
        Kind::Warranty,
        Kind::Unbillable,
    ];

    /// As `as_str` writes it.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Retainer => "retainer",
            Kind::Fee => "fee",
            Kind::Overage => "overage",
            Kind::Time => "time",
            Kind::Project => "project",
            Kind::Included => "included",
            Kind::Warranty => "warranty",
            Kind::Unbillable => "unbillable",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub kind: Kind,
    /// What is billed by difference is found again by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketNumber>,
    /// Name of a fee, subject of a ticket, note of an entry, why nobody pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_hours: bool,
    /// It puts right what an earlier run billed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub correction: bool,
    /// As it was worked.
    #[serde(default)]
    pub minutes: Minutes,
    /// As it counts: rounded, and weighted where it is over a retainer.
    #[serde(default)]
    pub counted: Minutes,
    /// Of an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// `None`: settled without money.
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_code: Option<String>,
    /// Ids of the time entries.
    #[serde(default)]
    pub entries: Vec<i64>,
}

/// Hours over a range that the client was not told of: a human decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub month: NaiveDate,
    pub over: Minutes,
    pub amount: Money,
}

/// An entry that cannot be billed as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub entry: i64,
    pub ticket: Option<TicketNumber>,
    pub tech: Login,
    pub day: NaiveDate,
    pub minutes: Minutes,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    NoRate,
    NoRetainer,
    NoClient,
    /// The client has left the config.
    Gone,
}

impl Line {
    /// Empty.
    pub(crate) fn of(kind: Kind) -> Line {
        Line {
            kind,
            key: None,
            month: None,
            ticket: None,
            what: None,
            after_hours: false,
            correction: false,
            minutes: Minutes(0),
            counted: Minutes(0),
            rate: None,
            quantity: None,
            amount: None,
            account_code: None,
            entries: Vec::new(),
        }
    }
}

/// A run of all clients, as it is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// 0 in a preview.
    pub number: i64,
    /// First day of the month that is billed.
    pub period: NaiveDate,
    /// Of the invoices.
    pub date: NaiveDate,
    pub clients: Vec<Billed>,
    /// Entries of no client.
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed {
    pub client: ClientKey,
    pub name: String,
    /// One a currency.
    pub invoices: Vec<Invoice>,
    pub settled: Vec<Line>,
    pub waits: Vec<Waits>,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Empty in a preview.
    pub number: String,
    /// As the books know the client.
    pub name: String,
    pub email: Option<String>,
    pub due: NaiveDate,
    pub tax_code: Option<String>,
    pub account_code: Option<String>,
    pub po_number: Option<String>,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub total: Money,
}

/// A client's account as invoices, without numbers.
pub fn billed(client: &ClientKey, name: &str, to: &InvoiceTo, date: NaiveDate, account: Account) -> Billed {
    let (priced, settled): (Vec<Line>, Vec<Line>) = account.lines.into_iter().partition(|line| line.amount.is_some());
    let mut invoices: BTreeMap<String, Invoice> = BTreeMap::new();
    for line in priced {
        let Some(amount) = line.amount else { continue };
        let invoice = invoices.entry(amount.currency.to_string()).or_insert_with(|| Invoice {
            number: String::new(),
            name: to.name.clone(),
            email: to.email.clone(),
            due: date + to.terms.unwrap_or_default(),
            tax_code: to.tax_code.clone(),
            account_code: to.account_code.clone(),
            po_number: to.po_number.clone(),
            currency: amount.currency,
            lines: Vec::new(),
            total: Money { minor: 0, currency: amount.currency },
        });
        invoice.total.minor += amount.minor;
        invoice.lines.push(line);
    }
    let invoices = invoices.into_values().collect();
    Billed {
        client: client.clone(),
        name: name.to_owned(),
        invoices,
        settled,
        waits: account.waits,
        faults: account.faults,
    }
}

impl Billed {
    /// Nothing was done for this client, and nothing is due.
    pub fn is_empty(&self) -> bool {
        self.invoices.is_empty() && self.settled.is_empty() && self.waits.is_empty() && self.faults.is_empty()
    }
}

impl Run {
    /// Numbers the invoices: `DK-0012-03`.
    pub fn number(&mut self, number: i64, prefix: &str) {
        self.number = number;
        let all = self.clients.iter_mut().flat_map(|client| &mut client.invoices);
        for (place, invoice) in all.enumerate() {
            invoice.number = format!("{prefix}{number:04}-{:02}", place + 1);
        }
    }

    /// Of each currency.
    pub fn totals(&self) -> Vec<Money> {
        let mut totals: BTreeMap<String, Money> = BTreeMap::new();
        for invoice in self.clients.iter().flat_map(|client| &client.invoices) {
            let total = Money { minor: 0, currency: invoice.currency };
            totals.entry(invoice.currency.to_string()).or_insert(total).minor += invoice.total.minor;
        }
        totals.into_values().collect()
    }

    /// As it is frozen.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
