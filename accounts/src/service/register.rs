//! Making and deleting accounts.

use super::{Accounts, Authorized, activate::address};
use crate::{
    Device, Error, Id, User,
    crypto::jwt_secret::JwtSecret,
    crypto::password::{self, Password, Verified},
    email::address::Email,
    store::audit_events::Event,
    store::email_requests::EmailRequestKind,
    store::sign_in_failures::AttemptSource,
    store::users::{Credentials, NewUser},
    validation::{Validator, required_field},
};

/// The field in which a signed-in person gives the password once more.
pub(super) const CURRENT_PASSWORD: &str = "current_password";

pub(super) const TAKEN: &str = "A user with that email already exists.";

/// A new account.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The user's id.
    pub id: Id,
    /// The address.
    pub email: String,
}

/// Who makes an account.
#[derive(Clone, Copy)]
enum CreatedBy<'a> {
    /// Its user, on this device.
    User(&'a Device),
    /// An operator, who answers for the address.
    Operator { is_admin: bool },
}

impl Accounts {
    /// Registers a user, and mails a link to prove the address.
    ///
    /// Where new accounts need activation, an address that has an account is answered like a new
    /// one, and its owner told by mail.
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

    /// Makes an account by an operator's hand, which can be used at once.
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
        maker: CreatedBy<'_>,
    ) -> Result<Registered, Error> {
        let awaits_activation = self.0.require_activation && matches!(maker, CreatedBy::User(_));
        let mut validator = Validator::default();
        let email = validator.merge(address("email", email))?;
        let password = validator.required("password", password).inspect(|text| {
            for message in password::check(text, email.as_ref().map(Email::as_str)) {
                validator.reject("password", message);
            }
        });
        let (Some(email), Some(password), true) =
            (&email, password, validator.is_valid("password"))
        else {
            // The insert below decides who gets an address; this look only tells all at once.
            if let Some(email) = &email
                && !awaits_activation
                && User::email_is_taken(&self.0.database, email).await?
            {
                validator.reject("email", TAKEN);
            }
            return Err(validator.into_error());
        };
        let random = self.random();
        let password_hash = self.hash_password(password).await?;
        let (id, now) = (random.id(), self.now());
        let (activation, event) = match maker {
            CreatedBy::User(device) => (
                Some(self.activation_link(id, email.as_str(), now)?),
                self.event(Event::Registered, id, device),
            ),
            CreatedBy::Operator { .. } => {
                (None, self.event_without_device(Event::OperatorCreated, id))
            }
        };
        let new = NewUser {
            id,
            email: email.clone(),
            password_hash,
            is_admin: matches!(maker, CreatedBy::Operator { is_admin: true }),
            awaits_activation,
            jwt_secret: JwtSecret::new(random),
            date_joined: now,
            activation,
            event,
        };
        let registered = Registered {
            id,
            email: email.as_str().to_owned(),
        };
        match User::insert(&self.0.database, &new).await? {
            Some(_) => self.wake_mail(),
            None if awaits_activation => {
                self.wish(EmailRequestKind::Registration, email, None)
                    .await?
            }
            None => return Err(Error::field("email", TAKEN)),
        }
        Ok(registered)
    }

    /// Deletes the caller's account and all it owns.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `TokenInvalid` when the account was
    /// signed out everywhere or deleted meanwhile; `Overloaded`.
    pub async fn delete_user(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        self.confirm_password(caller, current_password).await?;
        let deleted = caller.user().delete(&self.0.database).await;
        self.forget(caller.user().id);
        if deleted? {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Has the caller prove that the account is theirs, before something that can't be undone. Wrong
    /// passwords are counted for the session, and have it wait as sign-ins have to.
    pub(super) async fn confirm_password(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let password = Password::new(required_field(CURRENT_PASSWORD, current_password)?);
        if !self.0.delays_sign_ins {
            return self.check_password(caller, password).await;
        }
        let database = &self.0.database;
        let guesser = AttemptSource::Session(caller.session_id);
        let guess = self.admit(guesser, &caller.user().email).await?;
        let checked = self.check_password(caller, password).await;
        match &checked {
            Ok(()) => guess.was_right(database).await,
            Err(Error::Fields(_)) => guess.was_wrong(database, self.now()).await,
            Err(_) => guess.take_back(database).await,
        }?;
        checked
    }

    async fn check_password(&self, caller: &Authorized, password: Password) -> Result<(), Error> {
        // The account may have been deleted since its token was checked.
        let stored = Credentials::password_hash(&self.0.database, caller.user().id)
            .await?
            .ok_or(Error::TokenInvalid)?;
        let verified = self
            .0
            .hasher
            .verify(password, Some(&stored), self.random().bytes())
            .await?;
        if verified == Verified::Wrong {
            return Err(Error::field(CURRENT_PASSWORD, "Incorrect password."));
        }
        Ok(())
    }
}
