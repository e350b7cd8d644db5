//! From the config to the settings of the parts that talk to the network.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use rustls::ClientConfig;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::watch::DeskState;
use crate::account::oauth::{Grant, OAuthSetup};
use crate::account::{Login, TokenSource, tls};
use crate::channel::said::Platform;
use crate::chat;
use crate::clock::Clock;
use crate::config::{self, Auth, Config, Outgoing, Tls};
use crate::intake::Intake;
use crate::lifecycle::Progress;
use crate::outbox::sender::{self, Rate, Settings};
use crate::outbox::smtp::{Security, Smtp, Timeouts};
use crate::outbox::webhook::Endpoint;
use crate::outbox::{self, Transport, folder};
#[cfg(feature = "discord")]
use crate::source::discord;
use crate::source::imap::{self, ImapSource};
use crate::source::maildir::{self, MaildirSource};
use crate::source::telegram;
use crate::source::{Backoff, Inside, supervise};

const UNCERTAIN_RETRY: TimeDelta = TimeDelta::minutes(30);

pub(super) fn uncertain_retry(config: &Config) -> TimeDelta {
    match &config.out {
        Outgoing::Smtp(smtp) => smtp.uncertain_retry,
        Outgoing::Folder(_) => UNCERTAIN_RETRY,
    }
}

/// The account of a mailbox or of SMTP.
fn login(user: &str, auth: &Auth, tls: &Arc<ClientConfig>, clock: &Clock) -> anyhow::Result<Login> {
    Ok(match auth {
        Auth::Password(password) => Login::Password { user: user.to_owned(), password: password.clone() },
        Auth::Xoauth2(oauth) => {
            let grant = match &oauth.refresh_token {
                Some(token) => Grant::RefreshToken(token.clone()),
                None => Grant::ClientCredentials,
            };
            let setup = OAuthSetup {
                account: user.to_owned(),
                token_url: oauth.token_url.clone(),
                client_id: oauth.client_id.clone(),
                client_secret: oauth.client_secret.clone(),
                scope: Some(oauth.scope.clone()),
                grant,
            };
            let tokens = TokenSource::new(setup, tls, clock.clone())
                .with_context(|| format!("[oauth.{}] cannot be used", oauth.name))?;
            Login::XOAuth2 { user: user.to_owned(), tokens: Arc::new(tokens) }
        }
    })
}

fn transport(config: &Config, clock: &Clock) -> anyhow::Result<(Transport, Settings)> {
    let smtp = match &config.out {
        Outgoing::Folder(path) => {
            return Ok((Transport::Folder(folder::Folder { path: path.clone() }), Settings::default()));
        }
        Outgoing::Smtp(smtp) => smtp,
    };
    let tls = tls::client_config(smtp.ca.as_deref())?;
    let login = smtp.login.as_ref().map(|(user, auth)| login(user, auth, &tls, clock)).transpose()?;
    let transport = Smtp {
        host: smtp.host.clone(),
        port: smtp.port,
        security: match smtp.tls {
            Tls::Implicit => Security::Implicit,
            Tls::Starttls => Security::StartTls,
            Tls::None => Security::None,
        },
        tls,
        login,
        hello: config.firm.domain.clone(),
        address: smtp.from.clone(),
        timeouts: Timeouts::default(),
        null_refused: AtomicBool::new(smtp.null_sender == config::NullSender::Account),
    };
    let rate =
        smtp.rate.and_then(|(mails, per)| Some(Rate { mails: usize::try_from(mails).ok()?, per: per.to_std().ok()? }));
    Ok((Transport::Smtp(transport), Settings { uncertain_retry: smtp.uncertain_retry, rate }))
}

/// The outbox's loop, begun anew when the config's way out changes.
pub(super) fn sender(
    desk: &Desk,
    wake: Arc<Notify>,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let (db, owner, clock) = (desk.db.clone(), desk.owner.clone(), desk.clock.clone());
    let (mut config, health) = (desk.config.clone(), desk.state.outbox());
    desk.heartbeats.progress().announce(sender::TURN);
    async move {
        while !stop.is_cancelled() {
            let now = config.borrow_and_update().clone();
            match transport(&now, &clock) {
                Ok((transport, settings)) => {
                    let this = stop.child_token();
                    let (db, owner, clock) = (db.clone(), owner.clone(), clock.clone());
                    let running = sender::run(
                        db,
                        transport,
                        owner,
                        clock,
                        Arc::clone(&wake),
                        this.clone(),
                        settings,
                        Arc::clone(&health),
                    );
                    let mut running = std::pin::pin!(running);
                    tokio::select! {
                        () = &mut running => {}
                        _ = changed(&mut config, &stop) => {
                            this.cancel();
                            running.await;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!("no mail can be sent: {error:#}");
                    changed(&mut config, &stop).await;
                }
            }
        }
    }
}

/// A loop for each of the firm's programs, telephone lines and chats, so that one which is away holds up nobody else; begun anew after a reload.
pub(super) fn other_ways(desk: &Desk, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
    let (db, owner, clock) = (desk.db.clone(), desk.owner.clone(), desk.clock.clone());
    let mut config = desk.config.clone();
    let (progress, state) = (desk.heartbeats.progress().clone(), desk.state.clone());
    let announce = |config: &Config, progress: &Progress| {
        let webhooks = config.webhooks.iter().map(|webhook| webhook.webhook.channel());
        let phones = config.phones.iter().map(|phone| phone.phone.channel());
        let chats = config.chats.iter().map(|chat| chat.chat.channel());
        webhooks.chain(phones).chain(chats).for_each(|channel| progress.announce(channel));
    };
    announce(&config.borrow(), &progress);
    async move {
        while !stop.is_cancelled() {
            let now = config.borrow_and_update().clone();
            let this = stop.child_token();
            let mut tasks = JoinSet::new();
            announce(&now, &progress);
            let webhooks = now.webhooks.iter().map(|webhook| (webhook.webhook.channel(), endpoint(webhook)));
            let phones = now.phones.iter().map(|phone| (phone.phone.channel(), line(phone)));
            let chats = now.chats.iter().map(|chat| (chat.chat.channel(), room(chat, &clock)));
            let mut lines = BTreeMap::new();
            for (channel, transport) in webhooks.chain(phones).chain(chats) {
                match transport {
                    Ok(transport) => {
                        // What gives it work is told by `Progress`.
                        let wake = Arc::new(Notify::new());
                        let health = Arc::new(sender::Health::among(progress.clone()));
                        if matches!(transport, Transport::Phone(_) | Transport::Chat(_)) {
                            lines.insert(channel, Arc::clone(&health));
                        }
                        let (db, owner, clock) = (db.clone(), owner.clone(), clock.clone());
                        let settings = Settings::default();
                        tasks.spawn(sender::run(db, transport, owner, clock, wake, this.clone(), settings, health));
                    }
                    Err(error) => {
                        tracing::error!("nothing can be sent to {channel}: {error:#}");
                        drop(progress.join(channel));
                    }
                }
            }
            state.lines(lines);
            changed(&mut config, &stop).await;
            this.cancel();
            while tasks.join_next().await.is_some() {}
        }
    }
}

fn endpoint(webhook: &config::Webhook) -> anyhow::Result<Transport> {
    let tls = tls::client_config(webhook.ca.as_deref())?;
    let endpoint = Endpoint::new(webhook.webhook.channel(), webhook.url.clone(), webhook.secrets.clone(), &tls)?;
    Ok(Transport::Webhook(endpoint))
}

fn line(phone: &config::Phone) -> anyhow::Result<Transport> {
    let tls = tls::client_config(None)?;
    let account = (phone.account.clone(), phone.token.clone());
    let number = phone.phone.number.clone();
    Ok(Transport::Phone(outbox::phone::Line::new(phone.phone.channel(), phone.api.clone(), account, number, &tls)?))
}

fn room(chat: &config::Chat, clock: &Clock) -> anyhow::Result<Transport> {
    Ok(Transport::Chat(outbox::chat::Room { channel: chat.chat.channel(), account: account(chat, clock)? }))
}

/// Our account at a chat platform.
pub(super) fn account(chat: &config::Chat, clock: &Clock) -> anyhow::Result<Arc<chat::Account>> {
    let tls = tls::client_config(None)?;
    let tokens = if chat.chat.platform == Platform::Teams && !chat.app.is_empty() {
        let setup = OAuthSetup {
            account: chat.chat.name.clone(),
            token_url: chat.login.clone(),
            client_id: chat.app.clone(),
            client_secret: Some(chat.token.clone()),
            scope: Some(chat::TEAMS_SCOPE.to_owned()),
            grant: Grant::ClientCredentials,
        };
        Some(TokenSource::new(setup, &tls, clock.clone()).context("no token for Teams")?)
    } else {
        None
    };
    let setup = chat::Setup {
        name: chat.chat.name.clone(),
        platform: chat.chat.platform,
        api: chat.api.clone(),
        token: chat.token.clone(),
        secrets: chat.secrets.clone(),
        app: chat.app.clone(),
        tokens,
        keys_url: chat.keys.clone(),
    };
    Ok(Arc::new(chat::Account::new(setup, &tls)?))
}

/// A reload, or the end.
async fn changed(config: &mut tokio::sync::watch::Receiver<Arc<Config>>, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = config.changed() => {}
    }
}

/// All sources; after a reload all of them begin anew, which is cheap and loses nothing.
pub(super) fn sources(desk: &Desk, door: Intake, stop: CancellationToken) -> impl Future<Output = ()> + Send + 'static {
    let inside = Inside {
        intake: door,
        db: desk.db.clone(),
        clock: desk.clock.clone(),
        progress: desk.heartbeats.progress().clone(),
    };
    let mut config = desk.config.clone();
    let state = desk.state.clone();
    let announce = move |config: &Config, progress: &Progress| {
        config.maildirs.iter().for_each(|maildir| progress.announce(maildir::turn_of(&maildir.name)));
    };
    announce(&config.borrow(), &inside.progress);
    async move {
        while !stop.is_cancelled() {
            let now = config.borrow_and_update().clone();
            let this = stop.child_token();
            let mut tasks = JoinSet::new();
            state.forget_sources();
            announce(&now, &inside.progress);
            for mailbox in &now.mailboxes {
                match imap_settings(mailbox, &inside.clock) {
                    Ok(settings) => {
                        let health = state.source(&mailbox.name);
                        let source = ImapSource::new(settings);
                        tasks.spawn(supervise(source, inside.clone(), Backoff::default(), health, this.clone()));
                    }
                    Err(error) => tracing::error!("mailbox {} cannot be used: {error:#}", mailbox.name),
                }
            }
            for maildir in &now.maildirs {
                let health = state.source(&maildir.name);
                let settings = maildir::Settings {
                    size_cap: maildir.size_cap,
                    ..maildir::Settings::new(&maildir.name, &maildir.path)
                };
                let source = MaildirSource::new(settings);
                tasks.spawn(supervise(source, inside.clone(), Backoff::default(), health, this.clone()));
            }
            for chat in &now.chats {
                match account(chat, &inside.clock) {
                    Ok(account) => listen(&mut tasks, chat, account, (&inside, &state, &this)),
                    Err(error) => tracing::error!("chat {} cannot be used: {error:#}", chat.chat.name),
                }
            }
            changed(&mut config, &stop).await;
            this.cancel();
            while tasks.join_next().await.is_some() {}
        }
    }
}

/// Files of one message in a chat, bytes in all.
const CHAT_FILES: u64 = 10 * 1024 * 1024;

/// Where the platform has to be asked: what others post comes by the web listener.
fn listen(
    tasks: &mut JoinSet<()>,
    chat: &config::Chat,
    account: Arc<chat::Account>,
    (inside, state, stop): (&Inside, &DeskState, &CancellationToken),
) {
    let health = || state.source(&chat.chat.name);
    match chat.chat.platform {
        #[cfg(feature = "discord")]
        Platform::Discord => {
            let settings = discord::Settings { cap: CHAT_FILES, sweep: Duration::from_secs(600) };
            let source = discord::DiscordSource::new(account, settings);
            tasks.spawn(supervise(source, inside.clone(), Backoff::default(), health(), stop.clone()));
        }
        Platform::Telegram if chat.polls => {
            let source = telegram::TelegramSource::new(account, CHAT_FILES);
            tasks.spawn(supervise(source, inside.clone(), Backoff::default(), health(), stop.clone()));
        }
        _ => {}
    }
}

fn imap_settings(mailbox: &config::Mailbox, clock: &Clock) -> anyhow::Result<imap::Settings> {
    let tls = tls::client_config(mailbox.ca.as_deref())?;
    let login = login(&mailbox.user, &mailbox.auth, &tls, clock)?;
    let tls = match mailbox.tls {
        Tls::Implicit => imap::Tls::Implicit(tls),
        Tls::Starttls => imap::Tls::StartTls(tls),
        Tls::None => imap::Tls::None,
    };
    let plain = imap::Settings::new(&mailbox.name, &mailbox.host, mailbox.port, tls, login);
    Ok(imap::Settings {
        folder: mailbox.folder.clone(),
        processed: mailbox.processed.clone(),
        poll: mailbox.poll.to_std().unwrap_or(Duration::from_secs(60)),
        size_cap: mailbox.size_cap,
        ..plain
    })
}
