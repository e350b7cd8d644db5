//! How the firm is set up, as the desk needs it: a snapshot that `config` builds and one piece of work uses from start to end.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::calendar::Calendar;
use super::event::ClockKind;
use super::rules::Rules;
use super::webhook::Webhook;
use crate::channel::alert_mail::AlertMail;
use crate::channel::mapping::Mapping;
use crate::channel::said::{Platform, Said};
use crate::words::contract::{InvoiceTo, Rate, term_on};
use crate::words::{Category, ClientKey, Login, Money, Priority, RetainerTerm};

/// Everything here comes from the config files; nothing changes while a snapshot is in use.
#[derive(Debug, Clone)]
pub struct Firm {
    pub name: String,
    pub time_zone: Tz,
    /// Language of texts when the client has none: `en`.
    pub language: String,
    /// Right-hand side of our Message-IDs.
    pub domain: String,
    /// Base of links in mails, without a trailing slash.
    pub url: String,
    pub default_category: Category,
    /// Named in acknowledgements outside hours.
    pub emergency_phone: Option<String>,
    /// `strangers = "accept"`: strangers are served like known senders.
    pub accept_strangers: bool,
    /// `[security] tech_mail = "token"`: the third condition of section 7 is waived.
    pub tech_mail_token_only: bool,
    /// Largest relay of attachments in one mail, bytes.
    pub attachment_cap: u64,
    /// Beyond this, mail to one tech is gathered into lists (rule 11).
    pub gather: Gather,
    pub alerts: Alerts,
    /// Every address of a mailbox or Maildir of ours, lower case; the first one signs what has no other mailbox.
    pub desks: Vec<Desk>,
    /// What comes by `POST /hooks/NAME`, and what it means.
    pub hooks: Vec<Hook>,
    /// Telephone lines, for calls and text messages.
    pub phones: Vec<Phone>,
    /// Where people chat with us.
    pub chats: Vec<Chat>,
    /// Monitoring systems that write mails.
    pub alert_mails: Vec<AlertMail>,
    /// How recurring trouble is handled.
    pub runbooks: Vec<Runbook>,
    /// The firm's programs that are told what happens to tickets.
    pub webhooks: Vec<Webhook>,
    /// `[firm] survey`: who had something resolved is asked how it was.
    pub survey: bool,
    /// Our pages can be reached at `url`.
    pub has_pages: bool,
    /// What an hour costs the client; the first that fits.
    pub rates: Vec<Rate>,
    pub billing: Billing,
    pub reports: Reports,
    /// `None`: no statements are drafted.
    pub drafting: Option<Drafting>,
    pub techs: Vec<Tech>,
    pub clients: Vec<Client>,
    pub calendars: HashMap<String, Arc<Calendar>>,
    /// Indexed by `Priority::index`.
    pub targets: [Targets; 4],
    /// In the order of the config; `Event::Escalated::step` counts them.
    pub escalations: Vec<Escalation>,
    pub rules: Arc<Rules>,
}

/// `[schedule] statement_drafts`: when the statements of the month before are drafted, in the firm's zone.
#[derive(Debug, Clone)]
pub struct Drafting {
    /// Its times are wall-clock times: ask as if they were UTC.
    pub at: cron::Schedule,
    /// Whose working days count.
    pub calendar: Arc<Calendar>,
}

/// When the weekly reports are planned; wall-clock times of the firm's zone: ask as if they were UTC. `None`: never.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    pub time_reminder: Option<cron::Schedule>,
    pub time_report: Option<cron::Schedule>,
}

/// `[billing]`, and when `[schedule] billing` wants a run.
#[derive(Debug, Clone)]
pub struct Billing {
    /// Wall-clock times of the firm's zone: ask as if they were UTC. `None`: by hand only.
    pub at: Option<cron::Schedule>,
    /// Months from this day's on are billed; `None`: from the month on in which the desk began.
    pub since: Option<NaiveDate>,
    /// What the numbers of invoices begin with.
    pub prefix: String,
    /// How the accounting program writes days: strftime.
    pub dates: String,
    /// What an hour of a tech costs the firm, where the tech has no figure of his own.
    pub hourly_cost: Option<Money>,
}

impl Default for Billing {
    fn default() -> Billing {
        Billing { at: None, since: None, prefix: "DK-".to_owned(), dates: "%d/%m/%Y".to_owned(), hourly_cost: None }
    }
}

/// `[limits] gather_over` and `gather_within`: so many automatic mails to one tech in such a time go out each for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    pub over: u32,
    pub within: TimeDelta,
}

/// `[limits] storm_over`, `storm_within` and `flap_within`: when alerts are too many for a ticket each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alerts {
    /// More untouched alerts of one client than this within `within` become one ticket.
    pub over: u32,
    pub within: TimeDelta,
    /// What comes back so soon after its ticket was resolved reopens it.
    pub flap: TimeDelta,
}

/// One of our own addresses that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desk {
    /// Name of the mailbox or Maildir in the config.
    pub source: String,
    pub address: String,
    /// `support+r…@` reaches us: Reply-To may carry the token.
    pub plus_addressing: bool,
    /// Whose Authentication-Results count.
    pub trusted_authserv: Option<String>,
    /// `profile = "exchange-online"`
    pub exchange_online: bool,
}

/// `[[hook]]`: a program that posts requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its source name, and the end of its address.
    pub name: String,
    pub mapping: Mapping,
    /// The sender that it names counts as verified.
    pub trusts_sender: bool,
}

/// `[[runbook]]`: how a kind of trouble is handled, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runbook {
    pub name: String,
    /// A web address, or a place in words.
    pub at: String,
    /// Of each list that is not empty one must fit.
    pub skills: Vec<String>,
    pub tags: Vec<String>,
    pub clients: Vec<String>,
}

impl Runbook {
    pub fn fits(&self, skill: Option<&str>, tags: &[String], client: Option<&ClientKey>) -> bool {
        let among = |list: &[String], is: &dyn Fn(&String) -> bool| list.is_empty() || list.iter().any(is);
        among(&self.skills, &|own| Some(own.as_str()) == skill)
            && among(&self.tags, &|own| tags.contains(own))
            && among(&self.clients, &|own| client.is_some_and(|key| key.0 == *own))
    }
}

/// `[[phone]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// Its source name, and a part of its addresses.
    pub name: String,
    /// E.164
    pub number: String,
    /// Whoever has a ticket of these priorities, and whoever is on call, hears of it on his or her own telephone.
    pub pages: Vec<Priority>,
    pub pages_by: PagesBy,
    /// Of the voice, as Twilio's `<Say language>` has it.
    pub language: String,
}

/// `page_by`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagesBy {
    Text,
    Call,
    Both,
}

impl PagesBy {
    pub fn texts(self) -> bool {
        self != PagesBy::Call
    }

    pub fn calls(self) -> bool {
        self != PagesBy::Text
    }
}

impl Phone {
    /// Where Twilio posts to; `url` is the firm's.
    pub fn base(&self, url: &str) -> String {
        format!("{url}/phone/{}", self.name)
    }

    /// Its channel in the outbox.
    pub fn channel(&self) -> String {
        format!("phone/{}", self.name)
    }
}

/// `[[chat]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Its source name, and a part of its addresses.
    pub name: String,
    pub platform: Platform,
    /// Whose a room, a server or a team is.
    pub clients: HashMap<String, ClientKey>,
    /// Rooms of the technicians; urgent tickets are told in the first.
    pub internal: Vec<String>,
    /// Tickets of these priorities are told there.
    pub pages: Vec<Priority>,
}

impl Chat {
    /// Its channel in the outbox.
    pub fn channel(&self) -> String {
        format!("chat/{}", self.name)
    }

    /// Whose room it is; the narrowest that is named counts.
    pub fn client_of(&self, said: &Said) -> Option<&ClientKey> {
        said.rooms.iter().find_map(|room| self.clients.get(room))
    }

    /// The narrowest place that is named counts: a client's channel on the technicians' server is the client's.
    pub fn is_internal(&self, said: &Said) -> bool {
        let named = |room: &&String| self.internal.contains(room) || self.clients.contains_key(*room);
        said.rooms.iter().find(named).is_some_and(|room| self.internal.contains(room))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tech {
    pub login: Login,
    pub name: String,
    /// Lower case; any of them may act, the first gets the mail. Never empty.
    pub emails: Vec<String>,
    pub skills: Vec<String>,
    /// Name of a calendar in `Firm::calendars`.
    pub calendar: String,
    pub time_zone: Tz,
    pub capacity: u32,
    pub manager: bool,
    /// `manager`, and those that rates name.
    pub roles: Vec<String>,
    /// Contracted.
    pub hours_per_week: u32,
    /// What an hour costs the firm, where it is not `Billing::hourly_cost`.
    pub hourly_cost: Option<Money>,
    pub on_call: bool,
    /// E.164: where urgent tickets are texted to.
    pub phone: Option<String>,
    pub started: Option<NaiveDate>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    pub key: ClientKey,
    pub name: String,
    /// Lower case; mail from any address there counts as known.
    pub domains: Vec<String>,
    pub contacts: Vec<Person>,
    /// Addresses, lower case.
    pub managers: Vec<String>,
    /// Addresses, lower case.
    pub approvers: Vec<String>,
    pub account_manager: Option<Login>,
    /// Name of a calendar; `None` means the priority's own.
    pub calendar: Option<String>,
    pub time_zone: Tz,
    pub language: Option<String>,
    pub default_category: Option<Category>,
    /// `after_hours = "none"`: even P1's clock starts at opening.
    pub no_after_hours: bool,
    /// Deadlines may be shown to the client.
    pub show_sla: bool,
    /// Its people may be asked how it was.
    pub survey: bool,
    /// What a tech must know of the client's machines, lines and people, in the firm's own words.
    pub environment: Option<String>,
    /// Our own firm: logged, never billed.
    pub internal: bool,
    pub retainers: Vec<RetainerTerm>,
    pub invoice_to: InvoiceTo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// How fast a priority wants what. Working time of the calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    pub first_touch: TimeDelta,
    pub resolve: TimeDelta,
    /// Name of a calendar; `always` is built in.
    pub calendar: String,
}

/// `[[escalation]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// `Answer` clocks use the steps of `FirstTouch`.
    pub of: ClockKind,
    /// 50 means half of the target has gone.
    pub percent: u32,
    pub notify: Vec<Notify>,
    /// Wall-clock time between repeats.
    pub repeat: Option<TimeDelta>,
    /// How many times in all (1 = no repeat).
    pub times: u32,
    /// Empty means all priorities.
    pub priorities: Vec<Priority>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Notify {
    Assignee,
    Managers,
    OnCall,
    AccountManager,
    Tech(Login),
}

impl Firm {
    pub fn tech(&self, login: &Login) -> Option<&Tech> {
        self.techs.iter().find(|tech| tech.login == *login)
    }

    /// What an hour of a tech costs; of one who has left the config what an hour costs in general.
    pub fn hourly_cost(&self, login: &Login) -> Option<Money> {
        self.tech(login).and_then(|tech| tech.hourly_cost).or(self.billing.hourly_cost)
    }

    /// `address` in any letter case.
    pub fn tech_by_address(&self, address: &str) -> Option<&Tech> {
        let address = address.to_lowercase();
        self.techs.iter().find(|tech| tech.emails.contains(&address))
    }

    pub fn tech_by_phone(&self, number: &str) -> Option<&Tech> {
        self.techs.iter().find(|tech| tech.phone.as_deref() == Some(number))
    }

    pub fn managers(&self) -> impl Iterator<Item = &Tech> {
        self.techs.iter().filter(|tech| tech.manager)
    }

    pub fn client(&self, key: &ClientKey) -> Option<&Client> {
        self.clients.iter().find(|client| client.key == *key)
    }

    /// The client whose own domain (or a parent of it) this address is at.
    pub fn client_by_domain(&self, address: &str) -> Option<&Client> {
        let domain = address.rsplit_once('@')?.1.to_lowercase();
        let at =
            |own: &String| domain == *own || domain.strip_suffix(own.as_str()).is_some_and(|rest| rest.ends_with('.'));
        self.clients.iter().find(|client| client.domains.iter().any(at))
    }

    /// The client that lists this address as a contact.
    pub fn client_by_contact(&self, address: &str) -> Option<&Client> {
        let is = |person: &Person| person.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(address));
        self.clients.iter().find(|client| client.contacts.iter().any(is))
    }

    /// Ours, with or without a plus part.
    pub fn desk_by_address(&self, address: &str) -> Option<&Desk> {
        let (local, domain) = address.rsplit_once('@')?;
        let plain = local.split_once('+').map_or(local, |(plain, _)| plain);
        let plain = format!("{plain}@{domain}").to_lowercase();
        let full = address.to_lowercase();
        self.desks.iter().find(|desk| desk.address == full || desk.address == plain)
    }

    /// By key, else by name: what a monitoring system knows of a client is often its name.
    pub fn client_called(&self, called: &str) -> Option<&Client> {
        let called = called.trim().to_lowercase();
        let by_key = self.clients.iter().find(|client| client.key.0.to_lowercase() == called);
        by_key.or_else(|| self.clients.iter().find(|client| client.name.trim().to_lowercase() == called))
    }

    pub fn chat(&self, name: &str) -> Option<&Chat> {
        self.chats.iter().find(|chat| chat.name == name)
    }

    pub fn hook(&self, name: &str) -> Option<&Hook> {
        self.hooks.iter().find(|hook| hook.name == name)
    }

    pub fn desk_of_source(&self, source: &str) -> Option<&Desk> {
        self.desks.iter().find(|desk| desk.source == source)
    }
}

impl Client {
    /// The contract term that covers `day`.
    pub fn retainer_on(&self, day: NaiveDate) -> Option<&RetainerTerm> {
        term_on(&self.retainers, day)
    }
}
