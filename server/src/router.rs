//! Which request goes where.

use std::{sync::Arc, time::Duration};

use accounts::Accounts;
use app::api::{ApiError, Code, RequestContext};
use axum::{
    Json, Router,
    body::Body,
    extract::State,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on},
};
use governor::clock::MonotonicClock;
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::json;
use server_fn::ServerFnTraitObj;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{
    config::ClientConfig,
    limits::{self, RateLimits},
    metrics::{self, Metrics},
    middleware::{self, Around, ClientAddress, SecurityHeaders},
    pages,
    site::SiteFiles,
};

/// How long the database may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything that this server answers.
pub fn router(
    accounts: Accounts,
    metrics: Metrics,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Router {
    let headers = SecurityHeaders::new(public_url);
    let limits = clients
        .rate_limits
        .then(|| Arc::new(RateLimits::new(MonotonicClock)));
    let around = Arc::new(Around {
        proxies: clients.trusted_proxies,
        metrics: metrics.clone(),
        headers,
        limit: clients.request_timeout,
    });
    Router::new()
        .merge(health(accounts.clone()))
        .route("/metrics", get(metrics::metrics).with_state(metrics))
        .merge(api(accounts, limits, public_url.starts_with("https://")))
        .merge(pages::router(site))
        .layer(from_fn_with_state(around, middleware::around))
}

/// The server functions under their paths, with or without a slash at the end. What is one too many
/// is refused before anything else is done for it.
fn api(accounts: Accounts, limits: Option<Arc<RateLimits>>, is_https: bool) -> Router {
    let endpoints = server_fn::inventory::iter::<ServerFnTraitObj<Request<Body>, Response>>;
    let mut router = Router::new();
    for endpoint in endpoints {
        let Ok(method) = MethodFilter::try_from(endpoint.method()) else {
            continue;
        };
        let accounts = accounts.clone();
        let limit = limits.clone().zip(limits::group(endpoint.path()));
        let handler = move |mut request: Request<Body>| {
            let ClientAddress(ip) = request.extensions().get().copied().unwrap_or_default();
            let counted = limit
                .as_ref()
                .map_or(Ok(()), |(limits, group)| limits.count(*group, ip));
            request.extensions_mut().insert(RequestContext {
                accounts: accounts.clone(),
                ip,
                is_https,
            });
            // Asked for HTML, Leptos would answer an API call with a redirect.
            request.headers_mut().remove(header::ACCEPT);
            async move {
                match counted {
                    Ok(()) => endpoint.handler(request).await,
                    Err(wait) => ApiError::throttled(wait).into_response(),
                }
            }
        };
        for path in [endpoint.path().to_owned(), format!("{}/", endpoint.path())] {
            router = router.route(&path, on(method, handler.clone()));
        }
    }
    let not_found = async || ApiError::from(Code::NotFound);
    let no_store = SetResponseHeaderLayer::overriding(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    router
        .route("/api", axum::routing::any(not_found))
        .route("/api/", axum::routing::any(not_found))
        .route("/api/{*path}", axum::routing::any(not_found))
        .method_not_allowed_fallback(async || ApiError::from(Code::MethodNotAllowed))
        .layer(no_store)
}

/// For who looks after the server.
fn health(accounts: Accounts) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .with_state(accounts)
}

/// 200 when the database answers, 503 while it does not.
async fn ready(State(accounts): State<Accounts>) -> Response {
    let ping = accounts.database().ping();
    match tokio::time::timeout(READY_TIMEOUT, ping).await {
        Ok(Ok(())) => Json(json!({ "status": "ok" })).into_response(),
        _ => {
            let body = Json(json!({ "status": "the database is away" }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
