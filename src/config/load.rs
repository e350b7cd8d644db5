//! From the files to a `Config`: the main file, its includes, every section of all of them, then the checks across sections.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use toml::Spanned;
use toml::de::DeTable;

use super::chat::Chat;
use super::hook::Hook;
use super::limits::limits;
use super::people::{self, ClientEntry, RateEntry, TechEntry};
use super::phone::Phone;
use super::problem::{Problem, Problems};
use super::secret::{Secrets, Surroundings};
use super::section::{Found, Notes, Place, Section, Source};
use super::security::security;
use super::server::{Mailbox, Maildir, OAuth, Outgoing, Servers};
use super::webhook::Webhook;
use super::{
    Config, Limits, Log, LogFormat, billing, check, clockwork, cron_line, hours, programs, server, triage, value,
};
use crate::channel::alert_mail::AlertMail;
use crate::desk::calendar::Calendar;
use crate::desk::firm::{Billing, Desk, Escalation, Firm, Reports, Runbook, Targets};
use crate::desk::rules::Rules;
use crate::words::Category;

/// Sections that only the main file may have.
const MAIN_ONLY: &[&str] =
    &["include", "state_dir", "templates", "firm", "security", "store", "web", "log", "limits", "smtp", "schedule"];

/// Reads and checks the config at `path`; relative paths in it count from its folder.
pub fn load(path: &Path) -> Result<Config, Problems> {
    load_for(path, Secrets::Needed)
}

/// The same where not all secrets must be there.
pub fn load_for(path: &Path, secrets: Secrets) -> Result<Config, Problems> {
    load_around(path, std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from), secrets)
}

/// The same with systemd's folder of credentials given.
pub fn load_with(path: &Path, credentials: Option<PathBuf>) -> Result<Config, Problems> {
    load_around(path, credentials, Secrets::Needed)
}

fn load_around(path: &Path, credentials: Option<PathBuf>, secrets: Secrets) -> Result<Config, Problems> {
    let notes = Notes::default();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let around = Surroundings { folder, credentials, secrets };
    let sources = sources(path, &around, &notes);
    let files = sources.iter().map(|source| source.path.clone()).collect();
    let config = build(&sources, &around, &notes, files);
    let mut problems = notes.take();
    let rank = |file: &Path| sources.iter().position(|source| source.path == file);
    problems.sort_by_key(|problem| (rank(&problem.file), problem.line));
    match config {
        Some(config) if problems.iter().all(|problem| problem.warning) => Ok(Config { warnings: problems, ..config }),
        _ => Err(Problems(problems)),
    }
}

/// The main file and everything it includes, in order.
fn sources(path: &Path, around: &Surroundings, notes: &Notes) -> Vec<Source> {
    let Some(main) = read(path, notes) else { return Vec::new() };
    let mut more = included(&main, around, notes);
    let own = std::path::absolute(path).ok();
    more.retain(|included| std::path::absolute(included).ok() != own);
    let mut seen = std::collections::HashSet::new();
    more.retain(|included| seen.insert(included.clone()));
    let included: Vec<Source> = more.iter().filter_map(|path| read(path, notes)).collect();
    std::iter::once(main).chain(included).collect()
}

fn included(main: &Source, around: &Surroundings, notes: &Notes) -> Vec<PathBuf> {
    let (table, _) = DeTable::parse_recoverable(&main.text);
    let root = Section::new(notes, top(main), table.get_ref());
    let mut paths = Vec::new();
    for pattern in root.texts("include") {
        match matching(&around.folder, &pattern.value) {
            Ok(found) if found.is_empty() => {
                let right = "write a file, \"folder/*.toml\" or \"*.toml\", relative to this file's folder";
                notes.warn(&pattern.place, format!("\"{}\" matches no file", pattern.value), right);
            }
            Ok(found) => paths.extend(found),
            Err((wrong, right)) => notes.wrong(&pattern.place, wrong, right),
        }
    }
    paths
}

fn read(path: &Path, notes: &Notes) -> Option<Source> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(Source { path: path.to_owned(), text }),
        Err(error) => {
            let (wrong, right) =
                (format!("cannot be read: {error}"), "check the name and that the daemon may read it".to_owned());
            notes.push(Problem { file: path.to_owned(), line: 0, key: String::new(), wrong, right, warning: false });
            None
        }
    }
}

fn top(source: &Source) -> Place<'_> {
    Place { file: source, offset: 0, key: String::new() }
}

/// `clients/*.toml`, `*.toml` or a plain name; a star in the file name only.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, value::Refusal> {
    let (parent, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let parent = folder.join(parent);
    let Some((before, after)) = name.split_once('*') else { return Ok(vec![folder.join(pattern)]) };
    if pattern.matches('*').count() > 1 {
        let wrong = format!("\"{pattern}\" has more than one star");
        return Err((wrong, "one star, in the file name: \"clients/*.toml\"".to_owned()));
    }
    let fits = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let long = name.len() >= before.len() + after.len();
        long && name.starts_with(before) && name.ends_with(after) && !name.starts_with('.') && path.is_file()
    };
    let entries = std::fs::read_dir(&parent).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(fits).collect();
    paths.sort();
    Ok(paths)
}

/// All sections of one kind, over all files.
pub(super) struct Parts<'a> {
    pub techs: Vec<TechEntry<'a>>,
    pub clients: Vec<ClientEntry<'a>>,
    pub rates: Vec<RateEntry<'a>>,
    pub mailboxes: Vec<Found<'a, Mailbox>>,
    pub maildirs: Vec<Found<'a, Maildir>>,
    /// Names and addresses of all sources, also of those that have other faults.
    pub source_names: Vec<Found<'a, String>>,
    pub mailbox_addresses: Vec<Found<'a, String>>,
    pub maildir_addresses: Vec<Found<'a, String>>,
    pub hooks: Vec<Hook>,
    pub alert_mails: Vec<AlertMail>,
    pub webhooks: Vec<Webhook>,
    pub phones: Vec<Phone>,
    pub chats: Vec<Chat>,
    pub runbooks: Vec<Runbook>,
    pub webhook_names: Vec<Found<'a, String>>,
    pub hook_clients: Vec<Found<'a, String>>,
    pub calendars: HashMap<String, Arc<Calendar>>,
    pub oauth: HashMap<String, Arc<OAuth>>,
}

/// `[firm]`, before it has people.
struct Head {
    name: String,
    zone: Tz,
    language: String,
    domain: String,
    url: String,
    default_category: Category,
    emergency_phone: Option<String>,
    accept_strangers: bool,
    survey: bool,
}

fn build(sources: &[Source], around: &Surroundings, notes: &Notes, mut files: Vec<PathBuf>) -> Option<Config> {
    let tables: Vec<Spanned<DeTable<'_>>> = sources.iter().map(|source| parsed(source, notes)).collect();
    let roots: Vec<Section<'_>> =
        sources.iter().zip(&tables).map(|(source, table)| Section::new(notes, top(source), table.get_ref())).collect();
    let main = roots.first()?;
    let head = head(main);
    let zone = head.as_ref().map_or(Tz::UTC, |head| head.zone);
    let limits = limits(main);
    let parts = parts(&roots, zone, limits.mail, around, &mut files);
    let targets = clockwork::targets(main, &parts.calendars);
    let escalations = escalations(&roots, &parts);
    let schedule_table = main.table("schedule");
    let schedule = cron_line::schedule(schedule_table.as_ref());
    if let Some(table) = &schedule_table {
        clockwork::known_calendar(table, table.text("calendar").as_ref(), &parts.calendars);
        table.finish();
    }
    let security = security(main);
    let billing = billing::billing(main);
    let (store_url, state_dir) = server::store(main, around);
    let (web_listen, web_form) = server::web(main);
    let log = log(main);
    let templates = folder(main, "templates", around);
    let out = outgoing(main, &parts, limits.mail, around);
    let skills: Vec<&str> = parts.techs.iter().flat_map(|entry| &entry.tech.skills).map(String::as_str).collect();
    let rules = triage::rules(&roots, &skills, around, &mut files);
    programs::heard(&roots, web_listen.is_some());
    check::across(notes, main, &parts, head.as_ref().map(|head| head.default_category));
    finish(&roots);
    let firm = Firm {
        tech_mail_token_only: security.token_only,
        rules: Arc::new(rules),
        drafting: schedule.drafting(&parts.calendars),
        reports: schedule.reports(),
        billing: Billing { at: schedule.billing.as_ref().map(|line| line.schedule.clone()), ..billing },
        has_pages: web_listen.is_some(),
        ..firm(head?, &parts, limits, targets, escalations)
    };
    let Parts { mailboxes, maildirs, hooks, webhooks, phones, chats, .. } = parts;
    Some(Config {
        firm: Arc::new(firm),
        store_url,
        state_dir,
        web_listen,
        web_form,
        mailboxes: mailboxes.into_iter().map(|found| found.value).collect(),
        maildirs: maildirs.into_iter().map(|found| found.value).collect(),
        hooks,
        webhooks,
        phones,
        chats,
        out: out?,
        dns: security.dns,
        schedule,
        log,
        limits,
        templates,
        files,
        warnings: Vec::new(),
    })
}

/// The snapshot for the desk; `[security]` and the rules are put in by the caller.
fn firm(head: Head, parts: &Parts<'_>, limits: Limits, targets: [Targets; 4], escalations: Vec<Escalation>) -> Firm {
    Firm {
        name: head.name,
        time_zone: head.zone,
        language: head.language,
        domain: head.domain,
        url: head.url,
        default_category: head.default_category,
        emergency_phone: head.emergency_phone,
        accept_strangers: head.accept_strangers,
        desks: desks(parts),
        hooks: parts.hooks.iter().map(|hook| hook.hook.clone()).collect(),
        alert_mails: parts.alert_mails.clone(),
        runbooks: parts.runbooks.clone(),
        phones: parts.phones.iter().map(|phone| phone.phone.clone()).collect(),
        chats: parts.chats.iter().map(|chat| chat.chat.clone()).collect(),
        webhooks: parts.webhooks.iter().map(|webhook| webhook.webhook.clone()).collect(),
        techs: parts.techs.iter().map(|entry| entry.tech.clone()).collect(),
        clients: parts.clients.iter().map(|entry| entry.client.clone()).collect(),
        calendars: parts.calendars.clone(),
        tech_mail_token_only: false,
        drafting: None,
        reports: Reports::default(),
        rates: parts.rates.iter().map(|entry| entry.rate.clone()).collect(),
        billing: Billing::default(),
        survey: head.survey,
        has_pages: false,
        attachment_cap: limits.attachments,
        gather: limits.gather,
        alerts: limits.alerts,
        targets,
        escalations,
        rules: Arc::new(Rules::none()),
    }
}

/// Every fault of the syntax; what could be read goes on.
fn parsed<'a>(source: &'a Source, notes: &Notes) -> Spanned<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let right = "see https://toml.io: key = \"value\" under [section]";
        notes.wrong(
            &Place { offset, ..top(source) },
            format!("this is not TOML: {}", error.message().replace('\n', ", ")),
            right,
        );
    }
    table
}

fn head(main: &Section<'_>) -> Option<Head> {
    main.must("firm", "[firm] with name, time_zone, domain and url");
    let firm = main.table("firm")?;
    let name = firm.need("name", "name = \"Northwind IT\"");
    firm.must("time_zone", "time_zone = \"America/Chicago\"");
    let zone = firm.parse("time_zone", value::zone);
    let language = firm.parse("language", people::language).map_or_else(|| "en".to_owned(), |found| found.value);
    firm.must("domain", "domain = \"northwind.example\"");
    let domain = firm.parse("domain", value::domain);
    firm.must("url", "url = \"https://desk.northwind.example\"");
    let url = firm.parse("url", value::url);
    let default_category = firm.parse("default_category", value::category).map_or(Category::Tm, |found| found.value);
    let emergency_phone = firm.text("emergency_phone").map(|found| found.value.to_owned());
    let accept_strangers = firm.choice("strangers", &[("unsorted", false), ("accept", true)]).unwrap_or(false);
    let survey = firm.yes("survey", true);
    firm.finish();
    Some(Head {
        name: name?.value.to_owned(),
        zone: zone?.value,
        language,
        domain: domain?.value,
        url: url?.value,
        default_category,
        emergency_phone,
        accept_strangers,
        survey,
    })
}

fn log(main: &Section<'_>) -> Log {
    const FORMATS: &[(&str, LogFormat)] =
        &[("text", LogFormat::Text), ("json", LogFormat::Json), ("journald", LogFormat::Journald)];
    let section = main.table("log");
    let format = section.as_ref().and_then(|section| section.choice("format", FORMATS)).unwrap_or(LogFormat::Text);
    let level = section.as_ref().and_then(|section| {
        section.parse("level", |text| {
            let right = "write error, warn, info, debug or trace, or a list like \"deskd=debug,sqlx=warn\"".to_owned();
            let word = |part: &str| {
                let level = part.rsplit('=').next().unwrap_or(part).trim();
                ["off", "error", "warn", "info", "debug", "trace"].contains(&level)
            };
            if text.split(',').all(word) {
                Ok(text.to_owned())
            } else {
                Err((format!("\"{text}\" is no log level"), right))
            }
        })
    });
    if let Some(section) = &section {
        section.finish();
    }
    Log { format, level: level.map_or_else(|| "info".to_owned(), |found| found.value) }
}

fn folder(main: &Section<'_>, key: &'static str, around: &Surroundings) -> Option<PathBuf> {
    let found = main.text(key)?;
    let path = around.path(found.value);
    if !path.is_dir() {
        main.notes.wrong(&found.place, format!("{} is no folder", path.display()), "make it, or take the key out");
    }
    Some(path)
}

fn parts<'a>(
    roots: &[Section<'a>],
    zone: Tz,
    size_cap: u64,
    around: &Surroundings,
    files: &mut Vec<PathBuf>,
) -> Parts<'a> {
    let mut oauth = HashMap::new();
    let mut calendars = HashMap::from([("always".to_owned(), Arc::new(Calendar::always(zone)))]);
    for root in roots {
        for (name, section) in root.named("oauth") {
            oauth.extend(server::oauth(name, &section, around).map(|account| (name.to_owned(), account)));
        }
        for (name, section) in root.named("calendar") {
            let calendar = Arc::new(hours::calendar(name, &section, zone, around, files));
            if name == "always" {
                section.notes.wrong(&section.place, "is built in", "choose another name");
            } else if calendars.insert(name.to_owned(), calendar).is_some() {
                section.notes.wrong(&section.place, "is given a second time", "keep one of them");
            }
        }
    }
    calendars.entry("office".to_owned()).or_insert_with(|| Arc::new(hours::office(zone)));
    let mut parts = Parts {
        techs: vec![],
        clients: vec![],
        rates: vec![],
        mailboxes: vec![],
        maildirs: vec![],
        source_names: vec![],
        mailbox_addresses: vec![],
        maildir_addresses: vec![],
        hooks: vec![],
        alert_mails: vec![],
        webhooks: vec![],
        phones: vec![],
        chats: vec![],
        runbooks: vec![],
        webhook_names: vec![],
        hook_clients: vec![],
        calendars,
        oauth: HashMap::new(),
    };
    let servers = Servers { around, oauth: &oauth, size_cap };
    for root in roots {
        let place = |section: &Section<'a>| section.place_of("address");
        for section in root.tables("mailbox") {
            parts.source_names.extend(section.parse("name", value::name));
            parts.mailbox_addresses.extend(section.parse("address", value::address));
            parts.mailboxes.extend(servers.mailbox(&section).map(|value| Found { value, place: place(&section) }));
        }
        for section in root.tables("maildir") {
            parts.source_names.extend(section.parse("name", value::name));
            parts.maildir_addresses.extend(section.parse("address", value::address));
            parts.maildirs.extend(servers.maildir(&section).map(|value| Found { value, place: place(&section) }));
        }
        programs::programs(root, around, &mut parts);
        parts.techs.extend(root.tables("tech").iter().map(|section| people::tech(section, zone)));
        parts.clients.extend(root.tables("client").iter().map(|section| people::client(section, zone)));
        parts.rates.extend(root.tables("rate").iter().filter_map(billing::rate));
    }
    parts.oauth = oauth;
    for entry in parts.techs.iter_mut().filter(|entry| entry.zone_follows) {
        entry.tech.time_zone = parts.calendars.get(&entry.tech.calendar).map_or(zone, |calendar| calendar.zone);
    }
    parts
}

fn escalations(roots: &[Section<'_>], parts: &Parts<'_>) -> Vec<Escalation> {
    let logins: Vec<&str> = parts.techs.iter().map(|entry| entry.tech.login.0.as_str()).collect();
    let sections: Vec<Section<'_>> = roots.iter().flat_map(|root| root.tables("escalation")).collect();
    if sections.is_empty() {
        return clockwork::default_escalations();
    }
    sections.iter().filter_map(|section| clockwork::escalation(section, &logins)).collect()
}

fn outgoing(main: &Section<'_>, parts: &Parts<'_>, size_cap: u64, around: &Surroundings) -> Option<Outgoing> {
    main.must("smtp", "[smtp] with host, user and password, or with outbox = \"folder\" for a trial");
    let section = main.table("smtp")?;
    let first = parts.mailboxes.first().map(|found| found.value.address.as_str());
    let first = first.or(parts.maildirs.first().map(|found| found.value.address.as_str()));
    Servers { around, oauth: &parts.oauth, size_cap }.outgoing(&section, first)
}

fn desks(parts: &Parts<'_>) -> Vec<Desk> {
    let mailboxes = parts.mailboxes.iter().map(|Found { value: mailbox, .. }| Desk {
        source: mailbox.name.clone(),
        address: mailbox.address.clone(),
        plus_addressing: mailbox.plus_addressing,
        trusted_authserv: mailbox.trusted_authserv.clone(),
        exchange_online: mailbox.exchange_online,
    });
    let maildirs = parts.maildirs.iter().map(|Found { value: maildir, .. }| Desk {
        source: maildir.name.clone(),
        address: maildir.address.clone(),
        plus_addressing: maildir.plus_addressing,
        trusted_authserv: maildir.trusted_authserv.clone(),
        exchange_online: false,
    });
    mailboxes.chain(maildirs).collect()
}

/// Unknown keys at the top, and main-only sections in included files.
fn finish(roots: &[Section<'_>]) {
    for (index, root) in roots.iter().enumerate() {
        for key in MAIN_ONLY.iter().chain(&["priority"]) {
            if index > 0 && root.has(key) {
                root.notes.wrong(&root.place_of(key), "belongs into the main file", "move it there");
            }
        }
        root.has("include");
        root.finish();
    }
}
