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

    /// How many messages the platform takes in a room within so many seconds. Where it lets short bursts pass without saying how long ones,
    /// five are one. Discord tells with each answer (`Posted::rest`).
    pub fn room_limits(self, room: &str) -> &'static [(usize, i64)] {
        match self {
            Platform::Discord | Platform::Mattermost => &[],
            // 1 a second, "short bursts" allowed: https://docs.slack.dev/apis/web-api/rate-limits
            Platform::Slack => &[(5, 5)],
            // 1 a second in a chat, "short bursts" too; 20 a minute in a group, whose number is negative:
            // https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
            Platform::Telegram if room.starts_with('-') => &[(5, 5), (20, 60)],
            Platform::Telegram => &[(5, 5)],
            // https://learn.microsoft.com/en-us/microsoftteams/platform/bots/how-to/rate-limit#per-bot-per-thread-limit
            Platform::Teams => &[(7, 1), (8, 2), (60, 30), (1800, 3600)],
        }
    }

    /// How many it takes in all rooms together within so many seconds.
    pub fn overall_limits(self) -> &'static [(usize, i64)] {
        match self {
            // https://docs.discord.com/developers/topics/rate-limits#global-rate-limit
            Platform::Discord => &[(50, 1)],
            // It names one and no number: https://docs.slack.dev/reference/methods/chat.postMessage#rate_limiting
            Platform::Slack => &[],
            Platform::Telegram => &[(30, 1)],
            // Where the server has it switched on, 10 requests a second:
            // https://docs.mattermost.com/administration-guide/configure/rate-limiting-configuration-settings.html
            Platform::Mattermost => &[(10, 1)],
            // For an app at a tenant: the page above
            Platform::Teams => &[(30, 1)],
        }
    }

    /// The largest file that the platform takes from a bot, in bytes; 0: none at all.
    fn largest_file(self) -> u64 {
        match self {
            // 10 MiB, where nobody pays for more: https://docs.discord.com/developers/reference#uploading-files
            Platform::Discord => 10 * 1024 * 1024,
            // 1 GB: https://slack.com/help/articles/201330736-Add-files-to-Slack
            Platform::Slack => 1_000_000_000,
            // 50 MB: https://core.telegram.org/bots/api#senddocument
            Platform::Telegram => 50_000_000,
            // 100 MiB unless the server is set up otherwise:
            // https://docs.mattermost.com/administration-guide/configure/environment-configuration-settings.html#maximum-file-size
            Platform::Mattermost => 100 * 1024 * 1024,
            // Without Graph only in personal chats, and there only once the reader has agreed to each file:
            // https://learn.microsoft.com/en-us/microsoftteams/platform/bots/how-to/bots-filesv4
            Platform::Teams => 0,
        }
    }

    /// Whether a bot may bring a file of so many bytes into a chat; an empty one is refused by most.
    pub fn takes(self, bytes: usize) -> bool {
        bytes > 0 && bytes as u64 <= self.largest_file()
    }

    /// The room of a place, as the platform counts what is said in it. A thread of Discord's is a channel of its own.
    pub fn room(self, place: &str) -> &str {
        match self {
            Platform::Discord => place.rsplit_once('/').map_or(place, |(_, thread)| thread),
            Platform::Teams => {
                let conversation = place.split_once('|').map_or(place, |(_, conversation)| conversation);
                conversation.split_once(";messageid=").map_or(conversation, |(channel, _)| channel)
            }
            Platform::Slack | Platform::Telegram | Platform::Mattermost => {
                place.split_once('/').map_or(place, |(room, _)| room)
            }
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
