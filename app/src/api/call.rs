//! What a server function may know of the request it answers.

use std::{borrow::Cow, cell::Cell, future::Future, net::IpAddr, sync::Arc};

use accounts::{Accounts, Authorized, Device, Identified};
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{ApiError, Code};

/// What the server's router attaches to each API request (as a request extension).
#[derive(Clone)]
pub struct RequestContext {
    /// The domain.
    pub accounts: Accounts,
    /// Where the request came from.
    pub ip: IpAddr,
    /// Whether browsers reach this server by HTTPS.
    pub is_https: bool,
}

/// The request that is being answered: the domain to ask, who calls, and from which device.
#[derive(Clone)]
pub struct Call {
    /// The domain.
    pub accounts: Accounts,
    /// The device that calls.
    pub device: Arc<Device>,
    token: Option<String>,
    is_https: bool,
}

/// The cookie in which a browser keeps its device tokens.
const DEVICE_COOKIE: &str = "latchkey_device";

/// How long it does, in seconds: 400 days, the most that browsers allow (RFC 6265bis, 5.5).
const DEVICE_COOKIE_LIFE: u32 = 400 * 24 * 60 * 60;

tokio::task_local! {
    // A plain task-local, not a reactive context: API calls render nothing, so they need no
    // reactive owner, and creating one for each would cost more than the call.
    static CURRENT: Call;

    /// What the response has the client keep.
    static COOKIE: Cell<Option<HeaderValue>>;
}

impl Call {
    /// Runs an endpoint with the call of this request at hand; gives its result, and the cookie that
    /// goes with it.
    pub(super) async fn scope<T>(
        parts: &Parts,
        endpoint: impl Future<Output = Result<T, ApiError>>,
    ) -> (Result<T, ApiError>, Option<HeaderValue>) {
        let Some(context) = parts.extensions.get::<RequestContext>() else {
            tracing::error!("the router attached no RequestContext");
            return (Err(Code::InternalError.into()), None);
        };
        let device = Device::new(context.ip, &user_agent(&parts.headers));
        let call = Self {
            accounts: context.accounts.clone(),
            device: Arc::new(device.with_device_tokens(device_cookie(&parts.headers))),
            token: bearer_token(&parts.headers),
            is_https: context.is_https,
        };
        let answer = async { (endpoint.await, COOKIE.with(Cell::take)) };
        COOKIE
            .scope(Cell::default(), CURRENT.scope(call, answer))
            .await
    }

    /// Has the device keep its device tokens: for signing in only, and out of reach of scripts and of
    /// other sites.
    pub fn keep_device_tokens(&self, tokens: &str) {
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = HeaderValue::try_from(format!(
            "{DEVICE_COOKIE}={tokens}; Path=/api/user/login; Max-Age={DEVICE_COOKIE_LIFE}; \
             HttpOnly; SameSite=Strict{secure}"
        ));
        COOKIE.with(|kept| kept.set(cookie.ok()));
    }

    /// The call that the running server function answers.
    ///
    /// # Panics
    /// Outside a server function.
    #[must_use]
    pub fn current() -> Self {
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
        Ok(self.token.as_deref().ok_or(Code::NotAuthenticated)?)
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
fn bearer_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("JWT");
    let token = token.trim();
    (known && !token.is_empty()).then(|| token.to_owned())
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
