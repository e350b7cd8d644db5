//! Who sent a delivery: signatures over its bytes, or a shared secret. Every comparison takes the same time whatever is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// How a sender shows who it is. Of several secrets one must fit, so that they can be changed without a gap.
#[derive(Debug, Clone)]
pub enum Auth {
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    StandardWebhooks(Vec<SecretString>),
    /// `X-Hub-Signature-256: sha256=HEX` over the body.
    /// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    Github(Vec<SecretString>),
    /// `X-Slack-Signature: v0=HEX` over `v0:TIMESTAMP:BODY`.
    /// <https://docs.slack.dev/authentication/verifying-requests-from-slack>
    Slack(Vec<SecretString>),
    /// `Authorization: Bearer SECRET`, RFC 6750 section 2.1.
    Bearer(Vec<SecretString>),
    /// `Authorization: Basic`, RFC 7617; the secret is `user:password`.
    Basic(Vec<SecretString>),
}

/// Why a delivery is not believed. Says nothing that helps to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header field {0} is missing")]
    Missing(&'static str),
    #[error("the header field {0} has not the form that it must have")]
    Malformed(&'static str),
    #[error("the timestamp is more than five minutes away from our clock")]
    Stale,
    #[error("the signature or secret does not fit")]
    Wrong,
}

/// A delivery is believed so long before and after its timestamp: the replay window of both schemes that have one.
const WINDOW: TimeDelta = TimeDelta::minutes(5);

impl Auth {
    /// `header` gives a field by its lower-case name.
    pub fn check<'h>(
        &self,
        header: impl Fn(&'static str) -> Option<&'h str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let need = |name: &'static str| header(name).ok_or(Refusal::Missing(name));
        match self {
            Auth::StandardWebhooks(secrets) => {
                let (id, stamp, given) = (need("webhook-id")?, need("webhook-timestamp")?, need("webhook-signature")?);
                fresh("webhook-timestamp", stamp, now)?;
                let signed = [id.as_bytes(), b".", stamp.as_bytes(), b".", body].concat();
                // Several signatures, for a sender that changes its key; other versions are not ours.
                let given: Vec<Vec<u8>> = given
                    .split(' ')
                    .filter_map(|one| BASE64.decode(one.strip_prefix("v1,")?.as_bytes()).ok())
                    .collect();
                if given.is_empty() {
                    return Err(Refusal::Malformed("webhook-signature"));
                }
                let keys: Vec<Vec<u8>> = secrets.iter().filter_map(standard_key).collect();
                fits(keys.iter().any(|key| given.iter().any(|mac| verify(key, &signed, mac))))
            }
            Auth::Github(secrets) => {
                let mac = hex("x-hub-signature-256", need("x-hub-signature-256")?, "sha256=")?;
                fits(secrets.iter().any(|secret| verify(secret.expose_secret().as_bytes(), body, &mac)))
            }
            Auth::Slack(secrets) => {
                let (stamp, given) = (need("x-slack-request-timestamp")?, need("x-slack-signature")?);
                fresh("x-slack-request-timestamp", stamp, now)?;
                let mac = hex("x-slack-signature", given, "v0=")?;
                let signed = [b"v0:", stamp.as_bytes(), b":", body].concat();
                fits(secrets.iter().any(|secret| verify(secret.expose_secret().as_bytes(), &signed, &mac)))
            }
            Auth::Bearer(secrets) => {
                let given = credentials(need("authorization")?, "bearer")?;
                fits(secrets.iter().any(|secret| same(secret.expose_secret().as_bytes(), given.as_bytes())))
            }
            Auth::Basic(secrets) => {
                let given = credentials(need("authorization")?, "basic")?;
                let given = BASE64.decode(given.as_bytes()).map_err(|_| Refusal::Malformed("authorization"))?;
                fits(secrets.iter().any(|secret| same(secret.expose_secret().as_bytes(), &given)))
            }
        }
    }

    /// What a sender without the right answer is asked for, as `WWW-Authenticate` says it.
    pub fn challenge(&self) -> &'static str {
        match self {
            Auth::Basic(_) => "Basic realm=\"hooks\"",
            Auth::Bearer(_) => "Bearer",
            Auth::StandardWebhooks(_) | Auth::Github(_) | Auth::Slack(_) => "Signature",
        }
    }

    /// The header field that names a delivery, where the scheme has one.
    pub fn id_field(&self) -> Option<&'static str> {
        match self {
            Auth::StandardWebhooks(_) => Some("webhook-id"),
            Auth::Github(_) => Some("x-github-delivery"),
            Auth::Slack(_) | Auth::Bearer(_) | Auth::Basic(_) => None,
        }
    }
}

/// `X-Twilio-Signature`: base64 of the HMAC-SHA1 of the address that was called and of all fields, sorted by name, each once.
/// <https://www.twilio.com/docs/usage/security#validating-requests>
pub fn twilio(token: &SecretString, url: &str, body: &[u8], given: &str) -> Result<(), Refusal> {
    let mac = BASE64.decode(given.as_bytes()).map_err(|_| Refusal::Malformed("x-twilio-signature"))?;
    // The URL parser decodes forms.
    let query = String::from_utf8_lossy(body);
    let parsed = reqwest::Url::parse(&format!("form:?{query}")).map_err(|_| Refusal::Wrong)?;
    let mut fields: Vec<(String, String)> =
        parsed.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    fields.sort();
    fields.dedup();
    let signed: String =
        std::iter::once(url.to_owned()).chain(fields.into_iter().map(|(name, value)| name + &value)).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
    fits(hmac::verify(&key, signed.as_bytes(), &mac).is_ok())
}

/// A secret that the sender shows as it is.
pub fn secret(secrets: &[SecretString], given: &str) -> Result<(), Refusal> {
    fits(secrets.iter().any(|secret| same(secret.expose_secret().as_bytes(), given.as_bytes())))
}

/// `Authorization: HMAC BASE64` of an outgoing webhook of Teams: HMAC-SHA256 over the body, the key in base64.
/// <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook>
pub fn teams(secrets: &[SecretString], body: &[u8], given: &str) -> Result<(), Refusal> {
    let mac = BASE64.decode(given.trim().as_bytes()).map_err(|_| Refusal::Malformed("authorization"))?;
    let keys = secrets.iter().filter_map(|secret| BASE64.decode(secret.expose_secret().as_bytes()).ok());
    fits(keys.filter(|key| !key.is_empty()).any(|key| verify(&key, body, &mac)))
}

/// The header field `webhook-signature` of a delivery of ours: one signature a secret.
pub fn standard_webhooks(secrets: &[SecretString], id: &str, stamp: i64, body: &[u8]) -> String {
    let signed = [id.as_bytes(), b".", stamp.to_string().as_bytes(), b".", body].concat();
    let sign = |key: Vec<u8>| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    let signatures = secrets.iter().filter_map(standard_key).map(sign).map(|mac| BASE64.encode(mac.as_ref()));
    signatures.map(|signature| format!("v1,{signature}")).collect::<Vec<_>>().join(" ")
}

/// `whsec_` and base64; `None` where it is not that.
pub fn standard_key(secret: &SecretString) -> Option<Vec<u8>> {
    let secret = secret.expose_secret();
    BASE64.decode(secret.strip_prefix("whsec_").unwrap_or(secret).as_bytes()).ok().filter(|key| !key.is_empty())
}

fn fits(fits: bool) -> Result<(), Refusal> {
    if fits { Ok(()) } else { Err(Refusal::Wrong) }
}

fn verify(key: &[u8], signed: &[u8], mac: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed, mac).is_ok()
}

fn same(secret: &[u8], given: &[u8]) -> bool {
    secret.ct_eq(given).into()
}

fn hex(name: &'static str, value: &str, prefix: &str) -> Result<Vec<u8>, Refusal> {
    let digits = value.strip_prefix(prefix).ok_or(Refusal::Malformed(name))?;
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| Refusal::Malformed(name))
}

fn credentials<'v>(value: &'v str, scheme: &str) -> Result<&'v str, Refusal> {
    let (given, credentials) = value.split_once(' ').ok_or(Refusal::Malformed("authorization"))?;
    if given.eq_ignore_ascii_case(scheme) { Ok(credentials.trim()) } else { Err(Refusal::Malformed("authorization")) }
}

/// Seconds of Unix time, in digits alone: another writing of the same moment would be another signature.
fn fresh(name: &'static str, stamp: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
    let digits = !stamp.is_empty() && stamp.bytes().all(|byte| byte.is_ascii_digit());
    let at = stamp.parse().ok().filter(|_| digits).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let at = at.ok_or(Refusal::Malformed(name))?;
    if (now - at).abs() > WINDOW { Err(Refusal::Stale) } else { Ok(()) }
}
