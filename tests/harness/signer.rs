//! A domain that signs its mail with DKIM, as its own server would, with its key and policy in a DNS of ours.

use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter;
use mail_auth::dkim::DkimSigner;

use super::dns::Dns;

pub struct Signer {
    domain: String,
    pkcs8: Vec<u8>,
}

impl Signer {
    /// Publishes the key and a DMARC policy of `reject`.
    pub fn new(domain: &str, dns: &Dns) -> Signer {
        let pkcs8 = Ed25519Key::generate_pkcs8().unwrap();
        let key = Ed25519Key::from_pkcs8_der(&pkcs8).unwrap();
        let public = data_encoding::BASE64.encode(&key.public_key());
        dns.txt(&format!("s._domainkey.{domain}"), &format!("v=DKIM1; k=ed25519; p={public}"));
        dns.txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject");
        Signer { domain: domain.to_owned(), pkcs8: pkcs8.to_vec() }
    }

    /// The mail with its signature on top, as most providers sign: who, whom, what, when and what it answers.
    pub fn sign(&self, mail: &str) -> String {
        self.sign_fields(&["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To"], mail)
    }

    /// The same for these header fields only.
    pub fn sign_fields(&self, fields: &[&'static str], mail: &str) -> String {
        let signer = DkimSigner::from_key(Ed25519Key::from_pkcs8_der(&self.pkcs8).unwrap())
            .domain(&self.domain)
            .selector("s")
            .headers(fields.to_vec());
        format!("{}{mail}", signer.sign(mail.as_bytes()).unwrap().to_header())
    }
}
