use http::StatusCode;

use crate::{
    api::{ApiError, Code},
    browser::{EndReason, session},
};

/// Forgets the session once the server has ended it, and only then: a person who reads "signed
/// out" must be able to rely on it.
///
/// # Errors
/// Those of the answer, unless it says that the session is over anyway.
pub(super) fn leave(answer: Result<(), ApiError>) -> Result<(), ApiError> {
    match answer {
        Err(error) if error.code() == Some(Code::Unreachable) => Err(ApiError::detail(
            Code::Unreachable,
            "The server can't be reached, so you are still signed in. Try again in a moment.",
        )),
        Err(error) if error.status() != StatusCode::UNAUTHORIZED => Err(error),
        _ => {
            session::end(EndReason::SignedOut);
            Ok(())
        }
    }
}
