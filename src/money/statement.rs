//! What a month's statement says: worked out once, frozen as it is, shown in mail, CSV and on the command line from the same figures.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::words::{Answers, Category, ClientKey, Minutes, Money, Priority, TicketNumber};

/// Frozen as JSON. Never in it: cost, margin, an hour's effective rate, internal words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub number: i64,
    pub client: ClientKey,
    pub client_name: String,
    /// First day.
    pub month: NaiveDate,
    /// IANA name: the client's zone, in which days are counted.
    pub zone: String,
    pub bottom: Minutes,
    pub top: Minutes,
    pub carried_in: Minutes,
    /// What counted: weighted and rounded as the contract says.
    pub used: Minutes,
    /// The same as it was worked.
    pub worked: Minutes,
    pub over: Minutes,
    pub over_cost: Option<Money>,
    pub expired: Minutes,
    pub carried_out: Minutes,
    pub warranty: Minutes,
    /// Work outside the retainer, by category.
    pub outside: Vec<(Category, Minutes)>,
    /// The months before and this one, the oldest first.
    pub trend: Vec<Past>,
    pub tickets: Vec<Line>,
    /// Requests that came in the month, and how many of those with a first touch had it in time.
    pub requests: u32,
    pub touched: u32,
    pub in_time: u32,
    /// Work of earlier months that was written down after their statements.
    pub late: Vec<Late>,
    /// What people answered in the month, when they were asked how it was.
    #[serde(default)]
    pub answers: Answers,
    /// Two months over the range in a row: it is to be talked about.
    #[serde(default)]
    pub pricing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    pub month: NaiveDate,
    pub used: Minutes,
    pub bottom: Minutes,
    pub top: Minutes,
}

/// A ticket with time in the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub number: TicketNumber,
    /// `None`: confidential.
    pub subject: Option<String>,
    pub requester: Option<String>,
    pub priority: Priority,
    pub received_at: DateTime<Utc>,
    /// Whether a human answered in time; `None` where nobody had to.
    pub in_time: Option<bool>,
    pub resolved: bool,
    /// As it counted, of the retainer.
    pub used: Minutes,
    /// Time of other categories.
    pub other: Minutes,
    /// The first line of our last public words.
    pub words: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    pub month: NaiveDate,
    /// As it was worked; negative where it was taken back.
    pub minutes: Minutes,
    /// How much more would have been over the top in its own month.
    pub over: Minutes,
}

impl Statement {
    /// As it is frozen.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Hundredths of the month's own top.
    pub fn percent(&self) -> i64 {
        if self.top.0 == 0 { 0 } else { self.used.0 * 100 / self.top.0 }
    }

    /// One row a ticket, then the sums: minutes, as people calculate with them.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = [
            "statement",
            "month",
            "ticket",
            "subject",
            "requester",
            "priority",
            "received",
            "first_answer_in_time",
            "resolved",
            "minutes_used",
            "minutes_other",
        ];
        let month = self.month.format("%Y-%m").to_string();
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        let mut rows: Vec<Vec<String>> = vec![header.iter().map(|word| (*word).to_owned()).collect()];
        for line in &self.tickets {
            rows.push(vec![
                self.number.to_string(),
                month.clone(),
                line.number.to_string(),
                line.subject.clone().unwrap_or_else(|| "confidential".to_owned()),
                line.requester.clone().unwrap_or_default(),
                line.priority.as_str().to_owned(),
                line.received_at.format("%Y-%m-%d").to_string(),
                line.in_time.map(yes).unwrap_or_default().to_owned(),
                yes(line.resolved).to_owned(),
                line.used.0.to_string(),
                line.other.0.to_string(),
            ]);
        }
        for (name, minutes) in [
            ("used", self.used),
            ("top", self.top),
            ("carried in", self.carried_in),
            ("over", self.over),
            ("carried on", self.carried_out),
            ("warranty", self.warranty),
        ] {
            let mut row = vec![self.number.to_string(), month.clone(), String::new(), name.to_owned()];
            row.resize(header.len() - 2, String::new());
            row.extend([minutes.0.to_string(), String::new()]);
            rows.push(row);
        }
        for row in rows {
            // Into memory: nothing can fail.
            let _ = writer.write_record(row.iter().map(|cell| harmless(cell)));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }
}

/// A cell that a spreadsheet would calculate begins with one of these; what a client wrote is text.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
pub(super) fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<i64>().is_err() {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// SHA-256 of the frozen words, in lower-case hex.
pub fn hash(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
