//! Signing out in the browser after the server's response.

use http::StatusCode;

use crate::{
    api::{ApiError, Code},
    browser::{EndReason, session},
};

/// Removes the session after the server has ended it, and only then: users must be able to rely on
/// being signed out.
///
/// # Errors
/// Returns the error of the response, unless it says that the session has ended anyway.
pub(super) fn finish_sign_out(response: Result<(), ApiError>) -> Result<(), ApiError> {
    match response {
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
