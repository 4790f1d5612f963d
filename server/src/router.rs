//! The router: every route, and the layers around all of them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use accounts::Accounts;
use app::api::{ApiError, ClientIp, Code};
use axum::{
    Json, Router,
    extract::{ConnectInfo, Request, State},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use governor::clock::MonotonicClock;
use http::StatusCode;
use serde_json::json;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    api,
    config::ClientConfig,
    limits::RateLimits,
    metrics::{self, Metrics, count_request},
    middleware::{SecurityHeaders, limit_time, log_request},
    pages,
    site::SiteFiles,
};

/// How long the database may take to respond to `/readyz`.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the router of the whole server. Each request needs the address of its peer as an
/// extension: [`ConnectInfo<SocketAddr>`].
pub fn router(
    accounts: Accounts,
    metrics: Metrics,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Router {
    let limits = clients.rate_limits.then(|| RateLimits::new(MonotonicClock));
    let proxies = Arc::new(clients.trusted_proxies);
    let add_client_ip = move |mut request: Request| {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        if let Some(ConnectInfo(peer)) = peer {
            let client = proxies.find_client(peer.ip(), request.headers());
            request.extensions_mut().insert(ClientIp(client));
        }
        request
    };
    let security_headers = SecurityHeaders::new(public_url);

    // The first layer is the outermost.
    let layers = ServiceBuilder::new()
        .map_request(add_client_ip)
        .layer(from_fn(log_request))
        .layer(from_fn_with_state(metrics.clone(), count_request))
        .map_response(move |response| security_headers.add_to(response))
        .layer(CatchPanicLayer::custom(|_| {
            // The panic hook has logged it.
            ApiError::from(Code::InternalError).into_response()
        }))
        .layer(from_fn_with_state(clients.request_timeout, limit_time));

    Router::new()
        .merge(api::router(&accounts, limits))
        .merge(health(accounts))
        .route("/metrics", get(metrics::metrics).with_state(metrics))
        .merge(pages::router(site))
        .layer(layers)
}

/// The probes for load balancers and orchestrators.
fn health(accounts: Accounts) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .with_state(accounts)
}

/// `GET /readyz`: 200 when the database responds, 503 otherwise.
async fn ready(State(accounts): State<Accounts>) -> Response {
    let ping = accounts.database().ping();
    match tokio::time::timeout(READY_TIMEOUT, ping).await {
        Ok(Ok(())) => Json(json!({ "status": "ok" })).into_response(),
        _ => {
            let body = Json(json!({ "status": "database unavailable" }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}
