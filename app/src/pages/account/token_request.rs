//! Requests that replace or end the session's tokens. If the response is lost, the server is asked
//! what has happened, because the old tokens may be invalid.

use std::future::Future;

use http::StatusCode;
use leptos::prelude::*;

use crate::{
    api::{ApiError, Code},
    browser::{EndReason, Fate, find_fate, session},
};

/// The result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The server has responded.
    Answered,
    /// The response was lost, and this browser has signed in again with the password.
    SignedInAgain,
    /// The response was lost, and the password is not valid any more.
    Refused,
}

/// A request that replaces or ends the session's tokens.
#[derive(Clone, Copy)]
pub(super) struct TokenRequest {
    /// Whether a response was lost, and the server could not be asked what has happened.
    is_unclear: StoredValue<bool>,
    /// Says that the request has changed nothing.
    not_done: &'static str,
    /// Says that it isn't clear whether the request was carried out.
    unclear: &'static str,
}

impl TokenRequest {
    pub fn new(not_done: &'static str, unclear: &'static str) -> Self {
        Self {
            is_unclear: StoredValue::new(false),
            not_done,
            unclear,
        }
    }

    /// Sends a request. `password` is the one that is valid if the request is carried out.
    ///
    /// # Errors
    /// Returns the errors of the request, and says what has happened if its response was lost.
    pub async fn send(
        self,
        request: impl Future<Output = Result<(), ApiError>>,
        email: String,
        password: String,
    ) -> Result<Outcome, ApiError> {
        if self.is_unclear.try_get_value() == Some(true) {
            match self.ask(&email, &password).await? {
                Fate::NotDone => {}
                fate => return Ok(fate.into()),
            }
        }
        match request.await {
            Ok(()) => Ok(Outcome::Answered),
            Err(error) if error.is_unclear() => match self.ask(&email, &password).await? {
                Fate::NotDone => Err(ApiError::detail(Code::Unreachable, self.not_done)),
                fate => Ok(fate.into()),
            },
            Err(error) => {
                if error.status() == StatusCode::UNAUTHORIZED {
                    session::explain_end(EndReason::NotDone);
                }
                Err(error)
            }
        }
    }

    async fn ask(self, email: &str, password: &str) -> Result<Fate, ApiError> {
        let fate = find_fate(email, password).await;
        let is_unclear = fate.as_ref().is_err_and(ApiError::is_unclear);
        self.is_unclear.try_set_value(is_unclear);
        fate.map_err(|error| match error.code() {
            Some(code) if is_unclear => ApiError::detail(code, self.unclear),
            _ => error,
        })
    }
}

impl From<Fate> for Outcome {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::NotDone => Self::Answered,
            Fate::SignedInAgain => Self::SignedInAgain,
            Fate::Refused => Self::Refused,
        }
    }
}
