//! `[[chat]]`: our account at a chat platform, which rooms there are whose, and where the technicians are.

use secrecy::SecretString;
use toml::de::DeValue;

use super::secret::Surroundings;
use super::section::{Found, Section};
use super::{value, webhook};
use crate::account::oauth::OAuthSetup;
use crate::channel::said::Platform;
use crate::desk::firm;
use crate::words::{ClientKey, Priority};

/// A chat with what its door, its source and its sender need.
#[derive(Debug, Clone)]
pub struct Chat {
    pub chat: firm::Chat,
    /// The bot's own: it posts with it.
    pub token: SecretString,
    /// What the platform shows when it posts to us.
    pub secrets: Vec<SecretString>,
    /// Teams: the App ID.
    pub app: String,
    /// Teams: where we get a token to answer.
    pub login: String,
    /// Teams: where the keys of its tokens are.
    pub keys: String,
    /// Without a slash at its end.
    pub api: String,
    /// Telegram: we ask for updates instead of being posted to.
    pub polls: bool,
}

const PLATFORMS: &[(&str, Platform)] = &[
    ("discord", Platform::Discord),
    ("slack", Platform::Slack),
    ("teams", Platform::Teams),
    ("telegram", Platform::Telegram),
    ("mattermost", Platform::Mattermost),
];
/// <https://learn.microsoft.com/en-us/azure/bot-service/rest-api/bot-framework-rest-connector-authentication#openid-metadata-document>
const KEYS: &str = "https://login.botframework.com/v1/.well-known/keys";

fn api(platform: Platform) -> &'static str {
    match platform {
        Platform::Discord => "https://discord.com",
        Platform::Slack => "https://slack.com/api",
        Platform::Telegram => "https://api.telegram.org",
        // An activity names the address to answer to; a Mattermost server is the firm's own.
        Platform::Teams | Platform::Mattermost => "",
    }
}

/// The chat, and the clients that it names.
pub fn chat<'a>(section: &Section<'a>, around: &Surroundings) -> (Option<Chat>, Vec<Found<'a, String>>) {
    section.must("name", "name = \"discord\"");
    section.must("kind", "kind = \"discord\", \"slack\", \"teams\", \"telegram\" or \"mattermost\"");
    let name = section.parse("name", value::name);
    let kind = section.choice("kind", PLATFORMS);
    let clients = clients(section);
    let polls = section.yes("poll", false);
    let token = around.secret(section, "token");
    let mut secrets: Vec<SecretString> = Vec::new();
    for key in ["secret", "command_secret"] {
        if section.has(key) {
            secrets.extend(around.secret(section, key));
        }
    }
    let base = webhook::encrypted(section, "api", "the bot's token");
    let text = |key| section.text(key).map(|found| found.value.to_owned());
    let (app, tenant) = (text("app"), text("tenant").unwrap_or_else(|| "botframework.com".to_owned()));
    let login = webhook::encrypted(section, "login", "the bot's password");
    let keys = webhook::encrypted(section, "keys", "a request").unwrap_or_else(|| KEYS.to_owned());
    if let Some(platform) = kind {
        complete(section, platform, (polls, secrets.is_empty()), base.is_some(), app.is_some());
    }
    let mut internal: Vec<String> = Vec::new();
    for found in section.texts("internal") {
        if let Some((_, client)) = clients.iter().find(|(room, _)| *room == found.value) {
            let wrong = format!(
                "{} is the room of client \"{}\" too: what is internal would be read there",
                found.value, client.value
            );
            section.notes.wrong(&found.place, wrong, "take it out of one of them");
        }
        internal.push(found.value);
    }
    let pages = pages(section);
    section.finish();
    let named = clients.iter().map(|(_, client)| Found { value: client.value.clone(), place: client.place.clone() });
    let named = named.collect();
    let built = name.zip(kind).zip(token).map(|((name, platform), token)| {
        let rooms = clients.into_iter().map(|(room, client)| (room, ClientKey(client.value))).collect();
        let base = base.unwrap_or_else(|| api(platform).to_owned());
        Chat {
            chat: firm::Chat { name: name.value, platform, clients: rooms, internal, pages },
            token,
            secrets,
            app: app.unwrap_or_default(),
            login: login.unwrap_or_else(|| OAuthSetup::microsoft_url(&tenant)),
            keys,
            api: base.trim_end_matches('/').to_owned(),
            polls: polls && platform == Platform::Telegram,
        }
    });
    (built, named)
}

/// What this platform cannot do without.
fn complete(section: &Section<'_>, platform: Platform, (polls, no_secret): (bool, bool), has_api: bool, has_app: bool) {
    let lacks = |key: &'static str, right: &str| {
        section.notes.wrong(&section.place_of(key), format!("is what {} needs", platform.as_str()), right);
    };
    match platform {
        Platform::Slack if no_secret => lacks("secret", "secret = { env = \"…\" }: the Signing Secret of the app"),
        Platform::Telegram if no_secret && !polls => {
            lacks(
                "secret",
                "give secret (the secret_token of setWebhook), or poll = true where nothing can be posted to us",
            );
        }
        Platform::Mattermost if no_secret => {
            lacks("secret", "secret = { env = \"…\" }: the token of the outgoing webhook")
        }
        Platform::Mattermost if !has_api => lacks("api", "api = \"https://chat.northwind.example\""),
        Platform::Teams if !has_app && no_secret => lacks("app", "app = \"…\": the Microsoft App ID of the bot"),
        Platform::Discord if cfg!(not(feature = "discord")) => {
            lacks("kind", "take a deskd that is built with the feature \"discord\"");
        }
        _ => {}
    }
}

/// `[chat.clients]`: id of a room, a server or a team = key of a client.
fn clients<'a>(section: &Section<'a>) -> Vec<(String, Found<'a, String>)> {
    let Some(table) = section.table("clients") else { return Vec::new() };
    let mut all = Vec::new();
    for (room, found) in table.entries() {
        match found.value {
            DeValue::String(key) => all.push((room.to_owned(), Found { value: key.to_string(), place: found.place })),
            _ => table.notes.wrong(&found.place, "is no client", "write \"900000000000000010\" = \"acme\""),
        }
    }
    all
}

/// P1 unless given.
fn pages(section: &Section<'_>) -> Vec<Priority> {
    if !section.has("page") {
        return vec![Priority::P1];
    }
    super::phone::priorities(section)
}
