//! Which request goes where.

use std::{net::IpAddr, sync::Arc, time::Duration};

use accounts::Accounts;
use axum::{
    Extension, Json,
    body::Body,
    extract::{MatchedPath, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Request, StatusCode};
use serde_json::json;
use tower::ServiceExt;

use crate::{
    api::Api,
    config::ClientConfig,
    metrics::{self, Metrics},
    middleware::{Around, SecurityHeaders, Way},
    pages,
    site::SiteFiles,
};

/// How long the database may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// What stands for a route where none fits.
const NO_ROUTE: &str = "other";

/// Everything that this server answers.
pub struct Router {
    api: Api,
    /// The pages, the files, and what is for who looks after the server.
    pages: axum::Router,
    around: Arc<Around>,
}

/// UserSelector a request comes from (a request extension).
#[derive(Clone, Copy)]
struct Client(IpAddr);

impl Router {
    /// The API and the pages.
    pub fn new(
        accounts: Accounts,
        metrics: Metrics,
        site: SiteFiles,
        public_url: &str,
        clients: ClientConfig,
    ) -> Self {
        let around = Arc::new(Around {
            proxies: clients.trusted_proxies,
            metrics: metrics.clone(),
            headers: SecurityHeaders::new(public_url),
            limit: clients.request_timeout,
        });
        let pages = axum::Router::new()
            .merge(health(accounts.clone()))
            .route("/metrics", get(metrics::metrics).with_state(metrics))
            .merge(pages::router(site))
            .layer(from_fn_with_state(around.clone(), around_page));
        let is_https = public_url.starts_with("https://");
        Self {
            api: Api::new(accounts, clients.rate_limits, is_https),
            pages,
            around,
        }
    }

    /// Answers a request that came by a connection from this address.
    pub async fn answer(&self, peer: IpAddr, mut request: Request<Body>) -> Response {
        let client = self.around.proxies.find_client(peer, request.headers());
        let path = request.uri().path();
        let Some(found) = self.api.find(path) else {
            request.extensions_mut().insert(Client(client));
            return match self.pages.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
        };
        let way = Way {
            client,
            route: found.route,
        };
        let next = |request| self.api.answer(&found, client, request);
        self.around.answer(way, request, next).await
    }
}

async fn around_page(
    State(around): State<Arc<Around>>,
    Extension(Client(client)): Extension<Client>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let way = Way { client, route };
    around
        .answer(way, request, |request| next.run(request))
        .await
}

/// For who looks after the server.
fn health(accounts: Accounts) -> axum::Router {
    axum::Router::new()
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
