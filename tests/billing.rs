//! The billing run: shown the day before, frozen, repeatable, taken back; fees by difference, overage that was told, work by the rate card.

use chrono::{NaiveDate, TimeDelta};
use deskd::money::billing::{Account, Books, Entry, Start, account};
use deskd::money::invoice::{Kind, Line, Why};
use deskd::money::ledger::Work;
use deskd::words::contract::{Due, Fee, InvoiceTo, Rate};
use deskd::words::{Category, Login, Minutes, Money, RetainerTerm, TicketNumber};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

use crate::harness::reading::{deskd, of_kind, until, words};
use crate::harness::rows::{change, rows};
use crate::harness::story::{Story, told, told_with};
use crate::story::from_jane;

/// Three hours for Acme's retainer, fifty minutes for Globex, which pays by the hour.
async fn march(story: &Story) {
    story.mail(&from_jane("p", "Printer", "My printer prints nothing.")).await;
    let assignment = story.mailed_one_of("assignment");
    story.mail(&assignment.answer(&assignment.to, "A new drum is in.\n\n#done 3h")).await;
    story.mailed();
    story.mail("From: Hank <hank@globex.example>\r\nTo: support@northwind.example\r\nSubject: Wifi\r\nMessage-ID: <w@globex.example>\r\n\r\nThe wifi is slow.\r\n").await;
    let assignment = story.mailed_one_of("assignment");
    story.mail(&assignment.answer(&assignment.to, "Another channel.\n\n#done 50m")).await;
    story.mailed();
}

#[tokio::test]
async fn a_month_is_shown_the_day_before_billed_once_frozen_and_taken_back() {
    told("billing_run", async |story, _| {
        march(&story).await;
        // Saturday the 4th of April, six in Chicago.
        until(&story, "2026-04-04 10:59").await;
        assert!(of_kind(&story.mailed(), "billing_preview").is_empty());
        until(&story, "2026-04-04 11:00").await;
        let shown = story.mailed_one("billing_preview");
        assert_eq!((shown.to.as_str(), shown.mail.subject.as_str()), ("mia@northwind.example", "PREVIEW of billing, March 2026: 2533.33 USD"));
        let text = words(&shown);
        for part in ["on tomorrow 06:00", "2400.00 USD Retainer, April 2026", "Within the retainer: 3h", "133.33 USD Support, #1002 Wifi: 50m at 160.00 USD"] {
            assert!(text.contains(part), "{part}: {}", shown.mail.text);
        }
        assert!(!text.contains("March 2026 2400"), "March was paid in advance before the desk began: {text}");
        until(&story, "2026-04-05 10:59").await;
        assert!(of_kind(&story.mailed(), "billing").is_empty());
        until(&story, "2026-04-05 11:00").await;
        let billed = story.mailed_one("billing");
        assert_eq!(billed.mail.subject, "Billing 1, March 2026: 2533.33 USD");
        let names: Vec<&str> = billed.mail.attachments.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["billing-2026-03.csv", "billing-2026-03-xero.csv", "billing-2026-03-quickbooks.csv", "billing-2026-03.json"]);
        let file = |place: usize| String::from_utf8(billed.mail.attachments[place].bytes.clone()).unwrap();
        assert!(file(0).contains("1,2026-03,DK-0001-02,globex,Globex,time,,#1002,Wifi,no,no,50,50,160.00,,133.33,USD,"), "{}", file(0));
        assert!(file(1).contains("Globex,,,,,,,,,,DK-0001-02,,05/04/2026,05/04/2026,,,\"Support, #1002 Wifi: 50m at 160.00 USD\",0.8333,160.00,"), "{}", file(1));
        assert!(file(2).contains("DK-0001-01,Acme Dental,05/04/2026,05/04/2026,,,Retainer,\"Retainer, April 2026\",1,2400.00,2400.00,,USD"), "{}", file(2));

        // The same on the command line, to the byte; a second run changes nothing.
        assert_eq!(deskd(&story, &["billing", "show", "1", "--csv"]), file(0));
        assert_eq!(deskd(&story, &["billing", "show", "1", "--xero"]), file(1));
        let json: Value = serde_json::from_str(&deskd(&story, &["billing", "show", "1", "--json"])).unwrap();
        assert_eq!(json["clients"][1]["invoices"][0]["lines"][0]["entries"], serde_json::json!([2]));
        assert_eq!(deskd(&story, &["billing", "run", "--period", "2026-03"]), "2026-03 was billed by run 1; nothing was changed\n");
        let again = deskd(&story, &["billing", "preview", "--period", "2026-03"]);
        assert!(again.contains("was billed by run 1: what follows has come since") && again.ends_with("In all: nothing\n"), "{again}");

        // Nor where there is more by now: that goes with the next month's.
        let late = ["time", "add", "--tech", "ana", "--client", "globex", "--minutes", "1h", "--category", "tm"];
        deskd(&story, &[&late, ["--day", "2026-03-20", "--note", "racks"].as_slice()].concat());
        let again = deskd(&story, &["billing", "run", "--period", "2026-03"]);
        assert_eq!(again, "2026-03 was billed by run 1; nothing was changed\n");
        assert!(deskd(&story, &["billing", "preview", "--period", "2026-03"]).contains("In all: 160.00 USD"));

        // Taken back, it is open again, and billed under another number.
        assert!(deskd(&story, &["billing", "void", "1", "--why", "wrong rate"]).starts_with("run 1 is void"));
        assert!(deskd(&story, &["billing", "void", "1", "--why", "again"]).contains("made void before: wrong rate"));
        assert_eq!(deskd(&story, &["billing", "run", "--period", "2026-03"]), "2026-03 is billed: run 2, 2693.33 USD\n");
        let listed = deskd(&story, &["billing", "list"]);
        assert!(listed.lines().any(|line| line.contains("void") && line.contains("wrong rate")), "{listed}");
        assert!(deskd(&story, &["billing", "show", "1"]).starts_with("VOID: wrong rate"));
        story.quiet().await;
        story.mailed();
        // Months later each month has had its run, once.
        until(&story, "2026-07-06 12:00").await;
        let mailed = story.mailed();
        assert_eq!(of_kind(&mailed, "billing_preview").len(), 1);
        assert!(of_kind(&mailed, "billing").is_empty(), "however late: the managers have the preview for a day");
        story.advance(TimeDelta::days(1)).await;
        story.advance(TimeDelta::days(1)).await;
        story.advance(TimeDelta::days(1)).await;
        assert_eq!(of_kind(&story.mailed(), "billing").len(), 3, "April, May and June");
        let runs: Vec<(i64, String)> = rows::<(i64, String)>(&story.daemon.db, "SELECT number, state FROM billing_run ORDER BY number").await;
        assert_eq!(runs.iter().map(|(number, state)| format!("{number} {state}")).collect::<Vec<_>>(), ["1 void", "2 done", "3 done", "4 done", "5 done"]);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_comes_late_or_is_put_right_goes_with_the_next_run() {
    told("billing_late", async |story, _| {
        march(&story).await;
        until(&story, "2026-04-05 11:00").await;
        story.advance(TimeDelta::days(1)).await;
        story.mailed();
        assert!(deskd(&story, &["time", "correct", "e2", "20m", "--why", "the lunch was not theirs"]).contains("e3"));
        let add = |client: &str, minutes: &str, category: &str, more: &[&str]| {
            let head =
                ["time", "add", "--tech", "ana", "--client", client, "--minutes", minutes, "--category", category];
            deskd(&story, &[&head, ["--day", "2026-03-20"].as_slice(), more].concat());
        };
        add("globex", "30m", "tm", &["--note", "phone"]);
        add("globex", "1h", "warranty", &["--note", "again"]);
        add("acme", "1h", "retainer", &["--unbillable", "our own mistake"]);
        until(&story, "2026-05-04 12:00").await;
        until(&story, "2026-05-05 12:00").await;
        let billed = of_kind(&story.mailed(), "billing").remove(0);
        let text = words(&billed);
        for part in [
            "-80.00 USD Support, #1002 Wifi: -30m at 160.00 USD",
            "80.00 USD Support, phone: 30m",
            "Warranty, at nought: 1h",
            "Not charged: 1h",
            "Retainer, May 2026",
        ] {
            assert!(text.contains(part), "{part}: {}", billed.mail.text);
        }
        assert!(!text.contains("Within the retainer"), "what nobody pays for burns nothing: {text}");
        story.end().await;
    })
    .await;
}

const OVER: &str = "[[client]]\nkey = \"hooli\"\nname = \"Hooli\"\ndomains = [\"hooli.example\"]\naccount_manager = \"sam\"\n\
    [[client.retainer]]\nhours = \"5-10\"\nfee = \"1200.00 USD\"\noverage_rate = \"140.00 USD\"\nbill = \"arrears\"\nsince = \"2026-01-01\"\n\
    [[client.fee]]\nname = \"Seats\"\namount = \"22.00 USD\"\nquantity = 14\nsince = \"2026-03-17\"\nbill = \"arrears\"\n";

#[tokio::test]
async fn hours_over_the_range_are_billed_once_the_client_was_told_or_a_human_lets_them_pass() {
    told_with("billing_over", OVER, async |story, url| {
        story.mail(&from_jane("x", "Hello", "Just to begin.")).await;
        let add = |minutes: &str, day: &str| {
            [
                "time",
                "add",
                "--tech",
                "ana",
                "--client",
                "hooli",
                "--minutes",
                minutes,
                "--category",
                "retainer",
                "--day",
                day,
                "--note",
                "racks",
            ]
            .map(str::to_owned)
        };
        for (minutes, day) in [("9h", "2026-03-03"), ("3h", "2026-03-04")] {
            let args = add(minutes, day);
            deskd(&story, &args.each_ref().map(String::as_str));
        }
        let shown = deskd(&story, &["billing", "preview", "--period", "2026-03"]);
        // 14 seats at 22 dollars for 15 of 31 days.
        for part in [
            "1200.00 USD  Retainer, March 2026",
            "280.00 USD  Over the retainer's range, March 2026: 2h",
            "149.03 USD  Seats, 14, March 2026",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("NOT BILLED"), "{shown}");
        // A contract that is made smaller afterwards: nobody was told of those hours at 100 %.
        let smaller = OVER.replace("5-10", "2-4");
        deskd(&story, &["billing", "run", "--period", "2026-02"]);
        let story = story.restart_after(&url, &smaller, || ()).await;
        change(&story.daemon.db, "DELETE FROM job_run WHERE job = 'usage/hooli'").await;
        let shown = deskd(&story, &["billing", "preview", "--period", "2026-03"]);
        assert!(shown.contains("NOT BILLED: 8h over the range in March 2026 (1120.00 USD)"), "{shown}");
        assert!(!shown.contains("Over the retainer's range"), "{shown}");
        until(&story, "2026-04-05 11:00").await;
        story.advance(TimeDelta::days(1)).await;
        let open: Vec<(i64,)> = rows(
            &story.daemon.db,
            "SELECT COUNT(*) FROM time_entry e WHERE NOT EXISTS (SELECT 1 FROM billing_entry b WHERE b.entry = e.id)",
        )
        .await;
        assert_eq!(open[0].0, 2, "both are over in part, so both wait");
        assert!(deskd(&story, &["billing", "approve", "hooli", "2026-03"]).contains("go with the next run"));
        let shown = deskd(&story, &["billing", "preview", "--period", "2026-04"]);
        assert!(shown.contains("1120.00 USD  Over the retainer's range, March 2026: 8h"), "{shown}");
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_run_that_fails_in_the_middle_leaves_nothing_half_billed() {
    told("billing_crash", async |story, _| {
        march(&story).await;
        // The second line of a run cannot be written.
        change(&story.daemon.db, "CREATE UNIQUE INDEX trap ON billing_line (run)").await;
        until(&story, "2026-04-05 11:00").await;
        story.advance(TimeDelta::days(1)).await;
        let count = async |sql| rows::<(i64,)>(&story.daemon.db, sql).await[0].0;
        assert_eq!(count("SELECT COUNT(*) FROM billing_line").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM billing_entry").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM job_run WHERE job = 'billing'").await, 0);
        assert_eq!(count("SELECT COUNT(*) FROM billing_run").await, 0);
        // It stops no other list.
        story.mailed();
        story.mail("From: Rob <rob@unknown.example>\r\nTo: support@northwind.example\r\nSubject: Hello\r\n\r\nA quote, please.\r\n").await;
        story.advance(TimeDelta::hours(1)).await;
        assert_eq!(of_kind(&story.mailed(), "unsorted_digest").len(), 1);
        change(&story.daemon.db, "DROP INDEX trap").await;
        story.advance(TimeDelta::minutes(1)).await;
        assert_eq!(of_kind(&story.mailed(), "billing").len(), 1);
        assert_eq!(count("SELECT COUNT(*) FROM billing_entry").await, 2);
        story.end().await;
    })
    .await;
}

// The reckoning by itself.

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

fn rate(amount: &str) -> Rate {
    Rate { amount: usd(amount), client: None, role: None, skill: None, after_hours: None }
}

fn entry(id: i64, on: &str, minutes: i64, category: Category) -> Entry {
    Entry {
        work: Work {
            id,
            day: day(on),
            ticket: Some(TicketNumber(1001)),
            tech: "sam".into(),
            minutes: Minutes(minutes),
            category,
            skill: None,
            after_hours: false,
        },
        unbillable: None,
        billed: false,
        corrects: None,
        subject: Some("Printer".to_owned()),
        note: None,
    }
}

struct Firm {
    terms: Vec<RetainerTerm>,
    to: InvoiceTo,
    rates: Vec<Rate>,
    entries: Vec<Entry>,
    billed: BTreeMap<String, Money>,
}

impl Firm {
    fn new() -> Firm {
        Firm {
            terms: vec![],
            to: InvoiceTo::default(),
            rates: vec![rate("160.00")],
            entries: vec![],
            billed: BTreeMap::new(),
        }
    }

    fn account(&self, period: &str) -> Account {
        let roles = |login: &Login| if login.0 == "mia" { vec!["senior".to_owned()] } else { Vec::new() };
        let books = Books {
            client: &"acme".into(),
            terms: &self.terms,
            to: &self.to,
            rates: &self.rates,
            start: Start { month: day("2026-01-01"), began: None },
            entries: &self.entries,
            billed: &self.billed,
            announced: &HashSet::new(),
            roles: &roles,
        };
        account(&books, day(&format!("{period}-01")))
    }

    /// Bills a month, and keeps what was billed.
    fn bill(&mut self, period: &str) -> Vec<Line> {
        let lines = self.account(period).lines;
        for line in &lines {
            for entry in self.entries.iter_mut().filter(|entry| line.entries.contains(&entry.work.id)) {
                entry.billed = true;
            }
            if let (Some(key), Some(amount)) = (&line.key, line.amount) {
                self.billed.entry(key.clone()).or_insert(Money { minor: 0, ..amount }).minor += amount.minor;
            }
        }
        lines
    }
}

fn shown(lines: &[Line]) -> Vec<String> {
    let amount = |line: &Line| line.amount.map_or("-".to_owned(), |amount| amount.to_string());
    let month = |line: &Line| line.month.map(|month| month.format(" %Y-%m").to_string()).unwrap_or_default();
    lines
        .iter()
        .map(|line| format!("{}{} {} {}", line.kind.as_str(), month(line), line.counted, amount(line)))
        .collect()
}

#[test]
fn a_changed_contract_corrects_what_was_billed_and_an_ended_one_gives_back() {
    let mut firm = Firm::new();
    let term = RetainerTerm {
        since: day("2026-02-01"),
        until: None,
        bottom: Minutes(600),
        top: Minutes(1200),
        fee: usd("2400.00"),
        overage_rate: None,
        after_hours: 100,
        rollover: None,
        rounding: None,
        covers: vec![Category::Retainer],
        skills: vec![],
        tells_client: true,
        due: Due::Advance,
    };
    firm.terms = vec![term.clone()];
    assert_eq!(shown(&firm.bill("2026-01")), ["retainer 2026-02 0m 2400.00 USD"]);
    assert!(firm.bill("2026-01").is_empty(), "once");
    // Dearer from the 15th of February on: 14 days at 2400, 14 at 3000.
    firm.terms = vec![term.clone(), RetainerTerm { since: day("2026-02-15"), fee: usd("3000.00"), ..term.clone() }];
    let lines = firm.bill("2026-02");
    assert_eq!(shown(&lines), ["retainer 2026-02 0m 300.00 USD", "retainer 2026-03 0m 3000.00 USD"]);
    assert!(lines[0].correction && !lines[1].correction);
    // It ended on the last of February: March is given back.
    firm.terms[1].until = Some(day("2026-02-28"));
    firm.terms[0].until = Some(day("2026-02-14"));
    let lines = firm.bill("2026-03");
    assert_eq!(shown(&lines), ["retainer 2026-03 0m -3000.00 USD"]);
    assert!(lines[0].correction);
    assert!(firm.bill("2026-04").is_empty());
}

#[test]
fn work_within_a_retainer_that_rounds_gives_no_money_back_when_it_is_taken_back() {
    let mut firm = Firm::new();
    firm.terms = vec![RetainerTerm {
        since: day("2026-01-01"),
        until: None,
        bottom: Minutes(600),
        top: Minutes(1200),
        fee: usd("2400.00"),
        overage_rate: None,
        after_hours: 100,
        rollover: None,
        rounding: Some(Minutes(15)),
        covers: vec![Category::Retainer, Category::Project],
        skills: vec![],
        tells_client: true,
        due: Due::Advance,
    }];
    firm.entries = vec![entry(1, "2026-01-12", 60, Category::Project), entry(2, "2026-01-13", 20, Category::Retainer)];
    let work = |lines: Vec<Line>| shown(&lines.into_iter().filter(|line| !line.entries.is_empty()).collect::<Vec<_>>());
    assert_eq!(work(firm.bill("2026-01")), ["included 2026-01 1h20 -"]);
    firm.entries.push(entry(3, "2026-01-12", -60, Category::Project));
    firm.entries.push(entry(4, "2026-01-13", -20, Category::Retainer));
    assert_eq!(firm.account("2026-02").faults, []);
    assert_eq!(work(firm.bill("2026-02")), ["included 2026-01 -1h20 -"]);
}

#[test]
fn fees_count_by_their_days_and_quantities() {
    let mut firm = Firm::new();
    let seats = |quantity, since: &str, until: Option<&str>| Fee {
        name: "Seats".to_owned(),
        amount: usd("22.00"),
        quantity,
        since: day(since),
        until: until.map(day),
        due: Due::Arrears,
        account_code: None,
    };
    firm.to.fees = vec![seats(14, "2026-02-15", Some("2026-03-10")), seats(20, "2026-03-11", None)];
    // Half of February; ten days of 14 and 21 of 20 in March.
    assert_eq!(shown(&firm.bill("2026-02")), ["fee 2026-02 0m 154.00 USD"]);
    assert_eq!(shown(&firm.bill("2026-03")), ["fee 2026-03 0m 397.42 USD"]);
    assert_eq!(shown(&firm.bill("2026-04")), ["fee 2026-04 0m 440.00 USD"]);
}

#[test]
fn a_run_gives_back_nothing_of_later_months_nor_of_what_the_config_has_no_more() {
    let mut firm = Firm::new();
    firm.to.fees = vec![Fee {
        name: "Line".to_owned(),
        amount: usd("50.00"),
        quantity: 1,
        since: day("2026-01-01"),
        until: None,
        due: Due::Advance,
        account_code: None,
    }];
    assert_eq!(firm.bill("2026-01").len(), 2, "January and February");
    assert_eq!(shown(&firm.bill("2026-03")), ["fee 2026-03 0m 50.00 USD", "fee 2026-04 0m 50.00 USD"]);
    assert!(firm.account("2026-01").lines.is_empty(), "March and April are not January's to give back");
    firm.to.fees.clear();
    assert!(firm.account("2026-05").lines.is_empty(), "a fee ends with `until`");
}

#[test]
fn what_was_taken_back_again_is_no_fault() {
    let mut firm = Firm::new();
    let back = Entry { corrects: Some(1), ..entry(2, "2026-02-03", -60, Category::Retainer) };
    firm.entries = vec![entry(1, "2026-02-03", 60, Category::Retainer), back, entry(3, "2026-02-03", 60, Category::Tm)];
    let account = firm.account("2026-02");
    assert!(account.faults.is_empty(), "{:?}", account.faults);
    assert_eq!(shown(&account.lines), ["time 1h 160.00 USD"]);
}

#[test]
fn rounding_counts_up_once_for_each_tech_ticket_and_day_also_when_time_comes_late() {
    let mut firm = Firm::new();
    firm.to.rounding = Some(Minutes(15));
    firm.entries = vec![
        entry(1, "2026-02-03", 5, Category::Tm),
        entry(2, "2026-02-03", 5, Category::Tm),
        entry(3, "2026-02-04", 16, Category::Tm),
    ];
    assert_eq!(shown(&firm.bill("2026-02")), ["time 45m 120.00 USD"], "10m and 16m count 15m and 30m");
    // Four more minutes of that day are paid already; two more are not, and taking back gives back.
    firm.entries.push(entry(4, "2026-02-03", 4, Category::Tm));
    assert_eq!(shown(&firm.bill("2026-03")), ["time 0m 0.00 USD"]);
    firm.entries.push(entry(5, "2026-02-03", 2, Category::Tm));
    assert_eq!(shown(&firm.bill("2026-04")), ["time 15m 40.00 USD"]);
    firm.entries.push(entry(6, "2026-02-03", -16, Category::Tm));
    assert_eq!(shown(&firm.bill("2026-05")), ["time -30m -80.00 USD"]);
}

#[test]
fn the_first_rate_that_fits_counts_and_work_without_one_is_named() {
    let mut firm = Firm::new();
    firm.rates = vec![
        Rate { client: Some("globex".into()), ..rate("1.00") },
        Rate { role: Some("senior".to_owned()), ..rate("200.00") },
        Rate { skill: Some("network".to_owned()), after_hours: Some(true), ..rate("300.00") },
        Rate { skill: Some("network".to_owned()), ..rate("180.00") },
        Rate { after_hours: Some(false), ..rate("160.00") },
    ];
    let with = |id, change: &dyn Fn(&mut Entry)| {
        let mut entry = entry(id, "2026-02-03", 60, Category::Tm);
        entry.work.ticket = Some(TicketNumber(1000 + id));
        change(&mut entry);
        entry
    };
    firm.entries = vec![
        with(1, &|_| ()),
        with(2, &|entry| entry.work.tech = "mia".into()),
        with(3, &|entry| entry.work.skill = Some("network".to_owned())),
        with(4, &|entry| (entry.work.skill, entry.work.after_hours) = (Some("network".to_owned()), true)),
        with(5, &|entry| entry.work.after_hours = true),
        with(6, &|entry| entry.work.category = Category::Retainer),
        with(7, &|entry| entry.work.category = Category::Project),
        with(8, &|entry| entry.work.category = Category::Warranty),
        with(9, &|entry| entry.unbillable = Some("our own mistake".to_owned())),
    ];
    let account = firm.account("2026-02");
    assert_eq!(
        shown(&account.lines),
        [
            "time 1h 160.00 USD",
            "time 1h 200.00 USD",
            "time 1h 180.00 USD",
            "time 1h 300.00 USD",
            "project 1h 160.00 USD",
            "warranty 1h -",
            "unbillable 1h -"
        ]
    );
    let faults: Vec<_> = account.faults.iter().map(|fault| (fault.entry, fault.why)).collect();
    assert_eq!(faults, [(5, Why::NoRate), (6, Why::NoRetainer)]);
    assert!(account.lines.iter().all(|line| line.kind != Kind::Included));
}
