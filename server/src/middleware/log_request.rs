use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

use super::Way;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// Gives each request an id, which all its log lines and its response carry, and writes one line
/// when it is answered. The route is logged, not the URL, which may hold anything.
pub async fn log_request<F: Future<Output = Response>>(
    way: Way<'_>,
    started: Instant,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(new_id);
    let method = request.method().clone();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    async move {
        let mut response = next(request).await;
        tracing::info!(
            %method,
            route = way.route,
            status = response.status().as_u16(),
            client = %way.client,
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

/// An id that no other request has, of this server or another: random bits of this process, and a
/// number.
fn new_id() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().1);
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = Uuid::from_u64_pair(*PROCESS, NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut buffer = Uuid::encode_buffer();
    HeaderValue::from_str(id.simple().encode_lower(&mut buffer))
        .expect("hexadecimal digits make a header value")
}
