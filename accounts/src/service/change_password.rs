//! Changes the caller's password.

use super::{accounts::Accounts, caller::Authorized, login::SignedIn};
use crate::{
    crypto::device_token::TokenOwner,
    email::template::{EmailTemplate, Origin},
    error::Error,
    store::{audit_events::Event, rekey::Rekey},
    validation::Validator,
};

impl Accounts {
    /// Changes the caller's password. Every other session ends, all emailed links are invalidated,
    /// and this device is the only one that is known.
    ///
    /// # Errors
    /// Field errors for a wrong current password and a new one that breaks a rule;
    /// `ReauthenticationRequired` without a password and a recent sign-in; `TokenInvalid` when the caller was
    /// signed out in the meantime; `Throttled`; `Overloaded`.
    pub async fn change_password(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
        new_password: Option<&str>,
    ) -> Result<SignedIn, Error> {
        let user = caller.user();
        let mut validator = Validator::default();
        let new = self
            .check_new_password(
                &mut validator,
                "new_password",
                new_password,
                Some(&user.email),
            )
            .await?;
        self.require_password(&mut validator, caller, current_password)
            .await?;
        let Some(new) = new.filter(|_| validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let place = self.confirm_password(caller, current_password).await?;
        let now = self.now();
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, EmailTemplate::PasswordChanged, origin, now)?;
        let change = Rekey {
            expected_secret: Some(&user.jwt_secret),
            password_hash: Some(self.hash_in(&place, new).await?),
            keeps: Some(self.replacement(caller, caller.second_factor, now)),
            notice,
            ..self.new_rekey(self.event_by(Event::PasswordChanged, caller))
        };
        let tokens = self.rekey_caller(&change, now).await?;
        let owner = TokenOwner {
            user_id: user.id,
            device_key: Some(change.device_key),
        };
        Ok(SignedIn {
            tokens,
            device_tokens: self.device_tokens(owner, &caller.device),
        })
    }
}
