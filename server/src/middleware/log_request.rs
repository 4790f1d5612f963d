use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

use super::ClientAddress;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// Gives each request an id, which all its log lines and its response carry, and writes one line
/// when it is answered. The route is logged, not the URL, which may hold anything.
pub async fn log_request<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let started = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(new_id);
    let method = request.method().clone();
    let ClientAddress(client) = request.extensions().get().copied().unwrap_or_default();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    async move {
        let mut response = next(request).await;
        tracing::info!(
            %method,
            route = route.as_ref().map_or("-", MatchedPath::as_str),
            status = response.status().as_u16(),
            %client,
            ms = started.elapsed().as_micros() as f64 / 1000.0,
            "answered"
        );
        response.headers_mut().insert(X_REQUEST_ID, id);
        response
    }
    .instrument(span)
    .await
}

/// The id that a proxy before us gave the request, if it is short and plain.
fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let is_good = (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
    is_good.then(|| id.clone())
}

fn new_id() -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id = Uuid::new_v4().simple().encode_lower(&mut buffer);
    HeaderValue::from_str(id).expect("hexadecimal digits make a header value")
}
