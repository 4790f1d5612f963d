//! Requests that a browser sends on behalf of another website.

use app::api::{ApiError, Code};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method};

use super::AllowedOrigins;

/// Rejects requests to the API that a browser marks as coming from another website (Fetch Metadata
/// Request Headers, `Sec-Fetch-Site`), except from the allowed origins, and that a link there may lead
/// here. Programs do not send that header, and scripts in a page can't change it.
pub async fn reject_cross_site(
    State(origins): State<AllowedOrigins>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if is_cross_site(headers)
        && !is_navigation(request.method(), headers)
        && !origins.allow(headers)
    {
        return ApiError::from(Code::PermissionDenied).into_response();
    }
    next.run(request).await
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    has(headers, "sec-fetch-site", "cross-site")
}

/// Whether a top-level page is opened.
fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET
        && has(headers, "sec-fetch-mode", "navigate")
        && has(headers, "sec-fetch-dest", "document")
}

fn has(headers: &HeaderMap, name: &str, expected: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.any(|value| value.as_bytes().eq_ignore_ascii_case(expected.as_bytes()))
}
