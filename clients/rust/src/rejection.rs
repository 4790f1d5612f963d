//! The response to a request without a valid token.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::error::VerifyError;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It has no token.
    #[error("the request has no access token")]
    Missing,
    /// Its token is not accepted.
    #[error(transparent)]
    Token(#[from] VerifyError),
}

impl Rejection {
    /// The response: 401, or 503 where it is not known whether the token was revoked. It has the form of
    /// Latchkey's own errors.
    pub fn into_response_with<B: From<String>>(self) -> Response<B> {
        let (status, code, detail) = match self {
            Self::Missing => (
                StatusCode::UNAUTHORIZED,
                "not_authenticated",
                "Authentication credentials were not provided.",
            ),
            Self::Token(VerifyError::Expired) => (
                StatusCode::UNAUTHORIZED,
                "token_expired",
                "The token has expired.",
            ),
            Self::Token(VerifyError::Unknown) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "This is not possible right now. Try again in a moment.",
            ),
            Self::Token(_) => (
                StatusCode::UNAUTHORIZED,
                "token_invalid",
                "The token is not valid.",
            ),
        };
        let body = format!(r#"{{"detail":"{detail}","code":"{code}"}}"#);
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let value = HeaderValue::from_static;
        headers.insert(header::CONTENT_TYPE, value("application/json"));
        headers.insert(header::CACHE_CONTROL, value("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => headers.insert(header::WWW_AUTHENTICATE, value("Bearer")),
            _ => headers.insert(header::RETRY_AFTER, value("1")),
        };
        response
    }
}

/// Returns the token of `Authorization: Bearer <token>` (RFC 6750).
///
/// # Errors
/// `Missing` if there is none.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, Rejection> {
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or(Rejection::Missing)?;
    let value = value.to_str().map_err(|_| Rejection::Missing)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or(Rejection::Missing)?;
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty() {
        Ok(token)
    } else {
        Err(Rejection::Missing)
    }
}
