//! Signatures of webhooks by the published vectors, what is kept of a delivery, and what a mapping makes of texts.

use chrono::{DateTime, TimeDelta};
use data_encoding::HEXLOWER;
use deskd::channel::delivery::Delivery;
use deskd::channel::mapping::{Mapping, Origin};
use deskd::channel::sign::{Auth, Refusal};
use ring::hmac;
use serde_json::{Value, json};

use crate::harness::testdata;

fn vectors(scheme: &str) -> Vec<Value> {
    let Some(file) = testdata("webhooks/signatures/vectors.json") else { return Vec::new() };
    let text = std::fs::read_to_string(file).unwrap();
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    all.into_iter().filter(|vector| vector["scheme"] == scheme).collect()
}

/// Checks a vector as it is, or with a bit of its body, signature or timestamp turned over.
fn check(scheme: &str, vector: &Value, body: &[u8], signature: &str, stamp: &str) -> Result<(), Refusal> {
    let secret = vec![vector["secret"].as_str().unwrap().to_owned().into()];
    let id = vector["headers"]["webhook-id"].as_str().unwrap_or_default().to_owned();
    let (auth, fields) = match scheme {
        "standard-webhooks" => (
            Auth::StandardWebhooks(secret),
            vec![("webhook-id", id.as_str()), ("webhook-timestamp", stamp), ("webhook-signature", signature)],
        ),
        "github" => (Auth::Github(secret), vec![("x-hub-signature-256", signature)]),
        _ => (Auth::Slack(secret), vec![("x-slack-request-timestamp", stamp), ("x-slack-signature", signature)]),
    };
    let now = DateTime::from_timestamp(stamp.parse().unwrap_or(0), 0).unwrap_or_default();
    auth.check(|name| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value), body, now)
}

#[test]
fn published_signatures_fit_and_no_bit_of_them_may_turn() {
    for (scheme, least) in [("standard-webhooks", 5), ("github", 3), ("slack-v0", 4)] {
        let vectors = vectors(scheme);
        assert!(vectors.is_empty() || vectors.len() >= least, "{scheme}: {}", vectors.len());
        for vector in &vectors {
            let body = vector["body"].as_str().unwrap().as_bytes().to_vec();
            let signature = vector["signature"].as_str().unwrap().to_owned();
            let stamp = vector["headers"]["webhook-timestamp"].as_str().or(vector["timestamp"].as_str());
            let stamp = stamp.unwrap_or("0").to_owned();
            let valid = vector["valid"].as_bool().unwrap();
            let seen = check(scheme, vector, &body, &signature, &stamp);
            assert_eq!(seen.is_ok(), valid, "{}: {seen:?}", vector["name"]);
            // A list of several stands one broken signature: its own vector says so.
            if !valid || signature.contains(' ') {
                continue;
            }
            for at in 0..body.len() {
                let mut turned = body.clone();
                turned[at] ^= 1 << (at % 8);
                assert_eq!(check(scheme, vector, &turned, &signature, &stamp), Err(Refusal::Wrong), "byte {at}");
            }
            for at in 0..signature.len() {
                let mut turned = signature.clone().into_bytes();
                turned[at] ^= 1 << (at % 7);
                let Ok(turned) = String::from_utf8(turned) else { continue };
                // The other case of a hexadecimal digit is the same digit.
                if turned.eq_ignore_ascii_case(&signature) && scheme != "standard-webhooks" {
                    continue;
                }
                assert!(check(scheme, vector, &body, &turned, &stamp).is_err(), "{turned}");
            }
            if scheme != "github" {
                let later = (stamp.parse::<i64>().unwrap() + 1).to_string();
                assert_eq!(check(scheme, vector, &body, &signature, &later), Err(Refusal::Wrong));
            }
        }
    }
}

#[test]
fn a_signature_is_believed_for_five_minutes() {
    let secret = || vec!["k".to_owned().into()];
    let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"k"), b"v0:1700000000:x");
    let signature = format!("v0={}", HEXLOWER.encode(mac.as_ref()));
    let checked = |now| {
        Auth::Slack(secret()).check(
            |name| match name {
                "x-slack-request-timestamp" => Some("1700000000"),
                "x-slack-signature" => Some(signature.as_str()),
                _ => None,
            },
            b"x",
            now,
        )
    };
    for minutes in [-5, 0, 5] {
        assert_eq!(checked(at + TimeDelta::minutes(minutes)), Ok(()), "{minutes}");
    }
    for minutes in [-6, 6] {
        assert_eq!(checked(at + TimeDelta::minutes(minutes)), Err(Refusal::Stale), "{minutes}");
    }
}

#[test]
fn a_delivery_is_kept_without_its_credentials_and_comes_back_as_it_was() {
    let head = [
        ("Content-Type", b"application/json".as_slice()),
        ("Authorization", b"Bearer a-shared-secret"),
        ("X-Hub-Signature-256", b"sha256=00"),
        ("User-Agent", b"probe/1\r\nX-Evil: 1"),
    ];
    let delivery = Delivery::new(head.into_iter(), b"{\"a\": 1}\r\n\r\n".to_vec());
    let bytes = delivery.to_bytes();
    assert_eq!(String::from_utf8_lossy(&bytes), "content-type: application/json\r\n\r\n{\"a\": 1}\r\n\r\n");
    assert_eq!(Delivery::from_bytes(&bytes).unwrap(), delivery);
}

#[test]
fn texts_of_strangers_lose_what_is_no_text() {
    let mapping = Mapping {
        fields: [("text", Origin::read("/t").unwrap()), ("subject", Origin::read("{{ s }}").unwrap())].into(),
        ..Mapping::default()
    };
    let post = mapping.post("shop", &json!({ "t": "one\u{0}\r\ntwo\u{7}", "s": "a\nb\u{0}" }));
    assert_eq!((post.text.as_str(), post.subject.as_str()), ("one\ntwo", "a b"));
    assert_eq!(Origin::read("{{ a").map_err(|why| !why.is_empty()), Err(true));
}
