//! The API: one route for each server function, served by leptos_axum, and a few endpoints whose
//! responses no server function can give.

mod forward_auth;
mod revocations;

use std::sync::Arc;

use accounts::Accounts;
use app::api::{ApiError, Code};
use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, any, on},
};
use http::{Method, Uri, header};
use leptos::prelude::provide_context;
use leptos_axum::handle_server_fns_with_context;

use crate::{
    limits::{self, RateLimits, limit_rate},
    middleware::{AllowedOrigins, reject_cross_site},
};

/// Returns the routes under `/api`, each with and without one trailing slash.
pub fn router(
    accounts: &Accounts,
    limits: Option<&Arc<RateLimits>>,
    origins: &AllowedOrigins,
) -> Router {
    let limited = |path, route: MethodRouter| match limits {
        Some(limits) => {
            let state = (limits.clone(), limits::limit(path));
            route.route_layer(from_fn_with_state(state, limit_rate))
        }
        None => route,
    };
    let mut router = Router::new();
    for (path, method) in server_fn::axum::server_fn_paths() {
        let route = limited(path, server_fn_route(path, method, accounts.clone()));
        router = with_slash(router, path, route);
    }
    let revocations = limited(revocations::PATH, revocations::route(accounts.clone()));
    router = with_slash(router, revocations::PATH, revocations);
    let not_found = match limits {
        Some(limits) => {
            let state = (limits.clone(), limits::limit(""));
            any(not_found).layer(from_fn_with_state(state, limit_rate))
        }
        None => any(not_found),
    };
    router = router
        .method_not_allowed_fallback(method_not_allowed)
        .route("/api", not_found.clone())
        .route("/api/", not_found.clone())
        .route("/api/{*path}", not_found)
        .layer(from_fn_with_state(origins.clone(), reject_cross_site));
    // A proxy passes on the headers of a request that is not to this server.
    let forward_auth = forward_auth::route(accounts.clone());
    with_slash(
        router,
        forward_auth::PATH,
        limited(forward_auth::PATH, forward_auth),
    )
    .method_not_allowed_fallback(method_not_allowed)
}

/// The paths of the endpoints that are no server functions.
#[cfg(test)]
pub const OTHER_PATHS: [&str; 2] = [forward_auth::PATH, revocations::PATH];

/// Adds a route with and without one trailing slash.
fn with_slash(router: Router, path: &str, route: MethodRouter) -> Router {
    router
        .route(path, route.clone())
        .route(&format!("{path}/"), route)
}

async fn method_not_allowed() -> ApiError {
    Code::MethodNotAllowed.into()
}

async fn not_found() -> ApiError {
    Code::NotFound.into()
}

/// Returns the route of the server function with this path and method.
///
/// leptos_axum finds server functions by their exact path and method, so requests with a trailing
/// slash and HEAD requests are rewritten. It redirects clients that accept HTML back to the page
/// they came from, which an API must not do, so it never sees the `Accept` header.
fn server_fn_route(path: &'static str, method: Method, accounts: Accounts) -> MethodRouter {
    let uri = Uri::from_static(path);
    // GET also routes HEAD.
    let filter = match method {
        Method::GET => MethodFilter::GET,
        _ => MethodFilter::POST,
    };
    let handler = async move |mut request: Request| {
        *request.uri_mut() = uri;
        *request.method_mut() = method;
        request.headers_mut().remove(header::ACCEPT);
        let provide_accounts = move || provide_context(accounts.clone());
        handle_server_fns_with_context(provide_accounts, request).await
    };
    on(filter, handler)
}
