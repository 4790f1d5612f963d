//! Resets a forgotten password by email.

use super::{
    accounts::Accounts,
    fields::{INVALID_LINK, TOKEN, check_new_password, existing_email_address, invalid_link},
};
use crate::{
    crypto::email_token,
    device::Device,
    email::template::EmailTemplate,
    error::Error,
    store::{
        audit_events::Event,
        email_requests::EmailRequestKind,
        email_tokens::{LinkOwner, LinkPurpose},
        rekey::Rekey,
    },
    validation::Validator,
};

impl Accounts {
    /// Emails a link to choose a new password. Neither the response nor its time reveals whether
    /// there is an account.
    ///
    /// # Errors
    /// A field error for an invalid email address.
    pub async fn reset_password(&self, email: Option<&str>, device: &Device) -> Result<(), Error> {
        let email = existing_email_address("email", email)?;
        self.request_email(EmailRequestKind::Reset, &email, Some(device))
            .await
    }

    /// Sets a new password with an emailed link. Every session ends, all other links are
    /// invalidated, and the email address is verified. A second factor stays.
    ///
    /// # Errors
    /// Field errors for a link that is missing, used, replaced or expired, and for a password that
    /// breaks a rule; `Overloaded`.
    pub async fn confirm_reset(
        &self,
        token: Option<&str>,
        new_password: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let mut validator = Validator::default();
        let owner = match validator.required(TOKEN, token) {
            Some(token) => self.reset_link(&mut validator, token).await?,
            None => None,
        };
        let email = owner.as_ref().map(|(owner, _)| owner.email.as_str());
        let new = check_new_password(
            &mut validator,
            "new_password",
            new_password,
            email,
            self.public_url(),
        );
        let (Some((owner, hash)), Some(new)) = (&owner, new) else {
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(new).await?;
        let (user_id, now) = (owner.user_id, self.now());
        let notice = self.new_email(user_id, &owner.email, EmailTemplate::PasswordChanged, now)?;
        let change = Rekey {
            password_hash: Some(password_hash),
            link: Some((hash, now)),
            notice: Some(notice),
            ..self.new_rekey(self.event(Event::PasswordReset, user_id, device))
        };
        let changed = self.rekey(&change).await?;
        changed.map(drop).ok_or_else(invalid_link)
    }

    /// Looks up a reset link, and returns its owner and the hash of its token.
    async fn reset_link(
        &self,
        validator: &mut Validator,
        token: &str,
    ) -> Result<Option<(LinkOwner, Vec<u8>)>, Error> {
        let owner =
            LinkOwner::find(&self.0.database, token, LinkPurpose::Reset, self.now()).await?;
        if owner.is_none() {
            validator.reject(TOKEN, INVALID_LINK);
        }
        Ok(owner.map(|owner| (owner, email_token::hash(token))))
    }
}
