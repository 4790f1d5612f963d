//! The API: one route for each server function, served by leptos_axum, and a few endpoints whose
//! responses no server function can give.

mod forward_auth;
mod revocations;
mod social;
mod social_callback;
mod social_start;

use std::{collections::HashSet, sync::Arc};

use accounts::Accounts;
use app::api::{ApiError, Code, UriFields};
use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, any, on},
};
use http::{Method, Uri, header};
use leptos::prelude::provide_context;
use leptos_axum::handle_server_fns_with_context;
use percent_encoding::percent_decode_str;
use server_fn::ServerFnTraitObj;

pub use forward_auth::PATH as FORWARD_AUTH_PATH;
pub use revocations::PATH as REVOCATIONS_PATH;
pub use social_callback::PATH as SOCIAL_CALLBACK_PATH;
pub use social_start::PATH as SOCIAL_START_PATH;

use crate::{
    failure::Failure,
    limits::{self, RateLimits, limit_rate},
    middleware::{AllowedOrigins, reject_cross_site},
};

/// Returns the routes of the endpoints, each with and without one trailing slash. Server functions of a
/// program that embeds this one are left to it: they get none of these rules, and no rate limit.
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
    for (path, method) in server_fns() {
        let route = limited(path, server_fn_route(path, method, accounts.clone()));
        router = with_slash(router, path, route);
    }
    let revocations = limited(revocations::PATH, revocations::route(accounts.clone()));
    router = with_slash(router, revocations::PATH, revocations);
    for (path, route) in [
        (social_start::PATH, social_start::route(accounts.clone())),
        (
            social_callback::PATH,
            social_callback::route(accounts.clone()),
        ),
    ] {
        router = with_slash(router, path, limited(path, route));
    }
    router = router
        .method_not_allowed_fallback(method_not_allowed)
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

/// Returns the routes of everything else under `/api`.
pub fn other_paths(limits: Option<&Arc<RateLimits>>, origins: &AllowedOrigins) -> Router {
    let not_found = match limits {
        Some(limits) => {
            let state = (limits.clone(), limits::limit(""));
            any(not_found).layer(from_fn_with_state(state, limit_rate))
        }
        None => any(not_found),
    };
    Router::new()
        .route("/api", not_found.clone())
        .route("/api/", not_found.clone())
        .route("/api/{*path}", not_found)
        .layer(from_fn_with_state(origins.clone(), reject_cross_site))
}

/// Returns the paths and methods of the server functions that are endpoints.
pub fn server_fns() -> impl Iterator<Item = (&'static str, Method)> {
    server_fn::axum::server_fn_paths().filter(|(path, _)| limits::is_endpoint(path))
}

/// Returns the paths of Latchkey's server functions. Leptos knows the server functions of a whole process,
/// and a program that embeds Latchkey must leave these out when it adds routes for its own:
/// `generate_route_list_with_exclusions(App, Some(latchkey::server_fn_paths()))`.
#[must_use]
pub fn server_fn_paths() -> Vec<String> {
    server_fns().map(|(path, _)| path.to_owned()).collect()
}

/// Checks that no server function of an embedding program has the path of an endpoint, which it would
/// replace.
///
/// # Errors
/// Names the path.
pub fn check_server_fns() -> Result<(), Failure> {
    let functions = server_fn::inventory::iter::<ServerFnTraitObj<Request, Response>>;
    let functions = functions.into_iter();
    match doubled(functions.map(|function| (function.path(), function.method()))) {
        Some(path) => Err(Failure::new(format!(
            "{path} is an endpoint of Latchkey: give your server function another path"
        ))),
        None => Ok(()),
    }
}

/// Returns the path of an endpoint that occurs twice with the same method.
fn doubled<'a>(functions: impl IntoIterator<Item = (&'a str, Method)>) -> Option<&'a str> {
    let mut endpoints = HashSet::new();
    let mut functions = functions
        .into_iter()
        .filter(|(path, _)| limits::is_endpoint(path));
    let found = functions.find(|function| !endpoints.insert(function.clone()));
    found.map(|(path, _)| path)
}

/// The paths of the endpoints that are no server functions.
#[cfg(test)]
pub const OTHER_PATHS: [&str; 4] = [
    forward_auth::PATH,
    revocations::PATH,
    social_start::PATH,
    social_callback::PATH,
];

/// Adds a route with and without one trailing slash.
pub fn with_slash(router: Router, path: &str, route: MethodRouter) -> Router {
    router
        .route(path, route.clone())
        .route(&format!("{path}/"), route)
}

/// Responds to a method that a path does not have.
pub async fn method_not_allowed(uri: Uri) -> ApiError {
    // axum also matches a part of the path that is empty.
    if uri.path().contains("//") {
        return Code::NotFound.into();
    }
    Code::MethodNotAllowed.into()
}

async fn not_found() -> ApiError {
    Code::NotFound.into()
}

/// Returns the route of the server function with this path and method.
///
/// leptos_axum finds server functions by their exact path and method, so requests with a trailing
/// slash, with fields in the path, and HEAD requests are rewritten. It redirects clients that accept HTML back to the page
/// they came from, which an API must not do, so it never sees the `Accept` header.
fn server_fn_route(path: &'static str, method: Method, accounts: Accounts) -> MethodRouter {
    let uri = Uri::from_static(path);
    // GET also routes HEAD.
    let filter = match method {
        Method::GET => MethodFilter::GET,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    };
    let handler = async move |mut request: Request| {
        let fields = uri_fields(path, request.uri());
        // axum also matches a part of the path that is empty.
        if fields.path.iter().any(|(_, value)| value.is_empty()) {
            return ApiError::from(Code::NotFound).into_response();
        }
        request.extensions_mut().insert(fields);
        *request.uri_mut() = uri;
        *request.method_mut() = method;
        request.headers_mut().remove(header::ACCEPT);
        let provide_accounts = move || provide_context(accounts.clone());
        handle_server_fns_with_context(provide_accounts, request)
            .await
            .into_response()
    };
    on(filter, handler)
}

/// Returns the fields that a request has in its URI. A part of the path such as `{id}` is the place of one.
fn uri_fields(path: &'static str, uri: &Uri) -> UriFields {
    let values = uri.path().split('/');
    let fields = path.split('/').zip(values).filter_map(|(name, value)| {
        let name = name.strip_prefix('{')?.strip_suffix('}')?;
        let value = percent_decode_str(value).decode_utf8_lossy();
        Some((name, value.into_owned()))
    });
    UriFields {
        path: fields.collect(),
        query: uri.query().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_function_can_have_any_path_but_that_of_an_endpoint() {
        let view = "/api/user/view";
        let doubled = |paths: [&'static str; 3]| doubled(paths.map(|path| (path, Method::GET)));
        assert_eq!(doubled([view, "/api/mine", "/api/mine"]), None);
        assert_eq!(doubled([view, "/api/mine", view]), Some(view));
        assert!(check_server_fns().is_ok());
        let paths = server_fn_paths();
        assert!(paths.iter().any(|path| path == view), "{paths:?}");
    }
}
