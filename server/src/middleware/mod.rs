//! Middleware for every request. The order of the layers is in `router.rs`.

mod client_ip;
mod cors;
mod language;
mod reject_cross_site;
mod security_headers;
mod wrap_request;

pub use client_ip::{InvalidProxies, TrustedProxies};
pub use cors::{AllowedOrigins, Cors, InvalidOrigin};
pub use reject_cross_site::reject_cross_site;
pub use security_headers::SecurityHeaders;
pub use wrap_request::{RequestContext, wrap_request};

use axum::extract::MatchedPath;
use http::HeaderName;

/// The header with the id of a request. The router removes it unless a trusted proxy has sent it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of the route of requests that match none.
const NO_ROUTE: &str = "other";

/// Returns the name of a route for logs and metrics. Unlike the URL it contains nothing that the
/// client has chosen. A route with a trailing slash has the name of the one without.
pub fn route_name(path: Option<&MatchedPath>) -> &str {
    let Some(path) = path.map(MatchedPath::as_str) else {
        return NO_ROUTE;
    };
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(path) => path,
    }
}
