//! The one function through which every change of a ticket goes: check, events, and whom to tell.

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::tell::Tell;
use super::worklog::Work;
use crate::desk::assign;
use crate::desk::event::{Event, Touch, Waiting};
use crate::desk::ticket::actor_word;
use crate::notice::Effect;
use crate::store::tickets::TimerKind;
use crate::store::{StoreError, people, tickets};
use crate::words::{Login, MessageRow, Minutes, Status, TicketNumber};

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
        if !action.is_plain() {
            unit.forget();
        }
        match action {
            Action::ClientWrote { message } => self.client_wrote(unit, deed, message),
            Action::Answer { message, by } => self.answer(unit, deed, message, by),
            Action::Note { message, reason } => {
                Ok(self.told(unit, deed, Event::Noted { message, reason }, Effect::Noted))
            }
            Action::KeepAutomatic { message } => {
                self.record(unit, deed, Event::AutomaticKept { message });
                Ok(Vec::new())
            }
            Action::Recovered => Ok(self.recovered(deed, unit)),
            Action::FiresAgain { message } => Ok(self.fires_again(deed, unit, message)),
            Action::AssignBySkill => self.assign_by_skill(unit, deed, &[]).await,
            Action::Assign { to } => self.assign(unit, deed, to).await,
            Action::Take { by } => self.take(unit, deed, by).await,
            Action::Pass { by, why } => self.pass(unit, deed, by, why).await,
            Action::Prioritise { to, why } => self.prioritise(unit, deed, to, why),
            Action::Categorise { to, warranty_of } => self.categorise(unit, deed, to, warranty_of).await,
            Action::Tag { tag } => Ok(self.told(unit, deed, Event::Tagged { tag: tag.clone() }, Effect::Tag(tag))),
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
            Action::LogTime { by, minutes, category, day, note, more } => {
                self.log_time(unit, deed, Work { by, minutes, category, day, note, more }).await
            }
            Action::Fix { text } => Ok(self.told(unit, deed, Event::FixNoted { text }, Effect::FixKept)),
            Action::Acknowledge { by } => Ok(self.seen(unit, deed, by)),
            Action::AskApproval { address, name } => {
                self.record(unit, deed, Event::ApprovalAsked { address: address.clone(), name: name.clone() });
                self.tell.push(Tell::AskApproval { address, name: name.clone() });
                Ok(vec![Effect::ApprovalAsked { of: name }])
            }
            Action::Approve { contact } => {
                Ok(self.quietly(unit, deed, Event::Approved { contact, by: deed.actor.clone() }))
            }
            Action::Decline { contact } => Ok(self.quietly(unit, deed, Event::ApprovalDeclined { contact })),
            Action::Verify { how } => {
                Ok(self.told(unit, deed, Event::Verified { how: how.clone() }, Effect::Verified { how }))
            }
            Action::Rate { answer, words, message } => self.rate(unit, deed, (answer, words, message)).await,
            Action::Fire { timer } => self.fire(unit, deed, timer).await,
            Action::Undo { by } => self.undo(unit, deed, by).await,
        }
    }

    fn seen(&mut self, unit: &Unit<'_>, deed: &Deed, by: Login) -> Vec<Effect> {
        self.tell.push(Tell::Seen);
        self.told(unit, deed, Event::Acknowledged { by }, Effect::Acknowledged)
    }

    /// One event that no receipt names.
    fn quietly(&mut self, unit: &Unit<'_>, deed: &Deed, event: Event) -> Vec<Effect> {
        self.record(unit, deed, event);
        Vec::new()
    }

    /// One event that has one effect.
    fn told(&mut self, unit: &Unit<'_>, deed: &Deed, event: Event, effect: Effect) -> Vec<Effect> {
        self.record(unit, deed, event);
        vec![effect]
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

    pub(super) fn must_be_work(&self, doing: &str) -> Result<(), ActError> {
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

    /// A tech's own request goes to somebody else, where somebody else can do it.
    pub(super) async fn assign_to_another(
        &mut self,
        unit: &mut Unit<'_>,
        deed: &Deed,
        requester: &Login,
    ) -> Result<Vec<Effect>, ActError> {
        let but = [requester.clone()];
        let (skill, ticket) = (self.ticket.skill.as_deref(), &self.ticket);
        let others = assign::choose(unit.firm(), &[], skill, ticket.priority, ticket.client.as_ref(), &but);
        let except: &[Login] = if others.to.is_some() { &but } else { &[] };
        self.assign_by_skill(unit, deed, except).await
    }

    pub(super) async fn note_assignment(&self, unit: &mut Unit<'_>, to: &Login) -> Result<(), ActError> {
        tickets::note_assignment(unit.tx, to, unit.now);
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

    fn recovered(&mut self, deed: &Deed, unit: &Unit<'_>) -> Vec<Effect> {
        let untouched = self.ticket.first_touch.is_none() && self.ticket.minutes.0 == 0;
        // What came back once comes and goes: a human looks at it.
        let flaps = self.history().iter().any(|recorded| matches!(recorded.event, Event::FiredAgain));
        if untouched && !flaps && self.ticket.status.is_active() && !self.ticket.is_sensitive() {
            self.record(unit, deed, Event::Resolved { by: deed.actor.clone() });
            self.tell.push(Tell::Withdraw);
        }
        Vec::new()
    }

    fn fires_again(&mut self, deed: &Deed, unit: &Unit<'_>, message: MessageRow) -> Vec<Effect> {
        if self.ticket.status == Status::Resolved {
            self.record(unit, deed, Event::FiredAgain);
            self.tell.push(Tell::ClientWrote { message, reopened: true, outsider: None });
        }
        Vec::new()
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
}
