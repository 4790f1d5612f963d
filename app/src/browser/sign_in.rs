//! Signing in.

use futures::future::join;

use super::{client::probe, next::HOME, session, within_limit};
use crate::{
    api::{ApiError, user},
    pages::fetch,
};

/// Signs in and stores the session. Where the account has a second factor, the person is only half
/// signed in by that, and is never taken for more on the way.
///
/// # Errors
/// Those of [`user::login`].
pub async fn sign_in(email: String, password: String) -> Result<(), ApiError> {
    let login = within_limit(user::login(email.into(), password.into()));
    // The next page is fetched meanwhile. If that fails, it will be tried again there.
    let (pair, _) = join(login, fetch(HOME)).await;
    let pair = pair?;
    let session = session::Session::new(pair);
    // Whatever else goes wrong here will be told by the next request.
    let _ = probe(&session).await;
    session::store(&session);
    Ok(())
}
