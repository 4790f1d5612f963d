//! Responses of the server, and assertions on them.

use std::fmt;

use http::{HeaderMap, header};
use serde_json::Value;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::jwt::Jwt;

/// A response of the server.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns a header that may occur once, or an empty string if it is missing.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| {
            value.to_str().expect("header values are plain text")
        });
        assert!(values.next().is_none(), "{name} is there twice: {self}");
        value
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {self}"),
        }
    }

    /// The response has this status and JSON body. In the body, every UUID is written as `<uuid>`,
    /// every JWT as `<jwt>`, and every RFC 3339 time in UTC as `<time>`.
    #[track_caller]
    pub fn assert_json(self, status: u16, body: Value) -> Self {
        assert_eq!((self.status, masked(self.json())), (status, body));
        self
    }

    /// The response is 204 without a body.
    #[track_caller]
    pub fn assert_no_content(self) -> Self {
        assert_eq!((self.status, self.text()), (204, ""));
        self
    }

    /// The response is an error with this status and code.
    #[track_caller]
    pub fn assert_error(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.json()["code"].as_str()),
            (status, Some(code)),
            "{self}"
        );
        assert!(is_failure(&self.json()), "{self}");
        self
    }

    /// The response is 400 with messages for exactly these fields, in alphabetical order.
    #[track_caller]
    pub fn assert_field_errors(self, fields: &[&str]) -> Self {
        assert_eq!(self.status, 400, "{self}");
        let body = self.json();
        let named: Vec<_> = body
            .as_object()
            .into_iter()
            .flat_map(|object| object.keys())
            .collect();
        assert_eq!(named, fields, "{self}");
        assert!(is_field_messages(&body), "{self}");
        self
    }

    /// The rules for all responses of the API.
    #[track_caller]
    pub fn assert_api_rules(&self) {
        assert_eq!(self.header("cache-control"), "no-store", "{self}");
        assert_ne!(self.header("x-request-id"), "", "{self}");
        if self.status == 204 {
            assert_eq!(self.text(), "");
            return;
        }
        if self.status == 303 {
            assert_ne!(self.header("location"), "", "{self}");
            assert_eq!(self.text(), "");
            return;
        }
        // What a proxy asks is answered in headers.
        if self.headers.contains_key("x-user-id") {
            assert_eq!((self.status, self.text()), (200, ""));
            return;
        }
        let content_type = self.header(header::CONTENT_TYPE.as_str());
        assert!(
            matches!(
                content_type.to_ascii_lowercase().replace(' ', "").as_str(),
                "application/json" | "application/json;charset=utf-8"
            ),
            "{self}"
        );
        let body = self.json();
        match self.status {
            200 | 201 => {}
            400 => assert!(is_failure(&body) || is_field_messages(&body), "{self}"),
            _ => assert!(is_failure(&body), "{self}"),
        }
        if body["code"] == "not_authenticated" {
            assert_eq!(self.header("www-authenticate"), "Bearer", "{self}");
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "{} {:?} {body}", self.status, self.headers)
    }
}

fn is_failure(body: &Value) -> bool {
    let is_text = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    is_text("detail") && is_text("code") && body.as_object().is_some_and(|body| body.len() == 2)
}

fn is_field_messages(body: &Value) -> bool {
    let is_messages = |messages: &Value| {
        messages.as_array().is_some_and(|messages| {
            !messages.is_empty()
                && messages
                    .iter()
                    .all(|message| message.as_str().is_some_and(|text| !text.is_empty()))
        })
    };
    body.as_object()
        .is_some_and(|fields| !fields.is_empty() && fields.values().all(is_messages))
}

/// Replaces values that differ from run to run by placeholders.
fn masked(value: Value) -> Value {
    match value {
        Value::String(text) if is_uuid(&text) => "<uuid>".into(),
        Value::String(text) if is_jwt(&text) => "<jwt>".into(),
        Value::String(text) if is_utc_time(&text) => "<time>".into(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, masked(value)))
            .collect(),
        other => other,
    }
}

fn is_uuid(text: &str) -> bool {
    text.parse::<Uuid>()
        .is_ok_and(|id| id.to_string() == text && !id.is_nil())
}

fn is_jwt(text: &str) -> bool {
    Jwt::parse(text).is_some_and(|jwt| ["HS256", "EdDSA", "ES256"].contains(&jwt.algorithm()))
}

fn is_utc_time(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok_and(|time| time.offset() == UtcOffset::UTC)
}
