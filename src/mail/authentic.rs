//! Whether a mail is from whom its From says: our own DKIM check, the border's verdict, DMARC; everything that was seen is kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mail_auth::common::verify::VerifySignature;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, MessageAuthenticator, Parameters,
    ResolverCache, SpfOutput, Txt,
};
use serde::{Deserialize, Serialize};

use super::Mail;

/// More signatures than any honest mail has; each may cost a look into DNS.
const MOST_SIGNATURES: usize = 8;
/// All DNS of one mail; what takes longer is trouble and may be tried again.
const DNS_BUDGET: Duration = Duration::from_secs(6);
const CACHE_SIZE: usize = 2000;

/// What is known of the server that took the mail for us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Border {
    /// The authserv-id whose Authentication-Results count.
    pub trusted_authserv: Option<String>,
    /// `profile = "exchange-online"`
    pub exchange_online: bool,
}

/// Stored on the message and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub authentic: Authentic,
    pub dmarc: Dmarc,
    pub signatures: Vec<Signature>,
    /// What a trusted border says of SPF; a note, decides nothing.
    pub spf: Option<String>,
}

/// Is the From domain authentic (DESIGN.md section 7, condition 3)?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Authentic {
    Yes {
        how: String,
    },
    No {
        why: String,
    },
    /// DNS trouble: may be tried again for four hours.
    Unknown {
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "lowercase")]
pub enum Dmarc {
    Pass,
    /// `policy`: `none`, `quarantine` or `reject`; the latter two make the mail unsorted.
    Fail {
        policy: String,
    },
    /// The domain has no policy.
    None,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub domain: String,
    /// With the From domain, as DMARC's relaxed alignment without a public suffix list means it: equal or a subdomain.
    pub aligned: bool,
    pub passed: bool,
    /// Lower case, as the signature lists them.
    pub signed_headers: Vec<String>,
    /// The Date field is among them: a replay shows by its age.
    pub date_signed: bool,
    /// `t=` of the signature, seconds since 1970.
    pub timestamp: Option<i64>,
    /// The signature itself in base64: a signature counts once.
    pub b: String,
    /// Why it did not pass.
    pub fault: Option<String>,
}

impl Verdict {
    /// Nothing could be found out: no look-up answered in time.
    pub fn unknown(why: &str) -> Verdict {
        Verdict {
            authentic: Authentic::Unknown { why: why.to_owned() },
            dmarc: Dmarc::Unknown,
            signatures: Vec::new(),
            spf: None,
        }
    }
}

impl Dmarc {
    /// The mail fails its own domain's policy: it becomes unsorted.
    pub fn breaks_policy(&self) -> bool {
        matches!(self, Dmarc::Fail { policy } if policy == "reject" || policy == "quarantine")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the resolver cannot be set up: {0}; look at /etc/resolv.conf")]
pub struct ResolverError(String);

/// Verifies mails; shared by all mailboxes, with one small cache of DNS answers.
pub struct Verifier {
    /// `None`: nobody is asked, and only the mailbox's own border can vouch.
    dns: Option<MessageAuthenticator>,
    cache: TxtCache,
}

impl Verifier {
    /// Asks the system's name servers.
    pub fn system() -> Result<Verifier, ResolverError> {
        let (config, options) = read_system_conf().map_err(|error| ResolverError(error.to_string()))?;
        Verifier::with(config, options)
    }

    /// Asks that server only (tests, and firms with a resolver of their own).
    pub fn with_dns(server: SocketAddr) -> Result<Verifier, ResolverError> {
        let port = |mut connection: ConnectionConfig| {
            connection.port = server.port();
            connection
        };
        let connections = vec![port(ConnectionConfig::udp()), port(ConnectionConfig::tcp())];
        let server = NameServerConfig::new(server.ip(), true, connections);
        Verifier::with(ResolverConfig::from_parts(None, Vec::new(), vec![server]), ResolverOpts::default())
    }

    fn with(config: ResolverConfig, mut options: ResolverOpts) -> Result<Verifier, ResolverError> {
        options.timeout = Duration::from_secs(2);
        options.attempts = 1;
        let dns = MessageAuthenticator::new(config, options).map_err(|error| ResolverError(error.to_string()))?;
        Ok(Verifier { dns: Some(dns), cache: TxtCache::default() })
    }

    /// Asks no DNS: believes the mailbox's own border, and nobody else.
    pub fn border_only() -> Verifier {
        Verifier { dns: None, cache: TxtCache::default() }
    }

    /// Whether `verify` would ask DNS. Without a signature and with nobody to believe there is nothing to find out but the
    /// domain's policy, which the caller may not need.
    pub fn needs_dns(mail: &Mail) -> bool {
        mail.header("dkim-signature").is_some()
    }

    pub async fn verify(&self, raw: &[u8], mail: &Mail, border: &Border) -> Verdict {
        let Some(domain) = from_domain(mail) else {
            let why = "it does not have exactly one From with one address".to_owned();
            return Verdict { authentic: Authentic::No { why }, dmarc: Dmarc::None, signatures: Vec::new(), spf: None };
        };
        let trusted = border.trusted_authserv.as_deref().and_then(|trusted| results_of(mail, trusted));
        let spf = trusted.as_ref().and_then(|results| result_of(results, "spf")).map(str::to_owned);
        let checked = tokio::time::timeout(DNS_BUDGET, self.ask(raw, &domain)).await;
        let (signatures, mut dmarc, trouble) = match checked {
            Ok(found) => found,
            Err(_) => (Vec::new(), Dmarc::Unknown, true),
        };
        let border_pass = trusted.as_ref().is_some_and(|results| dmarc_pass_for(results, &domain));
        let border_fail = trusted.as_ref().and_then(|results| result_of(results, "dmarc")) == Some("fail");
        let internal = border.exchange_online && is_internal(mail) && !border_fail;
        if border_pass {
            dmarc = Dmarc::Pass;
        } else if matches!(dmarc, Dmarc::Fail { .. }) && !border_fail && !spf_cannot_align(mail, &domain) {
            dmarc = Dmarc::Unknown;
        }
        let own = signatures.iter().find(|signature| signature.passed && signature.aligned);
        let authentic = if let Some(signature) = own {
            Authentic::Yes { how: format!("DKIM of {} verified by us", signature.domain) }
        } else if border_pass {
            let server = border.trusted_authserv.as_deref().unwrap_or_default();
            Authentic::Yes { how: format!("dmarc=pass by {server}") }
        } else if internal {
            Authentic::Yes { how: "internal to the Microsoft 365 tenant".to_owned() }
        } else if trouble {
            Authentic::Unknown { why: format!("DNS gave no answer for the signature of {domain}") }
        } else {
            Authentic::No { why: self.why_not(&signatures, &domain) }
        };
        Verdict { authentic, dmarc, signatures, spf }
    }

    /// Signatures, DMARC by DKIM alone (we do not know the sending server, so SPF is the border's business), DNS trouble.
    async fn ask(&self, raw: &[u8], domain: &str) -> (Vec<Signature>, Dmarc, bool) {
        let Some(dns) = &self.dns else { return (Vec::new(), Dmarc::Unknown, false) };
        // Strict: a signature with l= leaves the rest of the body to whoever appends to it, so it counts for nothing.
        let Some(mut message) = AuthenticatedMessage::parse_with_opts(raw, None, true) else {
            return (Vec::new(), Dmarc::None, false);
        };
        message.dkim_headers.truncate(MOST_SIGNATURES);
        let outputs = dns.verify_dkim(Parameters::new(&message).with_txt_cache(&self.cache)).await;
        let mut trouble = false;
        let mut signatures = Vec::new();
        for output in &outputs {
            let signature = describe(output, domain);
            trouble |= signature.as_ref().is_none_or(|signature| signature.aligned)
                && matches!(output.result(), DkimResult::TempError(_));
            signatures.extend(signature);
        }
        let spf = SpfOutput::new(String::new());
        let parameters = DmarcParameters {
            message: &message,
            dkim_output: &outputs,
            dkim2_output: None,
            rfc5321_mail_from_domain: "",
            spf_output: &spf,
        };
        let output = dns.verify_dmarc(Parameters::new(parameters).with_txt_cache(&self.cache)).await;
        (signatures, dmarc_of(&output), trouble)
    }

    fn why_not(&self, signatures: &[Signature], domain: &str) -> String {
        let fault = |signature: &Signature| signature.fault.clone().unwrap_or_default();
        if let Some(signature) = signatures.iter().find(|signature| signature.aligned) {
            return format!("the signature of {} does not verify: {}", signature.domain, fault(signature));
        }
        match signatures.first() {
            Some(signature) => format!("it is signed by {}, not by {domain}", signature.domain),
            None if self.dns.is_none() => {
                format!("nothing vouches for {domain}: no verdict of a trusted server, and no DNS is asked")
            }
            None => {
                format!("nothing vouches for {domain}: no usable DKIM signature and no verdict of a trusted server")
            }
        }
    }
}

fn from_domain(mail: &Mail) -> Option<String> {
    let (_, domain) = mail.single_from()?.address.rsplit_once('@')?;
    Some(domain.to_lowercase())
}

fn describe(output: &DkimOutput<'_>, from: &str) -> Option<Signature> {
    let signature = output.signature()?;
    let domain = signature.domain().to_lowercase();
    let passed = *output.result() == DkimResult::Pass;
    let fault = match output.result() {
        DkimResult::Pass => None,
        DkimResult::Neutral(error)
        | DkimResult::Fail(error)
        | DkimResult::PermError(error)
        | DkimResult::TempError(error) => Some(error.to_string()),
        DkimResult::None => Some("it has no result".to_owned()),
    };
    let signed_headers: Vec<String> = signature.h.iter().map(|header| header.to_lowercase()).collect();
    Some(Signature {
        aligned: aligned(&domain, from),
        passed,
        date_signed: signed_headers.iter().any(|header| header == "date"),
        signed_headers,
        timestamp: i64::try_from(signature.t).ok().filter(|timestamp| *timestamp > 0),
        b: data_encoding::BASE64.encode(&signature.b),
        fault,
        domain,
    })
}

/// Only the From domain itself or a parent of it may vouch; a parent needs two labels, so that `com` cannot sign for all.
fn aligned(signer: &str, from: &str) -> bool {
    let parent = from.strip_suffix(signer).is_some_and(|rest| rest.ends_with('.'));
    signer == from || (parent && signer.contains('.'))
}

/// The envelope sender is of another family than the From domain, so that SPF, whatever it said, is of another domain. Without a
/// Return-Path, with the null sender (SPF is then of the greeting), and behind a forwarder that rewrote it (SRS) that is not known.
fn spf_cannot_align(mail: &Mail, from: &str) -> bool {
    let Some((local, domain)) = mail.return_path.as_deref().and_then(|path| path.rsplit_once('@')) else {
        return false;
    };
    let local = local.to_ascii_lowercase();
    let rewritten = local.starts_with("srs0") || local.starts_with("srs1");
    !rewritten && family(&domain.to_lowercase()) != family(from)
}

/// The last two labels. Wider than an organisation under `co.uk`: in doubt a mail does not fail its policy.
fn family(domain: &str) -> &str {
    domain.rmatch_indices('.').nth(1).map_or(domain, |(at, _)| &domain[at + 1..])
}

/// By DKIM alone; `verify` weighs in what the border says and whether SPF may have passed.
fn dmarc_of(output: &DmarcOutput) -> Dmarc {
    if *output.dkim_result() == DmarcResult::Pass {
        return Dmarc::Pass;
    }
    if matches!(output.dkim_result(), DmarcResult::TempError(_)) {
        return Dmarc::Unknown;
    }
    if output.dmarc_record().is_none() {
        return Dmarc::None;
    }
    let policy = match output.policy() {
        Policy::Reject => "reject",
        Policy::Quarantine => "quarantine",
        Policy::None | Policy::Unspecified => "none",
    };
    Dmarc::Fail { policy: policy.to_owned() }
}

/// As the provider's border sets it; it strips the field from outside mail. Two of them are none.
fn is_internal(mail: &Mail) -> bool {
    let mut found = mail.headers_named("x-ms-exchange-organization-authas");
    matches!((found.next(), found.next()), (Some(value), None) if value.trim().eq_ignore_ascii_case("internal"))
}

/// One `method=result` with its properties (`header.from=…`).
struct MethodResult {
    method: String,
    result: String,
    properties: Vec<(String, String)>,
}

/// The results of the TOPMOST Authentication-Results field, if the trusted server wrote it (RFC 8601): any lower one may
/// have come with the mail, and a topmost one of another server means that ours wrote none.
fn results_of(mail: &Mail, trusted: &str) -> Option<Vec<MethodResult>> {
    let value = without_comments(mail.header("authentication-results")?);
    let mut parts = split_unquoted(&value, ';').into_iter();
    let mut head = parts.next()?.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter();
    let id = head.next()?;
    let version = head.next();
    if !id.trim_matches('"').eq_ignore_ascii_case(trusted) || version.is_some_and(|version| version != "1") {
        return None;
    }
    Some(parts.filter_map(|part| method_result(&part)).collect())
}

fn method_result(part: &str) -> Option<MethodResult> {
    // `dmarc = pass` is allowed, and `dmarc/1=pass`.
    let spaced = part.replace(" =", "=").replace("= ", "=");
    let mut words = split_unquoted(&spaced, ' ').into_iter().filter(|word| !word.trim().is_empty());
    let first = words.next()?;
    let (method, result) = first.trim().split_once('=')?;
    let method = method.split('/').next()?.to_ascii_lowercase();
    let properties = words
        .filter_map(|word| {
            let (name, value) = word.trim().split_once('=')?;
            Some((name.to_ascii_lowercase(), value.trim_matches('"').to_ascii_lowercase()))
        })
        .collect();
    Some(MethodResult { method, result: result.to_ascii_lowercase(), properties })
}

fn result_of<'a>(results: &'a [MethodResult], method: &str) -> Option<&'a str> {
    results.iter().find(|found| found.method == method).map(|found| found.result.as_str())
}

/// Exactly one dmarc result, a pass, and where it names a From domain, that of this mail.
fn dmarc_pass_for(results: &[MethodResult], domain: &str) -> bool {
    let mut found = results.iter().filter(|found| found.method == "dmarc");
    let (Some(dmarc), None) = (found.next(), found.next()) else { return false };
    let names = |value: &str| value.rsplit('@').next().unwrap_or(value).trim_end_matches('.') == domain;
    dmarc.result == "pass"
        && dmarc.properties.iter().filter(|(name, _)| name == "header.from").all(|(_, value)| names(value))
}

/// Comments in parentheses may nest and may hold anything, `dmarc=pass` too; quoted strings hold no comments.
fn without_comments(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted || depth > 0 => {
                escaped = true;
                continue;
            }
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted && depth > 0 => {
                depth -= 1;
                out.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(if c.is_whitespace() { ' ' } else { c });
        }
    }
    out
}

fn split_unquoted(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        match parts.last_mut() {
            Some(_) if c == at && !quoted => parts.push(String::new()),
            Some(part) => part.push(c),
            None => {}
        }
    }
    parts
}

/// DNS answers until they expire; emptied when full, which a firm's daily mail does not reach.
#[derive(Default)]
struct TxtCache(Mutex<HashMap<Box<str>, (Txt, std::time::Instant)>>);

impl ResolverCache<Box<str>, Txt> for TxtCache {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(name).filter(|(_, until)| *until > std::time::Instant::now()).map(|(txt, _)| txt.clone())
    }

    fn remove<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: std::borrow::Borrow<Q>,
        Q: std::hash::Hash + Eq + ?Sized,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name).map(|(txt, _)| txt)
    }

    fn insert(&self, key: Box<str>, value: Txt, valid_until: std::time::Instant) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= CACHE_SIZE {
            held.clear();
        }
        held.insert(key, (value, valid_until));
    }
}
