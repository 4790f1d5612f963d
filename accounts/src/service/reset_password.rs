//! Resets a forgotten password by email.

use languages::stated_language;

use super::{
    accounts::Accounts,
    caller::Enrolling,
    email_proof::EmailProof,
    fields::{existing_email_address, invalid_link},
};
use crate::{
    crypto::{device_token::TokenOwner, jwt_secret::JwtSecret},
    device::Device,
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    profile::NewProfile,
    store::{
        administrators::Guard,
        audit_events::Event,
        email_requests::EmailRequestKind,
        email_tokens::{Link, LinkPurpose},
        registrations::Registration,
        rekey::Rekey,
        users::{NewAccount, NewUser, User},
    },
    validation::Validator,
};

impl Accounts {
    /// Emails a link to choose a new password. Neither the response nor its time reveals whether
    /// there is an account.
    ///
    /// # Errors
    /// A field error for an invalid email address.
    pub async fn reset_password(
        &self,
        email: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        let email = existing_email_address("email", email)?;
        self.request_email(EmailRequestKind::Reset, &email, caller, device)
            .await
    }

    /// Sets a new password with an emailed link. Every session ends, all other links are
    /// invalidated, and the email address is verified. A second factor stays if the address was
    /// verified before. For an address that has only registrations that wait, this creates the account.
    /// Nobody waits for earlier failed sign-ins, and this device becomes a known one: returns what it
    /// should store and send with its next sign-in.
    ///
    /// # Errors
    /// Field errors for a link or code that does not work, and for a password that breaks a rule;
    /// `Overloaded`.
    pub async fn confirm_reset(
        &self,
        proof: EmailProof<'_>,
        new_password: Option<&str>,
        device: &Device,
    ) -> Result<Option<String>, Error> {
        let mut validator = Validator::default();
        let purpose = LinkPurpose::Reset;
        let mut link = self.find_link(&mut validator, proof, purpose).await?;
        if link.as_ref().is_some_and(|link| link.is_used) {
            link = validator.merge(Err(invalid_link()))?;
        }
        let email = link.as_ref().map(|link| link.email.as_str());
        let new = self
            .check_new_password(&mut validator, "new_password", new_password, email)
            .await?;
        let (Some(link), Some(new)) = (&link, new) else {
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(new).await?;
        let owner = match link.user_id {
            Some(user_id) => {
                self.replace_password(link, user_id, password_hash, device)
                    .await?
            }
            None => self.create_by_reset(link, password_hash, device).await?,
        };
        let owner = owner.ok_or_else(invalid_link)?;
        Ok(self.device_tokens(owner, device))
    }

    async fn replace_password(
        &self,
        link: &Link,
        user_id: Id,
        password_hash: String,
        device: &Device,
    ) -> Result<Option<TokenOwner>, Error> {
        let now = self.now();
        let origin = Some(Origin::new(device, now));
        let template = EmailTemplate::PasswordChanged;
        let notice = self.new_email(user_id, &link.email, template, origin, now)?;
        let change = Rekey {
            password_hash: Some(password_hash),
            link: Some((&link.hash, now)),
            notice: Some(notice),
            ..self.new_rekey(self.event(Event::PasswordReset, user_id, device))
        };
        let changed = self.rekey(&change).await?;
        Ok(changed.map(|_| TokenOwner {
            user_id,
            device_key: Some(change.device_key),
        }))
    }

    /// Creates the account of an address that has only registrations that wait. None of their
    /// passwords counts.
    async fn create_by_reset(
        &self,
        link: &Link,
        password_hash: String,
        device: &Device,
    ) -> Result<Option<TokenOwner>, Error> {
        let (database, id, now) = (&self.0.database, self.random().id(), self.now());
        let waiting = Registration::of_address(database, &link.address, now).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let new = NewAccount {
            user: NewUser {
                id,
                email: existing_email_address("email", Some(&link.email))?,
                password_hash,
                profile: NewProfile::named(String::new()),
                is_admin: false,
                email_verified: true,
                jwt_secret: JwtSecret::new(self.random()),
                date_joined: now,
                language: stated_language(),
                event: self.event(Event::Registered, id, device),
            },
            activation: None,
            proof: Some((link, self.event(Event::PasswordReset, id, device))),
            invitation: None,
            identity: None,
            guard: Guard::default(),
        };
        let created = User::insert(database, &new).await?;
        if created.is_some() {
            self.forget_failed_sign_ins(&link.email).await;
        }
        Ok(created.map(|_| TokenOwner {
            user_id: id,
            device_key: None,
        }))
    }
}
