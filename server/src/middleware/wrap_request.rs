//! What every request gets: an id, a language, a time limit, a log line, metrics, the security headers, and
//! those for other origins.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use app::api::{ApiError, ClientIp, Code};
use axum::{
    Extension,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue};
use tracing::{Instrument, field::Empty};
use uuid::Uuid;

use super::{Cors, SecurityHeaders, X_REQUEST_ID, language::stated_language, route_name};
use crate::metrics::Metrics;

/// The longest request id that is accepted from a client, in bytes.
const MAX_LENGTH: usize = 64;

/// What [`wrap_request`] needs.
#[derive(Clone)]
pub struct RequestContext {
    /// Counts requests and measures their duration.
    pub metrics: Metrics,
    /// The headers of every response.
    pub security_headers: SecurityHeaders,
    /// The longest time until the head of the response is ready.
    pub time_limit: Duration,
    /// Which other origins may read responses, if any.
    pub cors: Option<Cors>,
}

/// Gives each request an id, a span and a language, limits its time, counts it, and logs a line when it
/// has been responded to. All log lines of the request have the fields of the span, its audit events have
/// the id, and the response has the id and the security headers. The code that authorizes a request
/// records `user_id` and
/// `session_id`, or `service_key`.
///
/// This is one function because `from_fn` layers box and clone the services below them for each
/// request.
pub async fn wrap_request(
    State(context): State<RequestContext>,
    path: Option<MatchedPath>,
    Extension(ClientIp(client)): Extension<ClientIp>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers()).unwrap_or_else(new_id);
    let request_id: Box<str> = id.to_str().unwrap_or_default().into();
    let method = request.method().clone();
    let route = route_name(path.as_ref());
    let span = tracing::info_span!(
        "request",
        request_id = &*request_id,
        route,
        %client,
        user_id = Empty,
        session_id = Empty,
        service_key = Empty,
    );
    let language = stated_language(request.headers());
    let respond = async move {
        let respond = move |request| limit_time(context.time_limit, next.run(request));
        let response = match &context.cors {
            Some(cors) => cors.respond(request, respond).await,
            None => respond(request).await,
        };
        let mut response = context.security_headers.add_to(response);
        let status = response.status();
        let duration = started.elapsed();
        context
            .metrics
            .record_request(&method, route, status, duration);
        tracing::info!(
            %method,
            status = status.as_u16(),
            duration_ms = duration.as_micros() as f64 / 1000.0,
            "request completed"
        );
        response.headers_mut().insert(X_REQUEST_ID, id);
        response
    };
    let respond = languages::scope(language, respond);
    accounts::with_request_id(request_id, respond)
        .instrument(span)
        .await
}

/// Responds with 503 where the response takes longer than the limit. tower-http's timeout layer has
/// no body for its response.
async fn limit_time(limit: Duration, response: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, response).await {
        Ok(response) => response,
        Err(_) => {
            // The span of the request names the route.
            tracing::error!("request timed out");
            ApiError::from(Code::Overloaded).into_response()
        }
    }
}

/// Returns the id that a proxy has given the request, if it is short and consists of letters,
/// digits and `-_.` only.
fn request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(X_REQUEST_ID)?;
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let is_valid = (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_plain);
    is_valid.then(|| id.clone())
}

/// Returns an id that is unique across servers: random bits of this process and a counter. That
/// spares a call of the system's random generator for each request.
fn new_id() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| Uuid::new_v4().as_u64_pair().1);
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let id = Uuid::from_u64_pair(*PROCESS, COUNTER.fetch_add(1, Ordering::Relaxed));
    let mut buffer = Uuid::encode_buffer();
    HeaderValue::from_str(id.simple().encode_lower(&mut buffer))
        .expect("hexadecimal digits are a valid header value")
}
