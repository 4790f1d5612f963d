//! Verifies a code of the second factor, whichever kind it is.

use languages::tr_later;

use super::{accounts::Accounts, caller::Caller, totp::CODE};
use crate::{
    crypto::token::TokenPair,
    error::Error,
    store::second_factors::{self, Attempt, CodeRefused, Outcome},
};

impl Accounts {
    /// Attempts the second factor, and returns new tokens if the code is right.
    pub(super) async fn attempt_second_factor(
        &self,
        caller: &Caller,
        attempt: &Attempt<'_>,
    ) -> Result<TokenPair, Error> {
        let outcome = second_factors::attempt(&self.0.database, attempt).await;
        self.invalidate(caller.user().id);
        match outcome? {
            Outcome::Correct(user, session) => {
                self.notify_email_worker();
                self.token_pair(&user, &session, attempt.session.now)
            }
            Outcome::CodeRefused(refused) => Err(code_error(&refused)),
            Outcome::SessionEnded => Err(Error::TokenInvalid),
        }
    }
}

/// The error for a code that is not accepted.
pub(super) fn code_error(refused: &CodeRefused) -> Error {
    match refused {
        CodeRefused::Incorrect => {
            Error::field(CODE, tr_later("Incorrect code, or it was already used."))
        }
        CodeRefused::Blocked(time) => Error::Throttled(*time),
        CodeRefused::NotSetUp => Error::PermissionDenied,
    }
}
