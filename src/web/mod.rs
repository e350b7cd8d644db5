//! The web listener: merges what each part serves, bounds every connection, stops gracefully.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

pub mod chat;
mod guarded;
pub mod health;
pub mod hooks;
pub mod metrics;
mod page;
pub mod phone;
pub mod portal;
pub mod rate;
pub mod survey;

/// Largest request body, bytes; a part that takes uploads sets its own.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long an answer may take to be made.
const ANSWER: Duration = Duration::from_secs(10);
/// How long requests in hand get after `stop`; less than the ten seconds that the process has.
const GRACE: Duration = Duration::from_secs(5);

/// What the parts need, as the daemon wires it. Nothing here knows the config.
#[derive(Clone)]
pub struct Parts {
    pub health: health::Health,
    pub metrics: metrics::Metrics,
    pub hooks: hooks::Hooks,
    pub portal: portal::Door,
    pub phones: phone::Lines,
    pub chats: chat::Chats,
    pub survey: survey::Door,
}

/// Everything that is served, on one listener.
pub fn routes(parts: Parts) -> Router {
    Router::new()
        .merge(health::routes(parts.health))
        .merge(metrics::routes(parts.metrics))
        .merge(survey::routes(parts.survey))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        // With a limit and an answer of its own.
        .merge(hooks::routes(parts.hooks))
        .merge(portal::routes(parts.portal))
        .merge(phone::routes(parts.phones))
        .merge(chat::routes(parts.chats))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
}

/// Serves until `stop`; then takes no new connection and gives the requests in hand five seconds. `patience` is how long one request (head
/// and body) may take to arrive, and how long an idle connection is kept: `PATIENCE` except in tests.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Duration,
    stop: CancellationToken,
) -> io::Result<()> {
    let asked = stop.clone();
    let service = router.into_make_service_with_connect_info::<guarded::Peer>();
    let serving = axum::serve(guarded::Guarded::new(listener, patience), service)
        .with_graceful_shutdown(async move { asked.cancelled().await });
    tokio::select! {
        ended = async { serving.await } => ended,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

/// See `serve`.
pub const PATIENCE: Duration = Duration::from_secs(20);
