//! Verifies a code of the second factor, whichever kind it is.

use languages::tr_later;

use super::{accounts::Accounts, caller::Caller, totp::CODE};
use crate::{
    crypto::token::TokenPair,
    error::Error,
    store::second_factors::{self, Attempt, Outcome},
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
            Outcome::Incorrect => Err(Error::field(
                CODE,
                tr_later("Incorrect code, or it was already used."),
            )),
            Outcome::Blocked(time) => Err(Error::Throttled(time)),
            Outcome::NotSetUp => Err(Error::PermissionDenied),
            Outcome::SessionEnded => Err(Error::TokenInvalid),
        }
    }
}
