//! Three businesses side by side: the managers' mail of a month that was billed, and the same figures on the command line.

use chrono::{NaiveDate, TimeDelta};
use deskd::money::invoice::Kind;
use deskd::money::margin::{Hand, House, Party, Reckoning, Report, Revenue, Stint};
use deskd::money::proposal::hourly;
use deskd::words::contract::Due;
use deskd::words::{Category, Currency, Login, Minutes, Money, RetainerTerm};
use serde_json::Value;

use crate::harness::reading::{deskd, of_kind, until, words};
use crate::harness::rows::rows;
use crate::harness::story::{Story, told_with};
use crate::story::from_jane;

const MORE: &str = "[billing]\nhourly_cost = \"60.00 USD\"\n\
    [[client]]\nkey = \"hooli\"\nname = \"Hooli\"\ndomains = [\"hooli.example\"]\naccount_manager = \"sam\"\n\
    [[client.retainer]]\nhours = \"5-10\"\nfee = \"1000.00 EUR\"\nsince = \"2026-01-01\"\n\
    [[client.fee]]\nname = \"Seats\"\namount = \"22.00 EUR\"\nquantity = 10\nsince = \"2026-01-01\"\n\
    [[client]]\nkey = \"own\"\nname = \"Northwind itself\"\ndomains = [\"own.example\"]\ninternal = true\n\
    [[rate]]\namount = \"120.00 EUR\"\nclient = \"hooli\"\n";

fn add(story: &Story, (tech, client): (&str, &str), minutes: &str, category: &str, day: &str) {
    let note = ["--note", "work", "--day", day];
    let head = ["time", "add", "--tech", tech, "--client", client, "--minutes", minutes, "--category", category];
    let said = deskd(story, &[head.as_slice(), &note].concat());
    assert!(!said.contains("deskd:"), "{said}");
}

/// A desk that began in March with three hours for Acme's retainer, and a whole April.
async fn april(story: &Story) {
    story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
    add(story, ("sam", "acme"), "3h", "retainer", "2026-03-03");
    add(story, ("sam", "acme"), "10h", "retainer", "2026-04-07");
    add(story, ("ana", "acme"), "2h", "retainer", "2026-04-08");
    add(story, ("ana", "globex"), "3h", "tm", "2026-04-09");
    add(story, ("ana", "globex"), "1h", "warranty", "2026-04-09");
    add(story, ("sam", "globex"), "2h30", "project", "2026-04-10");
    add(story, ("ana", "hooli"), "5h", "retainer", "2026-04-10");
    add(story, ("ana", "hooli"), "1h", "project", "2026-04-10");
    add(story, ("mia", "own"), "5h", "tm", "2026-04-13");
    // Of the next month.
    add(story, ("mia", "globex"), "7h", "tm", "2026-05-01");
}

#[tokio::test]
async fn a_month_that_was_billed_is_told_to_the_managers_once_business_by_business() {
    told_with("margin_mail", MORE, async |story, _| {
        april(&story).await;
        until(&story, "2026-04-04 11:00").await;
        assert!(of_kind(&story.mailed(), "margin").is_empty(), "a preview bills nothing");
        until(&story, "2026-04-05 11:00").await;
        let march = story.mailed_one("margin");
        assert!(words(&march).contains("Acme Dental: 3h, nothing billed for this month"), "{}", march.mail.text);
        until(&story, "2026-05-04 11:00").await;
        story.mailed();
        until(&story, "2026-05-05 11:00").await;
        let told = story.mailed_one("margin");
        assert_eq!((told.to.as_str(), told.mail.subject.as_str()), ("mia@northwind.example", "April 2026: what an hour brought, 186.67 EUR, 177.30 USD"));
        let text = words(&told);
        for part in [
            "In USD Tickets and warranty: 480.00 USD for 4h, 120.00 USD an hour, margin 240.00 USD (50 %)",
            "Projects: 400.00 USD for 2h30, 160.00 USD an hour, margin 250.00 USD (63 %)",
            "Retainers: 2400.00 USD for 12h, 200.00 USD an hour, margin 1680.00 USD (70 %)",
            "All three: 3280.00 USD for 18h30, 177.30 USD an hour, margin 2170.00 USD (66 %)",
            "Retainers in USD, the lowest hour first Acme Dental: 2400.00 USD for 12h, 200.00 USD an hour, margin 1680.00 USD",
            "Month by month in USD Mar 2026: 0.00 USD for 3h, 0.00 USD an hour Apr 2026: 3280.00 USD for 18h30, 177.30 USD an hour",
            // What hours in another currency cost is not known.
            "In EUR Tickets and warranty: 0.00 EUR for 0m Projects: 120.00 EUR for 1h, 120.00 EUR an hour Retainers: 1000.00 EUR for 5h, 200.00 EUR an hour All three: 1120.00 EUR for 6h, 186.67 EUR an hour",
            "Other recurring fees, beside all this: 220.00 EUR",
            // 22 working days of eight hours.
            "Hours for clients All: 24h30 of 528h, 5 %",
            "Mia Chen: 0m of 176h, 0 %, and 5h for our own firm",
            "Sam Ortiz: 12h30 of 176h, 7 %",
            "Our own firm: 5h, 300.00 USD",
        ] {
            assert!(text.contains(part), "{part}: {}", told.mail.text);
        }

        // The same on the command line.
        let shown = deskd(&story, &["margin", "--period", "2026-04"]);
        let lines: Vec<&str> = shown.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1).collect();
        let mailed: Vec<&str> = told.mail.text.lines().map(str::trim).collect();
        assert!(lines.len() > 15 && lines.iter().all(|line| mailed.contains(line)), "{shown}\n{}", told.mail.text);
        let json: Value = serde_json::from_str(&deskd(&story, &["margin", "--period", "2026-04", "--json"])).unwrap();
        assert_eq!(json["blocks"][1]["businesses"][2]["hourly"], serde_json::json!({"minor": 20_000, "currency": "USD"}));
        assert_eq!((json["blocks"][0]["total"]["margin"].clone(), json["all"]["clients"].clone()), (Value::Null, 1_470.into()));

        // Billed again it is not told again.
        deskd(&story, &["billing", "void", "2", "--why", "wrong rate"]);
        assert!(deskd(&story, &["billing", "run", "--period", "2026-04"]).contains("run 3"));
        let told = async || rows::<(String,)>(&story.daemon.db, "SELECT dedupe_key FROM outbox WHERE kind = 'margin' ORDER BY id").await;
        assert_eq!(told().await, [("margin/2026-03/mia".to_owned(),), ("margin/2026-04/mia".to_owned(),)]);
        // By hand, before the schedule does.
        assert!(deskd(&story, &["billing", "run", "--period", "2026-05"]).contains("run 4"));
        until(&story, "2026-06-05 11:00").await;
        story.advance(TimeDelta::days(2)).await;
        assert_eq!(told().await.len(), 3);
        assert_eq!(told().await[2].0, "margin/2026-05/mia");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_cost_nothing_is_said_of_a_margin() {
    told_with("margin_bare", "", async |story, _| {
        story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
        add(&story, ("ana", "globex"), "3h", "tm", "2026-03-09");
        until(&story, "2026-04-04 11:00").await;
        until(&story, "2026-04-05 11:00").await;
        let told = story.mailed_one("margin");
        assert!(
            words(&told).contains("Tickets and warranty: 480.00 USD for 3h, 160.00 USD an hour"),
            "{}",
            told.mail.text
        );
        assert!(!told.mail.text.contains("margin 4") && !words(&told).contains(", margin"), "{}", told.mail.text);
        story.end().await;
    })
    .await;
}

// The reckoning by itself.

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn usd(minor: i64) -> Money {
    Money { minor, currency: "USD".parse().unwrap() }
}

fn term(fee: &str, covers: Vec<Category>, skills: &[&str]) -> RetainerTerm {
    RetainerTerm {
        since: day("2026-01-01"),
        until: None,
        bottom: Minutes(600),
        top: Minutes(1200),
        fee: fee.parse().unwrap(),
        overage_rate: None,
        after_hours: 100,
        rollover: None,
        rounding: None,
        covers,
        skills: skills.iter().map(|skill| (*skill).to_owned()).collect(),
        tells_client: true,
        due: Due::Advance,
    }
}

fn stint(on: &str, tech: &str, category: Category, minutes: i64) -> Stint {
    Stint { day: day(on), tech: tech.into(), category, skill: Some("network".to_owned()), minutes: Minutes(minutes) }
}

fn line(kind: Kind, month: &str, minor: i64) -> Revenue {
    Revenue { month: day(month), kind, amount: usd(minor), minutes: Minutes(0) }
}

/// A client's key, terms, work and what was billed.
type Own<'a> = (&'a str, &'a [RetainerTerm], &'a [Stint], &'a [Revenue]);

fn report(parties: &[Own<'_>]) -> Report {
    let hand = |login: &str| Hand { login: login.into(), name: login.to_owned(), contracted: Minutes(9_600) };
    let techs = [hand("sam"), hand("ana")];
    // Of ana nothing is known.
    let cost = |login: &Login| (login.0 == "sam").then(|| usd(6_001));
    let house = House { period: day("2026-11-01"), techs: &techs, cost: &cost, currency: None };
    let mut reckoning = Reckoning::new(house);
    for (key, terms, work, revenue) in parties {
        let currency: Option<Currency> = None;
        let party =
            Party { key: Some(&(*key).into()), name: key, internal: *key == "own", terms, currency, work, revenue };
        reckoning.add(&party);
    }
    reckoning.report()
}

#[test]
fn work_that_burns_a_retainer_is_the_retainers_whatever_its_category() {
    let terms = [term("2400.00 USD", vec![Category::Retainer, Category::Project], &["network"])];
    let mut elsewhere = stint("2026-11-03", "sam", Category::Project, 60);
    elsewhere.skill = None;
    let work = [
        stint("2026-11-03", "sam", Category::Project, 120),
        stint("2026-11-04", "sam", Category::Warranty, 30),
        stint("2026-11-05", "sam", Category::Retainer, 300),
        stint("2026-10-05", "sam", Category::Retainer, 999),
        elsewhere,
    ];
    let revenue = [
        line(Kind::Retainer, "2026-11-01", 240_000),
        line(Kind::Time, "2026-10-01", 16_000),
        line(Kind::Fee, "2026-12-01", 99),
    ];
    let found = report(&[("acme", &terms, &work, &revenue)]);
    // Nothing says in what money warranty and projects are paid.
    assert_eq!((found.blocks.len(), found.unpriced), (1, Minutes(90)));
    let block = &found.blocks[0];
    let minutes: Vec<i64> = block.businesses.iter().map(|one| one.minutes.0).collect();
    assert_eq!(minutes, [0, 0, 420]);
    // Seven hours at 60.01.
    assert_eq!(block.businesses[2].cost, Some(usd(42_007)));
    assert_eq!((block.businesses[2].margin, block.businesses[2].percent), (Some(usd(197_993)), Some(82)));
    assert_eq!((block.fees, block.trend.len(), block.trend[0].total), (usd(0), 2, usd(16_000)));
    assert_eq!((found.all.clients, found.all.contracted), (Minutes(510), Minutes(19_200)));
}

#[test]
fn retainers_stand_from_the_lowest_hour_on_and_a_cost_that_is_not_known_makes_no_margin() {
    let terms = [term("2400.00 USD", vec![Category::Retainer], &[])];
    let fee = [line(Kind::Retainer, "2026-11-01", 240_000)];
    let over = [line(Kind::Retainer, "2026-11-01", 240_000), line(Kind::Overage, "2026-11-01", 60_000)];
    let of = |tech, minutes| [stint("2026-11-05", tech, Category::Retainer, minutes)];
    let (much, little, none) = (of("sam", 1_800), of("ana", 600), of("sam", 0));
    let found = report(&[
        ("little", &terms, &little, &fee),
        ("none", &terms, &none, &fee),
        ("much", &terms, &much, &over),
        ("before", &terms, &of("sam", 5), &[]),
        ("own", &[], &of("sam", 77), &[]),
    ]);
    let ranked: Vec<(&str, Option<i64>, Option<i64>)> = found.blocks[0]
        .retainers
        .iter()
        .map(|row| (row.name.as_str(), row.hourly.map(|money| money.minor), row.margin.map(|money| money.minor)))
        .collect();
    assert_eq!(
        ranked,
        [
            ("much", Some(10_000), Some(300_000 - 180_030)),
            ("little", Some(24_000), None),
            ("before", None, None),
            ("none", None, Some(240_000))
        ]
    );
    assert_eq!((found.blocks[0].businesses[2].cost, found.blocks[0].total.margin), (None, None));
    assert_eq!((found.own.minutes, found.own.cost), (Minutes(77), Some(usd(7_701))));
    assert_eq!(found.all.own, Minutes(77));
}

#[test]
fn what_was_given_back_is_rounded_like_what_was_billed() {
    assert_eq!(hourly(usd(100), Minutes(55)), Some(usd(109)));
    assert_eq!(hourly(usd(-100), Minutes(55)), Some(usd(-109)));
    assert_eq!(hourly(usd(-1), Minutes(120)), Some(usd(-1)));
}
