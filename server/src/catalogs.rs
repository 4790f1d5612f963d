//! The texts that a page in another language than English loads.

use axum::{Router, routing::get};
use http::{HeaderValue, header};
use languages::{BrowserCatalog, Language, browser_catalog};

use crate::cache_control::IMMUTABLE;
/// Returns a route for each language. The paths contain a hash of the texts.
pub fn router() -> Router {
    Language::ALL.into_iter().filter_map(browser_catalog).fold(
        Router::new(),
        |router, BrowserCatalog { path, json }| {
            let headers = [
                (
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                ),
                (header::CACHE_CONTROL, IMMUTABLE),
            ];
            router.route(path, get(async move || (headers, json.as_str())))
        },
    )
}
