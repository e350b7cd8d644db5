//! Files that come with a message: fetched before the message is kept, because their addresses do not last.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Url;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::{Account, File, Kept, Missed, telegram};
use crate::channel::said::{Linked, Platform};

/// Hosts of the platforms' own that files lie on. Nothing else is ever asked for, or given a file, because somebody wrote its address.
const DISCORD: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];
const SLACK: [&str; 1] = ["files.slack.com"];
/// Of one message.
const FILES: usize = 10;

impl Account {
    /// Puts the files into `kept`, at most `cap` bytes in all and within that time; what stays behind is named there.
    pub(super) async fn fetch(&self, kept: &mut Kept, files: &[Linked], cap: u64, within: Duration) {
        let end = Instant::now() + within;
        let mut left = cap;
        for (place, linked) in files.iter().enumerate() {
            let fetched = match place {
                FILES.. => Err("there are more than ten files".to_owned()),
                _ if linked.size.is_some_and(|size| size > left) => Err("it is too large".to_owned()),
                _ => match tokio::time::timeout_at(end, self.bytes(linked, left)).await {
                    Ok(fetched) => fetched,
                    Err(_) => Err("it could not be fetched in time".to_owned()),
                },
            };
            match fetched {
                Ok(bytes) => {
                    left = left.saturating_sub(bytes.len() as u64);
                    kept.files.push(File::new(linked, &bytes));
                }
                Err(why) => {
                    // Whoever may look there finds it.
                    let at = if linked.at.starts_with("https://") { format!(": {}", linked.at) } else { String::new() };
                    kept.missed.push(Missed { name: linked.name.clone(), why: format!("{why}{at}") });
                }
            }
        }
    }

    async fn bytes(&self, linked: &Linked, most: u64) -> Result<Vec<u8>, String> {
        let (url, with_token) = self.address_of(linked).await?;
        let asked = self.http.get(url);
        let asked = if with_token { asked.bearer_auth(self.token.expose_secret()) } else { asked };
        let away = |error: reqwest::Error| format!("it could not be fetched ({})", error.without_url());
        let answer = asked.send().await.map_err(away)?.error_for_status().map_err(away)?;
        let mut pieces = answer.bytes_stream();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(away)?);
            if bytes.len() as u64 > most {
                return Err("it is too large".to_owned());
            }
        }
        Ok(bytes)
    }

    /// Where a file lies, and whether our token opens it.
    async fn address_of(&self, linked: &Linked) -> Result<(Url, bool), String> {
        let elsewhere = || "it lies where deskd fetches nothing".to_owned();
        let url = match self.platform {
            Platform::Telegram => telegram::path_of(self, &linked.at).await.map_err(|error| error.to_string())?,
            Platform::Mattermost if linked.at.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                format!("{}/api/v4/files/{}", self.api, linked.at)
            }
            Platform::Slack | Platform::Discord => linked.at.clone(),
            Platform::Teams | Platform::Mattermost => return Err(elsewhere()),
        };
        let url = Url::parse(&url).ok().filter(|url| self.is_theirs(url)).ok_or_else(elsewhere)?;
        Ok((url, matches!(self.platform, Platform::Slack | Platform::Mattermost)))
    }

    /// Whether an address is the platform's own.
    pub(super) fn is_theirs(&self, url: &Url) -> bool {
        let hosts: &[&str] = match self.platform {
            Platform::Discord => &DISCORD,
            Platform::Slack => &SLACK,
            _ => &[],
        };
        let named = url.scheme() == "https" && url.host_str().is_some_and(|host| hosts.contains(&host));
        named || Url::parse(&self.api).is_ok_and(|api| url.origin() == api.origin())
    }
}
