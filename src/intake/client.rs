//! Mail from a client, or from somebody nothing vouches for: it joins its ticket, or opens one.

use std::sync::Arc;

use super::action::{ActError, Action};
use super::approval;
use super::case::{Case, Deed, Opening, Unit};
use super::one_person;
use super::process::{Decided, store, store_text};
use super::read::Ready;
use super::statement;
use super::survey;
use super::tell::Tell;
use super::thread::Thread;
use crate::channel::Post;
use crate::desk::event::RuleHit;
use crate::desk::firm::Firm;
use crate::desk::rules::{Request, Verdict};
use crate::desk::ticket::SENSITIVE;
use crate::mail::authentic::{Authentic, Dmarc};
use crate::mail::automatic::Kind;
use crate::mail::picture::without_labels;
use crate::mail::{Mailbox, build};
use crate::store::inbound::{Fate, LATE};
use crate::store::people::{self, Contact};
use crate::store::tickets::TimerKind;
use crate::store::{StoreError, messages};
use crate::words::{Actor, ClientKey, ContactId, Priority, Status};

pub(super) async fn mail(unit: &mut Unit<'_>, ready: &Ready, thread: &Thread) -> Result<Decided, ActError> {
    let mut answer = match approval::answer(unit, ready, thread).await? {
        approval::Answer::Approved(decided) => return Ok(decided),
        approval::Answer::Ordinary(answer) => answer,
    };
    match one_person::mail(unit, ready, thread).await? {
        one_person::Heard::Done(decided) => return Ok(decided),
        one_person::Heard::Uncounted(why) => answer.remark = Some(why),
        one_person::Heard::Nothing => {}
    }
    if let Some(number) = thread.token.as_ref().and_then(statement::number_of)
        && let Some(decided) = statement::from_client(unit, ready, number).await?
    {
        return Ok(decided);
    }
    let sender = sender(unit, ready).await?;
    if let Some(number) = thread.ticket() {
        match Case::load(unit, number).await {
            Ok(case) => return join(unit, ready, thread, case, (sender, answer)).await,
            Err(StoreError::Missing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    open(unit, ready, sender).await
}

/// Who writes, as far as we know.
pub(super) struct Sender {
    contact: Option<Contact>,
    client: Option<ClientKey>,
    /// Nothing vouches for this mail: why.
    doubt: Option<String>,
}

impl Sender {
    /// The client, where nothing is doubtful.
    pub(super) fn certain_client(&self) -> Option<&ClientKey> {
        self.client.as_ref().filter(|_| self.doubt.is_none())
    }
}

pub(super) async fn sender(unit: &mut Unit<'_>, ready: &Ready) -> Result<Sender, StoreError> {
    let address = ready.sender();
    if let Some(post) = &ready.post {
        return poster(unit, ready, post).await;
    }
    if address.is_empty() {
        return Ok(Sender { contact: None, client: None, doubt: Some("the mail names no sender".to_owned()) });
    }
    let contact = contact_for(unit, &address, ready.sender_name()).await?;
    let by_domain = unit.firm().client_by_domain(&address).map(|client| client.key.clone());
    let client = contact.client.clone().or(by_domain);
    let known = client.is_some() || contact.verified_at.is_some() || unit.firm().accept_strangers;
    let doubt = if ready.row.junk {
        Some("the mailbox's filter calls it junk".to_owned())
    } else if let Some(policy) = dmarc_failure(ready) {
        Some(format!("it fails the DMARC policy of its own domain ({policy})"))
    } else if ready.mail.from_fields > 1 {
        Some(format!("it has {} From fields", ready.mail.from_fields))
    } else if !known {
        Some("nobody knows the sender".to_owned())
    } else {
        None
    };
    Ok(Sender { contact: Some(contact), client, doubt })
}

/// Who posts, by what the payload and the config say; its door has checked the signature.
async fn poster(unit: &mut Unit<'_>, ready: &Ready, post: &Post) -> Result<Sender, StoreError> {
    let named = super::post::client_of(unit, post);
    let contact = match post.sender.as_str() {
        "" => None,
        address => Some(contact_for(unit, address, &post.sender_name).await?),
    };
    // A payload that names a sender of another client is no reason to show that client's ticket around.
    let own = contact.as_ref().and_then(|contact| contact.client.clone());
    let client = own.or(named);
    let known = client.is_some() || unit.firm().accept_strangers;
    let trusted = unit.firm().hook(&ready.row.source).is_some_and(|hook| hook.trusts_sender);
    let doubt = if let Some(failed) = &ready.shortened {
        Some(failed.clone())
    } else if !post.missing.is_empty() {
        Some(format!("the data lacks {}", post.missing.join(", ")))
    } else if !(known || trusted && contact.is_some()) {
        let whose = post
            .client
            .as_ref()
            .map_or_else(|| "no client".to_owned(), |key| format!("client \"{key}\", which the config has not"));
        Some(format!("nobody knows the sender, and the data names {whose}"))
    } else {
        None
    };
    Ok(Sender { contact, client, doubt })
}

pub(super) fn dmarc_failure(ready: &Ready) -> Option<String> {
    match ready.verdict.as_ref().map(|verdict| &verdict.dmarc) {
        Some(dmarc @ Dmarc::Fail { policy }) if dmarc.breaks_policy() => Some(policy.clone()),
        _ => None,
    }
}

/// The contact with this address; a new one if nobody has it yet.
pub(super) async fn contact_for(unit: &mut Unit<'_>, address: &str, name: &str) -> Result<Contact, StoreError> {
    if let Some(contact) = unit.contact_by_address(address).await? {
        return Ok(contact);
    }
    let client = unit.firm().client_by_domain(address).map(|client| client.key.clone());
    let id = people::add(unit.tx, client.as_ref(), name, address, false).await?;
    Ok(Contact { id, client, name: name.to_owned(), address: address.to_owned(), verified_at: None })
}

/// Joins the ticket if the sender is on it; from anyone else the text is kept internally and adds nobody.
pub(super) async fn join(
    unit: &mut Unit<'_>,
    ready: &Ready,
    thread: &Thread,
    mut case: Case,
    (sender, answer): (Sender, approval::Ordinary),
) -> Result<Decided, ActError> {
    let deed = Deed {
        actor: sender.contact.as_ref().map_or(Actor::Stranger, |contact| Actor::Contact(contact.id)),
        at: ready.row.arrived_at,
        cause: ready.cause(),
    };
    case.arrived = Some(Arc::clone(&ready.mail));
    let approval::Ordinary { remark, declined } = answer;
    if let Some(contact) = declined {
        case.act(unit, &deed, Action::Decline { contact }).await?;
    }
    let on_it = sender.contact.as_ref().is_some_and(|contact| {
        case.ticket.has_on_it(contact.id) || (sender.client.is_some() && sender.client == case.ticket.client)
    });
    let doubt = sender.doubt.filter(|_| !matches!(case.ticket.status, Status::Unsorted));
    if !on_it || doubt.is_some() {
        let doubts: Vec<String> = doubt.into_iter().chain(remark).collect();
        let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
        return keep_from_outsider(unit, ready, case, &deed, doubt).await;
    }
    let said = survey::said(unit, &case, sender.contact.as_ref(), &ready.new.text).await?;
    let message = store(unit, ready, &case, (true, deed.actor.clone()), remark.as_deref()).await?;
    if let Some(survey::Said { answer, more }) = said {
        // A picture says more.
        let alone = more.is_none() && ready.mail.attachments.iter().all(|file| file.decoration);
        case.act(unit, &deed, Action::Rate { answer, words: more, message: Some(message) }).await?;
        if alone {
            let number = case.save(unit).await?;
            return Ok(Decided::on(Fate::Reply, number).with_reason(format!("says that it was {answer}")));
        }
    }
    case.act(unit, &deed, Action::ClientWrote { message }).await?;
    if let Some(contact) = sender.contact.filter(|contact| !case.ticket.has_on_it(contact.id)) {
        case.act(unit, &deed, Action::AddParticipant { contact: contact.id }).await?;
    }
    if case.ticket.status.is_active() && case.ticket.assignee.is_none() {
        case.act(unit, &Deed::by_desk(deed.at, deed.cause.clone()), Action::AssignBySkill).await?;
    }
    let client_token = thread.token.as_ref().is_some_and(|token| token.tech.is_none());
    let vouched = authentic(ready) || (client_token && thread.token_counts());
    add_copied(unit, ready, &mut case, &deed, vouched).await?;
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Reply, number))
}

async fn keep_from_outsider(
    unit: &mut Unit<'_>,
    ready: &Ready,
    mut case: Case,
    deed: &Deed,
    doubt: Option<String>,
) -> Result<Decided, ActError> {
    let who = ready.sender();
    let reason = doubt.unwrap_or_else(|| format!("{who} is not on this ticket"));
    let message = store(unit, ready, &case, (false, deed.actor.clone()), Some(&reason)).await?;
    case.act(unit, deed, Action::Note { message, reason: Some(reason.clone()) }).await?;
    case.tell.push(Tell::ClientWrote { message, reopened: false, outsider: Some(reason.clone()) });
    let number = case.save(unit).await?;
    Ok(Decided::on(Fate::Reply, number).with_reason(format!("kept internally: {reason}")))
}

pub(super) fn authentic(ready: &Ready) -> bool {
    ready.verdict.as_ref().is_some_and(|verdict| matches!(verdict.authentic, Authentic::Yes { .. }))
}

/// Cc'd people become participants only through a mail that something vouches for; else they are listed for the tech.
async fn add_copied(
    unit: &mut Unit<'_>,
    ready: &Ready,
    case: &mut Case,
    deed: &Deed,
    vouched: bool,
) -> Result<(), ActError> {
    let copied: Vec<Mailbox> = ready.mail.to.iter().chain(&ready.mail.cc).cloned().collect();
    for person in copied {
        let address = person.address.to_lowercase();
        let ours = unit.firm().desk_by_address(&address).is_some() || unit.firm().tech_by_address(&address).is_some();
        if ours || address == ready.sender() || !build::can_be_written(&address) {
            continue;
        }
        if vouched && case.ticket.unsorted.is_none() {
            let contact = contact_for(unit, &address, &person.name).await?;
            case.act(unit, deed, Action::AddParticipant { contact: contact.id }).await?;
        } else {
            case.unvouched_cc.push(address);
        }
    }
    Ok(())
}

/// What the rules say of these words in this mail, if that is known already for the same words, sender and client.
fn triage(unit: &Unit<'_>, ready: &Ready, body: &str, from: &str, client: Option<&ClientKey>) -> Verdict {
    match &ready.triage {
        Some((guess, verdict)) if guess.as_ref() == client && body == ready.words() && from == ready.sender() => {
            verdict.clone()
        }
        _ => judge(unit.firm(), ready, (body, from, client)),
    }
}

/// Triage of a mail's own words before anything else is known of its sender than the address.
pub(super) fn triage_ahead(firm: &Firm, ready: &mut Ready) {
    let from = ready.sender();
    let client = firm.client_by_domain(&from).map(|client| client.key.clone());
    let verdict = judge(firm, ready, (ready.words(), &from, client.as_ref()));
    ready.triage = Some((client, verdict));
}

/// What the rules say of a machine's words.
pub(super) fn priority_of(unit: &Unit<'_>, ready: &Ready, client: &ClientKey) -> Priority {
    judge(unit.firm(), ready, (ready.words(), "", Some(client))).priority
}

/// How urgent the rules find these words, and the words by which.
pub(super) fn urgency(unit: &Unit<'_>, ready: &Ready, client: Option<&ClientKey>) -> (Priority, String) {
    let verdict = judge(unit.firm(), ready, (ready.words(), &ready.sender(), client));
    let words = winners(&verdict).into_iter().flat_map(|hit| hit.words).collect::<Vec<_>>().join(", ");
    (verdict.priority, words)
}

fn judge(firm: &Firm, ready: &Ready, (body, from, client): (&str, &str, Option<&ClientKey>)) -> Verdict {
    let is_open = |name: &str| firm.calendars.get(name).is_none_or(|calendar| calendar.is_open(ready.row.arrived_at));
    firm.rules.triage(&Request {
        subject: &ready.mail.subject,
        // The names of pictures are no words of the sender's.
        body: &without_labels(body),
        from,
        client,
        source: &ready.row.source,
        is_open: &is_open,
    })
}

pub(super) async fn open(unit: &mut Unit<'_>, ready: &Ready, sender: Sender) -> Result<Decided, ActError> {
    let automatic = matches!(ready.sign.kind, Kind::Generated | Kind::List);
    let request = request_of(ready, &sender);
    let mut case = open_request(unit, ready, &request).await?;
    let deed = Deed { actor: request.actor.clone(), at: ready.row.arrived_at, cause: ready.cause() };
    add_copied(unit, ready, &mut case, &deed, authentic(ready)).await?;
    let late = ready.row.kept_at - ready.row.arrived_at > LATE;
    if case.ticket.status != Status::Unsorted {
        case.act(unit, &Deed::by_desk(deed.at, deed.cause.clone()), Action::AssignBySkill).await?;
        if late {
            settle_late(unit, &mut case, &deed).await?;
        } else if !automatic && ready.sign.may_answer {
            case.tell.push(Tell::Acknowledge { too_large: ready.oversize });
        }
    }
    let number = case.save(unit).await?;
    let decided = Decided::on(Fate::Ticket, number);
    Ok(match request.doubt {
        Some(doubt) => decided.with_reason(format!("unsorted: {doubt}")),
        None if late => decided.with_reason("over three days old when first seen: no acknowledgement"),
        None => decided,
    })
}

/// What somebody asks for in a mail or a post.
pub(super) fn request_of(ready: &Ready, sender: &Sender) -> NewRequest {
    let by_nobody = ready.post.is_some() && ready.sender().is_empty();
    NewRequest {
        subject: ready.mail.subject.clone(),
        body: ready.new.text.clone(),
        requester: sender.contact.as_ref().map(|contact| contact.id),
        address: ready.sender(),
        client: sender.client.clone(),
        doubt: sender.doubt.clone(),
        automatic: ready.sign.kind == Kind::Generated || by_nobody,
        actor: sender.contact.as_ref().map_or(Actor::Stranger, |contact| Actor::Contact(contact.id)),
    }
}

/// A first start on an old inbox: what is long overdue is recorded as such, and told in one list instead of a mail each.
async fn settle_late(unit: &mut Unit<'_>, case: &mut Case, deed: &Deed) -> Result<(), ActError> {
    for timer in [TimerKind::FirstTouch, TimerKind::Resolve] {
        case.act(unit, &Deed::by_desk(deed.at, deed.cause.clone()), Action::Fire { timer }).await?;
    }
    case.tell.clear();
    Ok(())
}

/// What a request is, whoever typed it in.
pub(super) struct NewRequest {
    pub subject: String,
    pub body: String,
    pub requester: Option<ContactId>,
    pub address: String,
    pub client: Option<ClientKey>,
    pub doubt: Option<String>,
    pub automatic: bool,
    pub actor: Actor,
}

/// Triage, a new ticket, its first message.
pub(super) async fn open_request(unit: &mut Unit<'_>, ready: &Ready, request: &NewRequest) -> Result<Case, StoreError> {
    let words = if ready.shortened.is_some() { "" } else { request.body.as_str() };
    let mut verdict = triage(unit, ready, words, &request.address, request.client.as_ref());
    let mut rules = winners(&verdict);
    if let Some((post, named)) = ready.post.as_ref().and_then(|post| Some((post, post.priority?))) {
        verdict.priority = named;
        // People are told where it came from, before what the rules gave besides.
        rules.insert(0, named_by(post, named));
    }
    let firm = unit.firm();
    let own = request.client.as_ref().and_then(|key| firm.client(key)?.default_category);
    let mut tags = verdict.tags.clone();
    if verdict.sensitive && !tags.iter().any(|tag| tag == SENSITIVE) {
        tags.push(SENSITIVE.to_owned());
    }
    let opening = Opening {
        subject: request.subject.clone(),
        source: ready.row.source.clone(),
        requester: request.requester,
        client: request.client.clone(),
        priority: verdict.priority,
        category: verdict.category.or(own).unwrap_or(firm.default_category),
        tags,
        skill: verdict.skill.clone(),
        rules,
        unsorted: request.doubt.clone(),
        automatic: request.automatic,
    };
    let deed = Deed { actor: request.actor.clone(), at: ready.row.arrived_at, cause: ready.cause() };
    let mut case = Case::open(unit, &deed, opening).await?;
    let message = store_text(
        unit,
        ready,
        case.ticket.number,
        (true, request.actor.clone()),
        request.doubt.as_deref(),
        &request.body,
    )
    .await?;
    case.first_message = Some(messages::Message {
        id: message,
        ticket: case.ticket.number,
        inbound: Some(ready.row.id),
        visibility: "public".to_owned(),
        actor: request.actor.to_string(),
        sender_name: ready.sender_name().to_owned(),
        sender_address: ready.sender(),
        subject: ready.mail.subject.clone(),
        message_id: ready.mail.message_id.clone(),
        at: ready.row.arrived_at,
        text: request.body.clone(),
        attachments: sqlx::types::Json(ready.files()),
        verdicts: ready.verdict_json().map(sqlx::types::Json),
        reason: request.doubt.clone(),
        channel: ready.place().map(|(channel, _)| channel.to_owned()),
        place: ready.place().map(|(_, place)| place.to_owned()),
    });
    case.arrived = Some(Arc::clone(&ready.mail));
    Ok(case)
}

/// The data says how bad it is.
fn named_by(post: &Post, priority: Priority) -> RuleHit {
    let word = priority.to_string();
    RuleHit { rule: format!("data of {}", post.origin), words: vec![word.clone()], gave: vec![word] }
}

/// The rules that gave something.
fn winners(verdict: &Verdict) -> Vec<RuleHit> {
    let gave = verdict.matches.iter().filter(|matched| !matched.gave.is_empty());
    gave.map(|found| RuleHit { rule: found.rule.clone(), words: found.words.clone(), gave: found.gave.clone() })
        .collect()
}
