//! What a server function may know of the request it answers.

use std::{borrow::Cow, future::Future, net::IpAddr, sync::Arc, time::Duration};

use accounts::{Accounts, Authorized, Device, Identified};
use axum::http::{HeaderMap, header, request::Parts};

use super::{ApiError, Code};

/// What the server's router attaches to each API request (as a request extension).
#[derive(Clone)]
pub struct RequestContext {
    /// The domain.
    pub accounts: Accounts,
    /// Where the request came from.
    pub ip: IpAddr,
}

/// The request that is being answered: the domain to ask, who calls, and from which device.
#[derive(Clone)]
pub struct Call {
    /// The domain.
    pub accounts: Accounts,
    /// The device that calls.
    pub device: Arc<Device>,
    token: Option<String>,
}

tokio::task_local! {
    // A plain task-local, not a reactive context: API calls render nothing, so they need no
    // reactive owner, and creating one for each would cost more than the call.
    static CURRENT: Call;
}

impl Call {
    /// Runs an endpoint with the call of this request at hand.
    pub(super) async fn scope<T>(
        parts: &Parts,
        endpoint: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let Some(context) = parts.extensions.get::<RequestContext>() else {
            tracing::error!("the router attached no RequestContext");
            return Err(Code::InternalError.into());
        };
        let call = Self {
            accounts: context.accounts.clone(),
            device: Arc::new(Device::new(context.ip, &user_agent(&parts.headers))),
            token: bearer_token(&parts.headers),
        };
        CURRENT.scope(call, endpoint).await
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
            Error::Throttled(time) => throttled(time),
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

/// Says when to try again, in whole minutes to a person and in seconds to a program.
fn throttled(time: Duration) -> ApiError {
    // At the full second before, it would still be too early.
    let seconds = time.as_secs() + 1;
    let detail = match time.as_secs().div_ceil(60) {
        0 | 1 => "Too many attempts. Try again in a minute.".into(),
        minutes => format!("Too many attempts. Try again in {minutes} minutes.").into(),
    };
    ApiError::Detail {
        detail,
        code: Code::Throttled,
        retry_after: Some(seconds),
    }
}
