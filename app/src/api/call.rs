//! What a server function may know of the request it answers.

use std::{
    borrow::Cow,
    future::Future,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use accounts::{Accounts, Authorized, Device, Identified};
use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};

use super::{ApiError, Code};

/// The request that is being answered: the domain to ask, who calls, and from which device.
pub struct Call {
    /// The domain.
    pub accounts: Accounts,
    /// The device that calls.
    pub device: Arc<Device>,
    /// The request's headers.
    pub(super) headers: HeaderMap,
    is_https: bool,
    /// What the response has the client keep.
    cookie: OnceLock<HeaderValue>,
}

/// The cookie in which a browser keeps its device tokens.
const DEVICE_COOKIE: &str = "latchkey_device";

/// How long it does, in seconds: 400 days, the most that browsers allow (RFC 6265bis, 5.5).
const DEVICE_COOKIE_LIFE: u32 = 400 * 24 * 60 * 60;

tokio::task_local! {
    // A plain task-local, not a reactive context: API calls render nothing, so they need no
    // reactive owner, and creating one for each would cost more than the call.
    static CURRENT: Arc<Call>;
}

impl Call {
    /// A request with these headers from a client at this address, to a server that browsers reach
    /// by HTTPS or not.
    #[must_use]
    pub fn new(accounts: Accounts, ip: IpAddr, headers: HeaderMap, is_https: bool) -> Self {
        let device =
            Device::new(ip, &user_agent(&headers)).with_device_tokens(device_cookie(&headers));
        Self {
            accounts,
            device: Arc::new(device),
            headers,
            is_https,
            cookie: OnceLock::new(),
        }
    }

    /// Runs a server function with this call at hand.
    pub async fn scope(self, function: impl Future<Output = Response>) -> Response {
        let call = Arc::new(self);
        let mut response = CURRENT.scope(call.clone(), function).await;
        if let Some(cookie) = call.cookie.get() {
            response
                .headers_mut()
                .insert(header::SET_COOKIE, cookie.clone());
        }
        response
    }

    /// Has the device keep its device tokens: for signing in only, and out of reach of scripts and of
    /// other sites.
    pub fn keep_device_tokens(&self, tokens: &str) {
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = HeaderValue::try_from(format!(
            "{DEVICE_COOKIE}={tokens}; Path=/api/user/login; Max-Age={DEVICE_COOKIE_LIFE}; \
             HttpOnly; SameSite=Strict{secure}"
        ));
        if let Ok(cookie) = cookie {
            // A call signs in once at most.
            let _ = self.cookie.set(cookie);
        }
    }

    /// The call that the running server function answers.
    ///
    /// # Panics
    /// Outside a server function.
    #[must_use]
    pub fn current() -> Arc<Self> {
        CURRENT.with(Clone::clone)
    }

    /// Who calls, by the access token in the `Authorization` header.
    ///
    /// # Errors
    /// `not_authenticated` without a token, `token_expired` or `token_invalid` with a bad one,
    /// `otp_required` with one that has the second factor still to pass.
    pub async fn authorize(&self) -> Result<Authorized, ApiError> {
        let token = self.token()?;
        Ok(self.accounts.authorize(token, &self.device).await?)
    }

    /// The same for what needs no second factor: passing it, and signing out.
    ///
    /// # Errors
    /// `not_authenticated` without a token, `token_expired` or `token_invalid` with a bad one.
    pub async fn identify(&self) -> Result<Identified, ApiError> {
        let token = self.token()?;
        Ok(self.accounts.identify(token, &self.device).await?)
    }

    fn token(&self) -> Result<&str, ApiError> {
        Ok(bearer_token(&self.headers).ok_or(Code::NotAuthenticated)?)
    }
}

fn user_agent(headers: &HeaderMap) -> Cow<'_, str> {
    headers
        .get(header::USER_AGENT)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .unwrap_or_default()
}

/// The device tokens that an earlier sign-in had the client keep (RFC 6265, 4.2).
fn device_cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find_map(|(name, value)| (name == DEVICE_COOKIE).then(|| value.to_owned()))
}

/// The token of `Authorization: Bearer <token>` (RFC 6750) or `Authorization: JWT <token>`; the
/// scheme's case does not matter (RFC 9110, 11.1).
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("JWT");
    let token = token.trim();
    (known && !token.is_empty()).then_some(token)
}

impl From<accounts::Error> for ApiError {
    fn from(error: accounts::Error) -> Self {
        use accounts::Error;
        match error {
            Error::Fields(fields) => Self::Fields(
                fields
                    .into_iter()
                    .map(|(field, messages)| (field.into(), messages))
                    .collect(),
            ),
            Error::TokenExpired => Code::TokenExpired.into(),
            Error::TokenInvalid => Code::TokenInvalid.into(),
            Error::InvalidCredentials => Code::InvalidCredentials.into(),
            Error::InactiveAccount => Code::InactiveAccount.into(),
            Error::OtpRequired => Code::OtpRequired.into(),
            Error::PermissionDenied => Code::PermissionDenied.into(),
            Error::Throttled(time) => Self::throttled(time),
            Error::NotFound => Code::NotFound.into(),
            Error::Overloaded => Code::Overloaded.into(),
            Error::Unavailable(error) => {
                tracing::error!(%error, "the database is away");
                Code::Overloaded.into()
            }
            Error::Internal(error) => {
                tracing::error!(%error, "a request failed");
                Code::InternalError.into()
            }
        }
    }
}
