//! A real Dovecot of its own on loopback ports, from a config in a temporary folder, with a CA of its own.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;

use super::{free_port, scratch};

pub struct Dovecot {
    process: Child,
    folder: tempfile::TempDir,
    pub imaps: u16,
    pub imap: u16,
    /// Delivery for a mail server in front of it; with `serve` only.
    pub lmtp: u16,
    /// Logins for a mail server in front of it; with `serve` only.
    pub sasl: u16,
    pub tls: Arc<ClientConfig>,
}

impl Dovecot {
    /// Any user, password `secret`. `extra` are lines of dovecot.conf, such as `imap_capability = …`.
    pub async fn start(extra: &str) -> Dovecot {
        let users = "passdb {\n driver = static\n args = password=secret\n}\n";
        Dovecot::begin(&format!("protocols = imap\n{users}{extra}\n"), "").await
    }

    /// These users alone (whole addresses, password `secret`), with LMTP and SASL on loopback ports.
    pub async fn serve(users: &[&str]) -> Dovecot {
        let list: String = users.iter().map(|user| format!("{user}:{{PLAIN}}secret\n")).collect();
        let config = "protocols = imap lmtp\nhostname = localhost\npostmaster_address = postmaster@localhost\n\
             passdb {\n driver = passwd-file\n args = scheme=PLAIN username_format=%u ROOT/users\n}\n\
             service lmtp {\n inet_listener lmtp {\n port = LMTP\n }\n}\n\
             service auth {\n inet_listener sasl {\n port = SASL\n }\n}\n";
        Dovecot::begin(config, &list).await
    }

    async fn begin(more: &str, users: &str) -> Dovecot {
        let folder = scratch("dovecot");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let tls = certificates(folder.path());
        let [imaps, imap, lmtp, sasl] = [(); 4].map(|()| free_port());
        std::fs::create_dir(folder.path().join("mail")).unwrap();
        std::os::unix::fs::chown(folder.path().join("mail"), Some(65534), Some(65534)).unwrap();
        std::fs::write(folder.path().join("users"), users).unwrap();
        let root = folder.path().display().to_string();
        let more = more.replace("ROOT", &root).replace("LMTP", &lmtp.to_string()).replace("SASL", &sasl.to_string());
        let config = format!(
            "base_dir = {root}/run\nstate_dir = {root}/state\nlog_path = {root}/log\nlisten = 127.0.0.1\n\
             ssl = yes\nssl_cert = <{root}/cert.pem\nssl_key = <{root}/key.pem\nfirst_valid_uid = 1\n\
             disable_plaintext_auth = no\nmail_location = maildir:{root}/mail/%u\nimap_idle_notify_interval = 2 mins\n\
             userdb {{\n driver = static\n args = uid=65534 gid=65534 home={root}/mail/%u\n}}\n\
             service imap-login {{\n chroot =\n inet_listener imap {{\n port = {imap}\n }}\n inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}\n\
             service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n{more}"
        );
        let path = folder.path().join("dovecot.conf");
        std::fs::write(&path, config).unwrap();
        let process = Command::new("/usr/sbin/dovecot")
            .args(["-F", "-c"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let dovecot = Dovecot { process, folder, imaps, imap, lmtp, sasl, tls };
        while tokio::net::TcpStream::connect(("127.0.0.1", imaps)).await.is_err() {
            tokio::task::yield_now().await;
        }
        dovecot
    }

    /// PEM of the authority that signed its certificate (host name `localhost`).
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn maildir(&self, user: &str) -> PathBuf {
        self.folder.path().join("mail").join(user)
    }

    /// Delivers by writing into the Maildir, as a local MTA does.
    pub fn deliver(&self, user: &str, name: &str, mail: &str) {
        let maildir = self.maildir(user);
        for folder in ["", "tmp", "new", "cur"] {
            let path = maildir.join(folder);
            if !path.exists() {
                std::fs::create_dir(&path).unwrap();
                std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
            }
        }
        let tmp = maildir.join("tmp").join(name);
        std::fs::write(&tmp, mail).unwrap();
        std::os::unix::fs::chown(&tmp, Some(65534), Some(65534)).unwrap();
        std::fs::rename(tmp, maildir.join("new").join(name)).unwrap();
    }

    /// Files of a folder of the mailbox, `new` and `cur` together.
    pub fn count(&self, user: &str, folder: &str) -> usize {
        ["new", "cur"]
            .iter()
            .filter_map(|part| std::fs::read_dir(self.maildir(user).join(folder).join(part)).ok())
            .map(Iterator::count)
            .sum()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.process.wait();
    }
}

/// Writes `ca.pem`, `cert.pem` (for `localhost`) and `key.pem`; what is returned trusts that authority alone.
pub fn certificates(folder: &std::path::Path) -> Arc<ClientConfig> {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("ca.pem"), ca_cert.pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(ca_cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
