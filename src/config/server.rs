//! `[[mailbox]]`, `[[maildir]]`, `[smtp]`, `[oauth.NAME]`: how mail comes in and goes out; `[store]` and `[web]`: where the desk itself is.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;

use super::secret::Surroundings;
use super::section::Section;
use super::value;

/// `[[mailbox]]`: an IMAP folder that takes requests.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub name: String,
    /// Lower case.
    pub address: String,
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// PEM file with the authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    pub user: String,
    pub auth: Auth,
    pub folder: String,
    /// Where mails go after the commit.
    pub processed: String,
    pub poll: TimeDelta,
    pub trusted_authserv: Option<String>,
    /// `profile = "exchange-online"`
    pub exchange_online: bool,
    pub plus_addressing: bool,
    /// Larger mails become a placeholder ticket. Bytes.
    pub size_cap: u64,
}

/// `[[maildir]]`: a local folder that takes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maildir {
    pub name: String,
    pub address: String,
    pub path: PathBuf,
    pub trusted_authserv: Option<String>,
    pub plus_addressing: bool,
    pub size_cap: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Implicit,
    Starttls,
    /// Loopback only.
    None,
}

#[derive(Debug, Clone)]
pub enum Auth {
    Password(SecretString),
    Xoauth2(Arc<OAuth>),
}

/// `[oauth.NAME]`
#[derive(Debug, Clone)]
pub struct OAuth {
    pub name: String,
    pub provider: Provider,
    /// Where tokens are asked for; follows from the provider unless given.
    pub token_url: String,
    pub client_id: String,
    /// Public clients have none.
    pub client_secret: Option<SecretString>,
    /// Without it the client asks in its own name (Microsoft's client credentials).
    pub refresh_token: Option<SecretString>,
    pub scope: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    Microsoft,
    Google,
    Custom,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Outgoing {
    Smtp(Box<Smtp>),
    /// Every mail becomes a file: for trials.
    Folder(PathBuf),
}

/// `[smtp]`
#[derive(Debug, Clone)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    pub ca: Option<PathBuf>,
    /// Without it the server takes mail as it is (a relay on this machine).
    pub login: Option<(String, Auth)>,
    /// From address of mails that belong to no mailbox of ours.
    pub from: String,
    /// At most so many mails in this time.
    pub rate: Option<(u32, TimeDelta)>,
    pub uncertain_retry: TimeDelta,
    pub null_sender: NullSender,
}

/// Envelope sender of acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullSender {
    /// Empty; the account's address from the moment a server refused that.
    Auto,
    /// Always the account's address.
    Account,
}

/// Everything about servers refers to these.
pub struct Servers<'s> {
    pub around: &'s Surroundings,
    pub oauth: &'s HashMap<String, Arc<OAuth>>,
    pub size_cap: u64,
}

const TLS: &[(&str, Tls)] = &[("implicit", Tls::Implicit), ("starttls", Tls::Starttls), ("none", Tls::None)];

pub fn oauth(name: &str, section: &Section<'_>, around: &Surroundings) -> Option<Arc<OAuth>> {
    const PROVIDERS: &[(&str, Provider)] =
        &[("microsoft", Provider::Microsoft), ("google", Provider::Google), ("custom", Provider::Custom)];
    section.must("provider", "provider = \"microsoft\"");
    let provider = section.choice("provider", PROVIDERS);
    let tenant = section.parse("tenant", value::domain_or_id).map(|found| found.value);
    let given_url = section.parse("token_url", value::url).map(|found| found.value);
    let client_id = section.need("client_id", "client_id = \"…\" of the registered application");
    let client_secret = section.has("client_secret").then(|| around.secret(section, "client_secret")).flatten();
    let refresh_token = section.has("refresh_token").then(|| around.secret(section, "refresh_token")).flatten();
    let given_scope = section.text("scope").map(|found| found.value.to_owned());
    let (url, scope) = match provider? {
        Provider::Microsoft => {
            let tenant = tenant.unwrap_or_else(|| "organizations".to_owned());
            if !section.has("tenant") && !section.has("refresh_token") {
                section
                    .must("tenant", "tenant = \"northwind.example\": without a refresh_token the tenant must be known");
            }
            (
                Some(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")),
                "https://outlook.office365.com/.default",
            )
        }
        Provider::Google => {
            section.must("refresh_token", "refresh_token = { file = \"…\" }");
            (Some("https://oauth2.googleapis.com/token".to_owned()), "https://mail.google.com/")
        }
        Provider::Custom => {
            section.must("token_url", "token_url = \"https://…/token\"");
            (None, "")
        }
    };
    section.finish();
    Some(Arc::new(OAuth {
        name: name.to_owned(),
        provider: provider?,
        token_url: given_url.or(url)?,
        client_id: client_id?.value.to_owned(),
        client_secret,
        refresh_token,
        scope: given_scope.unwrap_or_else(|| scope.to_owned()),
    }))
}

impl Servers<'_> {
    pub fn mailbox(&self, section: &Section<'_>) -> Option<Mailbox> {
        section.must("name", "name = \"support\"");
        let name = section.parse("name", value::name);
        section.must("address", "address = \"support@northwind.example\"");
        let address = section.parse("address", value::address);
        let connection = self.connection(section, 993, 143);
        section.must("user", "user = \"support@northwind.example\"");
        let user = section.text("user");
        let auth = self.auth(section);
        let folder = section.text("folder").map_or("INBOX", |found| found.value);
        let processed = section.text("processed").map_or("Processed", |found| found.value);
        if folder.eq_ignore_ascii_case(processed) {
            let place = section.place_of("processed");
            section.notes.wrong(&place, "is the folder that mail is taken from", "name another one: \"Processed\"");
        }
        let poll = section.parse("poll", value::duration).map_or(TimeDelta::seconds(60), |found| found.value);
        let trusted_authserv = section.text("trusted_authserv").map(|found| found.value.to_lowercase());
        let exchange_online = section.choice("profile", &[("exchange-online", ())]).is_some();
        let plus_addressing = section.yes("plus_addressing", true);
        let size_cap = section.parse("size_cap", value::size).map_or(self.size_cap, |found| found.value);
        section.finish();
        let Connection { host, port, tls, ca } = connection?;
        Some(Mailbox {
            name: name?.value,
            address: address?.value,
            host,
            port,
            tls,
            ca,
            user: user?.value.to_owned(),
            auth: auth?,
            folder: folder.to_owned(),
            processed: processed.to_owned(),
            poll,
            trusted_authserv,
            exchange_online,
            plus_addressing,
            size_cap,
        })
    }

    pub fn maildir(&self, section: &Section<'_>) -> Option<Maildir> {
        section.must("name", "name = \"drop\"");
        let name = section.parse("name", value::name);
        section.must("address", "address = \"support@northwind.example\"");
        let address = section.parse("address", value::address);
        let path = section.need("path", "path = \"inbox\"").map(|found| (self.around.path(found.value), found.place));
        if let Some((path, place)) = &path
            && !path.is_dir()
        {
            let wrong = format!("{} does not exist yet", path.display());
            section.notes.warn(place, wrong, "it is made at the first start; check the spelling if it should be there");
        }
        let trusted_authserv = section.text("trusted_authserv").map(|found| found.value.to_lowercase());
        let plus_addressing = section.yes("plus_addressing", true);
        let size_cap = section.parse("size_cap", value::size).map_or(self.size_cap, |found| found.value);
        section.finish();
        Some(Maildir {
            name: name?.value,
            address: address?.value,
            path: path?.0,
            trusted_authserv,
            plus_addressing,
            size_cap,
        })
    }

    /// `first_desk` is the From address where none is given.
    pub fn outgoing(&self, section: &Section<'_>, first_desk: Option<&str>) -> Option<Outgoing> {
        if let Some(folder) = section.text("outbox") {
            for key in ["host", "user", "password"] {
                if section.has(key) {
                    let right = "keep `outbox` for a trial or the server for real work, not both";
                    section.notes.wrong(&section.place_of(key), "stands beside `outbox`", right);
                }
            }
            section.finish();
            return Some(Outgoing::Folder(self.around.path(folder.value)));
        }
        let connection = self.connection(section, 465, 587);
        let user = section.text("user").map(|found| found.value.to_owned());
        let auth = if user.is_some() || section.has("password") || section.has("auth") {
            section.must("user", "user = \"support@northwind.example\"");
            Some(self.auth(section))
        } else {
            None
        };
        let from = section.parse("from", value::address).map(|found| found.value);
        let rate = section.parse("rate", value::rate).map(|found| found.value);
        let uncertain_retry =
            section.parse("uncertain_retry", value::duration).map_or(TimeDelta::minutes(30), |found| found.value);
        let null_sender = section
            .choice("null_sender", &[("auto", NullSender::Auto), ("account", NullSender::Account)])
            .unwrap_or(NullSender::Auto);
        section.finish();
        let Connection { host, port, tls, ca } = connection?;
        let login = match auth {
            Some(auth) => Some((user?, auth?)),
            None => None,
        };
        let from = from.or_else(|| first_desk.map(str::to_owned));
        Some(Outgoing::Smtp(Box::new(Smtp {
            host,
            port,
            tls,
            ca,
            login,
            from: from?,
            rate,
            uncertain_retry,
            null_sender,
        })))
    }

    fn connection(&self, section: &Section<'_>, implicit: u16, plain: u16) -> Option<Connection> {
        section.must("host", "host = \"mail.northwind.example\"");
        let host = section.parse("host", value::host);
        let tls = section.choice("tls", TLS).unwrap_or(Tls::Implicit);
        let port = section.number("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
        let port = port.unwrap_or(if tls == Tls::Implicit { implicit } else { plain });
        let ca = self.around.ca(section);
        let host = host?.value;
        if tls == Tls::None && !value::is_loopback(&host) {
            let right = "use \"implicit\" or \"starttls\"; \"none\" is for 127.0.0.1 and localhost";
            section.notes.wrong(&section.place_of("tls"), format!("sends the password to {host} in the open"), right);
        }
        Some(Connection { host, port, tls, ca })
    }

    fn auth(&self, section: &Section<'_>) -> Option<Auth> {
        let xoauth2 = section.choice("auth", &[("password", false), ("xoauth2", true)]).unwrap_or(false);
        let named = section.text("oauth");
        if !xoauth2 {
            if let Some(named) = named {
                section.notes.wrong(
                    &named.place,
                    "stands without auth = \"xoauth2\"",
                    "add that line or take this one out",
                );
            }
            return self.around.secret(section, "password").map(Auth::Password);
        }
        if section.has("password") {
            let place = section.place_of("password");
            section.notes.wrong(&place, "is not used with auth = \"xoauth2\"", "take it out");
        }
        let known: Vec<&str> = self.oauth.keys().map(String::as_str).collect();
        let (name, place) = match (named, known.as_slice()) {
            (Some(named), _) => (named.value, named.place),
            (None, [only]) => (*only, section.place_of("auth")),
            (None, _) => {
                section.must("oauth", "oauth = \"NAME\" of an [oauth.NAME] section");
                return None;
            }
        };
        match self.oauth.get(name) {
            Some(oauth) => Some(Auth::Xoauth2(oauth.clone())),
            None => {
                let (wrong, right) = value::unknown_name("[oauth] section", name, &known);
                section.notes.wrong(&place, wrong, right);
                None
            }
        }
    }
}

struct Connection {
    host: String,
    port: u16,
    tls: Tls,
    ca: Option<PathBuf>,
}

/// Where the database is, and the folder of its lock.
pub(super) fn store(main: &Section<'_>, around: &Surroundings) -> (String, PathBuf) {
    let section = main.table("store");
    let read = |text: &str| {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() || path.contains(['?', '#']) || path.starts_with(':') {
                Err((format!("\"{text}\" names no file"), "write \"sqlite:deskd.db\"".to_owned()))
            } else {
                Ok(format!("sqlite:{}", around.path(path).display()))
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(text.to_owned());
        }
        Err((
            format!("\"{text}\" is no database"),
            "write \"sqlite:deskd.db\" or \"postgres://user@host/name\"".to_owned(),
        ))
    };
    let url = section.as_ref().and_then(|section| section.parse("url", read)).map(|found| found.value);
    if let Some(section) = &section {
        section.finish();
    }
    let url = url.unwrap_or_else(|| format!("sqlite:{}", around.path("deskd.db").display()));
    let state_dir = main.text("state_dir").map(|found| around.path(found.value));
    // Beside the database, where that is a file; else beside the config.
    let beside = url.strip_prefix("sqlite:").and_then(|path| Path::new(path).parent()).map(Path::to_owned);
    (url, state_dir.or(beside).unwrap_or_else(|| around.folder.clone()))
}

/// Where to listen, and whether the form is there.
pub(super) fn web(main: &Section<'_>) -> (Option<SocketAddr>, bool) {
    let Some(section) = main.table("web") else { return (None, false) };
    section.must("listen", "listen = \"127.0.0.1:8025\"");
    let listen = section.parse("listen", |text| {
        let right = "write address:port: \"127.0.0.1:8025\"".to_owned();
        text.parse().map_err(|_| (format!("\"{text}\" is no address to listen on"), right))
    });
    let form = section.yes("form", false);
    section.finish();
    (listen.map(|found| found.value), form)
}
