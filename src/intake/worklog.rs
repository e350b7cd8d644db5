//! Time on a ticket: entries with a category, and corrections that are entries of their own.

use chrono::NaiveDate;

use super::action::ActError;
use super::case::{Case, Deed, Unit};
use crate::desk::event::Event;
use crate::notice::Effect;
use crate::store::time;
use crate::words::{Category, Login, Minutes};

/// One time entry as a tech asks for it.
pub(super) struct Work {
    pub by: Login,
    pub minutes: Minutes,
    pub category: Option<Category>,
    pub day: NaiveDate,
    pub note: Option<String>,
}

impl Case {
    pub(super) async fn log_time(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        work: Work,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("log time")?;
        let number = self.ticket.number;
        let mut category = work.category.unwrap_or(self.ticket.category);
        let mut corrects = None;
        if work.minutes < Minutes(0) {
            let entries = time::of_tech_on(unit.tx, number, &work.by).await?;
            let sum: Minutes = entries.iter().map(|entry| entry.minutes).sum();
            let Some(last) = entries.iter().find(|entry| entry.minutes > Minutes(0)) else {
                return Err(ActError::refused(format!("you have logged no time on {number} that could be corrected")));
            };
            if sum + work.minutes < Minutes(0) {
                return Err(ActError::refused(format!(
                    "you have logged {sum} on {number}; no more than that can be taken back"
                )));
            }
            corrects = Some(last.id);
            category = work.category.unwrap_or(last.category);
        }
        let day = if corrects.is_some() { self.corrected_day(unit, &work).await? } else { work.day };
        if category == Category::Retainer && corrects.is_none() {
            let instead = format!("#time {} tm (or project, or warranty)", work.minutes);
            self.must_have_retainer(unit, day, &instead)?;
        }
        let entry = time::insert(
            unit.tx,
            &time::NewEntry {
                ticket: Some(number),
                client: self.ticket.client.as_ref(),
                tech: &work.by,
                minutes: work.minutes,
                category,
                work_date: day,
                note: work.note.as_deref(),
                entered_at: unit.now,
                corrects,
                inbound: None,
            },
        )
        .await?;
        let event = Event::TimeLogged { entry, tech: work.by, minutes: work.minutes, category, day };
        self.record(unit, deed, event);
        let zone = unit.firm().time_zone;
        let shown = (day != unit.now.with_timezone(&zone).date_naive())
            .then(|| crate::desk::calendar::start_of_day(zone, day).with_timezone(&zone));
        Ok(vec![Effect::Time { minutes: work.minutes, category, day: shown }])
    }

    /// Work on a retainer needs one that covers the day; `instead` is what to write where there is none.
    pub(super) fn must_have_retainer(&self, unit: &Unit<'_>, day: NaiveDate, instead: &str) -> Result<(), ActError> {
        let number = self.ticket.number;
        let Some(client) = self.ticket.client.as_ref().and_then(|key| unit.firm().client(key)) else {
            return Err(ActError::refused(format!(
                "{number} has no client, and so no retainer: write {instead}, or name the client with #client first"
            )));
        };
        if client.retainer_on(day).is_some() {
            return Ok(());
        }
        let none = if client.retainers.is_empty() {
            format!("{} has no retainer", client.name)
        } else {
            format!("{} has no retainer that covers {}", client.name, day.format("%-d %B %Y"))
        };
        Err(ActError::refused(format!("{none}: write {instead}, or correct the ticket with #client")))
    }

    /// A correction counts on the day of the entry that it corrects.
    async fn corrected_day(&self, unit: &mut Unit<'_>, work: &Work) -> Result<NaiveDate, ActError> {
        let entries = time::of_tech_on(unit.tx, self.ticket.number, &work.by).await?;
        let last = entries.iter().find(|entry| entry.minutes > Minutes(0));
        Ok(last.map_or(work.day, |entry| entry.work_date))
    }
}
