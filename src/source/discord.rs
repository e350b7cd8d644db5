//! Discord: serenity's gateway, and the history of each channel for what the gateway did not tell.
//!
//! What is said while no session is there is told by nobody afterwards; so the history is read whenever a session begins, and now and then.
//! What was changed or taken back meanwhile is looked for (`missed`) where open tickets stand on it.
//! Where that has come to is saved; what the gateway tells moves it nowhere, because an earlier message may still be on its way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serenity::all::{
    Channel, ChannelId, ChannelType, ClientBuilder, Command, CommandInteraction, CommandOptionType, ConnectionStage,
    Context, CreateCommand, CreateCommandOption, EditInteractionResponse, EventHandler, GatewayIntents, GuildId, Http,
    HttpBuilder, Interaction, Message, MessageId, MessagePagination, MessageUpdateEvent, Ready, ResumedEvent,
    ShardStageUpdateEvent,
};
use serenity::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Health, Inside, Source, SourceError};
use crate::channel::Form;
use crate::channel::said::Platform;
use crate::chat::discord::{Around, event};
use crate::chat::{self, Account};
use crate::intake::Arrival;
use crate::store::cursor;
use trouble::{ANSWERED, again, is_answer, refused};

mod missed;
mod trouble;

/// What the source needs besides its account.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Files of one message, bytes in all.
    pub cap: u64,
    /// How often the history is read although nothing broke.
    pub sweep: Duration,
}

pub struct DiscordSource {
    account: Arc<Account>,
    settings: Settings,
    looks: missed::Looks,
}

/// Longer than any daemon lives.
const LONG: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long the files of one message may take.
const FETCH: Duration = Duration::from_secs(30);
/// Events that wait for the intake.
const WAITING: usize = 1024;
/// Messages of one page of history.
const PAGE: u8 = 100;
/// Snowflakes count milliseconds since this moment of Unix time, shifted by 22 bits.
/// <https://docs.discord.com/developers/reference#snowflakes>
const EPOCH_MS: i64 = 1_420_070_400_000;
/// A message that was sent before another may show up after it by so much, in milliseconds.
const MARGIN_MS: u64 = 120_000;

/// Saved as JSON in `source_cursor`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Every message up to this id was handed in.
    after: u64,
    /// Direct channels, which a bot cannot list.
    directs: BTreeSet<u64>,
}

/// What the gateway tells.
enum Told {
    /// A session began, or goes on: what was missed may be read.
    Session {
        guilds: Vec<GuildId>,
        bot: Option<u64>,
    },
    Said {
        kind: &'static str,
        message: Value,
    },
    Asked(Box<CommandInteraction>),
}

struct Ears {
    told: mpsc::Sender<(Arc<Http>, Told)>,
    health: Health,
    clock: crate::clock::Clock,
}

impl Ears {
    async fn tell(&self, context: &Context, told: Told) {
        // Nobody listens any more when we stop.
        let _ = self.told.send((Arc::clone(&context.http), told)).await;
    }
}

fn value(object: &impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

#[async_trait]
impl EventHandler for Ears {
    async fn ready(&self, context: Context, ready: Ready) {
        let guilds = ready.guilds.iter().map(|guild| guild.id).collect();
        self.tell(&context, Told::Session { guilds, bot: Some(ready.user.id.get()) }).await;
        let words = CreateCommandOption::new(CommandOptionType::String, "text", "What is wrong").required(true);
        let command = CreateCommand::new("ticket").description("Open a ticket").add_option(words);
        if let Err(error) = Command::create_global_command(&context.http, command).await {
            tracing::warn!(%error, "the command /ticket could not be set up: {error}");
        }
    }

    async fn resume(&self, context: Context, _: ResumedEvent) {
        self.tell(&context, Told::Session { guilds: Vec::new(), bot: None }).await;
    }

    async fn message(&self, context: Context, message: Message) {
        self.tell(&context, Told::Said { kind: "message", message: value(&message) }).await;
    }

    async fn message_update(
        &self,
        context: Context,
        _: Option<Message>,
        _: Option<Message>,
        update: MessageUpdateEvent,
    ) {
        // Discord shows what it adds to a link as an update too.
        if update.edited_timestamp.is_some() && update.content.is_some() && update.author.is_some() {
            self.tell(&context, Told::Said { kind: "edit", message: value(&update) }).await;
        }
    }

    async fn message_delete(&self, context: Context, channel: ChannelId, message: MessageId, guild: Option<GuildId>) {
        let gone = serde_json::json!({ "id": message, "channel_id": channel, "guild_id": guild });
        self.tell(&context, Told::Said { kind: "delete", message: gone }).await;
    }

    async fn interaction_create(&self, context: Context, interaction: Interaction) {
        if let Interaction::Command(command) = interaction
            && command.data.name == "ticket"
        {
            self.tell(&context, Told::Asked(Box::new(command))).await;
        }
    }

    async fn shard_stage_update(&self, _: Context, update: ShardStageUpdateEvent) {
        if update.old == ConnectionStage::Connected {
            self.health.failed("the connection to Discord broke", self.clock.now());
            self.health.state("connecting again");
        }
    }
}

impl DiscordSource {
    pub fn new(account: Arc<Account>, settings: Settings) -> DiscordSource {
        DiscordSource { account, settings, looks: missed::Looks::default() }
    }

    async fn watch(&self, inside: &Inside, health: &Health, stop: &CancellationToken) -> Result<(), SourceError> {
        let http =
            HttpBuilder::new(self.account.token_text()).ratelimiter_disabled(true).proxy(&self.account.api).build();
        // serenity would look for the gateway elsewhere where this one does not answer.
        http.get_bot_gateway().await.map_err(refused)?;
        let intents = GatewayIntents::GUILDS
            | GatewayIntents::GUILD_MESSAGES
            | GatewayIntents::DIRECT_MESSAGES
            | GatewayIntents::MESSAGE_CONTENT;
        let (told, mut hears) = mpsc::channel(WAITING);
        let ears = Ears { told, health: health.clone(), clock: inside.clock.clone() };
        let mut client = ClientBuilder::new_with_http(http, intents).event_handler(ears).await.map_err(refused)?;
        let shards = Arc::clone(&client.shard_manager);
        let listening = self.listen(inside, health, &mut hears);
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = client.start() => Err(ended.map_or_else(refused, |()| SourceError::Lost("the gateway ended".to_owned()))),
            ended = listening => ended,
            () = health.beating(LONG) => Ok(()),
        };
        shards.shutdown_all().await;
        ended
    }

    async fn listen(
        &self,
        inside: &Inside,
        health: &Health,
        hears: &mut mpsc::Receiver<(Arc<Http>, Told)>,
    ) -> Result<(), SourceError> {
        let mut desk = Listening::load(self, inside, health).await?;
        let mut sweep = tokio::time::interval(self.settings.sweep);
        sweep.tick().await;
        loop {
            tokio::select! {
                heard = hears.recv() => {
                    let Some((http, told)) = heard else { return Ok(()) };
                    desk.heard(http, told).await?;
                }
                _ = sweep.tick() => desk.sweep().await?,
            }
        }
    }
}

/// One session's memory.
struct Listening<'s> {
    source: &'s DiscordSource,
    inside: &'s Inside,
    health: &'s Health,
    cursor: Cursor,
    /// Nothing was saved before: what is there is history and no request.
    first: bool,
    http: Option<Arc<Http>>,
    guilds: Vec<GuildId>,
    bot: u64,
    /// The newest message that is known to be there.
    newest: u64,
    places: HashMap<u64, Place>,
}

/// What a channel is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    guild: u64,
    /// The channel that it is a thread of; 0 where it is none.
    parent: u64,
    direct: bool,
}

impl<'s> Listening<'s> {
    async fn load(
        source: &'s DiscordSource,
        inside: &'s Inside,
        health: &'s Health,
    ) -> Result<Listening<'s>, SourceError> {
        let mut tx = inside.db.read().await?;
        let saved = cursor::load(&mut tx, &source.account.name).await?;
        tx.rollback().await?;
        let cursor: Option<Cursor> = saved.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Listening {
            source,
            inside,
            health,
            first: cursor.is_none(),
            cursor: cursor.unwrap_or_default(),
            http: None,
            guilds: Vec::new(),
            bot: 0,
            newest: 0,
            places: HashMap::new(),
        })
    }

    async fn heard(&mut self, http: Arc<Http>, told: Told) -> Result<(), SourceError> {
        self.http = Some(Arc::clone(&http));
        match told {
            Told::Session { guilds, bot } => {
                if let Some(bot) = bot {
                    (self.bot, self.guilds) = (bot, guilds);
                }
                self.source.looks.wanted();
                self.sweep().await
            }
            Told::Said { kind, message } => {
                let arrival = self.arrival(&http, kind, message).await?;
                self.hand_in(arrival.into_iter().collect()).await
            }
            Told::Asked(command) => self.asked(&http, &command).await,
        }
    }

    async fn hand_in(&mut self, arrivals: Vec<Arrival>) -> Result<(), SourceError> {
        let count = arrivals.len() as u64;
        if count > 0 {
            self.inside.intake.receive(arrivals).await.map_err(|_| SourceError::Closed)?;
            self.health.handed_in(count);
        }
        Ok(())
    }

    async fn arrival(
        &mut self,
        http: &Http,
        kind: &'static str,
        mut message: Value,
    ) -> Result<Option<Arrival>, SourceError> {
        let channel = id_of(&message["channel_id"]);
        if kind == "message" {
            self.newest = self.newest.max(id_of(&message["id"]));
        }
        let place = self.place(http, channel).await?;
        if place.direct && self.cursor.directs.insert(channel) {
            self.save().await?;
        }
        if message["guild_id"].is_null() && place.guild > 0 {
            message["guild_id"] = place.guild.to_string().into();
        }
        let parent = if place.parent > 0 { place.parent.to_string() } else { String::new() };
        let around = Around { kind, parent, direct: place.direct, bot: self.bot.to_string() };
        let event = event(message, &around);
        let Some(said) = chat::said(Platform::Discord, &event) else { return Ok(None) };
        let kept = self.source.account.kept(event, &said, self.source.settings.cap, FETCH).await;
        Ok(Some(Arrival {
            source: self.source.account.name.clone(),
            form: Form::Chat,
            arrived_at: said.since(self.inside.clock.now()),
            key: said.key,
            raw: kept.to_bytes(),
            junk: false,
            oversize: None,
        }))
    }

    /// The command shows as a message of ours, whose thread the ticket gets. Whoever asked is told that it is taken once it is kept.
    async fn asked(&mut self, http: &Http, command: &CommandInteraction) -> Result<(), SourceError> {
        let shown = async {
            command.defer(http).await?;
            command.get_response(http).await
        };
        let shown = match shown.await {
            Ok(shown) => shown,
            Err(error) => {
                // Discord shows the person that nothing came of it.
                tracing::warn!(%error, "a command /ticket could not be answered: {error}");
                return Ok(());
            }
        };
        let text = command.data.options.iter().find_map(|option| option.value.as_str()).unwrap_or_default();
        let message = serde_json::json!({
            "id": shown.id, "channel_id": command.channel_id, "guild_id": command.guild_id,
            "author": value(&command.user), "member": value(&command.member), "content": text,
            "timestamp": value(&shown.timestamp),
        });
        let arrival = self.arrival(http, "command", message).await?;
        self.hand_in(arrival.into_iter().collect()).await?;
        let words = EditInteractionResponse::new().content(format!("{text}\n\n{}", chat::TAKEN));
        if let Err(error) = command.edit_response(http, words).await {
            tracing::warn!(%error, "the answer to /ticket could not be written: {error}");
        }
        Ok(())
    }

    async fn place(&mut self, http: &Http, channel: u64) -> Result<Place, SourceError> {
        if let Some(place) = self.places.get(&channel) {
            return Ok(*place);
        }
        let found = http.get_channel(ChannelId::new(channel.max(1))).await;
        let place = match found {
            Ok(Channel::Private(_)) => Place { direct: true, ..Place::default() },
            Ok(Channel::Guild(channel)) => Place {
                guild: channel.guild_id.get(),
                parent: channel.parent_id.filter(|_| is_thread(channel.kind)).map_or(0, ChannelId::get),
                direct: false,
            },
            Ok(_) => Place::default(),
            // A channel that is gone, or that we may not see: what was said there is kept as said in it.
            Err(error) if is_answer(&error) => Place::default(),
            Err(error) => return Err(refused(error)),
        };
        self.places.insert(channel, place);
        Ok(place)
    }

    /// Reads what was said since the last time, in every channel that we may read.
    async fn sweep(&mut self) -> Result<(), SourceError> {
        let Some(http) = self.http.clone() else { return Ok(()) };
        let (mut channels, newest) = self.channels(&http).await?;
        self.newest = self.newest.max(newest);
        // Those that came while we read are read the next time.
        let there = self.newest;
        if self.first {
            self.first = false;
            let now = u64::try_from(self.inside.clock.now().timestamp_millis() - EPOCH_MS).unwrap_or(0);
            self.cursor.after = if there > 0 { there } else { now.saturating_sub(MARGIN_MS) << 22 };
            channels.clear();
        }
        for channel in channels {
            self.history(&http, channel).await?;
        }
        self.cursor.after = self.cursor.after.max(there.saturating_sub(MARGIN_MS << 22));
        self.save().await?;
        self.health.succeeded(self.inside.clock.now());
        self.health.state("watching");
        self.look_again(&http).await
    }

    /// Text channels and threads of the servers, and the direct channels that we know; with the newest message among them.
    async fn channels(&mut self, http: &Http) -> Result<(BTreeSet<u64>, u64), SourceError> {
        let mut all: BTreeSet<u64> = self.cursor.directs.clone();
        let mut newest = 0;
        for guild in self.guilds.clone() {
            let mut found = again(|| http.get_channels(guild)).await?;
            found.extend(again(|| http.get_guild_active_threads(guild)).await?.threads);
            for channel in found {
                if matches!(channel.kind, ChannelType::Text | ChannelType::News) || is_thread(channel.kind) {
                    all.insert(channel.id.get());
                    newest = newest.max(channel.last_message_id.map_or(0, MessageId::get));
                }
                let parent = channel.parent_id.filter(|_| is_thread(channel.kind)).map_or(0, ChannelId::get);
                self.places.insert(channel.id.get(), Place { guild: guild.get(), parent, direct: false });
            }
        }
        Ok((all, newest))
    }

    async fn history(&mut self, http: &Http, channel: u64) -> Result<(), SourceError> {
        let mut after = self.cursor.after;
        loop {
            let page = Some(MessagePagination::After(MessageId::new(after.max(1))));
            let found = again(|| http.get_messages(ChannelId::new(channel), page, Some(PAGE))).await;
            let found = match found {
                Ok(found) => found,
                // A channel that we may not read has nothing for us.
                Err(SourceError::Lost(why)) if why.starts_with(ANSWERED) => return Ok(()),
                Err(error) => return Err(error),
            };
            let full = found.len() >= usize::from(PAGE);
            let ordered: BTreeMap<u64, Message> =
                found.into_iter().map(|message| (message.id.get(), message)).collect();
            let Some(last) = ordered.keys().last().copied() else { return Ok(()) };
            let mut arrivals = Vec::new();
            for message in ordered.values() {
                arrivals.extend(self.arrival(http, "message", value(message)).await?);
            }
            self.hand_in(arrivals).await?;
            after = last;
            if !full {
                return Ok(());
            }
        }
    }

    async fn save(&self) -> Result<(), SourceError> {
        let text = serde_json::to_string(&self.cursor).unwrap_or_default();
        let mut tx = self.inside.db.write().await?;
        cursor::save(&mut tx, &self.source.account.name, &text, self.inside.clock.now()).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn is_thread(kind: ChannelType) -> bool {
    matches!(kind, ChannelType::PublicThread | ChannelType::PrivateThread | ChannelType::NewsThread)
}

fn id_of(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64()).unwrap_or(0)
}

impl Source for DiscordSource {
    fn name(&self) -> &str {
        &self.account.name
    }

    async fn run(self: Arc<Self>, inside: Inside, health: Health, stop: CancellationToken) -> Result<(), SourceError> {
        self.watch(&inside, &health, &stop).await
    }
}
