//! The router: every route, and the layers around all of them.

use std::{net::SocketAddr, sync::Arc};

use accounts::Accounts;
use app::api::{ApiError, ClientIp, Code};
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use governor::clock::MonotonicClock;
use http::{StatusCode, header};
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    api,
    config::ClientConfig,
    health::{self, Probe},
    limits::{Limit, RateLimits, limit_rate},
    metrics::Metrics,
    middleware::{RequestContext, SecurityHeaders, X_REQUEST_ID, reject_cross_site, wrap_request},
    pages,
    site::SiteFiles,
};

/// Returns the router of the whole server. Each request needs the address of its peer as an
/// extension: [`ConnectInfo<SocketAddr>`].
pub fn router(
    accounts: Accounts,
    metrics: Metrics,
    site: SiteFiles,
    public_url: &str,
    clients: ClientConfig,
) -> Router {
    let limits = clients
        .rate_limits
        .then(|| Arc::new(RateLimits::new(MonotonicClock)));
    let mut pages = pages::router(site);
    if let Some(limits) = &limits {
        let state = (limits.clone(), Limit::PAGES);
        pages = pages.layer(from_fn_with_state(state, limit_rate));
    }
    let proxies = Arc::new(clients.trusted_proxies);
    let add_client_ip = move |mut request: Request| {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        if let Some(ConnectInfo(peer)) = peer {
            let peer = peer.ip();
            let client = proxies.find_client(peer, request.headers());
            request.extensions_mut().insert(ClientIp(client));
            if !proxies.trusts(peer.to_canonical()) {
                request.headers_mut().remove(X_REQUEST_ID);
            }
        }
        request
    };
    let context = RequestContext {
        metrics,
        security_headers: SecurityHeaders::new(public_url),
        time_limit: clients.request_timeout,
    };

    // The first layer is the outermost.
    let layers = ServiceBuilder::new()
        .map_request(add_client_ip)
        .layer(from_fn_with_state(context, wrap_request))
        .layer(CatchPanicLayer::custom(|_| {
            // The panic hook has logged it.
            ApiError::from(Code::InternalError).into_response()
        }));

    let probe = Arc::new(Probe::new(accounts.clone()));
    let noting = probe.clone();
    let api = api::router(&accounts, limits.as_ref())
        .layer(MapResponseLayer::new(move |response: Response| {
            noting.note(&response);
            response
        }))
        .layer(from_fn(reject_cross_site));

    Router::new()
        .merge(api)
        .merge(health::router(probe))
        .route("/.well-known/change-password", get(change_password))
        .merge(pages)
        .layer(layers)
}

/// `GET /.well-known/change-password`: where password managers send people
/// (<https://w3c.github.io/webappsec-change-password-url/>).
async fn change_password() -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, "/account/security")])
}
