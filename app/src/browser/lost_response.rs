//! What has become of a request that replaces or ends the session's tokens, when its response was
//! lost: the server is asked, so that the page can say it.

use gloo_timers::future::TimeoutFuture;
use http::StatusCode;

use super::{
    renewal::refresh,
    session::{self, Session},
    sign_in::sign_in,
};
use crate::api::{ApiError, Code};

/// The pauses between attempts to reach the server, in milliseconds.
const PAUSES: [u32; 2] = [1_000, 3_000];

/// What has become of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The session's tokens are still valid, so the request has changed nothing.
    NotDone,
    /// The tokens are invalid, and this browser has signed in again with the password.
    SignedInAgain,
    /// The tokens are invalid, and so is the password.
    Refused,
}

/// Asks the server what has become of a request. `password` is the one that is valid if the request
/// was carried out.
///
/// # Errors
/// Returns an error if the server can't be reached, or if this browser is not signed in any more.
pub async fn find_fate(email: &str, password: &str) -> Result<Fate, ApiError> {
    for pause in PAUSES {
        match ask(email, password).await {
            Err(error) if error.is_unclear() => TimeoutFuture::new(pause).await,
            fate => return fate,
        }
    }
    ask(email, password).await
}

async fn ask(email: &str, password: &str) -> Result<Fate, ApiError> {
    let session = session::load().ok_or(Code::NotAuthenticated)?;
    match refresh(&session).await {
        Ok(pair) => {
            if session::load().as_ref() == Some(&session) {
                session::store(&Session::new(pair))?;
            }
            Ok(Fate::NotDone)
        }
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => {
            match sign_in(email.to_owned(), password.to_owned()).await {
                Ok(()) => Ok(Fate::SignedInAgain),
                Err(error) if error.code() == Some(Code::InvalidCredentials) => Ok(Fate::Refused),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
