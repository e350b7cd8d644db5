//! What the web listener lets in: hooks, telephone lines, chats, the form. They change with a reload.

use std::sync::Arc;

use tokio::sync::watch::{Receiver, Sender};

use crate::chat::Account;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::intake::{Intake, Office};
use crate::mail::Mailbox;
use crate::notice::Texts;
use crate::store::Db;
use crate::web::hooks::{Hook, Hooks};
use crate::web::portal::{self, Portal};
use crate::web::{chat, phone, survey};

pub struct Doors {
    clock: Clock,
    hooks: Sender<Arc<Vec<Hook>>>,
    lines: Sender<Arc<Vec<phone::Line>>>,
    chats: Sender<Arc<Vec<Arc<Account>>>>,
    portal: Sender<Option<Arc<Portal>>>,
}

/// What is behind the listener.
pub struct Served {
    pub hooks: Hooks,
    pub form: portal::Door,
    pub lines: phone::Lines,
    pub chats: chat::Chats,
    pub survey: survey::Door,
}

impl Doors {
    pub fn new(config: &Config, texts: &Arc<Texts>, clock: &Clock) -> Doors {
        Doors {
            clock: clock.clone(),
            hooks: Sender::new(Arc::new(hooks(config))),
            lines: Sender::new(Arc::new(lines(config, texts))),
            chats: Sender::new(Arc::new(chats(config, clock))),
            portal: Sender::new(form(config, texts)),
        }
    }

    pub fn change(&self, new: &Config, texts: &Arc<Texts>) {
        self.hooks.send_replace(Arc::new(hooks(new)));
        self.lines.send_replace(Arc::new(lines(new, texts)));
        self.chats.send_replace(Arc::new(chats(new, &self.clock)));
        self.portal.send_replace(form(new, texts));
    }

    /// As the listener serves them.
    pub fn served(&self, intake: &Intake, db: &Db, clock: &Clock, office: Receiver<Arc<Office>>) -> Served {
        let (intake, clock) = (intake.clone(), clock.clone());
        let form = portal::Door {
            portal: self.portal.subscribe(),
            intake: intake.clone(),
            clock: clock.clone(),
            rate: Arc::default(),
            turns: portal::Turns::default(),
        };
        let lines = phone::Lines {
            lines: self.lines.subscribe(),
            intake: intake.clone(),
            db: db.clone(),
            clock: clock.clone(),
        };
        let chats = chat::Chats { chats: self.chats.subscribe(), intake: intake.clone(), clock: clock.clone() };
        let survey = survey::Door { db: db.clone(), office, clock: clock.clone() };
        let hooks = Hooks { hooks: self.hooks.subscribe(), intake, db: db.clone(), clock };
        Served { hooks, form, lines, chats, survey }
    }
}

/// The chats as the web listener sees them. One that cannot be set up is told by its sender.
fn chats(config: &Config, clock: &Clock) -> Vec<Arc<Account>> {
    config.chats.iter().filter_map(|chat| super::wire::account(chat, clock).ok()).collect()
}

/// The hooks as the web listener sees them.
fn hooks(config: &Config) -> Vec<Hook> {
    let hook = |hook: &config::Hook| Hook {
        name: hook.hook.name.clone(),
        auth: hook.auth.clone(),
        mapping: hook.hook.mapping.clone(),
    };
    config.hooks.iter().map(hook).collect()
}

/// The telephone lines as the web listener sees them.
fn lines(config: &Config, texts: &Texts) -> Vec<phone::Line> {
    let firm = &config.firm;
    let said = |key| texts.words(&firm.language).fill("page", key, &[]);
    let line = |phone: &config::Phone| {
        let voice = phone.voice.clone();
        let greeting =
            || format!("Thank you for calling {}. Your call is noted, and a technician will call you back.", firm.name);
        phone::Line {
            name: phone.phone.name.clone(),
            token: phone.token.clone(),
            base: phone.phone.base(&firm.url),
            firm: firm.name.clone(),
            voicemail: voice.voicemail,
            transcribe: voice.transcribe,
            greeting: voice.greeting.unwrap_or_else(greeting),
            notice: voice.notice,
            language: voice.language,
            channel: phone.phone.channel(),
            seen: said("call_seen"),
            unknown: said("call_unknown"),
        }
    };
    config.phones.iter().map(line).collect()
}

/// The form as the web listener sees it.
fn form(config: &Config, texts: &Arc<Texts>) -> Option<Arc<Portal>> {
    let firm = &config.firm;
    let desk = firm.desks.first().filter(|_| config.web_form)?;
    let desks = firm.desks.iter().map(|desk| desk.address.to_lowercase());
    let techs = firm.techs.iter().flat_map(|tech| tech.emails.iter().map(|address| address.to_lowercase()));
    Some(Arc::new(Portal {
        firm: firm.name.clone(),
        desk: Mailbox { name: firm.name.clone(), address: desk.address.clone() },
        phone: firm.emergency_phone.clone(),
        texts: Arc::clone(texts),
        ours: Arc::new(desks.chain(techs).collect()),
    }))
}
