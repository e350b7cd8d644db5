//! The firm of the simulated year: its terms as plain structs of the test, and the config that says the same to deskd.

use std::fmt::Write as _;

use chrono::NaiveDate;

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Minutes and smallest units of money throughout.
#[derive(Debug, Clone)]
pub struct Term {
    pub since: NaiveDate,
    pub until: Option<NaiveDate>,
    pub bottom: i64,
    pub top: i64,
    pub fee: i64,
    pub overage: Option<i64>,
    /// Hundredths.
    pub after_hours: i64,
    /// No more than that, for so many months.
    pub rollover: Option<(i64, u32)>,
    pub rounding: Option<i64>,
    pub covers_projects: bool,
    pub skills: Vec<&'static str>,
    pub arrears: bool,
}

#[derive(Debug, Clone)]
pub struct Fee {
    pub name: &'static str,
    pub amount: i64,
    pub quantity: i64,
    pub since: NaiveDate,
    pub until: Option<NaiveDate>,
    pub arrears: bool,
}

#[derive(Debug, Clone)]
pub struct Client {
    pub key: String,
    pub zone: &'static str,
    pub terms: Vec<Term>,
    pub rounding: Option<i64>,
    pub fees: Vec<Fee>,
    /// `None`: the firm's, which is time and materials.
    pub category: Option<&'static str>,
}

pub struct Rate {
    pub amount: i64,
    pub currency: &'static str,
    pub client: Option<&'static str>,
    pub role: Option<&'static str>,
    pub skill: Option<&'static str>,
    pub after_hours: Option<bool>,
}

pub struct Tech {
    pub login: &'static str,
    pub name: &'static str,
    pub zone: chrono_tz::Tz,
    pub roles: &'static [&'static str],
}

pub struct Firm {
    pub clients: Vec<Client>,
    pub rates: Vec<Rate>,
    pub techs: Vec<Tech>,
}

const CHICAGO: &str = "America/Chicago";
const BERLIN: &str = "Europe/Berlin";
const TOKYO: &str = "Asia/Tokyo";

fn term(since: &str, (bottom, top): (i64, i64), fee: i64, overage: Option<i64>) -> Term {
    Term {
        since: day(since),
        until: None,
        bottom: bottom * 60,
        top: top * 60,
        fee,
        overage,
        after_hours: 100,
        rollover: None,
        rounding: None,
        covers_projects: false,
        skills: Vec::new(),
        arrears: false,
    }
}

fn client(key: &str, zone: &'static str, category: Option<&'static str>) -> Client {
    Client { key: key.to_owned(), zone, terms: Vec::new(), rounding: None, fees: Vec::new(), category }
}

fn fee(name: &'static str, amount: i64, quantity: i64, since: &str) -> Fee {
    Fee { name, amount, quantity, since: day(since), until: None, arrears: false }
}

impl Firm {
    pub fn new() -> Firm {
        let mut acme = client("acme", "America/New_York", Some("retainer"));
        acme.terms = vec![term("2026-01-01", (10, 20), 240_000, None)];
        let mut clients = vec![acme, client("globex", CHICAGO, Some("tm"))];
        clients.extend(contracts().into_iter().enumerate().map(|(place, (zone, terms))| {
            let plain = client(&format!("r{:02}", place + 1), zone, Some("retainer"));
            let rounding = (place == 2).then_some(15);
            let fees = if place % 4 == 0 { vec![fee("Backup", 4_999, 1, "2026-02-10")] } else { Vec::new() };
            Client { terms, rounding, fees, ..plain }
        }));
        clients.extend((1..=9).map(|place| {
            let zone = [CHICAGO, BERLIN, TOKYO][place % 3];
            let rounding = [None, Some(15), Some(30)][place % 3];
            let fees = if place < 4 { seats() } else { Vec::new() };
            Client { rounding, fees, ..client(&format!("t{place:02}"), zone, Some("tm")) }
        }));
        clients.extend((1..=18).map(|place| {
            let fees = if place % 6 == 0 { vec![fee("Monitoring", 1_250, place, "2026-05-20")] } else { Vec::new() };
            Client { fees, ..client(&format!("o{place:02}"), [CHICAGO, TOKYO, BERLIN][place as usize % 3], None) }
        }));
        Firm { clients, rates: rates(), techs: techs() }
    }

    pub fn client(&self, key: &str) -> &Client {
        self.clients.iter().find(|client| client.key == key).unwrap()
    }

    pub fn tech(&self, login: &str) -> &Tech {
        self.techs.iter().find(|tech| tech.login == login).unwrap()
    }

    /// What tests/firm/deskd.toml does not say: it has Acme, Globex, Mia, Sam, Ana and the last rate.
    pub fn config(&self) -> String {
        let mut text = "[limits]\ngather_over = 10000\n".to_owned();
        for (name, zone) in [("berlin", BERLIN), ("tokyo", TOKYO)] {
            text += &format!("[calendar.{name}]\nhours = {{ mon-fri = [\"08:00-18:00\"] }}\ntime_zone = \"{zone}\"\n");
        }
        for tech in self.techs.iter().filter(|tech| !["mia", "sam", "ana"].contains(&tech.login)) {
            let calendar = match tech.zone.name() {
                BERLIN => "berlin",
                TOKYO => "tokyo",
                _ => "office",
            };
            let (login, name, roles) = (tech.login, tech.name, tech.roles);
            text += &format!(
                "[[tech]]\nlogin = \"{login}\"\nname = \"{name}\"\nemail = \"{login}@northwind.example\"\ntime_zone = \"{}\"\n\
                 skills = [\"network\", \"server\", \"mail\", \"accounts\"]\ncalendar = \"{calendar}\"\nroles = {roles:?}\n",
                tech.zone.name()
            );
        }
        for client in &self.clients[2..] {
            text += &client.config();
        }
        for rate in &self.rates[..self.rates.len() - 1] {
            text += &format!("[[rate]]\namount = \"{} {}\"\n", money(rate.amount), rate.currency);
            for (name, value) in [("client", rate.client), ("role", rate.role), ("skill", rate.skill)] {
                text += &value.map_or(String::new(), |value| format!("{name} = \"{value}\"\n"));
            }
            text += &rate.after_hours.map_or(String::new(), |after| format!("after_hours = {after}\n"));
        }
        text
    }
}

fn money(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn span(since: NaiveDate, until: Option<NaiveDate>, arrears: bool) -> String {
    let until = until.map_or(String::new(), |until| format!("until = \"{until}\"\n"));
    let bill = if arrears { "arrears" } else { "advance" };
    format!("since = \"{since}\"\n{until}bill = \"{bill}\"\n")
}

impl Client {
    fn config(&self) -> String {
        let key = &self.key;
        let mut text = format!(
            "[[client]]\nkey = \"{key}\"\nname = \"Client {key}\"\ndomains = [\"{key}.example\"]\ntime_zone = \"{}\"\n\
             contacts = [{{ name = \"Pat {key}\", email = \"pat@{key}.example\" }}]\nmanagers = [\"pat@{key}.example\"]\n\
             account_manager = \"sam\"\n",
            self.zone
        );
        if let Some(category) = self.category {
            let _ = writeln!(text, "default_category = \"{category}\"");
        }
        for term in &self.terms {
            text += &term.config();
        }
        if let Some(rounding) = self.rounding {
            let _ = writeln!(text, "[client.billing]\nname = \"{key} Ltd\"\nrounding = \"{rounding}m\"");
        }
        for fee in &self.fees {
            let _ = write!(
                text,
                "[[client.fee]]\nname = \"{}\"\namount = \"{} USD\"\nquantity = {}\n{}",
                fee.name,
                money(fee.amount),
                fee.quantity,
                span(fee.since, fee.until, fee.arrears)
            );
        }
        text
    }
}

impl Term {
    fn config(&self) -> String {
        let mut text = format!(
            "[[client.retainer]]\nhours = \"{}-{}\"\nfee = \"{} USD\"\nafter_hours = \"{}.{:02}\"\n{}",
            self.bottom / 60,
            self.top / 60,
            money(self.fee),
            self.after_hours / 100,
            self.after_hours % 100,
            span(self.since, self.until, self.arrears)
        );
        if let Some(overage) = self.overage {
            let _ = writeln!(text, "overage_rate = \"{} USD\"", money(overage));
        }
        if let Some((most, months)) = self.rollover {
            let _ = writeln!(text, "rollover = \"{most}m\"\nrollover_months = {months}");
        }
        if let Some(rounding) = self.rounding {
            let _ = writeln!(text, "rounding = \"{rounding}m\"");
        }
        if self.covers_projects {
            text += "covers = [\"project\"]\n";
        }
        if !self.skills.is_empty() {
            let _ = writeln!(text, "skills = {:?}", self.skills);
        }
        text
    }
}

/// Eleven beside Acme's; together they have every term there is.
fn contracts() -> Vec<(&'static str, Vec<Term>)> {
    let one = |since: &str, range, fee, overage, change: &dyn Fn(&mut Term)| {
        let mut term = term(since, range, fee, overage);
        change(&mut term);
        term
    };
    vec![
        (CHICAGO, vec![term("2025-11-01", (2, 4), 90_000, Some(15_000))]),
        (BERLIN, vec![one("2026-01-01", (3, 6), 120_050, None, &|term| term.arrears = true)]),
        (
            TOKYO,
            vec![one("2026-03-01", (2, 4), 99_999, Some(14_555), &|term| {
                (term.arrears, term.after_hours) = (true, 150);
            })],
        ),
        (CHICAGO, vec![one("2026-01-01", (3, 5), 110_000, Some(13_000), &|term| term.rollover = Some((300, 2)))]),
        (BERLIN, vec![one("2026-02-01", (2, 5), 100_000, Some(12_333), &|term| term.rollover = Some((240, 24)))]),
        (TOKYO, vec![one("2026-01-01", (2, 4), 95_000, Some(16_010), &|term| term.rounding = Some(15))]),
        (
            CHICAGO,
            vec![one("2026-04-01", (2, 5), 105_000, Some(12_001), &|term| {
                (term.covers_projects, term.rounding, term.after_hours) = (true, Some(30), 150);
            })],
        ),
        (
            BERLIN,
            vec![one("2026-01-01", (1, 3), 88_000, Some(15_500), &|term| term.skills = vec!["network", "server"])],
        ),
        (
            CHICAGO,
            vec![
                term("2026-01-01", (2, 4), 120_000, Some(14_000)),
                one("2026-06-17", (3, 6), 155_555, Some(16_525), &|term| term.rollover = Some((180, 1))),
            ],
        ),
        (TOKYO, vec![one("2026-04-13", (2, 4), 91_000, Some(14_000), &|term| term.until = Some(day("2026-11-18")))]),
        (
            BERLIN,
            vec![
                one("2026-03-16", (2, 5), 97_531, Some(13_579), &|term| {
                    (term.arrears, term.rollover) = (true, Some((360, 2)))
                }),
                one("2026-09-10", (1, 3), 77_777, Some(15_951), &|term| {
                    (term.arrears, term.rounding, term.after_hours, term.until) =
                        (true, Some(15), 125, Some(day("2027-01-20")));
                }),
            ],
        ),
    ]
}

/// Half a month of fourteen, then twenty until they end in mid-month.
fn seats() -> Vec<Fee> {
    let first = Fee { until: Some(day("2026-07-09")), arrears: true, ..fee("Seats", 2_233, 14, "2026-04-17") };
    let second = Fee { until: Some(day("2027-01-12")), arrears: true, ..fee("Seats", 2_150, 20, "2026-07-10") };
    vec![first, second]
}

fn rates() -> Vec<Rate> {
    let rate = |amount, currency| Rate { amount, currency, client: None, role: None, skill: None, after_hours: None };
    vec![
        Rate { client: Some("t03"), ..rate(20_000, "USD") },
        Rate { client: Some("t04"), skill: Some("network"), ..rate(18_155, "USD") },
        Rate { client: Some("t04"), after_hours: Some(true), ..rate(24_000, "USD") },
        Rate { client: Some("t05"), ..rate(15_050, "EUR") },
        Rate { role: Some("senior"), ..rate(17_500, "USD") },
        rate(16_000, "USD"),
    ]
}

fn techs() -> Vec<Tech> {
    use chrono_tz::{America::Chicago, Asia::Tokyo, Europe::Berlin};
    let tech = |login, name, zone, roles| Tech { login, name, zone, roles };
    vec![
        tech("mia", "Mia Chen", Chicago, &["manager"]),
        tech("sam", "Sam Ortiz", Chicago, &[]),
        tech("ana", "Ana Diaz", Chicago, &[]),
        tech("bea", "Bea Kern", Berlin, &["senior"]),
        tech("cid", "Cid Vogel", Berlin, &[]),
        tech("dov", "Dov Levi", Tokyo, &[]),
        tech("eri", "Eri Sato", Tokyo, &["senior"]),
        tech("fay", "Fay Moss", Chicago, &[]),
        tech("gus", "Gus Holm", Berlin, &[]),
    ]
}
