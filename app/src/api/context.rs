//! The context of a server function: the domain, the caller and device of the request, and the
//! device cookie of the response.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use accounts::{
    Accounts, Administrator, Authorized, Caller, DEVICE_TOKEN_LIFETIME, Device, Enrolling, Scope,
};
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use leptos::prelude::{expect_context, with_context};
use leptos_axum::ResponseOptions;
use tracing::{Span, record_all};

use super::error::{ApiError, Code};

/// The IP address of the client, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct ClientIp(pub IpAddr);

/// The cookie in which a browser keeps its device tokens.
const DEVICE_COOKIE: &str = "latchkey_device";

/// Returns the domain.
pub fn accounts() -> Accounts {
    expect_context()
}

/// Returns the device that the request comes from.
pub fn device() -> Arc<Device> {
    with_parts(|parts| {
        let ClientIp(ip) = parts.extensions.get().expect("the router adds it");
        let device = Device::new(*ip, &user_agent(&parts.headers));
        Arc::new(device.with_device_tokens(device_cookie(&parts.headers)))
    })
}

/// Returns the caller, as named by the access token in the `Authorization` header.
///
/// # Errors
/// `not_authenticated` without a token, `token_expired` or `token_invalid` with an invalid one,
/// `otp_required` with one that still lacks the second factor, `second_factor_setup_required` where the
/// user must set one up.
pub async fn authorize() -> Result<Authorized, ApiError> {
    let caller = accounts()
        .authorize(&own_bearer_token()?, &device())
        .await?;
    record(&caller);
    Ok(caller)
}

/// Like [`authorize`], for the endpoints that a user needs to set up a second factor: these, and no others,
/// are open before that.
///
/// # Errors
/// Those of [`authorize`], except `second_factor_setup_required`.
pub async fn authorize_enrolling() -> Result<Enrolling, ApiError> {
    let caller = accounts()
        .authorize_enrolling(&own_bearer_token()?, &device())
        .await?;
    record(&caller);
    Ok(caller)
}

/// Like [`authorize`], for endpoints that don't need the second factor: completing it, and signing
/// out.
///
/// # Errors
/// `not_authenticated` without a token, `token_expired` or `token_invalid` with an invalid one.
pub async fn identify() -> Result<Caller, ApiError> {
    let caller = accounts().identify(&own_bearer_token()?, &device()).await?;
    record(&caller);
    Ok(caller)
}

/// Like [`identify`], for an endpoint that works without a token, too.
///
/// # Errors
/// `token_expired` or `token_invalid` with an invalid token.
pub async fn identify_if_any() -> Result<Option<Caller>, ApiError> {
    if with_parts(|parts| parts.headers.contains_key(header::AUTHORIZATION)) {
        identify().await.map(Some)
    } else {
        Ok(None)
    }
}

/// The same for a request that no server function handles.
///
/// # Errors
/// Those of [`authorize`].
pub async fn authenticate(
    accounts: &Accounts,
    client: ClientIp,
    headers: &HeaderMap,
) -> Result<Authorized, ApiError> {
    let device = Arc::new(device_of(client, headers));
    let caller = accounts.authorize(bearer_token(headers)?, &device).await?;
    record(&caller);
    Ok(caller)
}

/// Returns the device of a request that no server function handles.
#[must_use]
pub fn device_of(ClientIp(ip): ClientIp, headers: &HeaderMap) -> Device {
    Device::new(ip, &user_agent(headers))
}

/// Returns the caller of an endpoint that works without one, too. A token that [`authorize_enrolling`] would
/// reject counts as none.
pub async fn optional_caller() -> Option<Enrolling> {
    authorize_enrolling().await.ok()
}

/// Checks that the service key in the `Authorization` header allows something.
///
/// # Errors
/// `not_authenticated` without a key, `key_invalid` with an invalid one, `permission_denied` with one
/// that lacks the scope.
pub async fn authorize_service(scope: Scope) -> Result<(), ApiError> {
    authenticate_service(&accounts(), &own_bearer_token()?, scope).await
}

/// The same for a key that was read with [`bearer_token`], where no server function handles the request.
///
/// # Errors
/// `key_invalid` with an invalid key, `permission_denied` with one that lacks the scope.
pub async fn authenticate_service(
    accounts: &Accounts,
    key: &str,
    scope: Scope,
) -> Result<(), ApiError> {
    let id = accounts.authenticate_service_key(key, scope).await?;
    record_all!(Span::current(), service_key = %id);
    Ok(())
}

/// Returns who administers users: the administrator or the service that the `Authorization` header names.
///
/// # Errors
/// `not_authenticated` without credentials, `permission_denied` for a user who is no administrator, and for
/// a service key without the scope; the other errors of tokens and service keys.
pub async fn administrator(scope: Scope) -> Result<Administrator, ApiError> {
    let credentials = own_bearer_token()?;
    let found = accounts()
        .administrator(&credentials, scope, &device())
        .await;
    let administrator = found?;
    if let Some(caller) = administrator.user() {
        record(caller);
    }
    if let Some(id) = administrator.service_key() {
        record_all!(Span::current(), service_key = %id);
    }
    Ok(administrator)
}

/// Makes the client keep its device tokens, in a cookie that is sent to the API only, and that neither scripts nor
/// other sites can use.
pub fn set_device_cookie(tokens: &str) {
    let is_https = accounts().public_url().starts_with("https://");
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = HeaderValue::try_from(format!(
        "{DEVICE_COOKIE}={tokens}; Path=/api; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
        DEVICE_TOKEN_LIFETIME.as_secs()
    ));
    if let Ok(cookie) = cookie {
        expect_context::<ResponseOptions>().insert_header(header::SET_COOKIE, cookie);
    }
}

/// The cookie that binds a sign-in with a provider to a browser. With HTTPS, no other host can set it, and
/// none but this one gets it.
const BROWSER_COOKIE: &str = "latchkey_social";
const SECURE_BROWSER_COOKIE: &str = "__Host-latchkey_social";

/// How long a browser keeps it: as long as the user may take at the provider.
const BROWSER_COOKIE_LIFETIME: u32 = 10 * 60;

/// Returns the secret of the browser that a request comes from, if it has begun a sign-in with a provider.
#[must_use]
pub fn browser_cookie<'a>(public_url: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    cookies(headers, browser_cookie_name(public_url)).next()
}

/// Returns the value of `Set-Cookie` that makes a browser keep its secret. The provider leads back by a link,
/// which `SameSite=Strict` would not go with.
#[must_use]
pub fn set_browser_cookie(public_url: &str, secret: &str) -> Option<HeaderValue> {
    let name = browser_cookie_name(public_url);
    let secure = if name == SECURE_BROWSER_COOKIE {
        "; Secure"
    } else {
        ""
    };
    HeaderValue::try_from(format!(
        "{name}={secret}; Path=/; Max-Age={BROWSER_COOKIE_LIFETIME}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

fn browser_cookie_name(public_url: &str) -> &'static str {
    if public_url.starts_with("https://") {
        SECURE_BROWSER_COOKIE
    } else {
        BROWSER_COOKIE
    }
}

/// Returns the secret of the browser, for a server function.
pub fn browser() -> Option<String> {
    let accounts = accounts();
    with_parts(|parts| browser_cookie(accounts.public_url(), &parts.headers).map(str::to_owned))
}

/// Makes the browser keep its secret, in a server function.
pub fn keep_browser(secret: &str) {
    if let Some(cookie) = set_browser_cookie(accounts().public_url(), secret) {
        expect_context::<ResponseOptions>().insert_header(header::SET_COOKIE, cookie);
    }
}

/// Adds the caller to the span of the request, and so to its log lines.
fn record(caller: &Caller) {
    record_all!(
        Span::current(),
        user_id = %caller.user().id,
        session_id = %caller.session_id
    );
}

/// Reads the head of the request, which leptos_axum provides.
fn with_parts<T>(read: impl FnOnce(&Parts) -> T) -> T {
    with_context(read).expect("leptos_axum provides it")
}

/// Returns the token or service key of the request that a server function handles.
fn own_bearer_token() -> Result<String, ApiError> {
    with_parts(|parts| bearer_token(&parts.headers).map(str::to_owned))
}

/// Returns the token of `Authorization: Bearer <token>` (RFC 6750) or `Authorization: JWT <token>`.
/// The scheme is case-insensitive (RFC 9110, 11.1).
///
/// # Errors
/// `not_authenticated` if there is none.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        let is_known = scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("JWT");
        let token = token.trim();
        (is_known && !token.is_empty()).then_some(token)
    });
    token.ok_or(Code::NotAuthenticated.into())
}

fn user_agent(headers: &HeaderMap) -> Cow<'_, str> {
    headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .unwrap_or_default()
}

/// Returns the device tokens from the cookie of an earlier sign-in. A browser may have
/// two of that name: earlier versions set it for another path.
fn device_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies: Vec<&str> = cookies(headers, DEVICE_COOKIE).collect();
    (!cookies.is_empty()).then(|| cookies.join("."))
}

/// Returns the values of the cookies with this name (RFC 6265, 4.2).
pub fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter_map(move |(other, value)| (other == name).then_some(value))
}
