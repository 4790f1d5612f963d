//! Verifies the email address of an account, or rejects an account that someone else has created.

use std::time::Duration;

use languages::stated_language;

use super::{
    accounts::Accounts,
    caller::Enrolling,
    email_proof::EmailProof,
    fields::{EMAIL_TAKEN, TOKEN, existing_email_address, invalid_link},
};
use crate::{
    crypto::jwt_secret::JwtSecret,
    device::Device,
    error::Error,
    id::Id,
    profile::NewProfile,
    store::{
        administrators::Guard,
        audit_events::{Event, NewEvent},
        deleted_accounts::Deletion,
        email_requests::EmailRequestKind,
        email_tokens::{self, Link, LinkPurpose},
        registrations::{self, Registration},
        rekey::Rekey,
        users::{NewAccount, NewUser, User},
    },
    validation::required_field,
};

/// How long a new account is removed, rather than deactivated, if the owner of its email address
/// rejects it.
const NEW: Duration = Duration::from_secs(24 * 60 * 60);

impl Accounts {
    /// Verifies the email address that a link was sent to. Where new accounts require activation, this
    /// creates the account.
    ///
    /// It takes a session of the account or its password besides the link, so that nobody verifies an
    /// account that someone else has prepared. Repeating it is no error.
    ///
    /// # Errors
    /// Field errors for a link or code that does not work, and for a password that is missing or
    /// wrong; `Throttled`; `Overloaded`.
    pub async fn activate(
        &self,
        proof: EmailProof<'_>,
        password: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        let link = self.required_link(proof, LinkPurpose::Activation).await?;
        if link.is_used {
            return require(link.is_verified());
        }
        let is_done = match link.user_id {
            Some(user_id) => {
                self.confirm_link_owner(&link, user_id, password, caller, device)
                    .await?;
                let event = self.event(Event::AddressConfirmed, user_id, device);
                let (database, now) = (&self.0.database, self.now());
                let verified = User::verify_email(database, user_id, &link, now, &event).await;
                self.invalidate(user_id);
                verified?
            }
            None => self.activate_registration(&link, password, device).await?,
        };
        if is_done {
            return Ok(());
        }
        // A concurrent request may have done the same.
        let (database, now) = (&self.0.database, self.now());
        if self.is_done(&link).await? {
            return Ok(());
        }
        let email = existing_email_address(TOKEN, Some(&link.email))?;
        if link.user_id.is_none() && User::email_is_taken(database, &email, None, now).await? {
            return Err(Error::field(TOKEN, EMAIL_TAKEN));
        }
        Err(invalid_link())
    }

    /// Creates the account of the registration that has this password. Returns `false` if the link was
    /// used or the address was taken in the meantime, or if no registration waits any more.
    async fn activate_registration(
        &self,
        link: &Link,
        password: Option<&str>,
        device: &Device,
    ) -> Result<bool, Error> {
        let (database, now) = (&self.0.database, self.now());
        let waiting = match link.registration_id {
            Some(id) => Registration::find(database, id, now)
                .await?
                .into_iter()
                .collect(),
            None => Registration::of_address(database, &link.address, now).await?,
        };
        if waiting.is_empty() {
            // They have expired, or a concurrent request has used one.
            return Ok(false);
        }
        let stored: Vec<_> = waiting.iter().map(|one| &*one.password_hash).collect();
        let right = self.check_link_password(link, &stored, password).await?;
        let registration = waiting.get(right.index).ok_or_else(invalid_link)?;
        let event = self.event(Event::AddressConfirmed, registration.id, device);
        let new = NewAccount {
            user: self.registered_user(registration, right.hash)?,
            activation: None,
            proof: Some((link, event)),
            invitation: None,
            identity: None,
            guard: Guard::default(),
        };
        Ok(User::insert(database, &new).await?.is_some())
    }

    /// The user that a registration becomes.
    pub(super) fn registered_user(
        &self,
        registration: &Registration,
        password_hash: String,
    ) -> Result<NewUser, Error> {
        Ok(NewUser {
            id: registration.id,
            email: existing_email_address("email", Some(&registration.email))?,
            password_hash,
            profile: NewProfile::named(registration.name.clone()),
            is_admin: false,
            email_verified: true,
            jwt_secret: JwtSecret::new(self.random()),
            date_joined: self.now(),
            language: stated_language().or(registration.language()),
            event: NewEvent {
                at: registration.created_at,
                ip: registration.ip.clone(),
                user_agent: registration.user_agent.clone(),
                request_id: registration.request_id.clone(),
                ..self.event_without_device(Event::Registered, registration.id)
            },
        })
    }

    /// The owner of the email address did not create the account. A registration that waits is
    /// removed, as is a new account; an older account is deactivated.
    ///
    /// # Errors
    /// A field error for a link that is missing, expired, or invalid because the address is verified.
    pub async fn reject_activation(
        &self,
        token: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let proof = EmailProof::token(required_field(TOKEN, token)?);
        let link = self.required_link(proof, LinkPurpose::Activation).await?;
        if link.is_used {
            // It was rejected already if nobody has verified the address.
            return require(link.user_id.is_none() || link.email_verified == Some(false));
        }
        match link.user_id {
            Some(user_id) => self.reject_account(&link, user_id, device).await,
            None => self.reject_registration(&link).await,
        }
    }

    async fn reject_account(&self, link: &Link, user_id: Id, device: &Device) -> Result<(), Error> {
        let (database, now) = (&self.0.database, self.now());
        require(link.email_verified == Some(false))?;
        let is_new = link.date_joined.is_some_and(|at| now < at.plus(NEW));
        if is_new {
            let email = link.user_email.as_deref().unwrap_or(&link.email);
            let deletion = self.deletion(Deletion::Rejected, email, Some(device));
            let deleted = User::delete_rejected(database, user_id, &link.hash, &deletion).await;
            self.invalidate(user_id);
            return require(deleted?);
        }
        let changed = self
            .rekey(&Rekey {
                deactivates: true,
                rejection: Some((&link.hash, now)),
                ..self.new_rekey(self.event(Event::AccountRejected, user_id, device))
            })
            .await?;
        require(changed.is_some())
    }

    async fn reject_registration(&self, link: &Link) -> Result<(), Error> {
        let mut transaction = self.0.database.begin().await?;
        if !email_tokens::detach(&mut transaction, &link.hash, self.now()).await? {
            return Err(invalid_link());
        }
        match link.registration_id {
            Some(id) => registrations::remove(&mut transaction, id).await?,
            // The link was sent again, for all that wait.
            None => registrations::remove_all(&mut transaction, &link.address).await?,
        }
        transaction.commit().await
    }

    /// Emails the activation link again, if there is an account whose email address is unverified, or
    /// a registration that waits. The response does not reveal whether there is one.
    ///
    /// # Errors
    /// A field error for an invalid email address.
    pub async fn resend_activation(
        &self,
        email: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        let email = existing_email_address("email", email)?;
        self.request_email(EmailRequestKind::Activation, &email, caller, device)
            .await
    }
}

fn require(works: bool) -> Result<(), Error> {
    if works { Ok(()) } else { Err(invalid_link()) }
}
