//! `[security]`: what a tech's mail must show, and which DNS says whether it does.

use std::net::SocketAddr;

use super::section::Section;

/// Who is asked for the keys and policies of senders' domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dns {
    /// The name servers of this machine.
    #[default]
    System,
    /// Nobody: only what the mailbox's own border says counts.
    None,
    /// That server alone.
    Server(SocketAddr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Security {
    /// `tech_mail = "token"`
    pub token_only: bool,
    pub dns: Dns,
}

pub fn security(main: &Section<'_>) -> Security {
    let Some(section) = main.table("security") else { return Security::default() };
    let token_only = section.choice("tech_mail", &[("authentic", false), ("token", true)]).unwrap_or(false);
    let dns = section.parse("dns", dns).map_or(Dns::System, |found| found.value);
    section.finish();
    if token_only {
        let right = "let the techs' domain sign with DKIM and take this out";
        let wrong = "lets a forged From with a stolen token act as a tech";
        section.notes.warn(&section.place_of("tech_mail"), wrong, right);
    }
    Security { token_only, dns }
}

fn dns(text: &str) -> Result<Dns, (String, String)> {
    match text {
        "system" => Ok(Dns::System),
        "none" => Ok(Dns::None),
        server => server.parse().map(Dns::Server).map_err(|_| {
            let right = "write \"system\", \"none\", or a server as address:port: \"127.0.0.1:53\"".to_owned();
            (format!("\"{server}\" is no DNS server"), right)
        }),
    }
}
