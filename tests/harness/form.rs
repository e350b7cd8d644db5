//! A form with files (RFC 7578), as a platform reads it.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart};
use axum::http::{HeaderMap, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// Its file name, where it is a file.
    pub file: Option<String>,
    pub bytes: Vec<u8>,
}

/// Its fields; none where the body is no form.
pub async fn fields(header: &HeaderMap, body: &Bytes) -> Vec<Field> {
    let kind = header.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return Vec::new();
    }
    let request = Request::builder().header("content-type", kind).body(Body::from(body.clone())).unwrap();
    let mut form = Multipart::from_request(request, &()).await.unwrap();
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let (name, file) = (field.name().unwrap().to_owned(), field.file_name().map(str::to_owned));
        fields.push(Field { name, file, bytes: field.bytes().await.unwrap().to_vec() });
    }
    fields
}

/// The text of a field; empty where there is none.
pub fn text(fields: &[Field], name: &str) -> String {
    let found = fields.iter().find(|field| field.name == name);
    found.map(|field| String::from_utf8(field.bytes.clone()).unwrap()).unwrap_or_default()
}

/// The one file, with its name.
pub fn file(fields: &[Field], name: &str) -> Option<(String, Vec<u8>)> {
    let found = fields.iter().find(|field| field.name == name)?;
    Some((found.file.clone()?, found.bytes.clone()))
}
