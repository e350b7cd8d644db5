//! `[[tech]]` and `[[client]]`: who works, and for whom.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::billing;
use super::public_domains;
use super::section::{Found, Place, Section};
use super::value;
use crate::desk::firm::{Client, Person, Tech};
use crate::words::contract::{Due, InvoiceTo, Rate};
use crate::words::{Category, ClientKey, Login, Minutes, RetainerTerm, Rollover};

/// A tech, and where things stand.
pub struct TechEntry<'a> {
    pub tech: Tech,
    pub roles: Vec<Found<'a, String>>,
    pub place: Place<'a>,
    pub emails: Vec<Found<'a, String>>,
    pub calendar: Place<'a>,
    /// No zone of its own: the calendar's is meant.
    pub zone_follows: bool,
}

pub struct ClientEntry<'a> {
    pub client: Client,
    pub place: Place<'a>,
    pub domains: Vec<Found<'a, String>>,
    pub contacts: Vec<Found<'a, String>>,
    pub account_manager: Option<Place<'a>>,
    pub calendar: Option<Place<'a>>,
}

pub struct RateEntry<'a> {
    pub rate: Rate,
    pub client: Option<Found<'a, String>>,
    pub skill: Option<Found<'a, String>>,
}

/// Addresses of a list that are addresses; the others are noted.
fn addresses<'a>(section: &Section<'a>, key: &'static str) -> Vec<Found<'a, String>> {
    forms(section, key, value::address)
}

fn forms<'a>(
    section: &Section<'a>,
    key: &'static str,
    read: impl Fn(&str) -> Result<String, value::Refusal>,
) -> Vec<Found<'a, String>> {
    let mut good = Vec::new();
    for found in section.texts(key) {
        match read(found.value.trim()) {
            Ok(value) => good.push(Found { value, place: found.place }),
            Err((wrong, right)) => section.notes.wrong(&found.place, wrong, right),
        }
    }
    good
}

fn plain<T>(found: Vec<Found<'_, T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

/// The role that gets escalations and reports; any other is for the rates.
pub(super) const MANAGER: &str = "manager";

pub fn tech<'a>(section: &Section<'a>, firm_zone: Tz) -> TechEntry<'a> {
    section.must("login", "login = \"sam\"");
    let login = section.parse("login", value::name);
    let name = section.need("name", "name = \"Sam Ortiz\"");
    let mut emails = addresses(section, "email");
    emails.extend(addresses(section, "emails"));
    if !section.has("emails") {
        section.must("email", "email = \"sam@northwind.example\"");
    }
    let skills = forms(section, "skills", value::name);
    let calendar = section.text("calendar").map_or("office", |found| found.value);
    let time_zone = section.parse("time_zone", value::zone).map(|found| found.value);
    let capacity = section.number("capacity", 1..=10_000).unwrap_or(20);
    let hours_per_week = section.number("hours_per_week", 1..=168).unwrap_or(40);
    let roles = section.texts("roles");
    let hourly_cost = section.parse("hourly_cost", value::money).map(|found| found.value);
    let on_call = section.yes("on_call", false);
    let phone = section.parse("phone", value::phone).map(|found| found.value);
    let started = section.date("started").map(|found| found.value);
    section.finish();
    // What is missing was noted: the rest of the entry still takes part in the checks across sections.
    let place = section.place_of("login");
    let tech = Tech {
        login: Login(login.map_or_else(String::new, |found| found.value)),
        name: name.map_or_else(String::new, |found| found.value.to_owned()),
        emails: emails.iter().map(|found| found.value.clone()).collect(),
        skills: plain(skills),
        calendar: calendar.to_owned(),
        time_zone: time_zone.unwrap_or(firm_zone),
        capacity,
        manager: roles.iter().any(|role| role.value == MANAGER),
        roles: roles.iter().map(|role| role.value.clone()).collect(),
        hours_per_week,
        hourly_cost,
        on_call,
        phone,
        started,
    };
    let calendar = section.place_of("calendar");
    TechEntry { tech, roles, place, emails, calendar, zone_follows: time_zone.is_none() }
}

pub fn client<'a>(section: &Section<'a>, firm_zone: Tz) -> ClientEntry<'a> {
    section.must("key", "key = \"acme\"");
    let key = section.parse("key", value::name);
    let name = section.need("name", "name = \"Acme Dental\"");
    let domains = forms(section, "domains", |text| {
        let domain = value::domain(text)?;
        if public_domains::is_public(&domain) {
            let wrong = format!("{domain} is a public mail provider: every stranger there would count as this client");
            return Err((wrong, "list the people one by one in `contacts`".to_owned()));
        }
        Ok(domain)
    });
    let (people, contacts) = people(section);
    let managers = plain(addresses(section, "managers"));
    let approvers = plain(addresses(section, "approvers"));
    let account_manager = section.parse("account_manager", value::name);
    let calendar = section.text("calendar");
    let time_zone = section.parse("time_zone", value::zone).map_or(firm_zone, |found| found.value);
    let language = section.parse("language", language).map(|found| found.value);
    let default_category = section.parse("default_category", value::category);
    let no_after_hours = section.choice("after_hours", &[("none", true), ("served", false)]).unwrap_or(false);
    let show_sla = section.yes("show_sla", true);
    let survey = section.yes("survey", true);
    let environment = section.text("environment").map(|found| found.value.trim().to_owned());
    let internal = section.yes("internal", false);
    let retainers = retainers(section);
    if default_category.as_ref().is_some_and(|found| found.value == Category::Retainer) && !section.has("retainer") {
        let right = "add [[client.retainer]] with hours, fee and since, or choose another category";
        section.notes.wrong(&section.place_of("default_category"), "is retainer, and there is none", right);
    }
    let invoice_to = section.table("billing");
    let fees = billing::fees(section);
    section.finish();
    let place = section.place_of("key");
    let key = ClientKey(key.map_or_else(String::new, |found| found.value));
    let name = name.map_or_else(|| key.0.clone(), |found| found.value.to_owned());
    let invoice_to = InvoiceTo { fees, ..billing::invoice_to(invoice_to.as_ref(), &name) };
    let client = Client {
        key,
        name,
        domains: domains.iter().map(|found| found.value.clone()).collect(),
        contacts: people,
        managers,
        approvers,
        account_manager: account_manager.as_ref().map(|found| Login(found.value.clone())),
        calendar: calendar.as_ref().map(|found| found.value.to_owned()),
        time_zone,
        language,
        default_category: default_category.map(|found| found.value),
        no_after_hours,
        show_sla,
        survey,
        environment,
        internal,
        retainers,
        invoice_to,
    };
    let (account_manager, calendar) = (account_manager.map(|found| found.place), calendar.map(|found| found.place));
    ClientEntry { client, place, domains, contacts, account_manager, calendar }
}

/// `en`, `de`, `pt-br`.
pub fn language(text: &str) -> Result<String, value::Refusal> {
    let good = text.len() >= 2 && text.len() <= 12 && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    if good {
        Ok(text.to_owned())
    } else {
        Err((format!("\"{text}\" is no language"), "write a code like \"en\"".to_owned()))
    }
}

fn people<'a>(section: &Section<'a>) -> (Vec<Person>, Vec<Found<'a, String>>) {
    let (mut people, mut addresses) = (Vec::new(), Vec::new());
    for contact in section.tables("contacts") {
        let name = contact.need("name", "name = \"Jane Roe\"");
        let email = contact.parse("email", value::address);
        let phone = contact.parse("phone", value::phone);
        if !contact.has("email") && !contact.has("phone") {
            contact.notes.wrong(&contact.place, "is a contact without email and phone", "give one of them");
        }
        contact.finish();
        let Some(name) = name else { continue };
        people.push(Person {
            name: name.value.to_owned(),
            email: email.as_ref().map(|found| found.value.clone()),
            phone: phone.as_ref().map(|found| found.value.clone()),
        });
        addresses.extend(email);
    }
    (people, addresses)
}

/// The terms in order.
fn retainers(client: &Section<'_>) -> Vec<RetainerTerm> {
    let mut terms: Vec<Term<'_>> = client.tables("retainer").iter().filter_map(retainer).collect();
    terms.sort_by_key(|term| term.since.value);
    for pair in terms.windows(2) {
        let [earlier, later] = pair else { continue };
        // A term without an end lasts until the next begins.
        let begins = later.since.value;
        if begins == earlier.since.value || earlier.until.is_some_and(|until| until >= begins) {
            let wrong = format!("overlaps the term since {}", earlier.since.value);
            let right = "begin it after the other one's end, or take out the other one's `until`";
            client.notes.wrong(&later.since.place, wrong, right);
        }
    }
    terms.into_iter().filter_map(|term| term.contract).collect()
}

/// A retainer section with a beginning; without a contract when something else in it is wrong.
struct Term<'a> {
    since: Found<'a, NaiveDate>,
    until: Option<NaiveDate>,
    contract: Option<RetainerTerm>,
}

fn retainer<'a>(section: &Section<'a>) -> Option<Term<'a>> {
    section.must("hours", "hours = \"10-20\": a retainer without hours measures nothing");
    let hours = section.parse("hours", value::hour_range);
    section.must("fee", "fee = \"2400.00 USD\"");
    let fee = section.parse("fee", value::money);
    let overage_rate = section.parse("overage_rate", value::money);
    let after_hours = section.parse("after_hours", value::factor).map_or(100, |found| found.value);
    let rollover = rollover(section);
    let rounding = section.parse("rounding", value::duration).map(|found| Minutes(found.value.num_minutes()));
    let covers = covers(section);
    let skills = section.texts("skills").into_iter().map(|found| found.value).collect();
    let tells_client = section.yes("announce_to_client", true);
    let due = section.choice("bill", billing::DUE).unwrap_or(Due::Advance);
    section.must("since", "since = \"2026-06-01\"");
    let since = section.date("since");
    let until = section.date("until");
    section.finish();
    if let (Some(fee), Some(overage)) = (&fee, &overage_rate)
        && fee.value.currency != overage.value.currency
    {
        let wrong = format!("is in {}, the fee in {}", overage.value.currency, fee.value.currency);
        section.notes.wrong(&overage.place, wrong, "use one currency for a contract");
    }
    if let (Some(since), Some(until)) = (&since, &until)
        && until.value < since.value
    {
        section.notes.wrong(&until.place, "lies before `since`", "write the last day of the term");
    }
    let since = since?;
    let until = until.map(|found| found.value);
    let contract = hours.zip(fee).map(|(hours, fee)| RetainerTerm {
        since: since.value,
        until,
        bottom: hours.value.0,
        top: hours.value.1,
        fee: fee.value,
        overage_rate: overage_rate.map(|found| found.value),
        after_hours,
        rollover,
        rounding,
        covers,
        skills,
        tells_client,
        due,
    });
    Some(Term { since, until, contract })
}

/// `rollover = "5h"` and for how many months; one unless given.
fn rollover(section: &Section<'_>) -> Option<Rollover> {
    let months = section.number("rollover_months", 1..=24);
    let most = section.parse("rollover", value::duration).map(|found| Minutes(found.value.num_minutes()));
    if months.is_some() && most.is_none() {
        let right = "give rollover = \"5h\" too: no more than that is carried on";
        section.notes.wrong(
            &section.place_of("rollover_months"),
            "says how long hours are carried on, and none are",
            right,
        );
    }
    Some(Rollover { most: most?, months: months.unwrap_or(1) })
}

/// What burns it: `retainer`, unless more is named.
fn covers(section: &Section<'_>) -> Vec<Category> {
    let mut all = vec![Category::Retainer];
    for found in section.texts("covers") {
        match value::category(&found.value) {
            Ok(Category::Warranty) => {
                section.notes.wrong(&found.place, "burns nothing, whatever the contract says", "take it out");
            }
            Ok(category) if !all.contains(&category) => all.push(category),
            Ok(_) => {}
            Err((wrong, right)) => section.notes.wrong(&found.place, wrong, right),
        }
    }
    all
}
