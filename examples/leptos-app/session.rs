//! The session of a browser, in a cookie, so that pages and forms work without WebAssembly. Latchkey itself
//! reads the `Authorization` header only.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use latchkey::{
    Code, Latchkey,
    accounts::{DEVICE_TOKEN_LIFETIME, Error, TokenPair},
};

const SESSION: &str = "session";
const DEVICE: &str = "device";

/// How long browsers keep the session's cookie, in seconds. The session may end earlier.
const MAX_AGE: u64 = 30 * 24 * 60 * 60;

/// Returns the `Set-Cookie` header that keeps a pair of tokens, or deletes the cookie.
pub fn cookie(latchkey: &Latchkey, pair: Option<&TokenPair>) -> HeaderValue {
    match pair {
        Some(pair) => {
            let tokens = format!("{}~{}", pair.access_token, pair.refresh_token);
            set(latchkey, SESSION, &tokens, MAX_AGE)
        }
        None => set(latchkey, SESSION, "", 0),
    }
}

/// Returns the `Set-Cookie` header that keeps what makes a device a known one at its next sign-in.
pub fn device_cookie(latchkey: &Latchkey, tokens: &str) -> HeaderValue {
    set(latchkey, DEVICE, tokens, DEVICE_TOKEN_LIFETIME.as_secs())
}

/// Returns what an earlier sign-in has kept.
pub fn device_tokens(headers: &HeaderMap) -> Option<String> {
    get(headers, DEVICE).map(str::to_owned)
}

fn set(latchkey: &Latchkey, name: &str, value: &str, age: u64) -> HeaderValue {
    let is_https = latchkey.accounts().public_url().starts_with("https://");
    let secure = if is_https { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).expect("tokens are ASCII")
}

fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let cookies = cookies.flat_map(|value| value.split(';'));
    let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    pairs.find_map(|(found, value)| (found == name).then_some(value))
}

/// Middleware that turns the cookie into the `Authorization` header, with a new token if it has expired. What
/// pages of other sites send is refused, unless it only reads, and they can't see what.
pub async fn authorize(State(latchkey): State<Latchkey>, request: Request, next: Next) -> Response {
    if !request.method().is_safe() && is_foreign(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (mut head, body) = request.into_parts();
    let changed = match tokens(&head.headers) {
        Some((token, refresh_token)) => {
            set_token(&mut head.headers, &token);
            renew(&latchkey, &mut head, &refresh_token).await
        }
        None => None,
    };
    let mut response = next.run(Request::from_parts(head, body)).await;
    if let Some(cookie) = changed {
        // A function that signs in or out has the last word.
        response
            .headers_mut()
            .entry(header::SET_COOKIE)
            .or_insert(cookie);
    }
    response
}

/// Exchanges the refresh token if the access token has expired. Returns what becomes of the cookie, if it
/// changes.
async fn renew(latchkey: &Latchkey, head: &mut Parts, refresh_token: &str) -> Option<HeaderValue> {
    let error = latchkey.authenticate(head).await.err()?;
    if error.code() != Some(Code::TokenExpired) {
        return None;
    }
    let device = latchkey.device(head).ok()?;
    let pair = latchkey.accounts().refresh(Some(refresh_token), &device);
    match pair.await {
        Ok(pair) => {
            set_token(&mut head.headers, &pair.access_token);
            Some(cookie(latchkey, Some(&pair)))
        }
        Err(Error::TokenInvalid | Error::TokenExpired) => Some(cookie(latchkey, None)),
        // The database may be unavailable for a moment.
        Err(_) => None,
    }
}

fn set_token(headers: &mut HeaderMap, token: &str) {
    if let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) {
        headers.insert(header::AUTHORIZATION, value);
    }
}

/// Whether a browser says that a page of another site, or of a sibling host, has sent the request.
fn is_foreign(headers: &HeaderMap) -> bool {
    let from = headers.get("sec-fetch-site");
    from.is_some_and(|site| site != "same-origin" && site != "none")
}

/// Returns the access token and the refresh token in the cookie, unless the request has a token of its own.
fn tokens(headers: &HeaderMap) -> Option<(String, String)> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let (token, refresh_token) = get(headers, SESSION)?.split_once('~')?;
    Some((token.to_owned(), refresh_token.to_owned()))
}
