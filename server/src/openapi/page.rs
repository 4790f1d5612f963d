//! The routes of the document and of the page that shows it. All its files are part of the program, and the
//! page runs under a policy without inline scripts and styles.

use std::future::ready;

use axum::{
    Router,
    body::Bytes,
    middleware::from_fn_with_state,
    routing::{MethodRouter, get},
};
use http::{HeaderValue, header};
use tower_http::compression::CompressionLayer;

use super::{DOCUMENT_PATH, openapi};
use crate::{
    api::{method_not_allowed, with_slash},
    middleware::{AllowedOrigins, reject_cross_site},
};

/// The path of the page.
pub const PAGE_PATH: &str = "/api/docs";

const HTML: &str = include_str!("page.html");
const SCRIPTS: [(&str, &str); 3] = [
    ("/api/docs/page.js", include_str!("page.js")),
    ("/api/docs/request.js", include_str!("request.js")),
    ("/api/docs/text.js", include_str!("text.js")),
];
const STYLE: &str = concat!(
    include_str!("../../../style/tokens.css"),
    include_str!("page.css")
);

/// The page loads its own files, and sends requests to this server only.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// Returns the routes of a server with this public URL.
pub fn router(public_url: &str, origins: &AllowedOrigins) -> Router {
    let document = openapi(public_url).to_string();
    let router = Router::new();
    let router = with_slash(router, DOCUMENT_PATH, file("application/json", document));
    let mut router = with_slash(router, PAGE_PATH, file("text/html; charset=utf-8", HTML));
    for (path, script) in SCRIPTS {
        router = router.route(path, file("text/javascript; charset=utf-8", script));
    }
    router
        .route("/api/docs/page.css", file("text/css; charset=utf-8", STYLE))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(origins.clone(), reject_cross_site))
        .layer(CompressionLayer::new())
}

/// Returns the route of a file.
fn file(content_type: &'static str, body: impl Into<Bytes>) -> MethodRouter {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let body = body.into();
    get(move || ready((headers.clone(), body.clone())))
}
