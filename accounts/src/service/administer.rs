//! What an operator can do to accounts. Running servers notice every change immediately.

use languages::tr_later;

use super::{
    accounts::Accounts,
    administrator::Administrator,
    fields::{email_address, existing_email_address},
    manage_users::Changes,
};
use crate::{
    email::template::EmailTemplate,
    error::Error,
    profile::Roles,
    store::{
        administration::ManagedUser,
        administrators::Guard,
        audit_events::Event,
        registrations::Registration,
        rekey::Rekey,
        users::{NewAccount, User},
    },
    validation::Validator,
};

const SEVERAL_REGISTRATIONS: &str = tr_later(
    "Several registrations with different passwords wait for this \
     address. Let its owner open the emailed link, or create the account with a new password.",
);

impl Accounts {
    /// Returns up to `limit` users whose email addresses sort after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self, after: &str, limit: u32) -> Result<Vec<ManagedUser>, Error> {
        ManagedUser::list(&self.0.database, after, limit).await
    }

    /// Deactivates an account: nobody can sign in, every session ends, emailed links are
    /// invalidated. An operator can do so even to the last administrator, whose password was stolen.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address.
    pub async fn deactivate_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        self.rekey_user(Rekey {
            deactivates: true,
            ..self.new_rekey(self.event_without_device(Event::OperatorDeactivated, user.id))
        })
        .await
    }

    /// Activates an account, or accepts the registration that waits for this email address.
    ///
    /// # Errors
    /// As [`Self::verify_user`].
    pub async fn activate_user(&self, email: Option<&str>) -> Result<User, Error> {
        let Some(user) = self.existing_user(email).await? else {
            return self.accept_registration(email).await;
        };
        let event = self.event_without_device(Event::OperatorActivated, user.id);
        let activated = User::activate_by_operator(&self.0.database, user.id, &event).await;
        self.invalidate(user.id);
        if activated? {
            Ok(user)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Marks the email address of an account as verified, or accepts the registration that waits for
    /// this address.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address, and for one with several registrations:
    /// which of their passwords is the owner's can't be told.
    pub async fn verify_user(&self, email: Option<&str>) -> Result<User, Error> {
        let Some(user) = self.existing_user(email).await? else {
            return self.accept_registration(email).await;
        };
        let event = self.event_without_device(Event::OperatorVerified, user.id);
        let (database, now) = (&self.0.database, self.now());
        let verified = User::verify_by_operator(database, user.id, now, &event).await;
        self.invalidate(user.id);
        if verified? {
            Ok(user)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Creates the account of the only registration that waits for an email address.
    async fn accept_registration(&self, email: Option<&str>) -> Result<User, Error> {
        let (database, now) = (&self.0.database, self.now());
        let address = existing_email_address("email", email)?.to_lowercase();
        let waiting = Registration::of_address(database, &address, now).await?;
        let registration = match waiting.as_slice() {
            [] => return Err(Error::NotFound),
            [registration] => registration,
            _ => return Err(Error::field("email", SEVERAL_REGISTRATIONS)),
        };
        let hash = registration.password_hash.clone();
        let mut user = self.registered_user(registration, hash)?;
        user.event = self.event_without_device(Event::OperatorVerified, user.id);
        let new = NewAccount {
            user,
            activation: None,
            proof: None,
            invitation: None,
            identity: None,
            guard: Guard::default(),
        };
        User::insert(database, &new).await?.ok_or(Error::NotFound)
    }

    async fn existing_user(&self, email: Option<&str>) -> Result<Option<User>, Error> {
        match self.user_by_email(email).await {
            Err(Error::NotFound) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address.
    pub async fn sign_out_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let event = self.event_without_device(Event::OperatorSignedOut, user.id);
        self.rekey_user(self.new_rekey(event)).await
    }

    /// Removes the second factor of a user who has lost both authenticator app and recovery codes; the passkeys of
    /// one who must have a second factor, and has no app. Every session ends, and the user is notified by email.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address.
    pub async fn reset_otp_of_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let notice = if user.otp_enabled {
            self.notice(&user, EmailTemplate::SecondFactorOff, None, self.now())?
        } else {
            None
        };
        self.rekey_user(Rekey {
            removes_second_factor: true,
            removes_lone_passkeys: self.must_have_second_factor(&user),
            notice,
            ..self.new_rekey(self.event_without_device(Event::OperatorResetOtp, user.id))
        })
        .await
    }

    /// Sets a new password. Every session ends, emailed links are invalidated, and the user is
    /// notified by email.
    ///
    /// # Errors
    /// `NotFound`; field errors for an invalid email address and a password that breaks a rule.
    pub async fn set_password_of_user(
        &self,
        email: Option<&str>,
        password: Option<&str>,
    ) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let mut validator = Validator::default();
        let email = Some(&*user.email);
        let password = self
            .check_new_password(&mut validator, "new_password", password, email)
            .await?;
        let Some(password) = password else {
            return Err(validator.into_error());
        };
        let notice = self.notice(&user, EmailTemplate::PasswordChanged, None, self.now())?;
        self.rekey_user(Rekey {
            password_hash: Some(self.hash_password(password).await?),
            notice,
            ..self.new_rekey(self.event_without_device(Event::OperatorSetPassword, user.id))
        })
        .await
    }

    /// Gives a user roles and takes others away, for an operator.
    ///
    /// # Errors
    /// `NotFound`; field errors for an invalid email address or role, and for too many roles.
    pub async fn change_roles_of_user(
        &self,
        email: Option<&str>,
        added: &[String],
        removed: &[String],
    ) -> Result<User, Error> {
        let mut parsed = Vec::new();
        for names in [added, removed] {
            let roles = Roles::parse(names.iter().map(String::as_str));
            parsed.push(roles.map_err(|message| Error::field("role", message))?);
        }
        let changes = Changes {
            role_changes: Some((&parsed[0], &parsed[1])),
            ..Changes::default()
        };
        self.change_by_operator(email, &changes).await
    }

    /// Makes a user an administrator, or no longer one, for an operator.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address; `Conflict` for the last administrator.
    pub async fn set_admin_of_user(
        &self,
        email: Option<&str>,
        is_admin: bool,
    ) -> Result<User, Error> {
        let changes = Changes {
            is_admin: Some(is_admin),
            ..Changes::default()
        };
        self.change_by_operator(email, &changes).await
    }

    /// Gives a user another email address, for which the operator vouches.
    ///
    /// # Errors
    /// `NotFound`; field errors for an invalid email address, or one that is taken.
    pub async fn change_email_of_user(
        &self,
        email: Option<&str>,
        new_email: Option<&str>,
    ) -> Result<User, Error> {
        let changes = Changes {
            email: Some(email_address("new_email", new_email)?),
            ..Changes::default()
        };
        self.change_by_operator(email, &changes).await
    }

    /// Deletes a user and everything that belongs to it, for an operator.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address; `Conflict` for the last administrator.
    pub async fn delete_by_operator(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        self.remove(&Administrator::operator(), &user).await?;
        Ok(user)
    }

    /// Returns a user with everything that administrators see.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address.
    pub async fn user_details(&self, email: Option<&str>) -> Result<ManagedUser, Error> {
        let user = self.user_by_email(email).await?;
        let found = ManagedUser::find(&self.0.database, user.id).await?;
        found.ok_or(Error::NotFound)
    }

    async fn change_by_operator(
        &self,
        email: Option<&str>,
        changes: &Changes<'_>,
    ) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let operator = Administrator::operator();
        let changed = self.apply_changes(&operator, user.id, changes).await?;
        Ok(changed.user)
    }

    pub(super) async fn user_by_email(&self, email: Option<&str>) -> Result<User, Error> {
        let email = existing_email_address("email", email)?;
        let user = User::find_by_email(&self.0.database, &email).await?;
        user.ok_or(Error::NotFound)
    }

    async fn rekey_user(&self, change: Rekey<'_>) -> Result<User, Error> {
        let changed = self.rekey(&change).await?;
        changed.map(|(user, _)| user).ok_or(Error::NotFound)
    }
}
