//! What the ways out over HTTP share.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

/// A client that follows no redirect: what is signed, or has a password, is not carried to another place.
pub(super) fn client(tls: &Arc<ClientConfig>, timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .use_preconfigured_tls(ClientConfig::clone(tls))
        .user_agent(concat!("deskd/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// The innermost reason: the outer ones only say that a request was made.
pub(super) fn why(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", timeout.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
