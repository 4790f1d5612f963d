//! Signing in.

use super::{client::probe, session, within_limit};
use crate::api::{ApiError, user};

/// Signs in and stores the session. Where the account has a second factor, the person is only half
/// signed in by that, and is never taken for more on the way.
///
/// # Errors
/// Those of [`user::login`].
pub async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let pair = within_limit(user::login(email.into(), password.into())).await?;
    let session = session::Session::new(pair);
    // Whatever else goes wrong here will be told by the next request.
    let _ = probe(&session).await;
    session::store(&session);
    Ok(())
}
