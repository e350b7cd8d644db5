//! A private Postfix: takes mail on a high port with STARTTLS and AUTH, and hands it over by LMTP. Root starts it; it drops to its own user.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{free_port, scratch, skipped};

/// Where a private Postfix gets its answers and puts its mail.
pub struct Options<'a> {
    /// The server that mail is delivered to (Dovecot's LMTP port).
    pub lmtp: SocketAddr,
    /// Dovecot's auth service on TCP (`service auth { inet_listener … }`); `None`: no AUTH.
    pub sasl: Option<SocketAddr>,
    /// Domains whose mail is delivered; mail for any other is refused.
    pub domains: &'a [&'a str],
}

/// Runs until dropped.
pub struct Postfix {
    /// `127.0.0.1:PORT`, SMTP with STARTTLS; host name `localhost`.
    pub address: SocketAddr,
    /// The certificate that signs itself, PEM: what a client has to trust.
    pub ca: String,
    folder: tempfile::TempDir,
}

impl Postfix {
    /// `None` where it cannot run: not installed, or not root. In CI that fails.
    pub fn start(options: &Options<'_>) -> Option<Postfix> {
        if !Path::new("/usr/sbin/postfix").exists() {
            skipped("no Postfix (tests/run installs it)");
            return None;
        }
        if !nix::unistd::Uid::effective().is_root() {
            skipped("only root can start a Postfix");
            return None;
        }
        let folder = scratch("postfix");
        // Postfix's own user has to pass through.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca = certified.cert.pem();
        let etc = folder.path().join("etc");
        for (name, mode) in [("etc", 0o755), ("queue", 0o755), ("data", 0o700)] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        let owner = nix::unistd::User::from_name("postfix").unwrap().expect("the user postfix");
        nix::unistd::chown(&folder.path().join("data"), Some(owner.uid), None).unwrap();
        std::fs::write(etc.join("tls.pem"), format!("{}{ca}", certified.signing_key.serialize_pem())).unwrap();
        std::fs::write(etc.join("main.cf"), main_cf(folder.path(), options)).unwrap();
        std::fs::write(etc.join("master.cf"), master_cf(address.port())).unwrap();
        let postfix = Postfix { address, ca, folder };
        postfix.command("start");
        assert!(TcpStream::connect(address).is_ok(), "Postfix does not listen on {address}: {}", postfix.log());
        Some(postfix)
    }

    /// What Postfix has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self, verb: &str) {
        let done = Command::new("/usr/sbin/postfix").arg("-c").arg(self.folder.path().join("etc")).arg(verb).output();
        let done = done.expect("postfix can be run");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() || std::thread::panicking(), "postfix {verb}: {said}{}", self.log());
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.command("stop");
    }
}

fn main_cf(folder: &Path, options: &Options<'_>) -> String {
    let folder = folder.display();
    let mut text = format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_transport = lmtp:inet:{lmtp}
recipient_delimiter = +
smtputf8_enable = yes
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/etc/tls.pem
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
disable_dns_lookups = yes
smtp_host_lookup = native
notify_classes =
",
        domains = options.domains.join(" "),
        lmtp = options.lmtp,
    );
    if let Some(sasl) = options.sasl {
        write!(text, "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:{sasl}\n")
            .unwrap();
    }
    text
}

/// No service in a chroot; none but SMTP listens on a port.
fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}
