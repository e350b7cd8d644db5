//! What time brings about: breaches, reminders, escalations, waking up, closing; and what `#undo` takes back.

use super::action::ActError;
use super::case::{Case, Deed, Unit};
use super::tell::Tell;
use crate::desk::event::{ClockKind, Event};
use crate::desk::firm::Notify;
use crate::desk::sla::{self, SlaClock, StepKind};
use crate::notice::Effect;
use crate::store::tickets::TimerKind;
use crate::store::time;
use crate::words::{Actor, Login, Minutes, Priority, Status};

impl Case {
    /// A timer's moment has come. Everything that is due by now happens at once, and people are told one thing of it.
    pub(super) async fn fire(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        timer: TimerKind,
    ) -> Result<Vec<Effect>, ActError> {
        match timer {
            TimerKind::FirstTouch => self.fire_clock(unit, deed, ClockKind::FirstTouch).await?,
            TimerKind::Answer => self.fire_clock(unit, deed, ClockKind::Answer).await?,
            TimerKind::Resolve => self.fire_clock(unit, deed, ClockKind::Resolve).await?,
            TimerKind::Wake if self.ticket.status == Status::Waiting => {
                self.record(unit, deed, Event::WaitEnded);
                self.tell.push(Tell::Woken);
            }
            TimerKind::Nudge if self.ticket.status == Status::Waiting => self.nudge(unit, deed),
            TimerKind::Close if self.ticket.status == Status::Resolved => self.record(unit, deed, Event::Closed),
            TimerKind::Wake | TimerKind::Nudge | TimerKind::Close | TimerKind::Ask => {}
        }
        Ok(Vec::new())
    }

    async fn fire_clock(&mut self, unit: &mut Unit<'_>, deed: &Deed, kind: ClockKind) -> Result<(), ActError> {
        let firm = unit.firm();
        let Some(clock) = self.clocks(firm).into_iter().find(|clock| clock.kind == kind) else { return Ok(()) };
        let due = sla::due_steps(&clock, &self.ticket, self.history(), &firm.escalations, unit.now);
        let mut notify: Vec<Notify> = Vec::new();
        let mut worst: Option<(u32, u32)> = None;
        for step in due {
            let moment = Deed { at: step.fire_at, ..deed.clone() };
            match step.what {
                StepKind::Breach => self.record(unit, &moment, Event::Breached { clock: kind, due: clock.due }),
                StepKind::Escalation { step, round } => {
                    let escalation = &firm.escalations[step];
                    let generation = clock.generation;
                    self.record(unit, &moment, Event::Escalated { clock: kind, step, round, generation });
                    notify.extend(
                        escalation.notify.iter().filter(|who| !notify.contains(who)).cloned().collect::<Vec<_>>(),
                    );
                    worst = worst.max(Some((escalation.percent, round)));
                }
            }
        }
        let Some((percent, round)) = worst else { return Ok(()) };
        if percent >= 100 {
            self.tell.push(Tell::Escalated { clock: kind, due: clock.due, round, notify });
            return Ok(());
        }
        if self.pass_over(unit, deed, kind, &clock).await? {
            return Ok(());
        }
        self.tell.push(Tell::Reminded { clock: kind, due: clock.due, notify });
        Ok(())
    }

    /// A P1 that its assignee has neither touched nor taken by half of the time goes to the next candidate.
    async fn pass_over(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        kind: ClockKind,
        clock: &SlaClock,
    ) -> Result<bool, ActError> {
        let ticket = &self.ticket;
        let neglected =
            kind == ClockKind::FirstTouch && ticket.priority == Priority::P1 && !ticket.taken && clock.due > unit.now;
        let Some(holder) = ticket.assignee.clone().filter(|_| neglected) else { return Ok(false) };
        let mut except = self.holders();
        except.push(holder.clone());
        if unit.loads.is_none() {
            unit.loads = Some(crate::store::tickets::loads(unit.tx).await?);
        }
        let choice = crate::desk::assign::choose(
            unit.firm(),
            unit.loads.as_deref().unwrap_or_default(),
            self.ticket.skill.as_deref(),
            self.ticket.priority,
            self.ticket.client.as_ref(),
            &except,
        );
        let Some(to) = choice.to else { return Ok(false) };
        let why = format!("{holder} neither answered nor took it by half of the time; {}", choice.why);
        self.record(unit, deed, Event::Assigned { to: Some(to.clone()), why: why.clone() });
        self.note_assignment(unit, &to).await?;
        let weight = crate::desk::assign::weight(self.ticket.priority);
        if let Some(load) = unit.loads.iter_mut().flatten().find(|load| load.tech == holder) {
            load.open = load.open.saturating_sub(1);
            load.weight = load.weight.saturating_sub(weight);
        }
        self.tell.push(Tell::Assigned { from: Some(holder), reason: Some("no answer by half of the time".to_owned()) });
        Ok(true)
    }

    /// Everybody who had the ticket.
    fn holders(&self) -> Vec<Login> {
        let holder = |recorded: &crate::desk::event::Recorded| match &recorded.event {
            Event::Assigned { to, .. } => to.clone(),
            Event::Taken { by } => Some(by.clone()),
            _ => None,
        };
        self.history().iter().filter_map(holder).collect()
    }

    /// Two kind reminders, then the ticket is resolved with notice.
    fn nudge(&mut self, unit: &Unit<'_>, deed: &Deed) {
        let round = self.ticket.nudges + 1;
        self.record(unit, deed, Event::Nudged { round });
        if round <= 2 {
            self.tell.push(Tell::Nudged { round });
        } else {
            self.record(unit, deed, Event::Resolved { by: Actor::Desk });
            self.tell.push(Tell::Withdraw);
            self.tell.push(Tell::ClosedForSilence);
        }
    }

    /// Takes back state and time of the sender's last act on the ticket, never a mail that was sent.
    pub(super) async fn undo(&mut self, unit: &mut Unit<'_>, deed: &Deed, by: Login) -> Result<Vec<Effect>, ActError> {
        let mine = Actor::Tech(by.clone());
        let undone: Vec<i64> = self
            .history()
            .iter()
            .filter_map(|recorded| match &recorded.event {
                Event::Undone { seqs } => Some(seqs.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        let last = self
            .history()
            .iter()
            .rev()
            .find(|recorded| recorded.actor == mine && reversible(&recorded.event) && !undone.contains(&recorded.seq))
            .map(|recorded| recorded.cause.clone());
        let Some(cause) = last else {
            return Err(ActError::refused(format!("there is nothing of yours on {} to undo", self.ticket.number)));
        };
        let mut seqs = Vec::new();
        let mut what = Vec::new();
        let mut entries = Vec::new();
        for recorded in self.history().iter().filter(|recorded| recorded.actor == mine && recorded.cause == cause) {
            if undone.contains(&recorded.seq) {
                continue;
            }
            match &recorded.event {
                Event::TimeLogged { minutes, category, day, entry, .. } => {
                    what.push(format!("{minutes} {category}"));
                    entries.push((*entry, *minutes, *category, *day));
                    seqs.push(recorded.seq);
                }
                Event::Merged { .. } => {
                    return Err(ActError::refused("a merge cannot be undone; open a new ticket from the mail instead"));
                }
                event if reversible(event) => {
                    what.push(event.kind().replace('_', " "));
                    seqs.push(recorded.seq);
                }
                _ => {}
            }
        }
        for (entry, minutes, category, day) in entries {
            self.take_back(unit, deed, &by, (entry, -minutes, category, day)).await?;
            // Both leave the replay: the sum is the same, and a second #undo finds neither.
            seqs.extend(self.history().last().map(|recorded| recorded.seq));
        }
        if !seqs.is_empty() {
            self.record(unit, deed, Event::Undone { seqs });
        }
        Ok(vec![Effect::Undone { what: what.join(", ") }])
    }

    async fn take_back(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        by: &Login,
        (corrects, minutes, category, day): (i64, Minutes, crate::words::Category, chrono::NaiveDate),
    ) -> Result<(), ActError> {
        let undone = time::one(unit.tx, corrects).await?;
        let tech = undone.as_ref().map_or_else(|| by.clone(), |entry| entry.tech.clone());
        let new = time::NewEntry {
            ticket: Some(self.ticket.number),
            client: undone.as_ref().map_or(self.ticket.client.as_ref(), |entry| entry.client.as_ref()),
            note: Some("undone"),
            corrects: Some(corrects),
            after_hours: undone.as_ref().is_some_and(|entry| entry.after_hours),
            unbillable: undone.as_ref().and_then(|entry| entry.reason.as_deref()),
            entered_by: Some(&by.0),
            ..time::NewEntry::new(&tech, minutes, category, day, unit.now)
        };
        let entry = time::insert(unit.tx, &new).await?;
        self.record(unit, deed, Event::TimeLogged { entry, tech, minutes, category, day });
        Ok(())
    }
}

/// What `#undo` can take back; a mail that was sent and a first touch stand.
fn reversible(event: &Event) -> bool {
    !matches!(
        event,
        Event::TechAnswered { .. }
            | Event::FirstTouched { .. }
            | Event::Noted { .. }
            | Event::Undone { .. }
            | Event::Opened { .. }
            | Event::MergedFrom { .. }
            | Event::ParticipantAdded { .. }
    )
}
