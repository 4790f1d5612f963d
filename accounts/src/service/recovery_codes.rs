//! Recovery codes: using them, and replacing them.

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller},
    totp::CODE,
};
use crate::{
    crypto::{recovery_codes, token::TokenPair},
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        recovery_codes::RecoveryCodesLeft,
        second_factors::{self, Attempt, Factor, OnSuccess},
    },
    validation::required_field,
};

impl Accounts {
    /// Completes the second factor with a recovery code, which can't be used again. The user is
    /// notified by email.
    ///
    /// # Errors
    /// As [`Self::pass_totp`].
    pub async fn pass_recovery_code(
        &self,
        caller: &Caller,
        code: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let code = required_field(CODE, code)?;
        let (user, now) = (caller.user(), self.now());
        let hash = recovery_codes::hash(user.id, code);
        // Which of these is sent depends on the number of codes left, which only the transaction
        // knows.
        let notices = (0..recovery_codes::COUNT)
            .map(|left| {
                let left = u32::try_from(left).unwrap_or_default();
                let template = EmailTemplate::RecoveryCodeUsed { left };
                let origin = Some(Origin::new(&caller.device, now));
                self.new_email(user.id, &user.email, template, origin, now)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let attempt = Attempt {
            user,
            factor: Factor::RecoveryCode(hash.as_deref()),
            on_success: OnSuccess::PassAndNotify(&notices),
            session: self.completion(caller, now),
            passed: self.event_by(Event::RecoveryCodeUsed, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
            signed_in: self.event_by(Event::SignedIn, caller),
        };
        self.attempt_second_factor(caller, &attempt).await
    }

    /// Creates new recovery codes. Earlier ones are invalid.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `PermissionDenied` without a second
    /// factor; `TokenInvalid` when the caller was signed out in the meantime; `Throttled`;
    /// `Overloaded`.
    pub async fn replace_recovery_codes(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        // If the second factor is turned off concurrently, the user's secret changes, and the
        // statement below changes nothing.
        if !user.otp_enabled {
            return Err(Error::PermissionDenied);
        }
        let (codes, hashes) = self.new_recovery_codes(user.id);
        let template = EmailTemplate::RecoveryCodesReplaced;
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.new_email(user.id, &user.email, template, origin, now)?;
        let event = self.event_by(Event::RecoveryCodesReplaced, caller);
        let database = &self.0.database;
        let replaced =
            second_factors::replace_recovery_codes(database, user, &hashes, &notice, &event)
                .await?;
        if !replaced {
            return Err(Error::TokenInvalid);
        }
        self.notify_email_worker();
        Ok(codes)
    }

    /// Returns how many recovery codes the caller has left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recovery_codes_left(
        &self,
        caller: &Authorized,
    ) -> Result<RecoveryCodesLeft, Error> {
        RecoveryCodesLeft::of_user(&self.0.database, caller.user().id).await
    }

    /// Returns new codes and their hashes.
    pub(super) fn new_recovery_codes(&self, user_id: Id) -> (Vec<String>, Vec<Vec<u8>>) {
        let codes = recovery_codes::new_codes(self.random());
        let hashes = codes
            .iter()
            .filter_map(|code| recovery_codes::hash(user_id, code))
            .collect();
        (codes, hashes)
    }
}
