//! Making and deleting accounts.

use super::{Accounts, Authorized};
use crate::{
    Error, Given, User,
    email::Email,
    fields::{Checks, only},
    password::{self, Password, Verified},
    secret::JwtSecret,
    user::{Credentials, NewUser},
};

const TAKEN: &str = "A user with that email already exists.";

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// Messages for all fields that break a rule; `Overloaded`.
    pub async fn create_user(&self, email: Given<'_>, password: Given<'_>) -> Result<User, Error> {
        self.create(email, password, false).await
    }

    /// Makes an account that administrates this server.
    ///
    /// # Errors
    /// As [`Self::create_user`].
    pub async fn create_admin(&self, email: Given<'_>, password: Given<'_>) -> Result<User, Error> {
        self.create(email, password, true).await
    }

    async fn create(
        &self,
        email: Given<'_>,
        password: Given<'_>,
        is_admin: bool,
    ) -> Result<User, Error> {
        let mut checks = Checks::default();
        let email = checks.required("email", email).and_then(|text| {
            Email::parse(text)
                .map_err(|message| checks.refuse("email", message))
                .ok()
        });
        let password = checks.required("password", password).inspect(|text| {
            for message in password::check(text, email.as_ref().map(Email::as_str)) {
                checks.refuse("password", message);
            }
        });
        let (Some(email), Some(password), true) = (&email, password, checks.passed("password"))
        else {
            // The insert below decides who gets an address; this look only tells all at once.
            if let Some(email) = &email
                && User::email_is_taken(&self.0.database, email).await?
            {
                checks.refuse("email", TAKEN);
            }
            return Err(checks.into_error());
        };
        let random = self.random();
        let password_hash = self
            .0
            .hasher
            .hash(Password::new(password), random.bytes())
            .await?;
        let new = NewUser {
            id: random.id(),
            email: email.clone(),
            password_hash,
            is_admin,
            jwt_secret: JwtSecret::new(random),
            date_joined: self.now(),
        };
        User::insert(&self.0.database, &new)
            .await?
            .ok_or_else(|| Error::field("email", TAKEN))
    }

    /// Deletes the caller's account and all it owns.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `TokenInvalid` when the account was
    /// signed out everywhere or deleted meanwhile; `Overloaded`.
    pub async fn delete_user(
        &self,
        caller: &Authorized,
        current_password: Given<'_>,
    ) -> Result<(), Error> {
        self.confirm_password(caller, current_password).await?;
        if caller.user.delete(&self.0.database).await? {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Has the caller prove that the account is theirs, before something that can't be undone.
    async fn confirm_password(
        &self,
        caller: &Authorized,
        current_password: Given<'_>,
    ) -> Result<(), Error> {
        const FIELD: &str = "current_password";
        let password = Password::new(only(FIELD, current_password)?);
        // The account may have been deleted since its token was checked.
        let stored = Credentials::password_hash(&self.0.database, caller.user.id)
            .await?
            .ok_or(Error::TokenInvalid)?;
        let verified = self
            .0
            .hasher
            .verify(password, Some(&stored), self.random().bytes())
            .await?;
        if verified == Verified::Wrong {
            return Err(Error::field(FIELD, "This is not your password."));
        }
        Ok(())
    }
}
