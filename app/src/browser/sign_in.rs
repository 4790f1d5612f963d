//! Signing in, and requesting another activation link.

use std::pin::pin;

use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;

use super::{
    limit::with_timeout,
    passkeys::{self, Mediation},
    pending_account, session,
};
use crate::api::{
    ApiError, Code, passkey,
    user::{self, TokenPair},
};

/// How long a challenge is used for suggestions, in milliseconds. The server accepts it for 5 minutes.
const CHALLENGE: u32 = 240_000;

/// How often suggestions get another challenge: for an hour. A page that was left open longer than that
/// offers the button only.
const CHALLENGES: usize = 15;

/// Signs in and stores the session: [`LazyRequest::SignIn`](super::LazyRequest::SignIn). If the account has a second factor, the session is
/// [`MfaPending`](super::AuthState::MfaPending) from the moment it is stored.
///
/// # Errors
/// Returns the errors of [`user::login`], and one if the session can't be stored.
pub(super) async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let pair = with_timeout(user::login(email.as_str().into(), password.into())).await?;
    begin_session(pair, &email)
}

/// Signs in with an emailed code, as [`sign_in`] does with a password.
///
/// # Errors
/// Returns the errors of [`user::confirm_login_code`], and one if the session can't be stored.
pub async fn sign_in_with_code(flow: &str, email: &str, code: &str) -> Result<(), ApiError> {
    let request = user::confirm_login_code(flow.into(), email.into(), code.into());
    begin_session(with_timeout(request).await?, email)
}

/// Asks for a passkey, and signs in with it.
///
/// # Errors
/// Says that no passkey was used; the errors of [`passkey::login`], and one if the session can't be stored.
pub(super) async fn sign_in_with_passkey() -> Result<(), ApiError> {
    let options = with_timeout(passkey::begin_login()).await?;
    match passkeys::get(&options, Mediation::Dialog).await? {
        Some(credential) => store_session(credential).await,
        None => Ok(()),
    }
}

/// Lets the browser suggest passkeys in the field for the email address, and signs in with the one that the
/// user picks. Ends without an error where the browser can't, and when another request for a passkey begins.
///
/// # Errors
/// As for [`sign_in_with_passkey`], once a passkey was picked.
pub(super) async fn suggest_passkeys() -> Result<(), ApiError> {
    if !passkeys::can_be_suggested().await {
        return Ok(());
    }
    for _ in 0..CHALLENGES {
        let Ok(options) = with_timeout(passkey::begin_login()).await else {
            return Ok(());
        };
        let picked = pin!(passkeys::get(&options, Mediation::Suggestions));
        match select(picked, TimeoutFuture::new(CHALLENGE)).await {
            Either::Left((Ok(Some(credential)), _)) => return store_session(credential).await,
            Either::Left(_) => return Ok(()),
            Either::Right(_) => {}
        }
    }
    Ok(())
}

async fn store_session(credential: serde_json::Value) -> Result<(), ApiError> {
    let pair = with_timeout(passkey::login(credential)).await?;
    session::store(&session::Session::new(pair))
}

/// Stores a session. If it lacks the second factor, it is `MfaPending` from that moment.
pub(super) fn begin_session(pair: TokenPair, email: &str) -> Result<(), ApiError> {
    let needs_second_factor = pair.otp_required;
    let session = session::Session::new(pair);
    if needs_second_factor {
        session::require_second_factor(&session);
        pending_account::remember(&session, email);
    }
    session::store(&session)
}

/// Requests another email with the link that activates an account.
///
/// # Errors
/// Returns the errors of [`user::resend_activation`]. Field errors become one message, because no
/// form on the page has a field for them.
pub(super) async fn resend_activation(email: String) -> Result<(), ApiError> {
    with_timeout(user::resend_activation(email.into()))
        .await
        .map_err(|error| match error {
            ApiError::Fields(_) => ApiError::detail(Code::MalformedRequest, error.to_string()),
            ApiError::Detail { .. } => error,
        })
}
