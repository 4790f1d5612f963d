//! Signing in, and requesting another activation link.

use super::{limit::with_timeout, pending_account, session};
use crate::api::{ApiError, Code, user};

/// Signs in and stores the session: [`LazyRequest::SignIn`](super::LazyRequest::SignIn). If the account has a second factor, the session is
/// [`MfaPending`](super::AuthState::MfaPending) from the moment it is stored.
///
/// # Errors
/// Returns the errors of [`user::login`], and one if the session can't be stored.
pub(super) async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let pair = with_timeout(user::login(email.as_str().into(), password.into())).await?;
    let needs_second_factor = pair.otp_required;
    let session = session::Session::new(pair);
    if needs_second_factor {
        session::require_second_factor(&session);
        pending_account::remember(&session, &email);
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
