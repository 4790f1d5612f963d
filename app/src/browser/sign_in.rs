//! Signing in, and what may have to be done before.

use futures::future::join;

use super::{client::probe, next::HOME, session, within_limit};
use crate::{
    api::{ApiError, Code, user},
    pages::fetch,
};

/// Signs in and stores the session: [`Errand::SignIn`](super::Errand::SignIn).
///
/// # Errors
/// Those of [`user::login`].
pub(super) async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let pair = within_limit(user::login(email.into(), password.into())).await?;
    let session = session::Session::new(pair);
    // The next page is fetched meanwhile. Whatever goes wrong here will be told by the next request.
    let _ = join(probe(&session), fetch(HOME)).await;
    session::store(&session);
    Ok(())
}

/// Has the link mailed again that activates an account.
///
/// # Errors
/// Those of [`user::resend_activation`], told as a whole: no form on the page would show
/// what is wrong with a field of this request.
pub(super) async fn resend_activation(email: String) -> Result<(), ApiError> {
    within_limit(user::resend_activation(email.into()))
        .await
        .map_err(|error| match error {
            ApiError::Fields(_) => ApiError::detail(Code::MalformedRequest, error.to_string()),
            ApiError::Detail { .. } => error,
        })
}
