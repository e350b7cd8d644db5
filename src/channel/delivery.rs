//! One HTTP delivery as it is kept: the few header fields that tell what the body is, a blank line, the body as it came. Signatures
//! and credentials are not among them.

use serde_json::Value;

/// Header fields that are kept, lower case.
const KEPT: [&str; 4] = ["content-type", "x-github-event", "x-gitlab-event", "user-agent"];
/// A field longer than this is cut.
const LONGEST: usize = 300;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Name in lower case and value; only those of `KEPT`.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A body that is no data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("the body is empty; send JSON")]
    Empty,
    #[error("the body is no JSON: {0}")]
    NotJson(String),
    #[error("a body of type {0} is not read; send application/json or application/x-www-form-urlencoded")]
    Type(String),
    #[error("the stored delivery is damaged")]
    Damaged,
}

impl Delivery {
    /// Takes of the header what is kept. Values with anything but visible ASCII and blanks are left out.
    pub fn new<'h>(header: impl Iterator<Item = (&'h str, &'h [u8])>, body: Vec<u8>) -> Delivery {
        let mut fields = Vec::new();
        for (name, value) in header {
            let name = name.to_ascii_lowercase();
            let plain = value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
            if KEPT.contains(&name.as_str()) && plain {
                let value = String::from_utf8_lossy(&value[..value.len().min(LONGEST)]).into_owned();
                fields.push((name, value));
            }
        }
        Delivery { fields, body }
    }

    /// The same with other data.
    pub fn with_json(&self, data: &Value) -> Delivery {
        let others = self.fields.iter().filter(|(name, _)| name != "content-type").cloned();
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Delivery { fields: others.chain([kind]).collect(), body: data.to_string().into_bytes() }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + 128);
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    pub fn from_bytes(mut bytes: &[u8]) -> Result<Delivery, Unusable> {
        let mut fields = Vec::new();
        loop {
            let end = bytes.windows(2).position(|two| two == b"\r\n").ok_or(Unusable::Damaged)?;
            let line = std::str::from_utf8(&bytes[..end]).map_err(|_| Unusable::Damaged)?;
            bytes = &bytes[end + 2..];
            if line.is_empty() {
                return Ok(Delivery { fields, body: bytes.to_vec() });
            }
            let (name, value) = line.split_once(": ").ok_or(Unusable::Damaged)?;
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The body as data: JSON (at most 128 levels deep), or a form, whose fields become texts.
    pub fn data(&self) -> Result<Value, Unusable> {
        let kind = self.field("content-type").unwrap_or("application/json");
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if self.body.is_empty() {
            return Err(Unusable::Empty);
        }
        match kind.as_str() {
            "application/x-www-form-urlencoded" => Ok(form(&self.body)),
            kind if kind == "application/json" || kind.ends_with("+json") || kind == "text/plain" => {
                serde_json::from_slice(&self.body).map_err(|error| Unusable::NotJson(error.to_string()))
            }
            other => Err(Unusable::Type(other.to_owned())),
        }
    }
}

fn form(body: &[u8]) -> Value {
    let query = String::from_utf8_lossy(body);
    // The URL parser decodes forms (application/x-www-form-urlencoded of the URL standard).
    let pairs = reqwest::Url::parse(&format!("form:?{query}")).map(|url| {
        let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
        pairs.collect::<serde_json::Map<String, Value>>()
    });
    Value::Object(pairs.unwrap_or_default())
}
