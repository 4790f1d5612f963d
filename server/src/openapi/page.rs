//! The routes of the document and of the page that shows it. All its files are part of the program, and the
//! page runs under a policy without inline scripts and styles.

use std::{
    future::ready,
    hash::{DefaultHasher, Hash, Hasher},
};

use axum::{
    Router,
    body::Bytes,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tower_http::compression::CompressionLayer;

use super::{DOCUMENT_PATH, openapi};
use crate::api::method_not_allowed;

/// The path of the page.
pub const PAGE_PATH: &str = "/api/docs";

const HTML: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = concat!(
    include_str!("../../../style/tokens.css"),
    include_str!("page.css")
);

/// After this time, browsers ask whether a file has changed.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The page loads its own files, and sends requests to this server only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// Returns the routes of a server with this public URL.
pub fn router(public_url: &str) -> Router {
    let document = openapi(public_url).to_string();
    let page = file("text/html; charset=utf-8", HTML);
    Router::new()
        .route(DOCUMENT_PATH, file("application/json", document))
        .route(PAGE_PATH, page.clone())
        .route("/api/docs/", page)
        .route(
            "/api/docs/page.js",
            file("text/javascript; charset=utf-8", SCRIPT),
        )
        .route("/api/docs/page.css", file("text/css; charset=utf-8", STYLE))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CompressionLayer::new())
}

/// Returns the route of a file that stays the same while the server runs.
fn file(content_type: &'static str, body: impl Into<Bytes>) -> MethodRouter {
    let body = body.into();
    let tag = tag(&body);
    get(move |headers: HeaderMap| ready(respond(&headers, content_type, &tag, &body)))
}

/// Returns a validator (RFC 9110, 8.8.3). It is weak, as the file may be compressed.
fn tag(body: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish()))
        .unwrap_or(HeaderValue::from_static("W/\"0\""))
}

fn respond(
    request: &HeaderMap,
    content_type: &'static str,
    tag: &HeaderValue,
    body: &Bytes,
) -> Response {
    let headers = [
        (header::CACHE_CONTROL, CACHE),
        (header::ETAG, tag.clone()),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let known = request.get(header::IF_NONE_MATCH);
    let known = known.and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let content_type = HeaderValue::from_static(content_type);
    let content = [(header::CONTENT_TYPE, content_type)];
    (headers, content, body.clone()).into_response()
}
