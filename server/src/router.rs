//! The router: every route, and the layers around all of them.

use std::{net::SocketAddr, sync::Arc};

use accounts::Accounts;
use app::{
    SignInWays,
    api::{ApiError, ClientIp, Code},
};
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
    middleware::{
        AllowedOrigins, Cors, RequestContext, SecurityHeaders, TrustedProxies, X_REQUEST_ID,
        wrap_request,
    },
    openapi, pages,
    site::SiteFiles,
    well_known,
};

/// What is said where requests lack the address of their peer.
pub const NO_PEER: &str = "the address of the peer is missing: serve the router with \
                           into_make_service_with_connect_info::<SocketAddr>()";

/// Returns the router of the whole server. Each request needs the address of its peer as an
/// extension: [`ConnectInfo<SocketAddr>`].
pub fn router(
    accounts: Accounts,
    metrics: Metrics,
    site: SiteFiles,
    clients: ClientConfig,
) -> Router {
    Routes::new(accounts, metrics, clients).program(site)
}

/// The routes of one server, and what they share.
pub struct Routes {
    accounts: Accounts,
    limits: Option<Arc<RateLimits>>,
    origins: AllowedOrigins,
    proxies: Arc<TrustedProxies>,
    context: RequestContext,
    probe: Arc<Probe>,
}

impl Routes {
    /// Creates the routes of a server.
    pub fn new(accounts: Accounts, metrics: Metrics, clients: ClientConfig) -> Self {
        let limits = clients
            .rate_limits
            .then(|| Arc::new(RateLimits::new(MonotonicClock)));
        let context = RequestContext {
            metrics,
            security_headers: SecurityHeaders::new(accounts.public_url()),
            time_limit: clients.request_timeout,
            cors: Cors::new(&clients.cors_origins),
        };
        Self {
            probe: Arc::new(Probe::new(accounts.clone())),
            accounts,
            limits,
            origins: clients.cors_origins,
            proxies: Arc::new(clients.trusted_proxies),
            context,
        }
    }

    /// Returns all that the program serves.
    fn program(&self, site: SiteFiles) -> Router {
        let pages = pages::router(site, self.accounts.public_url(), self.sign_in_ways());
        self.wrap(
            self.endpoints()
                .merge(api::other_paths(self.limits.as_ref(), &self.origins))
                .merge(health::router(self.probe.clone()))
                .merge(self.limit_pages(documents::router()))
                .merge(self.limit_pages(pages)),
        )
    }

    /// Returns what is served within another program: nothing but endpoints, pages and their files, at
    /// their exact paths. So everything else, the home page included, is up to that program.
    pub fn embedded(&self, site: Option<&SiteFiles>) -> Router {
        let mut router = self.endpoints();
        if let Some(site) = site {
            let pages = pages::embedded(
                site.clone(),
                self.accounts.public_url(),
                self.sign_in_ways(),
            );
            router = router.merge(self.limit_pages(pages));
        }
        // The layers are also around the default fallback, which would replace that of the program.
        self.wrap(router).reset_fallback()
    }

    fn sign_in_ways(&self) -> SignInWays {
        pages::sign_in_ways(&self.accounts)
    }

    /// Returns the probes, for another program.
    pub fn probes(&self) -> Router {
        self.wrap(health::router(self.probe.clone()))
            .reset_fallback()
    }

    /// The endpoints of the API, and the documents at well-known paths.
    fn endpoints(&self) -> Router {
        let noting = self.probe.clone();
        let note = MapResponseLayer::new(move |response: Response| {
            noting.note(&response);
            response
        });
        api::router(&self.accounts, self.limits.as_ref(), &self.origins)
            .layer(note)
            .merge(well_known::router(&self.accounts, self.limits.as_ref()))
            .merge(self.limit_pages(openapi::router(self.accounts.public_url(), &self.origins)))
    }

    /// Adds the rate limit of pages and files.
    fn limit_pages(&self, router: Router) -> Router {
        match &self.limits {
            Some(limits) => {
                let state = (limits.clone(), Limit::PAGES);
                router.layer(from_fn_with_state(state, limit_rate))
            }
            None => router,
        }
    }

    /// Adds the layers around all routes. The first is the outermost.
    fn wrap(&self, router: Router) -> Router {
        let proxies = self.proxies.clone();
        let layers = ServiceBuilder::new()
            .map_request(move |request| add_client_ip(&proxies, request))
            .layer(from_fn_with_state(self.context.clone(), wrap_request))
            .layer(CatchPanicLayer::custom(|_| {
                // The panic hook has logged it.
                ApiError::from(Code::InternalError).into_response()
            }));
        router.layer(layers)
    }
}

/// Adds the client's IP address to a request, and removes an id that no trusted proxy has given it.
fn add_client_ip(proxies: &TrustedProxies, mut request: Request) -> Request {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let Some(ConnectInfo(peer)) = peer else {
        tracing::error!(NO_PEER);
        return request;
    };
    let peer = peer.ip();
    let client = proxies.find_client(peer, request.headers());
    request.extensions_mut().insert(ClientIp(client));
    if !proxies.trusts(peer.to_canonical()) {
        request.headers_mut().remove(X_REQUEST_ID);
    }
    request
}
