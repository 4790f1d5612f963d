//! The documents at well-known paths (RFC 8615), for programs that only know this server's URL.

use std::{future::ready, sync::Arc};

use accounts::Accounts;
use axum::{
    Router,
    body::Bytes,
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{MethodRouter, get},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::limits::{Limit, RateLimits, limit_rate};

/// How long others may keep a document. So it takes this long until a removed key is accepted nowhere.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Returns the routes under `/.well-known`.
pub fn router(accounts: &Accounts, limits: Option<&Arc<RateLimits>>) -> Router {
    let keys = document(accounts.public_keys().to_owned());
    let metadata = document(metadata(accounts.public_url()));
    let router = Router::new()
        .route("/.well-known/jwks.json", keys)
        .route("/.well-known/oauth-authorization-server", metadata)
        .route("/.well-known/change-password", get(change_password));
    match limits {
        Some(limits) => {
            let state = (limits.clone(), Limit::PAGES);
            router.route_layer(from_fn_with_state(state, limit_rate))
        }
        None => router,
    }
}

/// Returns the route of a document that stays the same while the server runs.
fn document(json: String) -> MethodRouter {
    let body = Bytes::from(json);
    get(move || {
        let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, CACHE)];
        ready((headers, body.clone()))
    })
}

/// The metadata of the server (RFC 8414). It has no authorization or token endpoint, as clients sign in
/// through the API.
fn metadata(url: &str) -> String {
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "introspection_endpoint": format!("{url}/api/token/introspect"),
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
        "revocation_endpoint": format!("{url}/api/token/revoke"),
        "revocation_endpoint_auth_methods_supported": ["none"],
        "response_types_supported": [],
        "grant_types_supported": [],
        "latchkey_revocations_endpoint": format!("{url}/api/token/revocations"),
    })
    .to_string()
}

/// `GET /.well-known/change-password`: where password managers send people
/// (<https://w3c.github.io/webappsec-change-password-url/>).
async fn change_password() -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, "/account/security")])
}
