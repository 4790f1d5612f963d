//! The router: every route, and the layers around all of them.

use std::{net::SocketAddr, sync::Arc};

use accounts::Accounts;
use app::api::{ApiError, ClientIp, Code};
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
};
use governor::clock::MonotonicClock;
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    api,
    config::ClientConfig,
    documents,
    health::{self, Probe},
    limits::{Limit, RateLimits, limit_rate},
    metrics::Metrics,
    middleware::{Cors, RequestContext, SecurityHeaders, X_REQUEST_ID, wrap_request},
    pages,
    site::SiteFiles,
    well_known,
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
    let mut pages = pages::router(site, public_url);
    let mut documents = documents::router();
    if let Some(limits) = &limits {
        let limit = from_fn_with_state((limits.clone(), Limit::PAGES), limit_rate);
        pages = pages.layer(limit.clone());
        documents = documents.layer(limit);
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
    let origins = clients.cors_origins;
    let context = RequestContext {
        metrics,
        security_headers: SecurityHeaders::new(public_url),
        time_limit: clients.request_timeout,
        cors: Cors::new(&origins),
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
    let api = api::router(&accounts, limits.as_ref(), &origins).layer(MapResponseLayer::new(
        move |response: Response| {
            noting.note(&response);
            response
        },
    ));

    Router::new()
        .merge(api)
        .merge(health::router(probe))
        .merge(well_known::router(&accounts, limits.as_ref()))
        .merge(documents)
        .merge(pages)
        .layer(layers)
}
