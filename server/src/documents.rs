//! The documentation of this version, as plain text, for those who have found the server and not its
//! source.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};

use crate::cache_control::ONE_HOUR;

/// The reference of the API.
pub const API: &str = include_str!("../../docs/api.md");

/// The paths, and the files that they serve.
const DOCUMENTS: [(&str, &str); 8] = [
    ("/docs/api.md", API),
    ("/docs/settings.md", include_str!("../../docs/settings.md")),
    (
        "/docs/operations.md",
        include_str!("../../docs/operations.md"),
    ),
    ("/docs/security.md", include_str!("../../docs/security.md")),
    (
        "/docs/verifying-tokens.md",
        include_str!("../../docs/verifying-tokens.md"),
    ),
    (
        "/docs/embedding.md",
        include_str!("../../docs/embedding.md"),
    ),
    ("/docs/mobile.md", include_str!("../../docs/mobile.md")),
    (
        "/docs/moving-from-django.md",
        include_str!("../../docs/moving-from-django.md"),
    ),
];

/// Returns the routes of the documents.
pub fn router() -> Router {
    DOCUMENTS
        .into_iter()
        .fold(Router::new(), |router, (path, text)| {
            router.route(path, get(async move || document(text)))
        })
}

/// Browsers show plain text, and download Markdown.
fn document(text: &'static str) -> impl IntoResponse {
    let media_type = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, ONE_HOUR),
    ];
    (headers, text)
}
