//! Creates accounts.

use super::{
    accounts::Accounts,
    fields::{EMAIL_TAKEN, check_new_password, email_address},
};
use crate::{
    crypto::jwt_secret::JwtSecret,
    device::Device,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        email_requests::EmailRequestKind,
        users::{NewUser, User},
    },
    validation::Validator,
};

const EMAIL: &str = "email";

/// A new account.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The user's id.
    pub id: Id,
    /// The email address.
    pub email: String,
}

/// Who creates an account.
#[derive(Clone, Copy)]
enum CreatedBy<'a> {
    /// The user, on this device.
    User(&'a Device),
    /// An operator, who vouches for the email address.
    Operator { is_admin: bool },
}

impl Accounts {
    /// Registers a user, and emails a link that verifies the email address.
    ///
    /// Where new accounts require activation, an email address that has an account gets the same
    /// response as a new one, and its owner is notified by email.
    ///
    /// # Errors
    /// Messages for all fields that break a rule; `Overloaded`.
    pub async fn register(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        device: &Device,
    ) -> Result<Registered, Error> {
        self.create(email, password, CreatedBy::User(device)).await
    }

    /// Creates an account for an operator. It can be used immediately.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn create_user(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        is_admin: bool,
    ) -> Result<Registered, Error> {
        self.create(email, password, CreatedBy::Operator { is_admin })
            .await
    }

    async fn create(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        created_by: CreatedBy<'_>,
    ) -> Result<Registered, Error> {
        let awaits_activation =
            self.0.require_activation && matches!(created_by, CreatedBy::User(_));
        let mut validator = Validator::default();
        let email = validator.merge(email_address(EMAIL, email))?;
        let email_text = email.as_ref().map(EmailAddress::as_str);
        let password = check_new_password(
            &mut validator,
            "password",
            password,
            email_text,
            self.public_url(),
        );
        let (Some(email), Some(password)) = (&email, password) else {
            // The insert decides whether the address is taken. This only reports all errors at once.
            if let Some(email) = &email
                && !awaits_activation
                && User::email_is_taken(&self.0.database, email).await?
            {
                validator.reject(EMAIL, EMAIL_TAKEN);
            }
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(password).await?;
        let new = self.new_user(email, password_hash, created_by, awaits_activation)?;
        match User::insert(&self.0.database, &new).await? {
            Some(_) => self.notify_email_worker(),
            None if awaits_activation => {
                self.request_email(EmailRequestKind::Registration, email, None)
                    .await?;
            }
            None => return Err(Error::field(EMAIL, EMAIL_TAKEN)),
        }
        Ok(Registered {
            id: new.id,
            email: email.as_str().to_owned(),
        })
    }

    fn new_user(
        &self,
        email: &EmailAddress,
        password_hash: String,
        created_by: CreatedBy<'_>,
        awaits_activation: bool,
    ) -> Result<NewUser, Error> {
        let (id, now) = (self.random().id(), self.now());
        let (activation, event, is_admin) = match created_by {
            CreatedBy::User(device) => (
                Some(self.activation_link(id, email.as_str(), now)?),
                self.event(Event::Registered, id, device),
                false,
            ),
            CreatedBy::Operator { is_admin } => {
                let event = self.event_without_device(Event::OperatorCreated, id);
                (None, event, is_admin)
            }
        };
        Ok(NewUser {
            id,
            email: email.clone(),
            password_hash,
            is_admin,
            awaits_activation,
            jwt_secret: JwtSecret::new(self.random()),
            date_joined: now,
            activation,
            event,
        })
    }
}
