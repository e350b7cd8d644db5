//! How we log in elsewhere: TLS with the system's or an own CA, passwords, OAuth tokens and their renewal.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

pub mod oauth;
pub mod tls;

pub use oauth::{OAuthError, TokenSource};
pub use tls::TlsSetupError;

/// What we show to an IMAP or SMTP server.
#[derive(Clone)]
pub enum Login {
    Password {
        user: String,
        password: SecretString,
    },
    /// The user is the mailbox that the token is for.
    XOAuth2 {
        user: String,
        tokens: Arc<TokenSource>,
    },
}

impl Login {
    pub fn user(&self) -> &str {
        match self {
            Login::Password { user, .. } | Login::XOAuth2 { user, .. } => user,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self {
            Login::Password { .. } => "password",
            Login::XOAuth2 { .. } => "xoauth2",
        };
        write!(f, "Login({how}, {})", self.user())
    }
}
