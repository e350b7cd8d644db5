//! Interim shapes.
use super::Mail;
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentic { Yes { how: String }, No { why: String }, Unknown { why: String } }
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dmarc { Pass, Fail { policy: String }, None, Unknown }
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signature { pub domain: String, pub aligned: bool, pub passed: bool, pub signed_headers: Vec<String>, pub date_signed: bool, pub timestamp: Option<i64>, pub b: String }
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict { pub authentic: Authentic, pub dmarc: Dmarc, pub signatures: Vec<Signature> }
impl Verdict { pub fn unknown(why: &str) -> Verdict { Verdict { authentic: Authentic::Unknown { why: why.to_owned() }, dmarc: Dmarc::Unknown, signatures: vec![] } } }
pub struct Border { pub trusted_authserv: Option<String>, pub exchange_online: bool }
#[derive(Debug)]
pub struct Verifier;
impl Verifier {
    pub fn system() -> Result<Verifier, std::io::Error> { Ok(Verifier) }
    pub async fn verify(&self, _: &[u8], _: &Mail, _: &Border) -> Verdict { Verdict::unknown("interim") }
}
