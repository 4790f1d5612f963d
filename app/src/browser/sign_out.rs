//! Signing out in the browser after the server's response.

use http::StatusCode;
use languages::tr;

use super::session::{self, EndReason};
use crate::api::{ApiError, Code};

/// What a request signs out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This device.
    Here,
    /// Every device.
    Everywhere,
}

/// Removes the session after the server has ended it, and only then: users must be able to rely on
/// being signed out.
///
/// Status 401 is no success: the session had ended before, and the request did nothing. `was_lost`
/// says that the response to an earlier request was lost, which may have ended the session.
///
/// # Errors
/// Returns the error of the response.
pub fn finish_sign_out(
    response: Result<(), ApiError>,
    scope: Scope,
    was_lost: bool,
) -> Result<(), ApiError> {
    match response {
        Ok(()) => session::end(EndReason::SignedOut),
        Err(error) if error.status() == StatusCode::UNAUTHORIZED => {
            // The client has removed the session.
            if scope == Scope::Everywhere {
                session::explain_end(if was_lost {
                    EndReason::OthersUnclear
                } else {
                    EndReason::OthersRemain
                });
            }
            return Err(error);
        }
        Err(error) if error.code() == Some(Code::Unreachable) => {
            return Err(ApiError::detail(Code::Unreachable, unreachable(scope)));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn unreachable(scope: Scope) -> &'static str {
    match scope {
        Scope::Here => {
            tr("The server can't be reached, so you may still be signed in. Try again in a moment.")
        }
        Scope::Everywhere => tr(
            "The server can't be reached, so your devices may still be signed in. Try again in a \
             moment.",
        ),
    }
}
