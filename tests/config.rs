//! The config files: what a good one gives, and that every problem of a bad one is told at once with its line.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, TimeDelta};
use deskd::config::{Auth, Config, LogFormat, Outgoing, Problems, Tls, load_with, refuses_reload};
use deskd::desk::calendar::{Calendar, Hours};
use deskd::desk::firm::Notify;
use deskd::words::{Minutes, Priority};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::harness::SMALL_FIRM as SMALL;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

fn load(folder: &TempDir) -> Result<Config, Problems> {
    load_with(&folder.path().join("deskd.toml"), Some(folder.path().join("credentials")))
}

/// The problems as printed, without the temporary folder.
fn told(folder: &TempDir) -> String {
    let text = match load(folder) {
        Ok(config) => Problems(config.warnings).to_string(),
        Err(problems) => problems.to_string(),
    };
    text.replace(&format!("{}/", folder.path().display()), "")
}

fn told_with(more: &str) -> String {
    told(&folder(&[("deskd.toml", &format!("{SMALL}{more}"))]))
}

fn small() -> (TempDir, Config) {
    let folder = folder(&[("deskd.toml", SMALL)]);
    let config = load(&folder).unwrap_or_else(|problems| panic!("{problems}"));
    (folder, config)
}

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/deskd.toml")).unwrap()
}

/// The example's neighbours: secrets, authorities, rules, templates, holidays.
fn beside_the_example(config: &str) -> TempDir {
    let ics = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    folder(&[
        ("deskd.toml", config),
        ("rules.toml", ""),
        ("mail-ca.pem", ""),
        ("holidays.ics", ics),
        ("templates/en/receipt.txt", ""),
        ("clients/none.toml", ""),
        ("inbox/new/keep", ""),
        ("credentials/support-imap", "one\n"),
        ("credentials/smtp", "two\n"),
        ("credentials/m365-secret", "three"),
        ("credentials/m365-refresh", "four"),
        ("credentials/house-secret", "five"),
        ("credentials/shop-hook", "whsec_c2l4"),
        ("credentials/shop-hook-old", "whsec_c2V2ZW4="),
        ("credentials/crm-webhook", "whsec_ZWlnaHQ="),
        ("credentials/twilio", "ten"),
        ("credentials/slack-bot", "eleven"),
        ("credentials/slack-signing", "twelve"),
        ("credentials/slack-command", "thirteen"),
        ("credentials/crm-webhook-old", "whsec_bmluZQ=="),
    ])
}

#[test]
fn the_example_config_loads_without_a_problem() {
    let folder = beside_the_example(&example());
    assert_eq!(told(&folder), "");
    let config = load(&folder).unwrap();
    let support = &config.mailboxes[0];
    assert_eq!((support.port, support.tls, support.folder.as_str()), (993, Tls::Implicit, "INBOX"));
    assert!(matches!(&support.auth, Auth::Password(secret) if secret.expose_secret() == "one"));
    assert!(
        matches!(&config.out, Outgoing::Smtp(smtp) if smtp.port == 465 && smtp.from == "support@northwind.example")
    );
    let acme = &config.firm.clients[0];
    assert_eq!((acme.retainers[0].bottom, acme.retainers[0].top), (Minutes(600), Minutes(1200)));
    assert_eq!(config.firm.escalations[1].times, 4);
    assert_eq!(config.firm.techs[1].calendar, "office");
}

/// `# key = value` and `# [section]` become real lines; prose stays a comment.
fn switched_on(text: &str) -> String {
    let key = regex::Regex::new(r"^# (\[|[a-z_0-9]+ = )").unwrap();
    text.lines().map(|line| if key.is_match(line) { &line[2..] } else { line }).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_config_loads_with_every_commented_key_switched_on() {
    let folder = beside_the_example(&switched_on(&example()));
    assert_eq!(told(&folder), "");
    let config = load(&folder).unwrap();
    assert_eq!(config.mailboxes.len(), 2);
    assert!(matches!(&config.mailboxes[1].auth, Auth::Xoauth2(oauth) if oauth.name == "m365"));
    assert_eq!(config.log.format, LogFormat::Text);
}

#[test]
fn a_small_config_gets_the_defaults() {
    let (folder, config) = small();
    assert_eq!(config.firm.url, "https://desk.northwind.example");
    assert_eq!(config.store_url, format!("sqlite:{}", folder.path().join("deskd.db").display()));
    assert_eq!(config.state_dir, folder.path());
    assert_eq!(config.firm.desks[0].address, "support@northwind.example");
    let targets = |priority: Priority| config.firm.targets[priority.index()].clone();
    assert_eq!(targets(Priority::P1).calendar, "always");
    assert_eq!(targets(Priority::P3).resolve, TimeDelta::hours(24));
    assert_eq!(targets(Priority::P4).first_touch, TimeDelta::hours(8));
    let steps: Vec<_> = config.firm.escalations.iter().map(|step| (step.percent, step.notify.clone())).collect();
    assert_eq!(
        steps,
        [(50, vec![Notify::Assignee]), (100, vec![Notify::Assignee, Notify::Managers]), (75, vec![Notify::Assignee]),]
    );
    assert_eq!(config.schedule.calendar, "office");
    assert!(config.schedule.standup.is_some());
    assert_eq!(config.limits.mail, 35_000_000);
    let gather = config.firm.gather;
    assert_eq!((gather.over, gather.within), (20, TimeDelta::minutes(10)));
}

#[test]
fn the_limit_of_mail_to_one_tech_can_be_set_and_is_more_than_nothing() {
    let with = |limits: &str| folder(&[("deskd.toml", &format!("{SMALL}[limits]\n{limits}"))]);
    let gather = load(&with("gather_over = 5\ngather_within = \"30m\"")).unwrap().firm.gather;
    assert_eq!((gather.over, gather.within), (5, TimeDelta::minutes(30)));
    let problems = told(&with("gather_over = 0\ngather_within = \"0m\""));
    assert!(problems.contains("limits.gather_over: 0 is out of range"), "{problems}");
    assert!(problems.contains("limits.gather_within: is no time at all"), "{problems}");
}

const BROKEN: &str = r##"include = ["clients/*.toml"]
colour = "red"
[firm]
name = "Northwind IT"
time_zone = "America/Chigaco"
domain = "support@northwind.example"
url = "desk.northwind.example"
default_catgory = "tm"
[store]
url = "mysql://db"
[web]
listen = "8025"
[[mailbox]]
name = "support"
address = "support@northwind.example"
host = "imap.northwind.example"
tls = "none"
user = "support"
password = "hunter2"
[[mailbox]]
name = "other"
address = "Support@northwind.example"
host = "https://imap.northwind.example"
user = "support"
auth = "xoauth2"
oauth = "m356"
[oauth.m365]
provider = "microsoft"
tenant = "northwind.example"
client_id = "x"
[smtp]
host = "smtp.northwind.example"
user = "support"
password = { file = "no-such-file" }
rate = "many"
[calendar.office]
hours = { mon-fri = ["08:00-12:00", "11:00-18:00"], caturday = ["09:00-12:00"], sun = ["22:00-06:00"] }
holidays = ["2026-02-30"]
[calendar.shut]
hours = {}
[priority.P1]
first_touch = "0m"
calendar = "allways"
[priority.P5]
first_touch = "1h"
[[escalation]]
of = "first_touch"
at = "0%"
notify = []
times = 3
priority = ["P1", "PX"]
[[tech]]
login = "sam"
name = "Sam Ortiz"
email = "sam at northwind"
capacity = 0
[[tech]]
login = "sam"
name = 17
email = "sam@northwind.example"
calendar = "offce"
roles = ["boss"]
[[tech]]
login = "sam"
name = "Sam the Second"
email = "sam@northwind.example"
[[rate]]
amount = "160 dollars"
[schedule]
standup = "45 8 * * 1-5"
billing = "0 6 5"
"##;

const BROKEN_CLIENT: &str = r#"[[client]]
key = "acme"
name = "Acme Dental"
domains = ["gmail.com", "acme-dental.example"]
approvers = ["jane"]
account_manager = "sma"
[[client.retainer]]
fee = "2400.00 USD"
since = "2026-06-01"
[[client.retainer]]
hours = "10-20"
fee = "2400.00 USD"
since = "2026-06-01"
until = "2026-12-31"
[[client.retainer]]
hours = "20-10"
fee = "2400 $"
since = "2026-09-01"
[[client]]
key = "bolt"
name = "Bolt"
domains = ["acme-dental.example"]
contacts = [{ name = "Bo", emial = "bo@bolt.example" }]
default_category = "retainer"
[firm]
name = "again"
"#;

#[test]
fn a_broken_config_is_told_whole_with_the_line_of_every_key() {
    let folder = folder(&[("deskd.toml", BROKEN), ("clients/all.toml", BROKEN_CLIENT)]);
    insta::assert_snapshot!(told(&folder), @r#"
    deskd.toml:1: priority.P2: has no targets; add [priority.P2] with first_touch and resolve
    deskd.toml:2: colour: is no key of this section; known here: alert_mail, billing, calendar, chat, client, escalation, firm, hook, include, limits, log, mailbox, maildir, oauth, phone, priority, rate, rule, rules, runbook, schedule, security, smtp, state_dir, store, tech, templates, web, webhook, words
    deskd.toml:5: firm.time_zone: "America/Chigaco" is no time zone; did you mean "America/Chicago" or "Asia/Chita"?
    deskd.toml:6: firm.domain: "support@northwind.example" is more than a domain; write "northwind.example"
    deskd.toml:7: firm.url: "desk.northwind.example" is no web address; write it like "https://desk.northwind.example"
    deskd.toml:8: firm.default_catgory: is no key of this section; did you mean "default_category"?
    deskd.toml:10: store.url: "mysql://db" is no database; write "sqlite:deskd.db" or "postgres://user@host/name"
    deskd.toml:12: web.listen: "8025" is no address to listen on; write address:port: "127.0.0.1:8025"
    deskd.toml:17: mailbox.tls: sends the password to imap.northwind.example in the open; use "implicit" or "starttls"; "none" is for 127.0.0.1 and localhost
    deskd.toml:19: mailbox.password: is a secret written in the open; keep it elsewhere: write { file = "…" }, { env = "…" } or { credential = "…" }
    deskd.toml:22: mailbox.address: the mailbox "support@northwind.example" is already given at deskd.toml:15; keep one of them
    deskd.toml:23: mailbox.host: "https://imap.northwind.example" is no host name; write the bare name, the port goes into `port`: "imap.northwind.example"
    deskd.toml:26: mailbox.oauth: there is no [oauth] section "m356"; did you mean "m365"?
    deskd.toml:34: smtp.password.file: no-such-file cannot be read: No such file or directory (os error 2); put the secret there, readable by the daemon
    deskd.toml:35: smtp.rate: "many" is no rate; write mails per period: "30/min", "2/s" or "500/h"
    deskd.toml:37: calendar.office.hours.caturday: "caturday" is no day of the week; name days like mon, mon-fri or "mon,wed" (mon tue wed thu fri sat sun)
    deskd.toml:37: calendar.office.hours.mon-fri: has hours that overlap; give each hour of the day once
    deskd.toml:37: calendar.office.hours.sun: "22:00-06:00" closes before it opens; over midnight write two: "22:00-24:00" and, on the next day, "00:00-…"
    deskd.toml:38: calendar.office.holidays: "2026-02-30" is no date of the calendar; write year-month-day: "2026-12-25"
    deskd.toml:40: calendar.shut.hours: is never open; give at least one day hours: mon-fri = ["08:00-18:00"]
    deskd.toml:41: priority.P1.resolve: is missing; add resolve = "4h"
    deskd.toml:42: priority.P1.first_touch: is a target of no time at all; write a duration above zero: "15m"
    deskd.toml:43: priority.P1.calendar: there is no calendar "allways"; did you mean "always"?
    deskd.toml:44: priority.P5: "P5" is no priority; use P1, P2, P3 or P4
    deskd.toml:48: escalation.at: "0%" is no part of the target; write a percentage above 0: "50%"
    deskd.toml:49: escalation.notify: tells nobody; name "assignee", "managers" or a login
    deskd.toml:50: escalation.times: repeats without `repeat`; add repeat = "15m"
    deskd.toml:51: escalation.priority: "PX" is no priority; use P1, P2, P3 or P4
    deskd.toml:53: tech.login: no tech is a manager; give one tech roles = ["manager"]: escalations and digests go there
    deskd.toml:55: tech.email: "sam at northwind" is no mail address; write the address alone: "jane@acme.example"
    deskd.toml:56: tech.capacity: 0 is out of range; write a whole number from 1 to 10000, without quotes
    deskd.toml:58: tech.login: the login "sam" is already given at deskd.toml:53; keep one of them
    deskd.toml:59: tech.name: is a number; write text in quotes: name = "…"
    deskd.toml:61: tech.calendar: there is no calendar "offce"; did you mean "office"?
    deskd.toml:62: tech.roles: "boss" is no role; the roles are "manager" and those that a [[rate]] names with `role`
    deskd.toml:64: tech.login: the login "sam" is already given at deskd.toml:53; keep one of them
    deskd.toml:66: tech.email: the address "sam@northwind.example" is already given at deskd.toml:60; keep one of them
    deskd.toml:68: rate.amount: "160 dollars" is no amount of money; write the amount, a blank and the currency: "2400.00 USD"
    deskd.toml:70: schedule.standup: has the weekday as a number: 1-5; name the days: SUN MON TUE WED THU FRI SAT
    deskd.toml:71: schedule.billing: has 3 fields instead of five; write min hour day month weekday: "45 8 * * MON-FRI"
    clients/all.toml:4: client.domains: gmail.com is a public mail provider: every stranger there would count as this client; list the people one by one in `contacts`
    clients/all.toml:5: client.approvers: "jane" is no mail address; write the address alone: "jane@acme.example"
    clients/all.toml:6: client.account_manager: there is no tech "sma"; did you mean "sam"?
    clients/all.toml:7: client.retainer.hours: is missing; add hours = "10-20": a retainer without hours measures nothing
    clients/all.toml:13: client.retainer.since: overlaps the term since 2026-06-01; begin it after the other one's end, or take out the other one's `until`
    clients/all.toml:16: client.retainer.hours: "20-10" goes backwards; write hours from-to: "10-20"
    clients/all.toml:17: client.retainer.fee: "2400 $" is no amount of money; write the amount, a blank and the currency: "2400.00 USD"
    clients/all.toml:18: client.retainer.since: overlaps the term since 2026-06-01; begin it after the other one's end, or take out the other one's `until`
    clients/all.toml:22: client.domains: the domain "acme-dental.example" is already given at clients/all.toml:4; keep one of them
    clients/all.toml:23: client.contacts: is a contact without email and phone; give one of them
    clients/all.toml:23: client.contacts.emial: is no key of this section; did you mean "email"?
    clients/all.toml:24: client.default_category: is retainer, and there is none; add [[client.retainer]] with hours, fee and since, or choose another category
    clients/all.toml:25: firm: belongs into the main file; move it there
    "#);
}

#[test]
fn faults_of_the_syntax_are_told_with_those_of_the_sections_that_could_be_read() {
    let text = told(&folder(&[("deskd.toml", &format!("{SMALL}capacity = 0\nskills = [\n"))]));
    assert!(text.contains("this is not TOML"), "{text}");
    assert!(text.contains("tech.capacity: 0 is out of range"), "{text}");
}

#[test]
fn a_missing_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(told(&folder).starts_with("deskd.toml: cannot be read"), "{}", told(&folder));
}

#[test]
fn a_secret_open_to_everybody_is_a_warning_and_is_read_without_its_newline() {
    use std::os::unix::fs::PermissionsExt;
    let config = SMALL.replace(
        "outbox = \"sent\"",
        "host = \"localhost\"\ntls = \"none\"\nuser = \"u\"\npassword = { file = \"pw\" }",
    );
    let folder = folder(&[("deskd.toml", &config), ("pw", "hunter2\n")]);
    fs::set_permissions(folder.path().join("pw"), fs::Permissions::from_mode(0o644)).unwrap();
    let config = load(&folder).unwrap();
    assert!(config.warnings[0].to_string().contains("open to every user"), "{}", config.warnings[0]);
    let Outgoing::Smtp(smtp) = config.out else { panic!() };
    assert!(matches!(&smtp.login, Some((_, Auth::Password(secret))) if secret.expose_secret() == "hunter2"));
}

#[test]
fn a_client_billed_by_time_needs_a_rate_unless_it_is_our_own_firm() {
    let client = "[[client]]\nkey = \"bolt\"\nname = \"Bolt\"\n";
    assert!(told_with(client).contains("\"bolt\" is billed by time (tm) and has no rate"));
    assert_eq!(told_with(&format!("{client}internal = true\n")), "");
    assert_eq!(told_with(&format!("{client}[[rate]]\namount = \"160.00 USD\"\nclient = \"bolt\"\n")), "");
}

#[test]
fn a_room_is_internal_or_a_clients() {
    let chat = "[[chat]]\nname = \"talk\"\nkind = \"telegram\"\ntoken = { env = \"PATH\" }\ninternal = [\"-5\"]\n\
                clients = { \"-5\" = \"acme\" }\n";
    let told = told_with(chat);
    assert!(told.contains("-5 is the room of client \"acme\" too: what is internal would be read there"), "{told}");
    assert!(!told_with(&chat.replace("[\"-5\"]", "[\"-6\"]")).contains("would be read there"));
}

fn calendar_of(files: &[(&str, &str)], lines: &str) -> Calendar {
    let mut all = vec![];
    let text = format!("{SMALL}[calendar.office]\n{lines}\n");
    all.push(("deskd.toml", text.as_str()));
    all.extend(files);
    let folder = folder(&all);
    let config = load(&folder).unwrap_or_else(|problems| panic!("{problems}"));
    config.firm.calendars["office"].as_ref().clone()
}

#[test]
fn hours_that_touch_become_one_and_day_ranges_may_wrap() {
    let calendar = calendar_of(&[], "hours = { fri-mon = [\"12:00-18:00\", \"08:00-12:00\"], wed = \"24h\" }");
    let Hours::Weekly(week) = calendar.hours else { panic!() };
    assert_eq!(week.each_ref().map(Vec::len), [1, 0, 1, 0, 1, 1, 1]);
    assert_eq!(week[2][0].closes, None);
}

#[test]
fn holidays_come_from_an_icalendar_file_with_yearly_rules() {
    let event = |lines: &str| format!("BEGIN:VEVENT\r\nUID:x\r\n{lines}\r\nEND:VEVENT\r\n");
    let ics = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}{}{}{}END:VCALENDAR\r\n",
        event("SUMMARY:Christmas\r\nDTSTART;VALUE=DATE:20201225\r\nDTEND;VALUE=DATE:20201227\r\nRRULE:FREQ=YEARLY"),
        event("SUMMARY:Thanksgiving\r\nDTSTART;VALUE=DATE:20201126\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"),
        event(
            "SUMMARY:Memorial Day\r\nDTSTART;VALUE=DATE:20200525\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;UNTIL=20271231"
        ),
        event("SUMMARY:Once\r\nDTSTART;VALUE=DATE:20270301"),
    );
    let calendar = calendar_of(&[("h.ics", &ics)], "hours = \"24h\"\nholidays = { ics = \"h.ics\" }");
    let is = |day: &str| calendar.holidays.contains(&day.parse::<NaiveDate>().unwrap());
    for day in ["2026-12-25", "2030-12-26", "2026-11-26", "2027-11-25", "2026-05-25", "2027-05-31", "2027-03-01"] {
        assert!(is(day), "{day}");
    }
    for day in ["2026-12-27", "2028-05-29", "2028-03-01", "2019-12-25"] {
        assert!(!is(day), "{day}");
    }
}

#[test]
fn clients_come_from_included_files_and_all_files_are_named() {
    let more = "[[client]]\nkey = \"own\"\nname = \"Northwind\"\ninternal = true\n";
    let folder = folder(&[
        ("deskd.toml", &format!("include = [\"clients/*.toml\"]\n{SMALL}")),
        ("clients/own.toml", more),
        ("clients/own.txt", "not read"),
    ]);
    let config = load(&folder).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.firm.clients[0].key.0, "own");
    let files: Vec<PathBuf> = ["deskd.toml", "clients/own.toml"].iter().map(|name| folder.path().join(name)).collect();
    assert_eq!(config.files, files);
}

#[test]
fn cron_lines_with_numbered_weekdays_are_refused_and_off_takes_a_job_out() {
    assert!(told_with("[schedule]\nstandup = \"0 8 * * 1\"\n").contains("name the days"));
    assert!(told_with("[schedule]\nstandup = \"0 8 * * MON,WED-FRI\"\n").is_empty());
    let config = load(&folder(&[("deskd.toml", &format!("{SMALL}[schedule]\nbilling = \"off\"\n"))])).unwrap();
    assert!(config.schedule.billing.is_none());
}

#[test]
fn a_reload_is_refused_for_what_needs_a_restart() {
    let (folder, old) = small();
    let again = |text: String| {
        fs::write(folder.path().join("deskd.toml"), text).unwrap();
        load(&folder).unwrap()
    };
    assert_eq!(refuses_reload(&old, &again(SMALL.replace("Sam Ortiz", "Sam O."))), None);
    let other = again(format!("{SMALL}[store]\nurl = \"sqlite:other.db\"\n[web]\nlisten = \"127.0.0.1:1\"\n"));
    assert_eq!(refuses_reload(&old, &other).as_deref(), Some("restart needed: store, web.listen changed"));
    let other = again(SMALL.replace("\"northwind.example\"", "\"north.example\""));
    assert_eq!(refuses_reload(&old, &other).as_deref(), Some("restart needed: firm.domain changed"));
}
