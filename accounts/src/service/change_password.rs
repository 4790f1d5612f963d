//! Changing and resetting a password.

use super::{Accounts, Authorized, activate::address, link_void, register::CURRENT_PASSWORD};
use crate::{
    Device, Error, TokenPair,
    crypto::email_token,
    crypto::jwt_secret::JwtSecret,
    crypto::password::{self, Password},
    email::template::EmailTemplate,
    store::audit_events::{Event, NewEvent},
    store::email_requests::EmailRequestKind,
    store::email_tokens::{LinkOwner, LinkPurpose},
    store::users::Rekey,
    validation::Validator,
};

impl Accounts {
    /// Changes the caller's password: every other session is over, and all mailed links are void.
    ///
    /// # Errors
    /// Field errors for a wrong current password and a new one that breaks a rule; `TokenInvalid`
    /// when the caller was signed out meanwhile; `Overloaded`.
    pub async fn change_password(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
        new_password: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let mut validator = Validator::default();
        let new = new_password_in(&mut validator, new_password, &caller.user().email);
        let current = validator.required(CURRENT_PASSWORD, current_password);
        let (Some(new), Some(_)) = (new, current) else {
            return Err(validator.into_error());
        };
        self.confirm_password(caller, current_password).await?;
        let now = self.now();
        let user = caller.user();
        let change = Rekey {
            expected_secret: Some(&user.jwt_secret),
            password_hash: Some(self.hash_password(new).await?),
            keeps: Some(self.replacement(caller, caller.second_factor, now)),
            mail: Some(self.letter(user.id, &user.email, EmailTemplate::PasswordChanged, now)?),
            ..self.new_rekey(self.event_by(Event::PasswordChanged, caller))
        };
        self.rekey_caller(&change, now).await
    }

    /// Mails a link to choose a new password. Whether there is an account can't be told from the
    /// answer, nor from its time.
    ///
    /// # Errors
    /// A field error for what is no address.
    pub async fn reset_password(&self, email: Option<&str>, device: &Device) -> Result<(), Error> {
        let email = address("email", email)?;
        self.wish(EmailRequestKind::Reset, &email, Some(device))
            .await
    }

    /// Sets a new password by a mailed link: every session is over, all other links are void, and
    /// the address is proved. A second factor stays.
    ///
    /// # Errors
    /// Field errors for a link that is missing, used, voided or too old, and for a password that
    /// breaks a rule; `Overloaded`.
    pub async fn confirm_reset(
        &self,
        token: Option<&str>,
        new_password: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let (database, now) = (&self.0.database, self.now());
        let mut validator = Validator::default();
        let owner = match validator.required("token", token) {
            Some(token) => {
                let owner = LinkOwner::find(database, token, LinkPurpose::Reset, now).await?;
                if owner.is_none() {
                    validator.reject("token", super::LINK_VOID);
                }
                owner.map(|owner| (owner, email_token::hash(token)))
            }
            None => None,
        };
        let email = owner.as_ref().map_or("", |(owner, _)| owner.email.as_str());
        let new = new_password_in(&mut validator, new_password, email);
        let (Some((owner, hash)), Some(new)) = (owner, new) else {
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(new).await?;
        let now = self.now();
        let change = Rekey {
            password_hash: Some(password_hash),
            link: Some((&hash, now)),
            mail: Some(self.letter(
                owner.user_id,
                &owner.email,
                EmailTemplate::PasswordChanged,
                now,
            )?),
            ..self.new_rekey(self.event(Event::PasswordReset, owner.user_id, device))
        };
        self.rekey(&change).await?.map(drop).ok_or_else(link_void)
    }

    pub(super) async fn hash_password(&self, password: &str) -> Result<String, Error> {
        let salt = self.random().bytes();
        self.0.hasher.hash(Password::new(password), salt).await
    }

    /// A change of the user's secret and of nothing else, to be remembered as this event.
    pub(super) fn new_rekey(&self, event: NewEvent) -> Rekey<'static> {
        Rekey {
            user_id: event.user_id,
            expected_secret: None,
            new_secret: JwtSecret::new(self.random()),
            password_hash: None,
            removes_second_factor: false,
            deactivates: false,
            link: None,
            keeps: None,
            mail: None,
            event,
        }
    }
}

/// A new password that breaks no rule; else messages are kept.
pub(super) fn new_password_in<'a>(
    validator: &mut Validator,
    given: Option<&'a str>,
    email: &str,
) -> Option<&'a str> {
    const FIELD: &str = "new_password";
    let password = validator.required(FIELD, given)?;
    for message in password::check(password, Some(email)) {
        validator.reject(FIELD, message);
    }
    validator.is_valid(FIELD).then_some(password)
}
