//! An alert storm: when machines open too many tickets for one client at once, they become one, with a list.

use chrono::TimeDelta;

use super::action::{ActError, Action};
use super::case::{Case, Deed, Unit};
use super::client::{self, NewRequest, Sender, open_request};
use super::post;
use super::process::Decided;
use super::read::Ready;
use crate::channel::Post;
use crate::store::inbound::Fate;
use crate::store::tickets::{self, Row};
use crate::store::{conversations, outbox};
use crate::words::{Actor, ClientKey, TicketNumber};

/// Where the ticket of a client's storm is noted among the conversations; no source has such a name.
pub(super) const CHANNEL: &str = "/storm";
/// A storm is over when so long no new alert came.
const QUIET: TimeDelta = TimeDelta::minutes(10);

/// A machine's new trouble: a ticket of its own, or one more of its client's storm.
pub(super) async fn take(
    unit: &mut Unit<'_>,
    ready: &Ready,
    post: &Post,
    (who, client): (Sender, ClientKey),
) -> Result<Decided, ActError> {
    let now = ready.row.arrived_at;
    if let Some((number, last)) = conversations::last(unit.tx, CHANNEL, &client.0).await?
        && now - last < QUIET
        && let Some(row) = tickets::row(unit.tx, number).await?
        && row.status.is_active()
    {
        conversations::touch(unit.tx, CHANNEL, &client.0, now).await?;
        return join(unit, ready, post, (row, client)).await;
    }
    let alerts = unit.firm().alerts;
    let lately = tickets::of_machines(unit.tx, &client, now - alerts.within, alerts.over.saturating_mul(4)).await?;
    match lately.len() < alerts.over as usize {
        true => client::open(unit, ready, who).await,
        false => begin(unit, ready, client, lately).await,
    }
}

/// One more: kept on the storm's ticket, told to nobody, but that the worst of them sets the priority.
async fn join(
    unit: &mut Unit<'_>,
    ready: &Ready,
    post: &Post,
    (row, client): (Row, ClientKey),
) -> Result<Decided, ActError> {
    let priority = post.priority.unwrap_or_else(|| client::priority_of(unit, ready, &client));
    if priority < row.priority {
        let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
        let mut case = Case::load(unit, row.number).await?;
        case.act(unit, &deed, Action::Prioritise { to: priority, why: Some(post.subject.clone()) }).await?;
        case.save(unit).await?;
    }
    Ok(post::one_more(unit, ready, row.number).await?.with_reason("one of an alert storm"))
}

/// A ticket for all of them: it lists what came so far, takes over its tickets, and goes to one tech.
async fn begin(
    unit: &mut Unit<'_>,
    ready: &Ready,
    client: ClientKey,
    lately: Vec<TicketNumber>,
) -> Result<Decided, ActError> {
    let (mut list, mut worst) = (Vec::new(), None);
    for number in &lately {
        if let Some(row) = tickets::row(unit.tx, *number).await? {
            list.push(format!("{number} {}", row.subject));
            worst = worst.into_iter().chain([row.priority]).min();
        }
    }
    list.push(ready.mail.subject.clone());
    let words = unit.office.texts.words(&unit.firm().language);
    let request = NewRequest {
        subject: words.fill("alert_storm", "subject", &[("count", &list.len().to_string())]),
        body: format!("{}\n\n{}", list.join("\n"), ready.new.text),
        requester: None,
        address: String::new(),
        client: Some(client.clone()),
        doubt: None,
        automatic: true,
        actor: Actor::Desk,
    };
    let deed = Deed::by_desk(ready.row.arrived_at, ready.cause());
    let mut case = open_request(unit, ready, &request).await?;
    if let Some(worst) = worst.filter(|worst| *worst < case.ticket.priority) {
        case.act(unit, &deed, Action::Prioritise { to: worst, why: None }).await?;
    }
    case.act(unit, &deed, Action::AssignBySkill).await?;
    let number = case.save(unit).await?;
    conversations::open(unit.tx, CHANNEL, &client.0, number, ready.row.arrived_at).await?;
    for one in lately {
        // What was not told yet need not be: the one ticket tells it.
        outbox::withdraw(unit.tx, one, ("assignment", None), unit.now).await?;
        let mut case = Case::load(unit, one).await?;
        case.act(unit, &deed, Action::Merge { into: number }).await?;
        case.save(unit).await?;
    }
    Ok(Decided::on(Fate::Ticket, number).with_reason("the ticket of an alert storm"))
}
