//! `GET /api/social/{provider}/callback`: where a provider leads a browser back to.

use accounts::{Accounts, ProviderResponse};
use app::api::{ApiError, ClientIp, browser_cookie, device_of};
use axum::{
    Extension,
    extract::{Path, RawQuery, State},
    response::Response,
    routing::{MethodRouter, get},
};
use http::HeaderMap;

use super::social::{parameter, respond};

/// The path of the endpoint.
pub const PATH: &str = "/api/social/{provider}/callback";

/// Returns the route of the endpoint.
pub fn route(accounts: Accounts) -> MethodRouter {
    get(callback).with_state(accounts)
}

async fn callback(
    State(accounts): State<Accounts>,
    Extension(client): Extension<ClientIp>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let [state, code, error, iss] =
        ["state", "code", "error", "iss"].map(|name| parameter(query.as_deref(), name));
    let response = ProviderResponse {
        state: state.as_deref(),
        code: code.as_deref(),
        error: error.as_deref(),
        iss: iss.as_deref(),
    };
    let browser = browser_cookie(accounts.public_url(), &headers);
    let device = device_of(client, &headers);
    let step = accounts.finish_social(&provider, browser, response, &device);
    respond(accounts.public_url(), step.await)
}
