//! Creates accounts.

use languages::stated_language;

use super::{
    accounts::Accounts,
    administrator::Administrator,
    fields::{EMAIL_TAKEN, checked_name, email_address},
    queue_email::{EmailKind, LinkRequest},
};
use crate::{
    crypto::jwt_secret::JwtSecret,
    device::Device,
    email::{address::EmailAddress, template::EmailTemplate},
    error::Error,
    id::Id,
    profile::NewProfile,
    store::{
        administrators::Guard,
        audit_events::Event,
        email_tokens::{LinkOwner, LinkPurpose},
        registrations::NewRegistration,
        users::{NewAccount, NewUser, User},
    },
    validation::Validator,
};

const EMAIL: &str = "email";

/// A new account.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The user's id; where new accounts require activation, the id that the user will have.
    pub id: Id,
    /// The email address.
    pub email: String,
}

/// Who creates an account.
#[derive(Clone, Copy)]
pub(super) enum CreatedBy<'a> {
    /// The user, on this device.
    User(&'a Device),
    /// An operator, who may vouch for the email address.
    Operator { is_admin: bool, vouches: bool },
    /// An administrator or a service, who vouches for the email address.
    Administrator {
        administrator: &'a Administrator,
        is_admin: bool,
    },
}

impl Accounts {
    /// Registers a user, and emails a link that verifies the email address.
    ///
    /// Where new accounts require activation, the registration waits for its link, and an email address
    /// that has an account gets the same response as a new one; its owner is notified by email.
    ///
    /// # Errors
    /// `PermissionDenied` unless registration is open; messages for all fields that break a rule;
    /// `Overloaded`.
    pub async fn register(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        device: &Device,
    ) -> Result<Registered, Error> {
        self.register_named(email, password, None, device).await
    }

    /// The same with the name of the user, which may be missing.
    ///
    /// # Errors
    /// As [`Self::register`].
    pub async fn register_named(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        name: Option<&str>,
        device: &Device,
    ) -> Result<Registered, Error> {
        self.require_registration(false)?;
        let mut validator = Validator::default();
        let name = checked_name(&mut validator, name);
        let profile = NewProfile::named(name.unwrap_or_default());
        let created_by = CreatedBy::User(device);
        self.create(email, password, profile, created_by, validator)
            .await
    }

    /// Creates an account for an operator. It can be used immediately.
    ///
    /// # Errors
    /// As [`Self::register`], whatever the policy of registration.
    pub async fn create_user(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        is_admin: bool,
    ) -> Result<Registered, Error> {
        let (profile, validator) = (NewProfile::named(String::new()), Validator::default());
        let created_by = CreatedBy::Operator {
            is_admin,
            vouches: false,
        };
        self.create(email, password, profile, created_by, validator)
            .await
    }

    /// Creates the first administrator, whose email address counts as verified. Returns `None` if there is
    /// an administrator already, whatever the email address and the password are.
    ///
    /// # Errors
    /// As [`Self::create_user`].
    pub async fn create_first_administrator(
        &self,
        email: Option<&str>,
        password: Option<&str>,
    ) -> Result<Option<Registered>, Error> {
        let database = &self.0.database;
        if User::has_administrator(database).await? {
            return Ok(None);
        }
        let (profile, validator) = (NewProfile::named(String::new()), Validator::default());
        let created_by = CreatedBy::Operator {
            is_admin: true,
            vouches: true,
        };
        let created = self.create(email, password, profile, created_by, validator);
        match created.await {
            // Another server that starts at the same time has created it.
            Err(_) if User::has_administrator(database).await? => Ok(None),
            created => created.map(Some),
        }
    }

    /// Creates an account. The validator has the errors of the profile.
    pub(super) async fn create(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        profile: NewProfile,
        created_by: CreatedBy<'_>,
        mut validator: Validator,
    ) -> Result<Registered, Error> {
        let waits = self.0.require_activation && matches!(created_by, CreatedBy::User(_));
        let is_profile_valid = validator.is_empty();
        let email = validator.merge(email_address(EMAIL, email))?;
        let email_text = email.as_ref().map(EmailAddress::as_str);
        let password = self
            .check_new_password(&mut validator, "password", password, email_text)
            .await?;
        let (database, now) = (&self.0.database, self.now());
        let (Some(email), Some(password), true) = (&email, password, is_profile_valid) else {
            // The insert decides whether the address is taken. This only reports all errors at once.
            if let Some(email) = &email
                && !waits
                && User::email_is_taken(database, email, None, now).await?
            {
                validator.reject(EMAIL, EMAIL_TAKEN);
            }
            return Err(validator.into_error());
        };
        let password_hash = self.hash_password(password).await?;
        let id = match created_by {
            CreatedBy::User(device) if waits => {
                let name = &profile.name;
                let added = self.add_registration(email, &password_hash, name, device);
                added.await?
            }
            _ => {
                let new = self.new_account(email, password_hash, profile, created_by)?;
                let user = User::insert(database, &new).await?;
                user.ok_or_else(|| Error::field(EMAIL, EMAIL_TAKEN))?.id
            }
        };
        self.notify_email_worker();
        Ok(Registered {
            id,
            email: email.as_str().to_owned(),
        })
    }

    /// Adds a registration that waits for its link, whether or not the address has an account.
    async fn add_registration(
        &self,
        email: &EmailAddress,
        password_hash: &str,
        name: &str,
        device: &Device,
    ) -> Result<Id, Error> {
        let new = NewRegistration {
            id: self.random().id(),
            email,
            password_hash,
            name,
            device,
            now: self.now(),
        };
        new.insert(&self.0.database).await?;
        Ok(new.id)
    }

    pub(super) fn new_account(
        &self,
        email: &EmailAddress,
        password_hash: String,
        profile: NewProfile,
        created_by: CreatedBy<'_>,
    ) -> Result<NewAccount<'static>, Error> {
        let (id, now) = (self.random().id(), self.now());
        let (activation, event, is_admin) = match created_by {
            CreatedBy::User(device) => {
                let (purpose, owner) = (LinkPurpose::Activation, LinkOwner::User(id));
                let link = LinkRequest::new(purpose, owner, email.as_str(), device, now);
                let link = self.new_link(link, EmailTemplate::Activation, now)?;
                // An account that is deleted and created again and again sends no more than others.
                let limit = self.email_limit(EmailKind::Welcome, false, &email.to_lowercase());
                let event = self.event(Event::Registered, id, device);
                (Some((link, limit)), event, false)
            }
            CreatedBy::Operator { is_admin, .. } => {
                let event = self.event_without_device(Event::OperatorCreated, id);
                (None, event, is_admin)
            }
            CreatedBy::Administrator {
                administrator,
                is_admin,
            } => {
                let event = self.event_of(Event::OperatorCreated, id, administrator);
                (None, event, is_admin)
            }
        };
        let user = NewUser {
            id,
            email: email.clone(),
            password_hash,
            profile,
            is_admin,
            email_verified: matches!(
                created_by,
                CreatedBy::Administrator { .. } | CreatedBy::Operator { vouches: true, .. }
            ),
            jwt_secret: JwtSecret::new(self.random()),
            date_joined: now,
            language: match created_by {
                CreatedBy::User(_) => stated_language(),
                CreatedBy::Administrator { .. } | CreatedBy::Operator { .. } => None,
            },
            event,
        };
        Ok(NewAccount {
            user,
            activation,
            proof: None,
            invitation: None,
            identity: None,
            guard: match created_by {
                CreatedBy::Administrator { administrator, .. } => administrator.guard(),
                CreatedBy::User(_) | CreatedBy::Operator { .. } => Guard::default(),
            },
        })
    }
}
