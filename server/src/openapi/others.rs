//! The operations that are no server functions.

use app::api::{Code, describe::Access};
use http::Method;
use serde_json::{Value, json};

use super::{
    DOCUMENT_PATH,
    operation::{codes_of, error_responses, head, response},
    page::PAGE_PATH,
};
use crate::api::{FORWARD_AUTH_PATH, REVOCATIONS_PATH, SOCIAL_CALLBACK_PATH, SOCIAL_START_PATH};

/// An operation without fields, by `GET`.
struct Other {
    path: &'static str,
    summary: &'static str,
    access: Access,
    status: &'static str,
    /// The media type of the response, unless it has no body.
    content: Option<&'static str>,
    /// Whether it can fail with the errors of the API.
    has_errors: bool,
    /// The names of the parameters in the query.
    query: &'static [&'static str],
}

const JSON: Option<&str> = Some("application/json");

const PROBE: Other = Other {
    path: "/healthz",
    summary: "Say whether the server runs",
    access: Access::Public,
    status: "200",
    content: JSON,
    has_errors: false,
    query: &[],
};

const PUBLIC: Other = Other {
    has_errors: true,
    ..PROBE
};

const REDIRECT: Other = Other {
    status: "303",
    content: None,
    ..PUBLIC
};

const OTHERS: [Other; 11] = [
    Other {
        path: FORWARD_AUTH_PATH,
        summary: "Tell a proxy who sends a request",
        access: Access::Token,
        content: None,
        ..PUBLIC
    },
    Other {
        path: REVOCATIONS_PATH,
        summary: "Stream the revocations of tokens",
        access: Access::Service("tokens:verify"),
        content: Some("text/event-stream"),
        ..PUBLIC
    },
    Other {
        path: SOCIAL_START_PATH,
        summary: "Lead a browser to a provider",
        query: &["ticket"],
        ..REDIRECT
    },
    Other {
        path: SOCIAL_CALLBACK_PATH,
        summary: "Take a browser back from a provider",
        query: &["state", "code", "error", "iss"],
        ..REDIRECT
    },
    Other {
        path: DOCUMENT_PATH,
        summary: "Get this document",
        ..PUBLIC
    },
    Other {
        path: PAGE_PATH,
        summary: "Show this document, and try requests",
        content: Some("text/html"),
        ..PUBLIC
    },
    Other {
        path: "/.well-known/jwks.json",
        summary: "Get the public keys of access tokens",
        ..PUBLIC
    },
    Other {
        path: "/.well-known/oauth-authorization-server",
        summary: "Get the URLs of endpoints",
        ..PUBLIC
    },
    Other {
        path: "/.well-known/change-password",
        summary: "Lead password managers to the page that changes the password",
        status: "302",
        content: None,
        ..PUBLIC
    },
    PROBE,
    Other {
        path: "/readyz",
        summary: "Say whether the database can be read and written",
        ..PROBE
    },
];

/// Returns the path and the description of each.
pub fn operations() -> impl Iterator<Item = (&'static str, Value)> {
    OTHERS.iter().map(|other| (other.path, describe(other)))
}

fn describe(other: &Other) -> Value {
    let mut operation = head(&Method::GET, other.path, other.summary, other.access);
    let mut responses = if other.has_errors {
        let is_field = other.path.contains('{');
        let of_path = is_field.then_some(Code::NotFound);
        error_responses(codes_of(other.access).into_iter().chain(of_path), false)
    } else {
        Default::default()
    };
    let content = |media: &str| {
        let kind = if media == "application/json" {
            "object"
        } else {
            "string"
        };
        json!({ media: { "schema": { "type": kind } } })
    };
    let success = response("Success.", other.content.map(content));
    if other.path == "/readyz" {
        let failure = response("The database can't be written.", JSON.map(content));
        responses.insert("503".into(), failure);
    }
    responses.insert(other.status.into(), success);
    operation.insert("responses".into(), json!(responses));
    let parameters = parameters(other);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    operation.into()
}

fn parameters(other: &Other) -> Vec<Value> {
    let of_path = other.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some((name, "path"))
    });
    let of_query = other.query.iter().map(|name| (*name, "query"));
    let all = of_path.chain(of_query).map(|(name, place)| {
        json!({
            "name": name,
            "in": place,
            "required": place == "path",
            "schema": { "type": "string" },
        })
    });
    all.collect()
}
