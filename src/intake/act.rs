//! The one function through which every change of a ticket goes: check, events, and whom to tell.

use chrono::NaiveDate;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::tell::Tell;
use crate::desk::assign;
use crate::desk::event::{Event, Touch, Waiting};
use crate::desk::ticket::actor_word;
use crate::notice::Effect;
use crate::store::tickets::TimerKind;
use crate::store::{StoreError, people, tickets, time};
use crate::words::{Category, ClientKey, Login, MessageRow, Minutes, Priority, Status, TicketNumber};

/// One time entry as a tech asks for it.
struct Work {
    by: Login,
    minutes: Minutes,
    category: Option<Category>,
    day: NaiveDate,
    note: Option<String>,
}

/// One action on one ticket, whole: loaded, changed, saved with its clocks, timers and letters.
pub async fn act(
    unit: &mut Unit<'_>,
    deed: &Deed,
    number: TicketNumber,
    action: Action,
) -> Result<Vec<Effect>, ActError> {
    let mut case = Case::load(unit, number).await?;
    let effects = case.act(unit, deed, action).await?;
    case.save(unit).await?;
    Ok(effects)
}

/// A timer's moment has come.
pub async fn fire_timer(unit: &mut Unit<'_>, number: TicketNumber, timer: TimerKind) -> Result<(), StoreError> {
    let deed = Deed::by_desk(unit.now, format!("timer:{}", timer.as_str()));
    match act(unit, &deed, number, Action::Fire { timer }).await {
        Ok(_) => Ok(()),
        Err(ActError::Store(error)) => Err(error),
        Err(ActError::Refused(why)) => Err(StoreError::Refused(why)),
    }
}

impl Case {
    /// Does one thing to the ticket, or says why not. Nothing is written before `save`, except rows that hang on the ticket.
    pub async fn act(&mut self, unit: &mut Unit<'_>, deed: &Deed, action: Action) -> Result<Vec<Effect>, ActError> {
        match action {
            Action::ClientWrote { message } => self.client_wrote(unit, deed, message),
            Action::Answer { message, by } => self.answer(unit, deed, message, by),
            Action::Note { message, reason } => {
                self.record(unit, deed, Event::Noted { message, reason });
                Ok(vec![Effect::Noted])
            }
            Action::KeepAutomatic { message } => {
                self.record(unit, deed, Event::AutomaticKept { message });
                Ok(Vec::new())
            }
            Action::AssignBySkill => self.assign_by_skill(unit, deed, &[]).await,
            Action::Assign { to } => self.assign(unit, deed, to).await,
            Action::Take { by } => self.take(unit, deed, by).await,
            Action::Pass { by, why } => self.pass(unit, deed, by, why).await,
            Action::Prioritise { to, why } => self.prioritise(unit, deed, to, why),
            Action::Categorise { to, warranty_of } => self.categorise(unit, deed, to, warranty_of).await,
            Action::Tag { tag } => {
                self.record(unit, deed, Event::Tagged { tag: tag.clone() });
                Ok(vec![Effect::Tag(tag)])
            }
            Action::SetClient { client } => self.set_client(unit, deed, client).await,
            Action::SetRequester { contact } => {
                let address = people::one(unit.tx, contact).await?.map(|contact| contact.address).unwrap_or_default();
                self.record(unit, deed, Event::RequesterSet { contact });
                Ok(vec![Effect::From(address)])
            }
            Action::AddParticipant { contact } => self.add_participant(unit, deed, contact).await,
            Action::Wait { on, until } => self.wait(unit, deed, on, until),
            Action::Open => self.open_again(unit, deed),
            Action::Resolve { by, answered } => self.resolve(unit, deed, by, answered),
            Action::Merge { into } => self.merge(unit, deed, into).await,
            Action::Accept { client } => self.accept(unit, deed, client).await,
            Action::Spam => self.spam(unit, deed).await,
            Action::Touch { by, at, how } => self.touch(unit, deed, by, at, how),
            Action::LogTime { by, minutes, category, day, note } => {
                self.log_time(unit, deed, Work { by, minutes, category, day, note }).await
            }
            Action::Fix { text } => {
                self.record(unit, deed, Event::FixNoted { text });
                Ok(vec![Effect::FixKept])
            }
            Action::Acknowledge { by } => {
                self.record(unit, deed, Event::Acknowledged { by });
                Ok(vec![Effect::Acknowledged])
            }
            Action::AskApproval { address, name } => {
                self.tell.push(Tell::AskApproval { address, name: name.clone() });
                Ok(vec![Effect::ApprovalAsked { of: name }])
            }
            Action::Approve { contact } => {
                let by = deed.actor.clone();
                self.record(unit, deed, Event::Approved { contact, by });
                Ok(Vec::new())
            }
            Action::Verify { how } => {
                self.record(unit, deed, Event::Verified { how: how.clone() });
                Ok(vec![Effect::Verified { how }])
            }
            Action::Fire { timer } => self.fire(unit, deed, timer).await,
            Action::Undo { by } => self.undo(unit, deed, by).await,
        }
    }

    fn client_wrote(&mut self, unit: &Unit<'_>, deed: &Deed, message: MessageRow) -> Result<Vec<Effect>, ActError> {
        let reopened = matches!(self.ticket.status, Status::Resolved | Status::Closed);
        if reopened {
            self.record(unit, deed, Event::Reopened);
        } else if self.ticket.status == Status::Waiting {
            self.record(unit, deed, Event::WaitEnded);
        }
        self.record(unit, deed, Event::ClientWrote { message });
        if self.ticket.status.is_active() {
            self.tell.push(Tell::ClientWrote { message, reopened, outsider: None });
        }
        Ok(Vec::new())
    }

    fn answer(
        &mut self,
        unit: &Unit<'_>,
        deed: &Deed,
        message: MessageRow,
        by: Login,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("answer")?;
        if self.ticket.status == Status::Waiting {
            self.record(unit, deed, Event::WaitEnded);
        }
        self.record(unit, deed, Event::TechAnswered { message });
        self.first_touch(unit, deed, by, Touch::Answer, false);
        Ok(Vec::new())
    }

    pub(super) fn first_touch(&mut self, unit: &Unit<'_>, deed: &Deed, by: Login, how: Touch, declared: bool) {
        if self.ticket.first_touch.as_ref().is_none_or(|touch| deed.at < touch.at) {
            self.record(unit, deed, Event::FirstTouched { by, how, declared });
            self.tell.push(Tell::Withdraw);
        }
    }

    fn must_be_work(&self, doing: &str) -> Result<(), ActError> {
        match self.ticket.status {
            Status::Unsorted => Err(ActError::refused(format!(
                "{} is unsorted: accept it first with #accept, then {doing}",
                self.ticket.number
            ))),
            Status::Spam => Err(ActError::refused(format!("{} was closed as spam", self.ticket.number))),
            Status::Merged => Err(ActError::refused(format!("{} was merged into another", self.ticket.number))),
            _ => Ok(()),
        }
    }

    /// `except` have passed already.
    pub(super) async fn assign_by_skill(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        except: &[Login],
    ) -> Result<Vec<Effect>, ActError> {
        if unit.loads.is_none() {
            unit.loads = Some(tickets::loads(unit.tx).await?);
        }
        let loads = unit.loads.as_deref().unwrap_or_default();
        let ticket = &self.ticket;
        let choice = assign::choose(
            unit.firm(),
            loads,
            ticket.skill.as_deref(),
            ticket.priority,
            ticket.client.as_ref(),
            except,
        );
        let from = self.ticket.assignee.clone();
        self.record(unit, deed, Event::Assigned { to: choice.to.clone(), why: choice.why.clone() });
        match choice.to {
            Some(to) => {
                self.note_assignment(unit, &to).await?;
                self.tell.push(Tell::Assigned { from, reason: None });
                Ok(vec![Effect::Assigned { to: to.to_string() }])
            }
            None => {
                self.tell.push(Tell::NoCandidate { why: choice.why });
                Ok(Vec::new())
            }
        }
    }

    pub(super) async fn note_assignment(&self, unit: &mut Unit<'_>, to: &Login) -> Result<(), ActError> {
        tickets::note_assignment(unit.tx, to, unit.now).await?;
        let now = unit.now;
        if let Some(load) = unit.loads.iter_mut().flatten().find(|load| load.tech == *to) {
            load.open += 1;
            load.weight += assign::weight(self.ticket.priority);
            load.last_assigned_at = Some(now);
        }
        Ok(())
    }

    async fn assign(&mut self, unit: &mut Unit<'_>, deed: &Deed, to: Login) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("assign it")?;
        let name = match unit.firm().tech(&to) {
            Some(tech) => tech.name.clone(),
            None => return Err(ActError::refused(format!("there is no tech \"{to}\""))),
        };
        if self.ticket.assignee.as_ref() == Some(&to) {
            return Ok(vec![Effect::Other(format!("is {name}'s already"))]);
        }
        let from = self.ticket.assignee.clone();
        let why = format!("assigned by {}", actor_word(&deed.actor));
        self.record(unit, deed, Event::Assigned { to: Some(to.clone()), why: why.clone() });
        self.note_assignment(unit, &to).await?;
        self.tell.push(Tell::Assigned { from, reason: Some(why) });
        Ok(vec![Effect::Assigned { to: name }])
    }

    async fn take(&mut self, unit: &mut Unit<'_>, deed: &Deed, by: Login) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("take it")?;
        self.record(unit, deed, Event::Taken { by: by.clone() });
        self.note_assignment(unit, &by).await?;
        if self.ticket.automatic {
            self.first_touch(unit, deed, by, Touch::Take, false);
        }
        Ok(vec![Effect::Taken])
    }

    async fn pass(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        by: Login,
        why: String,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("pass it on")?;
        let mut except: Vec<Login> = self.passed();
        except.push(by);
        self.record(unit, deed, Event::Assigned { to: None, why: format!("passed: {why}") });
        let effects = self.assign_by_skill(unit, deed, &except).await?;
        if let Some(Tell::Assigned { reason, .. }) = self.tell.last_mut() {
            *reason = Some(why);
        }
        match effects.into_iter().next() {
            Some(Effect::Assigned { to }) => Ok(vec![Effect::Passed { to: Some(to) }]),
            _ => Ok(vec![Effect::Passed { to: None }]),
        }
    }

    /// Techs who had the ticket and passed it on.
    fn passed(&self) -> Vec<Login> {
        let mut passed = Vec::new();
        let mut holder: Option<Login> = None;
        for recorded in self.history() {
            match &recorded.event {
                Event::Assigned { to, why } => {
                    if why.starts_with("passed: ") {
                        passed.extend(holder.take());
                    }
                    holder = to.clone();
                }
                Event::Taken { by } => holder = Some(by.clone()),
                _ => {}
            }
        }
        passed
    }

    fn prioritise(
        &mut self,
        unit: &Unit<'_>,
        deed: &Deed,
        to: Priority,
        why: Option<String>,
    ) -> Result<Vec<Effect>, ActError> {
        let from = self.ticket.priority;
        if from == to {
            return Ok(vec![Effect::Other(format!("is {to} already"))]);
        }
        if to > from && from <= Priority::P2 && why.is_none() {
            let word = to.as_str().to_lowercase();
            return Err(ActError::refused(format!(
                "lowering {from} to {to} needs the reason on the same line: #{word} because …"
            )));
        }
        self.record(unit, deed, Event::PriorityChanged { to, why });
        Ok(vec![Effect::Priority(to)])
    }

    async fn categorise(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        to: Category,
        warranty_of: Option<TicketNumber>,
    ) -> Result<Vec<Effect>, ActError> {
        if to == Category::Warranty && warranty_of.is_none() {
            return Err(ActError::refused("warranty needs the ticket that it makes good: #cat warranty #987"));
        }
        if let Some(number) = warranty_of {
            if tickets::row(unit.tx, number).await?.is_none() {
                return Err(ActError::refused(format!("there is no ticket {number}")));
            }
        }
        self.record(unit, deed, Event::Categorised { to, warranty_of });
        Ok(match warranty_of {
            Some(number) => vec![Effect::WarrantyOf(number)],
            None => vec![Effect::Category(to)],
        })
    }

    async fn set_client(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        client: ClientKey,
    ) -> Result<Vec<Effect>, ActError> {
        let Some(name) = unit.firm().client(&client).map(|client| client.name.clone()) else {
            return Err(ActError::refused(unknown_client(unit, &client)));
        };
        if let Some(requester) = self.ticket.requester {
            people::set_client(unit.tx, requester, &client).await?;
        }
        self.record(unit, deed, Event::ClientSet { client: Some(client) });
        Ok(vec![Effect::Client(name)])
    }

    async fn add_participant(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        contact: crate::words::ContactId,
    ) -> Result<Vec<Effect>, ActError> {
        if self.ticket.has_on_it(contact) {
            return Ok(Vec::new());
        }
        let address = people::one(unit.tx, contact).await?.map(|contact| contact.address).unwrap_or_default();
        tickets::add_participant(unit.tx, self.ticket.number, contact).await?;
        self.record(unit, deed, Event::ParticipantAdded { contact });
        Ok(vec![Effect::Cc(address)])
    }

    fn wait(
        &mut self,
        unit: &Unit<'_>,
        deed: &Deed,
        on: Waiting,
        until: Option<chrono::DateTime<chrono::Utc>>,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("wait")?;
        if matches!(self.ticket.status, Status::Resolved | Status::Closed) {
            return Err(ActError::refused(format!("{} is resolved: #open it first", self.ticket.number)));
        }
        self.record(unit, deed, Event::WaitStarted { on, until });
        let until = until.map(|until| until.with_timezone(&unit.firm().time_zone));
        Ok(vec![match on {
            Waiting::Client => Effect::WaitingClient { until },
            Waiting::Vendor => Effect::WaitingVendor { until },
        }])
    }

    fn open_again(&mut self, unit: &Unit<'_>, deed: &Deed) -> Result<Vec<Effect>, ActError> {
        match self.ticket.status {
            Status::Waiting => self.record(unit, deed, Event::WaitEnded),
            Status::Resolved | Status::Closed => self.record(unit, deed, Event::Reopened),
            Status::New | Status::Open => return Ok(vec![Effect::Other("is open already".to_owned())]),
            Status::Unsorted | Status::Spam | Status::Merged => self.must_be_work("open it")?,
        }
        Ok(vec![Effect::Reopened])
    }

    fn resolve(&mut self, unit: &Unit<'_>, deed: &Deed, by: Login, answered: bool) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("resolve it")?;
        if self.ticket.is_sensitive() && !self.ticket.cleared {
            return Err(ActError::refused(
                "this is a sensitive request: it is done only after #approve NAME was answered by an approver of the client, or with #verified by phone",
            ));
        }
        if matches!(self.ticket.status, Status::Resolved | Status::Closed) {
            return Ok(vec![Effect::Other("is resolved already".to_owned())]);
        }
        if self.ticket.owes_note(Minutes(0)) {
            // The answer and the time stand; the ticket stays open until the note is there.
            return Ok(Vec::new());
        }
        let actor = deed.actor.clone();
        self.record(unit, deed, Event::Resolved { by: actor });
        self.tell.push(Tell::Withdraw);
        if !answered {
            self.first_touch(unit, deed, by.clone(), Touch::Answer, false);
            self.tell.push(Tell::Resolved { by });
        }
        Ok(vec![Effect::Resolved])
    }

    async fn merge(&mut self, unit: &mut Unit<'_>, deed: &Deed, into: TicketNumber) -> Result<Vec<Effect>, ActError> {
        if into == self.ticket.number {
            return Err(ActError::refused("a ticket cannot be merged into itself"));
        }
        let mut target = match Case::load(unit, into).await {
            Ok(target) => target,
            Err(StoreError::Missing { .. }) => {
                return Err(ActError::refused(format!("there is no ticket {into}")));
            }
            Err(error) => return Err(error.into()),
        };
        if target.ticket.number == self.ticket.number {
            return Err(ActError::refused(format!("{into} was merged into this ticket already")));
        }
        if self.ticket.client.is_some() && target.ticket.client.is_some() && self.ticket.client != target.ticket.client
        {
            return Err(ActError::refused(format!(
                "{into} belongs to another client; nothing is shown across clients"
            )));
        }
        let into = target.ticket.number;
        crate::store::messages::move_all(unit.tx, self.ticket.number, into).await?;
        let touch = self.ticket.first_touch.clone();
        let event = Event::MergedFrom {
            ticket: self.ticket.number,
            received_at: self.ticket.received_at,
            priority: self.ticket.priority,
            first_touch_at: touch.as_ref().map(|touch| touch.at),
            first_touch_by: touch.map(|touch| touch.by),
        };
        target.record(unit, deed, event);
        for contact in self.ticket.requester.into_iter().chain(self.ticket.participants.clone()) {
            if !target.ticket.has_on_it(contact) && target.ticket.client == self.ticket.client {
                target.add_participant(unit, deed, contact).await?;
            }
        }
        Box::pin(target.save(unit)).await?;
        self.record(unit, deed, Event::Merged { into });
        self.tell.push(Tell::Withdraw);
        Ok(vec![Effect::Merged { into }])
    }

    async fn accept(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        client: Option<ClientKey>,
    ) -> Result<Vec<Effect>, ActError> {
        if self.ticket.status != Status::Unsorted {
            return Ok(vec![Effect::Other("is accepted already".to_owned())]);
        }
        let name = match &client {
            Some(key) => match unit.firm().client(key) {
                Some(client) => Some(client.name.clone()),
                None => return Err(ActError::refused(unknown_client(unit, key))),
            },
            None => None,
        };
        if let Some(requester) = self.ticket.requester {
            people::vouch(unit.tx, requester, unit.now).await?;
            if let Some(client) = &client {
                people::set_client(unit.tx, requester, client).await?;
            }
        }
        self.record(unit, deed, Event::Accepted { client: client.clone() });
        let own = client.as_ref().and_then(|key| unit.firm().client(key)?.default_category);
        if let Some(category) = own.filter(|category| *category != self.ticket.category) {
            self.record(unit, deed, Event::Categorised { to: category, warranty_of: None });
        }
        self.assign_by_skill(unit, deed, &[]).await?;
        self.tell.push(Tell::Acknowledge { too_large: false });
        Ok(vec![Effect::Accepted { client: name }])
    }

    async fn spam(&mut self, unit: &mut Unit<'_>, deed: &Deed) -> Result<Vec<Effect>, ActError> {
        if let Some(requester) = self.ticket.requester {
            if let Some(contact) = people::one(unit.tx, requester).await? {
                let why = format!("spam: {}", self.ticket.number);
                if contact.client.is_none() {
                    people::mute(unit.tx, &contact.address, &why, unit.now).await?;
                }
            }
        }
        self.record(unit, deed, Event::MarkedSpam);
        self.tell.push(Tell::Withdraw);
        Ok(vec![Effect::Spam])
    }

    fn touch(
        &mut self,
        unit: &Unit<'_>,
        deed: &Deed,
        by: Login,
        at: chrono::DateTime<chrono::Utc>,
        how: Touch,
    ) -> Result<Vec<Effect>, ActError> {
        self.must_be_work("say so")?;
        let at = at.clamp(self.ticket.received_at, unit.now.max(self.ticket.received_at));
        let declared = Deed { at, ..deed.clone() };
        self.first_touch(unit, &declared, by, how, true);
        Ok(vec![match how {
            Touch::Onsite => Effect::Onsite,
            _ => Effect::Called { at: at.with_timezone(&unit.firm().time_zone) },
        }])
    }

    async fn log_time(&mut self, unit: &mut Unit<'_>, deed: &Deed, work: Work) -> Result<Vec<Effect>, ActError> {
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

    /// A correction counts on the day of the entry that it corrects.
    async fn corrected_day(&self, unit: &mut Unit<'_>, work: &Work) -> Result<NaiveDate, ActError> {
        let entries = time::of_tech_on(unit.tx, self.ticket.number, &work.by).await?;
        let last = entries.iter().find(|entry| entry.minutes > Minutes(0));
        Ok(last.map_or(work.day, |entry| entry.work_date))
    }
}

fn unknown_client(unit: &Unit<'_>, key: &ClientKey) -> String {
    let known: Vec<&str> = unit.firm().clients.iter().map(|client| client.key.0.as_str()).take(12).collect();
    format!("there is no client \"{key}\"; the keys are: {}", known.join(", "))
}
