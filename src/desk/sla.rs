//! Deadlines and escalation moments: pure functions of events and calendars.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::calendar::Calendar;
use super::event::{ClockKind, Event, Recorded};
use super::firm::{Escalation, Firm};
use super::ticket::{Ticket, standing};
use crate::words::{ClientKey, Priority};

/// What one client may expect, per priority.
#[derive(Debug, Clone)]
pub struct Policy([Pace; 4]);

/// One priority's targets in the calendar that counts.
#[derive(Debug, Clone)]
pub struct Pace {
    pub first_touch: TimeDelta,
    pub resolve: TimeDelta,
    pub calendar: Arc<Calendar>,
    /// The clock starts at this calendar's next opening (`after_hours = "none"`).
    pub opens: Option<Arc<Calendar>>,
}

/// One clock of a ticket, as its events and the policy make it.
#[derive(Debug, Clone, PartialEq)]
pub struct SlaClock {
    pub kind: ClockKind,
    pub started_at: DateTime<Utc>,
    /// While paused: the deadline if the pause ended now would be later; this is the one as of the pause.
    pub due: DateTime<Utc>,
    pub paused_at: Option<DateTime<Utc>>,
    pub stopped_at: Option<DateTime<Utc>>,
    /// It ran past its deadline, now or before; never taken back.
    pub breached: bool,
    /// Grows when the clock starts anew or a raised priority tightens it: steps may fire again.
    pub generation: u32,
    /// How the deadline came about, a line each, for `deskd why`.
    pub sum: Vec<String>,
    candidate: Candidate,
    pauses: Vec<Pause>,
}

/// A deadline counted from `base`; the earliest of several counts.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    base: DateTime<Utc>,
    target: TimeDelta,
    calendar: Arc<Calendar>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Pause {
    from: DateTime<Utc>,
    /// `None` while it lasts.
    to: Option<DateTime<Utc>>,
}

/// What is to happen next on a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub fire_at: DateTime<Utc>,
    pub what: StepKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The deadline itself passes.
    Breach,
    /// Index into `Firm::escalations`, and the repeat.
    Escalation { step: usize, round: u32 },
}

impl Policy {
    /// The client's own calendar decides; the `always` of a priority stands unless the client has `after_hours = "none"`.
    pub fn of(firm: &Firm, client: Option<&ClientKey>) -> Policy {
        let client = client.and_then(|key| firm.client(key));
        let named = |name: &str| {
            let found = firm.calendars.get(name).cloned();
            found.unwrap_or_else(|| Arc::new(Calendar::always(firm.time_zone)))
        };
        let own = client.and_then(|client| client.calendar.as_deref()).map(named);
        let without_after_hours = client.is_some_and(|client| client.no_after_hours);
        Policy(Priority::ALL.map(|priority| {
            let targets = &firm.targets[priority.index()];
            let always = targets.calendar == "always";
            let calendar = match &own {
                Some(own) if !always => own.clone(),
                _ => named(&targets.calendar),
            };
            let opens = (always && without_after_hours).then(|| own.clone().unwrap_or_else(|| named("office")));
            Pace { first_touch: targets.first_touch, resolve: targets.resolve, calendar, opens }
        }))
    }

    pub fn pace(&self, priority: Priority) -> &Pace {
        &self.0[priority.index()]
    }
}

impl Pace {
    fn start(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.opens.as_ref().map_or(at, |calendar| calendar.next_open(at))
    }

    fn target(&self, kind: ClockKind) -> TimeDelta {
        match kind {
            ClockKind::FirstTouch | ClockKind::Answer => self.first_touch,
            ClockKind::Resolve => self.resolve,
        }
    }

    fn candidate(&self, kind: ClockKind, base: DateTime<Utc>) -> Candidate {
        Candidate { base: self.start(base), target: self.target(kind), calendar: self.calendar.clone() }
    }
}

impl Candidate {
    /// The moment when `percent` of the target is used up, pauses credited. A pause that still lasts is not counted yet.
    fn moment(&self, percent: u32, pauses: &[Pause]) -> DateTime<Utc> {
        let target = self.target * i32::try_from(percent).unwrap_or(i32::MAX) / 100;
        let mut moment = self.calendar.add(self.base, target);
        for pause in pauses {
            let (from, Some(to)) = (pause.from.max(self.base), pause.to) else { continue };
            if from < moment && to > from {
                moment = self.calendar.add(to, self.calendar.between(from, moment));
            }
        }
        moment
    }
}

impl SlaClock {
    fn start(kind: ClockKind, at: DateTime<Utc>, pace: &Pace, priority: Priority, generation: u32) -> SlaClock {
        let candidate = pace.candidate(kind, at);
        let due = candidate.moment(100, &[]);
        let opening = if candidate.base == at { "" } else { " (next opening)" };
        let sum = vec![format!(
            "starts {}{opening}; {priority} allows {} of calendar \"{}\": due {}",
            stamp(candidate.base),
            span(candidate.target),
            candidate.calendar.name,
            stamp(due)
        )];
        SlaClock {
            kind,
            started_at: candidate.base,
            due,
            paused_at: None,
            stopped_at: None,
            breached: false,
            generation,
            sum,
            candidate,
            pauses: Vec::new(),
        }
    }

    pub fn is_running(&self) -> bool {
        self.stopped_at.is_none() && self.paused_at.is_none()
    }

    fn pause(&mut self, at: DateTime<Utc>, why: &str) {
        if self.pauses.last().is_some_and(|pause| pause.to.is_none()) {
            return;
        }
        self.pauses.push(Pause { from: at, to: None });
        self.paused_at = Some(at);
        if self.stopped_at.is_none() {
            self.sum.push(format!("{} {why}: paused", stamp(at)));
        }
    }

    fn resume(&mut self, at: DateTime<Utc>, why: &str) {
        let Some(pause) = self.pauses.last_mut().filter(|pause| pause.to.is_none()) else { return };
        pause.to = Some(at);
        let from = pause.from;
        self.paused_at = None;
        let before = self.due;
        self.due = self.candidate.moment(100, &self.pauses);
        let credited = self.candidate.calendar.between(from, at);
        let note = if self.due == before { " (nothing to add)" } else { "" };
        self.sum.push(format!(
            "{} {why}: {} of pause credited{note}: due {}",
            stamp(at),
            span(credited),
            stamp(self.due)
        ));
    }

    /// Raising gives `min(old deadline, change + new target)`, lowering `start + new target`.
    fn reprioritise(&mut self, at: DateTime<Utc>, from: Priority, to: Priority, pace: &Pace) {
        if self.stopped_at.is_some() && self.kind != ClockKind::Resolve {
            return;
        }
        let raised = to < from;
        let candidate = pace.candidate(self.kind, if raised { at } else { self.started_at });
        // A pause that lasts is counted up to now, so that both deadlines are compared at the same moment.
        let mut pauses = self.pauses.clone();
        if let Some(open) = pauses.last_mut().filter(|pause| pause.to.is_none()) {
            open.to = Some(at);
        }
        let tighter = candidate.moment(100, &pauses) < self.candidate.moment(100, &pauses);
        if !raised || tighter {
            self.candidate = candidate;
            self.due = self.candidate.moment(100, &self.pauses);
        }
        self.generation += u32::from(raised && tighter);
        let word = if raised { "raised" } else { "lowered" };
        self.sum.push(format!("{} {word} from {from} to {to}: due {}", stamp(at), stamp(self.due)));
    }

    fn stop(&mut self, at: DateTime<Utc>, why: &str) {
        if self.stopped_at.is_none() {
            self.stopped_at = Some(at);
            self.breached |= at > self.due;
            self.sum.push(format!("{} {why}: {}", stamp(at), verdict(at, self.due)));
        }
    }
}

/// All clocks of a ticket. Empty for what counts in no figure (unsorted, spam, merged).
pub fn clocks(ticket: &Ticket, history: &[Recorded], policy: &Policy) -> Vec<SlaClock> {
    if !ticket.status.counts() {
        return Vec::new();
    }
    let mut walk = Walk::default();
    for recorded in standing(history) {
        walk.step(recorded, policy);
    }
    walk.clocks
}

#[derive(Default)]
struct Walk {
    clocks: Vec<SlaClock>,
    priority: Option<Priority>,
    touched: bool,
}

impl Walk {
    fn step(&mut self, recorded: &Recorded, policy: &Policy) {
        let at = recorded.at;
        match &recorded.event {
            Event::Opened { priority, .. } => {
                self.priority = Some(*priority);
                for kind in [ClockKind::FirstTouch, ClockKind::Resolve] {
                    self.clocks.push(SlaClock::start(kind, at, policy.pace(*priority), *priority, 0));
                }
            }
            Event::PriorityChanged { to, .. } => self.change(at, *to, policy),
            Event::FirstTouched { .. } => self.first_touch(at),
            Event::ClientWrote { .. } => self.client_wrote(at, policy),
            Event::TechAnswered { .. } => self.stop(ClockKind::Answer, at, "answered"),
            Event::WaitStarted { .. } => self.on(ClockKind::Resolve, |clock| clock.pause(at, "waiting")),
            Event::WaitEnded => self.on(ClockKind::Resolve, |clock| clock.resume(at, "waiting ended")),
            Event::Resolved { .. } => {
                self.on(ClockKind::Resolve, |clock| clock.resume(at, "waiting ended"));
                for clock in &mut self.clocks {
                    // Resolved without a word of a human: the first touch is that moment.
                    clock.stop(at, "resolved");
                }
                self.on(ClockKind::Resolve, |clock| clock.pause(at, "resolved"));
            }
            Event::Reopened => self.reopen(at),
            Event::FiredAgain => {
                self.reopen(at);
                self.fire_again(at, policy);
            }
            Event::MergedFrom { received_at, priority, first_touch_at, .. } => {
                self.merged(*received_at, *priority, *first_touch_at, policy);
            }
            Event::Breached { clock, .. } => self.on(*clock, |clock| clock.breached = true),
            _ => {}
        }
    }

    fn on(&mut self, kind: ClockKind, act: impl FnOnce(&mut SlaClock)) {
        if let Some(clock) = self.clocks.iter_mut().find(|clock| clock.kind == kind) {
            act(clock);
        }
    }

    fn reopen(&mut self, at: DateTime<Utc>) {
        self.on(ClockKind::Resolve, |clock| {
            clock.stopped_at = None;
            clock.resume(at, "reopened");
        });
    }

    /// No human has seen it yet, and now one has to: the first touch is due from this moment.
    fn fire_again(&mut self, at: DateTime<Utc>, policy: &Policy) {
        let Some(priority) = self.priority.filter(|_| !self.touched) else { return };
        self.on(ClockKind::FirstTouch, |clock| {
            let breached = clock.breached;
            let generation = clock.generation + 1;
            *clock = SlaClock::start(ClockKind::FirstTouch, at, policy.pace(priority), priority, generation);
            clock.breached = breached;
        });
    }

    fn stop(&mut self, kind: ClockKind, at: DateTime<Utc>, why: &str) {
        self.on(kind, |clock| clock.stop(at, why));
    }

    fn first_touch(&mut self, at: DateTime<Utc>) {
        self.touched = true;
        self.on(ClockKind::FirstTouch, |clock| {
            if clock.stopped_at.is_some_and(|stopped| at < stopped) {
                clock.stopped_at = None;
            }
            clock.stop(at, "first touch");
        });
    }

    fn change(&mut self, at: DateTime<Utc>, to: Priority, policy: &Policy) {
        let Some(from) = self.priority.replace(to).filter(|from| *from != to) else { return };
        for clock in &mut self.clocks {
            clock.reprioritise(at, from, to, policy.pace(to));
        }
    }

    /// Every client message after the first touch wants an answer; one that waits already is not put off.
    fn client_wrote(&mut self, at: DateTime<Utc>, policy: &Policy) {
        let Some(priority) = self.priority.filter(|_| self.touched) else { return };
        let old = self.clocks.iter().position(|clock| clock.kind == ClockKind::Answer);
        let generation = match old.map(|index| &self.clocks[index]) {
            Some(running) if running.stopped_at.is_none() => return,
            Some(stopped) => stopped.generation + 1,
            None => 0,
        };
        let breached = old.is_some_and(|index| self.clocks.remove(index).breached);
        let mut clock = SlaClock::start(ClockKind::Answer, at, policy.pace(priority), priority, generation);
        clock.breached = breached;
        self.clocks.push(clock);
    }

    /// The earliest start, the strictest priority, the earliest first touch.
    fn merged(&mut self, received: DateTime<Utc>, priority: Priority, touch: Option<DateTime<Utc>>, policy: &Policy) {
        let strictest = self.priority.map_or(priority, |own| own.min(priority));
        self.priority = Some(strictest);
        for kind in [ClockKind::FirstTouch, ClockKind::Resolve] {
            self.on(kind, |clock| {
                let candidate = policy.pace(strictest).candidate(kind, received.min(clock.started_at));
                let due = candidate.moment(100, &clock.pauses);
                clock.started_at = candidate.base;
                if due < clock.due {
                    clock.due = due;
                    clock.candidate = candidate;
                }
                clock.sum.push(format!("merged with one of {}: due {}", stamp(received), stamp(clock.due)));
            });
        }
        if let Some(at) = touch {
            self.first_touch(at);
        }
        for clock in &mut self.clocks {
            clock.breached |= clock.stopped_at.is_some_and(|stopped| stopped > clock.due);
        }
    }
}

/// What is to happen next on a clock: the earliest step that has not fired, however long ago it was due.
pub fn next_step(clock: &SlaClock, ticket: &Ticket, history: &[Recorded], steps: &[Escalation]) -> Option<Step> {
    pending(clock, ticket, history, steps).into_iter().min_by_key(|step| step.fire_at)
}

/// Every step of a running clock that is due at `now` and has not fired.
pub fn due_steps(
    clock: &SlaClock,
    ticket: &Ticket,
    history: &[Recorded],
    steps: &[Escalation],
    now: DateTime<Utc>,
) -> Vec<Step> {
    let mut due = pending(clock, ticket, history, steps);
    due.retain(|step| step.fire_at <= now);
    due.sort_by_key(|step| step.fire_at);
    due
}

fn pending(clock: &SlaClock, ticket: &Ticket, history: &[Recorded], steps: &[Escalation]) -> Vec<Step> {
    if !clock.is_running() || !ticket.status.is_active() {
        return Vec::new();
    }
    let mut fired = Vec::new();
    let mut breached = false;
    let mut acknowledged = false;
    for recorded in standing(history) {
        match &recorded.event {
            Event::Escalated { clock: kind, step, round, generation }
                if *kind == clock.kind && *generation == clock.generation =>
            {
                acknowledged = false;
                fired.push((*step, *round));
            }
            Event::Breached { clock: kind, due } if *kind == clock.kind && *due >= clock.started_at => {
                breached |= *due == clock.due;
            }
            Event::Acknowledged { .. } => acknowledged = true,
            _ => {}
        }
    }
    let mut pending = Vec::new();
    if !breached {
        pending.push(Step { fire_at: clock.due, what: StepKind::Breach });
    }
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| applies(step, clock.kind, ticket.priority)) {
        let first = clock.candidate.moment(step.percent, &clock.pauses);
        for round in 0..step.times.max(1) {
            if fired.contains(&(index, round)) || (round > 0 && acknowledged) {
                continue;
            }
            let late = step.repeat.unwrap_or_default() * i32::try_from(round).unwrap_or(i32::MAX);
            let what = StepKind::Escalation { step: index, round };
            pending.push(Step { fire_at: first + late, what });
        }
    }
    pending
}

fn applies(step: &Escalation, kind: ClockKind, priority: Priority) -> bool {
    let of = if kind == ClockKind::Answer { ClockKind::FirstTouch } else { kind };
    step.of == of && (step.priorities.is_empty() || step.priorities.contains(&priority))
}

/// `2026-11-23 14:05 UTC`: for sums, where every zone would be somebody's wrong one.
fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `15m`, `4h`, `3d`-free: hours and minutes.
pub fn span(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes:02}"),
    }
}

fn verdict(at: DateTime<Utc>, due: DateTime<Utc>) -> String {
    if at > due { format!("late by {}", span(at - due)) } else { format!("in time, {} to spare", span(due - at)) }
}
