//! What comes by other doors than mail: the form in which it is kept, what it says, and who signed it. No database, no network.

pub mod alert_mail;
pub mod delivery;
pub mod kind;
pub mod mapping;
pub mod phone;
pub mod said;
pub mod sign;
pub mod told;

use crate::words::Priority;

/// How the raw bytes of an arrival are read; the column `inbound.form`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    Mail,
    /// `POST /hooks/NAME`: a `delivery::Delivery`.
    Hook,
    /// The form at `/new`: a mail as its sender would have written it.
    Portal,
    /// `POST /phone/NAME/…`: a `delivery::Delivery` of a telephone line.
    Phone,
    /// `deskd ticket new`: a `told::Told`.
    Told,
    /// What was said in a chat: a `chat::Kept`.
    Chat,
}

impl Form {
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Mail => "mail",
            Form::Hook => "hook",
            Form::Portal => "portal",
            Form::Phone => "phone",
            Form::Told => "told",
            Form::Chat => "chat",
        }
    }

    pub const ALL: [Form; 6] = [Form::Mail, Form::Hook, Form::Portal, Form::Phone, Form::Told, Form::Chat];

    /// `None` for a form that a later version wrote.
    pub fn named(name: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.as_str() == name)
    }
}

/// What one arrival that is no mail says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Post {
    /// Where it comes from, for people: `hook shop`.
    pub origin: String,
    /// Mail address (lower case) or telephone number (E.164) of the person who asks; empty where a machine speaks.
    pub sender: String,
    pub sender_name: String,
    pub subject: String,
    pub text: String,
    /// Key of a client, as the payload or the config names it.
    pub client: Option<String>,
    pub priority: Option<Priority>,
    /// What has the same thread belongs to the same ticket.
    pub thread: Option<String>,
    /// Where answers go in this channel: the number of who sent a text message.
    pub place: Option<String>,
    /// Words that were said and are read only now: they may show how urgent the call was.
    pub spoken: bool,
    /// A tech pressed the key that acknowledges in the call of this name.
    pub pressed: Option<String>,
    /// What a text message asks of the line itself.
    pub keyword: Option<phone::Keyword>,
    /// It says that the trouble is over.
    pub resolved: bool,
    /// A machine's word about an alert that is no alert itself: somebody acknowledged it, a downtime began.
    pub remark: bool,
    /// Said in a chat.
    pub chat: Option<Box<said::Said>>,
    /// What the mapping asked for and did not find, in words; such a post becomes an unsorted ticket.
    pub missing: Vec<String>,
}
