//! Whose mail it is: signed, forged, replayed and unanswered, with a DNS server of our own.

use deskd::mail::authentic::{Authentic, Border, Dmarc, Verdict, Verifier};
use deskd::mail::{Mail, Mailbox};
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;

use crate::harness::dns;
use dns::{Dns, Mood};

const PLAIN: &str = "From: Sam <sam@northwind.example>\r\nTo: support@northwind.example\r\nSubject: Re: #1042\r\n\
     Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <m@northwind.example>\r\n\r\nrestarted it\r\n";

fn key() -> (Ed25519Key, String) {
    let pkcs8 = Ed25519Key::generate_pkcs8().unwrap();
    let key = Ed25519Key::from_pkcs8_der(&pkcs8).unwrap();
    let public = data_encoding::BASE64.encode(&key.public_key());
    (key, format!("v=DKIM1; k=ed25519; p={public}"))
}

fn sign(domain: &str, length: bool, dns: &Dns) -> String {
    let (key, record) = key();
    dns.txt(&format!("s._domainkey.{domain}"), &record);
    let signer = DkimSigner::from_key(key)
        .domain(domain)
        .selector("s")
        .headers(["From", "To", "Subject", "Date"])
        .body_length(length);
    format!("{}{PLAIN}", signer.sign(PLAIN.as_bytes()).unwrap().to_header())
}

/// What the parser makes of the header fields that matter here.
fn mail(raw: &str) -> Mail {
    let head = raw.split("\r\n\r\n").next().unwrap().replace("\r\n\t", " ").replace("\r\n ", " ");
    let headers: Vec<(String, String)> = head
        .split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let froms: Vec<&str> = headers.iter().filter(|(name, _)| name == "from").map(|(_, value)| value.as_str()).collect();
    let address = |from: &&str| from.split_once('<').unwrap().1.trim_end_matches('>').to_owned();
    let from = froms.iter().map(|from| Mailbox { name: String::new(), address: address(from) }).collect();
    Mail { from_fields: froms.len(), from, headers, ..Mail::default() }
}

async fn verdict(raw: &str, dns: &Dns, border: &Border) -> Verdict {
    Verifier::with_dns(dns.address).unwrap().verify(raw.as_bytes(), &mail(raw), border).await
}

fn trusting() -> Border {
    Border { trusted_authserv: Some("mx.northwind.example".to_owned()), exchange_online: false }
}

fn yes(verdict: &Verdict) -> bool {
    matches!(verdict.authentic, Authentic::Yes { .. })
}

#[tokio::test]
async fn a_mail_signed_by_its_own_domain_is_authentic_and_one_signed_by_another_is_not() {
    let dns = Dns::start(Mood::Well).await;
    dns.txt("_dmarc.northwind.example", "v=DMARC1; p=reject");
    let own = verdict(&sign("northwind.example", false, &dns), &dns, &Border::default()).await;
    assert!(yes(&own), "{own:?}");
    assert_eq!(own.dmarc, Dmarc::Pass);
    assert!(own.signatures[0].date_signed && own.signatures[0].timestamp.is_some() && !own.signatures[0].b.is_empty());
    let raw = sign("evil.example", false, &dns);
    let from_evil = Mail { return_path: Some("x@evil.example".to_owned()), ..mail(&raw) };
    let verifier = Verifier::with_dns(dns.address).unwrap();
    let other = verifier.verify(raw.as_bytes(), &from_evil, &Border::default()).await;
    assert!(!yes(&other));
    assert!(other.dmarc.breaks_policy(), "{other:?}");
    assert!(other.signatures[0].passed && !other.signatures[0].aligned);
}

#[tokio::test]
async fn a_changed_body_and_a_body_appended_behind_its_length_tag_are_not_authentic() {
    let dns = Dns::start(Mood::Well).await;
    let changed = sign("northwind.example", false, &dns).replace("restarted", "broke");
    assert!(!yes(&verdict(&changed, &dns, &Border::default()).await));
    let appended = sign("northwind.example", true, &dns) + "pay here\r\n";
    assert!(!yes(&verdict(&appended, &dns, &Border::default()).await));
}

#[tokio::test]
async fn dns_that_fails_leaves_it_unknown() {
    let well = Dns::start(Mood::Well).await;
    let raw = sign("northwind.example", false, &well);
    for mood in [Mood::ServFail, Mood::Silent] {
        let dns = Dns::start(mood).await;
        let found = verdict(&raw, &dns, &Border::default()).await;
        assert!(matches!(found.authentic, Authentic::Unknown { .. }), "{found:?}");
    }
}

#[tokio::test]
async fn only_the_topmost_results_of_the_trusted_server_count() {
    let dns = Dns::start(Mood::Well).await;
    let ours = "Authentication-Results: mx.northwind.example; dmarc=pass header.from=northwind.example\r\n";
    let failed = "Authentication-Results: mx.northwind.example; spf=pass; dmarc=fail (dmarc=pass)\r\n";
    let foreign = "Authentication-Results: mx.evil.example; dmarc=pass\r\n";
    let other = "Authentication-Results: mx.northwind.example; dmarc=pass header.from=evil.example\r\n";
    for (top, wanted) in [
        (ours.to_owned(), true),
        (format!("{failed}{ours}"), false),
        (format!("{foreign}{ours}"), false),
        (foreign.to_owned(), false),
        (other.to_owned(), false),
    ] {
        let found = verdict(&format!("{top}{PLAIN}"), &dns, &trusting()).await;
        assert_eq!(yes(&found), wanted, "{top}");
        assert!(!yes(&verdict(&format!("{top}{PLAIN}"), &dns, &Border::default()).await));
    }
}

#[tokio::test]
async fn two_from_fields_are_never_authentic_and_ask_no_dns() {
    let dns = Dns::start(Mood::Well).await;
    let raw = format!("From: E <e@evil.example>\r\n{}", sign("northwind.example", false, &dns));
    assert!(!yes(&verdict(&raw, &dns, &Border::default()).await));
    assert_eq!(dns.asked(), 0);
    assert!(Verifier::needs_dns(&mail(&raw)) && !Verifier::needs_dns(&mail(PLAIN)));
}

#[tokio::test]
async fn the_same_tenant_header_is_believed_with_the_exchange_profile_only() {
    let dns = Dns::start(Mood::Well).await;
    let raw = format!("X-MS-Exchange-Organization-AuthAs: Internal\r\n{PLAIN}");
    assert!(!yes(&verdict(&raw, &dns, &trusting()).await));
    let border = Border { exchange_online: true, ..Border::default() };
    assert!(yes(&verdict(&raw, &dns, &border).await));
    // What its own border saw fail came from outside, whatever else stands above it.
    let failed = format!("Authentication-Results: mx.northwind.example; dmarc=fail\r\n{raw}");
    let border = Border { exchange_online: true, ..trusting() };
    assert!(yes(&verdict(&raw, &dns, &border).await));
    assert!(!yes(&verdict(&failed, &dns, &border).await));
}

#[tokio::test]
async fn without_dns_the_border_alone_is_believed() {
    let dns = Dns::start(Mood::Well).await;
    let signed = sign("northwind.example", false, &dns);
    let passed = format!("Authentication-Results: mx.northwind.example; dmarc=pass\r\n{signed}");
    for (raw, border, wanted) in
        [(&signed, trusting(), false), (&passed, trusting(), true), (&passed, Border::default(), false)]
    {
        let found = Verifier::border_only().verify(raw.as_bytes(), &mail(raw), &border).await;
        assert_eq!(yes(&found), wanted, "{found:?}");
        assert!(!matches!(found.authentic, Authentic::Unknown { .. }), "there is nothing to wait for");
    }
    assert_eq!(dns.asked(), 0);
}

#[tokio::test]
async fn mail_that_spf_may_have_passed_does_not_break_its_policy_unless_the_border_says_so() {
    let dns = Dns::start(Mood::Well).await;
    dns.txt("_dmarc.northwind.example", "v=DMARC1; p=reject");
    let failed = format!("Authentication-Results: mx.northwind.example; dmarc=fail\r\n{PLAIN}");
    let verifier = Verifier::with_dns(dns.address).unwrap();
    for (raw, path, wanted) in [
        (PLAIN, "bounce@mail.northwind.example", false),
        (PLAIN, "bounce@news.northwind.example", false),
        (PLAIN, "", false),
        (PLAIN, "SRS0=x=tt=northwind.example=sam@forwarder.example", false),
        (PLAIN, "x@evil.example", true),
        (PLAIN, "x@northwind.example.evil.example", true),
        (failed.as_str(), "bounce@mail.northwind.example", true),
    ] {
        let mail = Mail { return_path: Some(path.to_owned()), ..mail(raw) };
        let found = verifier.verify(raw.as_bytes(), &mail, &trusting()).await;
        assert_eq!(found.dmarc.breaks_policy(), wanted, "{path} {found:?}");
    }
}
