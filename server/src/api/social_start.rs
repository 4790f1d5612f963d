//! `GET /api/social/{provider}/start`: leads a browser to a provider.

use accounts::Accounts;
use app::api::{ApiError, browser_cookie};
use axum::{
    extract::{Path, RawQuery, State},
    response::Response,
    routing::{MethodRouter, get},
};
use http::HeaderMap;

use super::social::{parameter, respond};

/// The path of the endpoint.
pub const PATH: &str = "/api/social/{provider}/start";

/// Returns the route of the endpoint.
pub fn route(accounts: Accounts) -> MethodRouter {
    get(start).with_state(accounts)
}

async fn start(
    State(accounts): State<Accounts>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ticket = parameter(query.as_deref(), "ticket");
    let browser = browser_cookie(accounts.public_url(), &headers);
    let step = accounts.start_social(&provider, browser, ticket.as_deref());
    respond(accounts.public_url(), step.await)
}
