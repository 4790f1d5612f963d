//! Deletes an account.

use super::{accounts::Accounts, caller::Authorized};
use crate::{
    email::template::{Email, EmailTemplate, Origin},
    error::Error,
};

impl Accounts {
    /// Deletes the caller's account and everything it owns, and notifies a verified email address. An
    /// address that it has had before is no longer reserved.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `TokenInvalid` when the user has signed
    /// out everywhere or was deleted in the meantime; `Throttled`; `Overloaded`.
    pub async fn delete_user(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        // Someone else may own an address that is not verified.
        let notice = user.email_verified.then(|| {
            let email = Email {
                to: user.email.as_ref().to_owned(),
                template: EmailTemplate::AccountDeleted,
                code: None,
                origin: Some(Origin {
                    at: now.to_string(),
                    ip: caller.device.ip.to_string(),
                    user_agent: caller.device.user_agent.clone(),
                }),
            };
            self.queued_email(None, &email, now)
        });
        let notice = notice.transpose()?;
        let deleted = user.delete(&self.0.database, notice.as_ref()).await;
        self.invalidate(user.id);
        self.notify_email_worker();
        if deleted? {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }
}
