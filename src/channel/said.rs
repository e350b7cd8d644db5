//! What was said in a chat, whichever platform it is: the form that the intake works with.

use chrono::{DateTime, Utc};

/// Where it was said; the word `kind` in the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    Discord,
    Slack,
    Teams,
    Telegram,
    Mattermost,
}

impl Platform {
    pub const ALL: [Platform; 5] =
        [Platform::Discord, Platform::Slack, Platform::Teams, Platform::Telegram, Platform::Mattermost];

    pub fn as_str(self) -> &'static str {
        match self {
            Platform::Discord => "discord",
            Platform::Slack => "slack",
            Platform::Teams => "teams",
            Platform::Telegram => "telegram",
            Platform::Mattermost => "mattermost",
        }
    }

    pub fn named(name: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.as_str() == name)
    }

    /// Characters of one message that the platform takes, with some room for the counter before a part.
    pub fn longest(self) -> usize {
        match self {
            // 2,000: https://docs.discord.com/developers/resources/message#create-message
            Platform::Discord => 1_900,
            // 4,000 is what Slack asks for: https://docs.slack.dev/reference/methods/chat.postMessage
            Platform::Slack => 3_900,
            // 100 KB in all: https://learn.microsoft.com/en-us/microsoftteams/limits-specifications-teams
            Platform::Teams => 20_000,
            // 4,096: https://core.telegram.org/bots/api#sendmessage
            Platform::Telegram => 3_900,
            // 16,383: https://docs.mattermost.com/collaborate/message-formatting.html
            Platform::Mattermost => 15_000,
        }
    }
}

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Did {
    #[default]
    Wrote,
    /// The slash command `/ticket`.
    Asked,
    Edited,
    Deleted,
}

/// One thing that happened in a chat.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// The platform's id of this event, unique in the chat.
    pub key: String,
    pub did: Did,
    /// Id of the message that was written, changed or taken away; empty for a command that left none.
    pub message: String,
    /// The places that the config may give to a client, the narrowest first: channel, its parent, the server or team.
    pub rooms: Vec<String>,
    /// Where an answer goes: the thread that it was said in, or the one that an answer opens.
    pub place: String,
    /// It was said in a thread that was there before.
    pub threaded: bool,
    /// Nobody else is in the room.
    pub direct: bool,
    /// Our own name stands in it.
    pub mentions_us: bool,
    /// Id of the message that it answers.
    pub answers: Option<String>,
    /// The platform's id of who spoke.
    pub author: String,
    pub author_name: String,
    pub text: String,
    pub files: Vec<Linked>,
    /// By the platform's clock.
    pub at: Option<DateTime<Utc>>,
}

/// A file that was sent along, and where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linked {
    pub name: String,
    pub content_type: String,
    /// Bytes, where the platform says so.
    pub size: Option<u64>,
    /// A web address; of Telegram the `file_id`.
    pub at: String,
}

impl Said {
    /// When its clock starts: what a platform tells late was said earlier, but its clock is not ahead of ours.
    pub fn since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let said = match self.did {
            Did::Wrote => self.at,
            Did::Asked | Did::Edited | Did::Deleted => None,
        };
        said.map_or(now, |at| at.min(now))
    }

    /// The channel itself.
    pub fn room(&self) -> &str {
        self.rooms.first().map_or("", String::as_str)
    }
}
