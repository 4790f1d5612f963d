//! `GET /api/token/forward-auth`: lets a proxy ask about a request that it is about to pass on (nginx's
//! `auth_request`, Caddy's `forward_auth`, Traefik's `ForwardAuth`).

use accounts::{Accounts, User};
use app::api::{ApiError, ClientIp, authenticate};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// The path of the endpoint.
pub const PATH: &str = "/api/token/forward-auth";

const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const USER_EMAIL: HeaderName = HeaderName::from_static("x-user-email");
const USER_ROLES: HeaderName = HeaderName::from_static("x-user-roles");
const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Returns the route of the endpoint.
pub fn route(accounts: Accounts) -> MethodRouter {
    get(forward_auth).with_state(accounts)
}

/// Responds with 200 and the user in headers, or with the error of the token. All headers are always
/// there, because a proxy that copies them then overwrites what the client has sent under these names.
async fn forward_auth(
    State(accounts): State<Accounts>,
    Extension(client): Extension<ClientIp>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = authenticate(&accounts, client, &headers).await?;
    let user = caller.user();
    let id = HeaderValue::from_str(&user.id.to_string()).unwrap_or(EMPTY);
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (USER_ID, id),
        (USER_EMAIL, email(user)),
        (USER_ROLES, roles(user)),
    ];
    Ok(headers.into_response())
}

/// The user's roles, with commas between them.
fn roles(user: &User) -> HeaderValue {
    HeaderValue::from_str(&user.roles.comma_separated()).unwrap_or(EMPTY)
}

/// The email address, if the user has proved to own it and a header can hold it.
fn email(user: &User) -> HeaderValue {
    let email = Some(&*user.email).filter(|email| user.email_verified && email.is_ascii());
    email
        .and_then(|email| HeaderValue::from_str(email).ok())
        .unwrap_or(EMPTY)
}
