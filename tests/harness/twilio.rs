//! Twilio on loopback: posts what a line tells, signed, and takes the messages and calls that deskd makes, within the limits that Twilio documents.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use data_encoding::BASE64;
use ring::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const ACCOUNT: &str = "AC00000000000000000000000000000000";
pub const TOKEN: &str = "12345678901234567890123456789012";
pub const NUMBER: &str = "+13125550111";
/// As the firm's url in tests/firm/deskd.toml.
pub const BASE: &str = "https://desk.northwind.example/phone/main";

#[derive(Clone, Default)]
struct Inner {
    sent: Arc<Mutex<Vec<(String, String)>>>,
    called: Arc<Mutex<Vec<Called>>>,
    /// Status and Twilio's code for the next messages and calls; accepted once there are none left.
    answers: Arc<Mutex<Vec<(u16, u32)>>>,
}

/// Among the answers: the message is taken, and nobody says so.
pub const HANGS_UP: u16 = 0;

pub struct Twilio {
    pub api: String,
    inner: Inner,
}

impl Twilio {
    pub async fn start() -> Twilio {
        super::ring();
        let inner = Inner::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        let path = |resource: &str| format!("/2010-04-01/Accounts/{ACCOUNT}/{resource}.json");
        let app = Router::new()
            .route(&path("Messages"), post(take))
            .route(&path("Calls"), post(take_call))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Twilio { api, inner }
    }

    pub fn answers(&self, answers: &[(u16, u32)]) {
        *self.inner.answers.lock().unwrap() = answers.to_vec();
    }

    /// Number and text of each message since the last look.
    pub fn sent(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.inner.sent.lock().unwrap())
    }

    /// The calls since the last look.
    pub fn called(&self) -> Vec<Called> {
        std::mem::take(&mut *self.inner.called.lock().unwrap())
    }

    /// A `[[phone]]` with its secret in `folder`.
    pub fn config(&self, folder: &std::path::Path, more: &str) -> String {
        std::fs::write(folder.join("twilio"), TOKEN).unwrap();
        format!(
            "[[phone]]\nname = \"main\"\nnumber = \"{NUMBER}\"\naccount = \"{ACCOUNT}\"\nauth_token = {{ file = \"{}/twilio\" }}\n\
             api = \"{}\"\n{more}\n",
            folder.display(),
            self.api
        )
    }
}

/// A call that deskd has us make.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    pub to: String,
    pub twiml: String,
    pub sid: String,
}

impl Called {
    /// What is heard.
    pub fn words(&self) -> String {
        said_in(&self.twiml)
    }

    /// The part of our address that the key goes to: `key/…`.
    pub fn part(&self) -> String {
        let (_, rest) = self.twiml.split_once("action=\"").unwrap();
        let action = unescaped(rest.split('"').next().unwrap());
        action.strip_prefix(&format!("{BASE}/")).unwrap().to_owned()
    }

    /// The form that Twilio posts when a key is pressed.
    pub fn form(&self, digit: &str) -> String {
        let fields = [
            ("CallSid", self.sid.as_str()),
            ("From", NUMBER),
            ("To", &self.to),
            ("Direction", "outbound-api"),
            ("CallStatus", "in-progress"),
            ("Digits", digit),
        ];
        reqwest::Url::parse_with_params("form:?", fields).unwrap().query().unwrap().to_owned()
    }

    /// Whoever picked up presses a key; gives the TwiML that goes on.
    pub async fn press(&self, port: u16, digit: &str) -> String {
        let (status, twiml) = call(port, &self.part(), &self.form(digit)).await;
        assert_eq!(status, 200, "{twiml}");
        assert_is_twiml(&twiml);
        twiml
    }
}

/// What the `<Say>`s of TwiML say.
pub fn said_in(twiml: &str) -> String {
    let said = twiml.split("<Say ").skip(1).map(|say| {
        let (_, rest) = say.split_once('>').unwrap();
        unescaped(rest.split_once("</Say>").unwrap().0)
    });
    said.collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

/// Well-formed, of the verbs that deskd uses, and within <https://www.twilio.com/docs/voice/twiml/gather> and `/say`.
fn assert_is_twiml(twiml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for (place, piece) in
        twiml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().split('<').enumerate()
    {
        let Some((tag, text)) = piece.split_once('>') else {
            assert!(place == 0 && piece.trim().is_empty(), "a stray < in {twiml}");
            continue;
        };
        match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name), "{twiml}"),
            (None, Some(_)) => {}
            (None, None) => open.push(tag.split(' ').next().unwrap()),
        }
        let name = tag.trim_matches('/').split(' ').next().unwrap();
        assert!(["Response", "Gather", "Say", "Hangup"].contains(&name), "<{tag}>");
        let unsayable = |letter: char| letter.is_control() || matches!(letter, '"' | '\u{fffe}' | '\u{ffff}');
        assert!(text.trim().is_empty() || text.chars().count() <= 4096 && !text.contains(unsayable), "{text:?}");
        for escape in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;", "quot;", "#x27;", "#x2f;"].iter().any(|known| escape.starts_with(known)),
                "{text}"
            );
        }
        let number = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            Some(rest.split('"').next().unwrap().parse::<u32>().unwrap())
        };
        if name == "Gather" && tag.starts_with(name) {
            assert!(number("numDigits") >= Some(1) && number("timeout") >= Some(1), "{tag}");
        }
    }
    assert!(open.is_empty(), "{twiml}");
}

/// <https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource>
async fn take_call(State(inner): State<Inner>, fields: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let expected = format!("Basic {}", BASE64.encode(format!("{ACCOUNT}:{TOKEN}").as_bytes()));
    assert_eq!(fields["authorization"].to_str().unwrap(), expected);
    let form: Vec<(String, String)> = pairs(&String::from_utf8_lossy(&body));
    let field = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let (to, twiml) = (field("To").unwrap(), field("Twiml").unwrap());
    assert_eq!(field("From").as_deref(), Some(NUMBER));
    assert!(to.starts_with('+') && to[1..].parse::<u64>().is_ok(), "{to}");
    assert!(field("Url").is_none() && field("ApplicationSid").is_none(), "beside one of them Twiml is ignored");
    assert!(twiml.chars().count() <= 4000, "{} characters: {twiml}", twiml.chars().count());
    let rings: u32 = field("Timeout").unwrap().parse().unwrap();
    assert!((1..=600).contains(&rings));
    assert_is_twiml(&twiml);
    let mut answers = inner.answers.lock().unwrap();
    let answer = if answers.is_empty() { None } else { Some(answers.remove(0)) };
    drop(answers);
    if let Some((status, code)) = answer.filter(|(status, _)| *status != HANGS_UP) {
        let body = format!("{{\"code\":{code},\"message\":\"as the test wants it\"}}");
        return (StatusCode::from_u16(status).unwrap(), body);
    }
    let mut called = inner.called.lock().unwrap();
    let sid = format!("CA{:032x}", rand::random::<u64>());
    called.push(Called { to, twiml, sid });
    drop(called);
    assert!(answer.is_none(), "hung up without an answer, as the test wants it");
    (StatusCode::CREATED, r#"{"sid":"CA1","status":"queued"}"#.to_owned())
}

async fn take(State(inner): State<Inner>, fields: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let expected = format!("Basic {}", BASE64.encode(format!("{ACCOUNT}:{TOKEN}").as_bytes()));
    if fields.get("authorization").is_none_or(|given| given.to_str().unwrap() != expected) {
        return (StatusCode::UNAUTHORIZED, r#"{"code":20003,"message":"Authenticate"}"#.to_owned());
    }
    let form: Vec<(String, String)> = pairs(&String::from_utf8_lossy(&body));
    let field = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap();
    let (to, from, text) = (field("To"), field("From"), field("Body"));
    assert_eq!(from, NUMBER);
    if text.is_empty() || text.chars().count() > 1600 {
        return (
            StatusCode::BAD_REQUEST,
            r#"{"code":21617,"message":"The message body exceeds the limit"}"#.to_owned(),
        );
    }
    let mut answers = inner.answers.lock().unwrap();
    if !answers.is_empty() {
        let (status, code) = answers.remove(0);
        if status == HANGS_UP {
            drop(answers);
            inner.sent.lock().unwrap().push((to, text));
            panic!("hung up without an answer, as the test wants it");
        }
        let body = format!("{{\"code\":{code},\"message\":\"as the test wants it\"}}");
        return (StatusCode::from_u16(status).unwrap(), body);
    }
    inner.sent.lock().unwrap().push((to, text));
    (StatusCode::CREATED, r#"{"sid":"SM1","status":"queued"}"#.to_owned())
}

pub fn pairs(form: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("form:?{form}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// `X-Twilio-Signature`, worked out as the documentation says.
pub fn signature(url: &str, form: &str) -> String {
    let mut fields = pairs(form);
    fields.sort();
    let signed = fields.iter().fold(url.to_owned(), |signed, (name, value)| signed + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref())
}

/// Posts a form to the line as Twilio does; status and body of the answer.
pub async fn call(port: u16, part: &str, form: &str) -> (u16, String) {
    call_signed(port, part, form, &signature(&format!("{BASE}/{part}"), form)).await
}

pub async fn call_signed(port: u16, part: &str, form: &str, signature: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST /phone/main/{part} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nX-Twilio-Signature: {signature}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
