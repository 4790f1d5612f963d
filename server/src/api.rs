//! The API: one route for each server function, served by leptos_axum.

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

use crate::limits::{self, RateLimits, limit_rate};

/// Returns the routes under `/api`, each with and without one trailing slash.
pub fn router(accounts: &Accounts, limits: Option<&Arc<RateLimits>>) -> Router {
    let limit = |path| {
        limits.map(|limits| from_fn_with_state((limits.clone(), limits::limit(path)), limit_rate))
    };
    let mut router = Router::new();
    for (path, method) in server_fn::axum::server_fn_paths() {
        let route = server_fn_route(path, method, accounts.clone());
        let route = match limit(path) {
            Some(limit) => route.route_layer(limit),
            None => route,
        };
        router = router
            .route(path, route.clone())
            .route(&format!("{path}/"), route);
    }
    let not_found = match limit("") {
        Some(limit) => any(not_found).layer(limit),
        None => any(not_found),
    };
    router
        .method_not_allowed_fallback(async || ApiError::from(Code::MethodNotAllowed))
        .route("/api", not_found.clone())
        .route("/api/", not_found.clone())
        .route("/api/{*path}", not_found)
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
