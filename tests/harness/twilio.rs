//! Twilio on loopback: posts what a line tells, signed, and takes the messages that deskd sends, within the limits that Twilio documents.

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
    /// Status and Twilio's code for the next messages; accepted once there are none left.
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
        let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
        let app = Router::new().route(&path, post(take)).with_state(inner.clone());
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
