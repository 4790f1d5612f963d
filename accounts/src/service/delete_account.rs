//! Deletes an account.

use super::{accounts::Accounts, caller::Authorized};
use crate::{
    device::Device,
    email::template::{Email, EmailTemplate, Origin},
    error::Error,
    request_id::request_id,
    store::deleted_accounts::{DeletedAccount, Deletion},
};

impl Accounts {
    /// Deletes the caller's account and everything it owns, and notifies a verified email address. An
    /// address that it has had before is no longer reserved.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `Conflict` for the last administrator;
    /// `TokenInvalid` when the user has signed out everywhere or was deleted in the meantime;
    /// `Throttled`; `Overloaded`.
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
                origin: Some(Origin::new(&caller.device, now)),
                ..Email::new(&user.email, EmailTemplate::AccountDeleted)
            };
            self.queued_email(None, &email, now)
        });
        let notice = notice.transpose()?;
        let deletion = self.deletion(Deletion::Deleted, &user.email, Some(&caller.device));
        let database = &self.0.database;
        let deleted = user.delete(database, notice.as_ref(), &deletion).await;
        self.invalidate(user.id);
        self.notify_email_worker();
        if deleted? {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Creates the record of an account with this email address that is deleted now, from a device or by an
    /// operator on the server itself.
    pub(super) fn deletion(
        &self,
        event: Deletion,
        email: &str,
        device: Option<&Device>,
    ) -> DeletedAccount {
        DeletedAccount {
            id: self.random().id(),
            event,
            address_key: self.deleted_account_keys(email).remove(0),
            at: self.now(),
            ip: device
                .map(|device| device.ip.to_string())
                .unwrap_or_default(),
            request_id: request_id(),
            actor: None,
        }
    }

    /// Returns the keys under which the deletion of an account with this email address is recorded, one
    /// for each master secret. The first one is for new records.
    pub(super) fn deleted_account_keys(&self, email: &str) -> Vec<Vec<u8>> {
        let email = email.to_ascii_lowercase();
        let info: [&[u8]; 2] = [b"deleted account 1 ", email.as_bytes()];
        let keys = self.0.master_secrets.codes::<32>(&info);
        keys.map(|key| key.to_vec()).collect()
    }
}
