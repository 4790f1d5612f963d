//! What an operator can do to an account, without being its user. All of it holds on running
//! servers at once, as they look at the user's row.

use super::{Accounts, activate::address};
use crate::{
    Error, User, UserRecord, email::template::EmailTemplate, store::audit_events::Event,
    store::users::Rekey, validation::Validator,
};

impl Accounts {
    /// The users whose addresses come after `after` in the alphabet, at most `limit` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self, after: &str, limit: u32) -> Result<Vec<UserRecord>, Error> {
        UserRecord::list(&self.0.database, after, limit).await
    }

    /// Closes an account: nobody can sign in, every session is over, mailed links are void.
    ///
    /// # Errors
    /// `NotFound`; a field error for what is no address.
    pub async fn deactivate_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        self.rekey_user(Rekey {
            deactivates: true,
            ..self.new_rekey(self.event_without_device(Event::OperatorDeactivated, user.id))
        })
        .await
    }

    /// Opens an account that is not active.
    ///
    /// # Errors
    /// `NotFound`; a field error for what is no address.
    pub async fn activate_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let event = self.event_without_device(Event::OperatorActivated, user.id);
        let activated = UserRecord::activate(&self.0.database, user.id, &event).await;
        self.forget(user.id);
        if activated? {
            Ok(user)
        } else {
            Err(Error::NotFound)
        }
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// `NotFound`; a field error for what is no address.
    pub async fn sign_out_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        self.rekey_user(
            self.new_rekey(self.event_without_device(Event::OperatorSignedOut, user.id)),
        )
        .await
    }

    /// Removes a user's second factor, for who has lost both app and recovery codes: every session
    /// is over, and mail tells the user.
    ///
    /// # Errors
    /// `NotFound`; a field error for what is no address.
    pub async fn reset_otp_of_user(&self, email: Option<&str>) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let mail = user.otp_enabled.then(|| {
            self.letter(
                user.id,
                &user.email,
                EmailTemplate::SecondFactorOff,
                self.now(),
            )
        });
        self.rekey_user(Rekey {
            removes_second_factor: true,
            mail: mail.transpose()?,
            ..self.new_rekey(self.event_without_device(Event::OperatorResetOtp, user.id))
        })
        .await
    }

    /// Gives a user a new password: every session is over, mailed links are void, and mail tells
    /// the user.
    ///
    /// # Errors
    /// `NotFound`; field errors for what is no address and a password that breaks a rule.
    pub async fn set_password_of_user(
        &self,
        email: Option<&str>,
        new_password: Option<&str>,
    ) -> Result<User, Error> {
        let user = self.user_by_email(email).await?;
        let mut validator = Validator::default();
        let Some(password) =
            super::change_password::new_password_in(&mut validator, new_password, &user.email)
        else {
            return Err(validator.into_error());
        };
        let mail = self.letter(
            user.id,
            &user.email,
            EmailTemplate::PasswordChanged,
            self.now(),
        )?;
        self.rekey_user(Rekey {
            password_hash: Some(self.hash_password(password).await?),
            mail: Some(mail),
            ..self.new_rekey(self.event_without_device(Event::OperatorSetPassword, user.id))
        })
        .await
    }

    pub(super) async fn user_by_email(&self, email: Option<&str>) -> Result<User, Error> {
        let email = address("email", email)?;
        let record = UserRecord::find(&self.0.database, &email).await?;
        record.map(|record| record.user).ok_or(Error::NotFound)
    }

    async fn rekey_user(&self, change: Rekey<'_>) -> Result<User, Error> {
        let changed = self.rekey(&change).await?;
        changed.map(|(user, _)| user).ok_or(Error::NotFound)
    }
}
