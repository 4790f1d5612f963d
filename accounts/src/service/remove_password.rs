//! Removes the caller's password.

use languages::tr_later;

use super::{
    accounts::Accounts,
    caller::{Authorized, Enrolling},
};
use crate::{
    crypto::{password::NO_PASSWORD, token::TokenPair},
    email::template::{EmailTemplate, Origin},
    error::Error,
    store::{audit_events::Event, rekey::Rekey, sign_in_ways::SignInWays},
};

const NO_PASSWORD_SET: &str = tr_later("Your account has no password.");

/// What is known of a user's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordState {
    /// Whether there is one.
    pub is_set: bool,
    /// Whether the user may remove it.
    pub can_be_removed: bool,
}

impl Accounts {
    /// Returns whether the caller has a password, and may remove it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn password_state(&self, caller: &Enrolling) -> Result<PasswordState, Error> {
        let ways = SignInWays::of_user(&self.0.database, caller.user().id).await?;
        Ok(PasswordState {
            is_set: ways.has_password(),
            can_be_removed: ways.has_password()
                && ways.can_replace_password()
                && self.relying_party().is_ok(),
        })
    }

    /// Removes the caller's password. Every other session ends, all emailed links are invalidated, and no device
    /// is known or trusted. An emailed link to choose a new password brings one back.
    ///
    /// # Errors
    /// `NotPossible` where browsers refuse passkeys; a field error when the password is missing or wrong; `Conflict` without a password, and with fewer than
    /// two passkeys, or one and no recovery codes; `TokenInvalid` when the caller was signed out in the
    /// meantime; `Throttled`; `Overloaded`.
    pub async fn remove_password(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<TokenPair, Error> {
        // Passkeys must be of use here.
        self.relying_party()?;
        if !self.has_password(caller).await? {
            return Err(Error::Conflict(NO_PASSWORD_SET));
        }
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, EmailTemplate::PasswordRemoved, origin, now)?;
        let change = Rekey {
            expected_secret: Some(&user.jwt_secret),
            password_hash: Some(NO_PASSWORD.to_owned()),
            drops_password: true,
            keeps: Some(self.replacement(caller, caller.second_factor, now)),
            notice,
            ..self.new_rekey(self.event_by(Event::PasswordRemoved, caller))
        };
        self.rekey_caller(&change, now).await
    }
}
