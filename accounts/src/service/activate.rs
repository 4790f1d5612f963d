//! Verifies the email address of an account.

use super::{
    accounts::Accounts,
    fields::{TOKEN, email_address, invalid_link},
};
use crate::{
    crypto::email_token,
    device::Device,
    error::Error,
    store::{
        audit_events::Event,
        email_requests::EmailRequestKind,
        email_tokens::{LinkOwner, LinkPurpose},
        users::User,
    },
    validation::required_field,
};

impl Accounts {
    /// Verifies the email address that a link was sent to, and activates an account that waited for
    /// that.
    ///
    /// # Errors
    /// A field error for a link that is missing, used, replaced or expired.
    pub async fn activate(&self, token: Option<&str>, device: &Device) -> Result<(), Error> {
        let token = required_field(TOKEN, token)?;
        let (database, now) = (&self.0.database, self.now());
        let owner = LinkOwner::find(database, token, LinkPurpose::Activation, now)
            .await?
            .ok_or_else(invalid_link)?;
        let hash = email_token::hash(token);
        let event = self.event(Event::AddressConfirmed, owner.user_id, device);
        let activated = User::activate(database, owner.user_id, &hash, now, &event).await;
        self.invalidate(owner.user_id);
        if activated? {
            Ok(())
        } else {
            Err(invalid_link())
        }
    }

    /// Emails the activation link again, if there is an account whose email address is unverified.
    /// The response does not reveal whether there is one.
    ///
    /// # Errors
    /// A field error for an invalid email address.
    pub async fn resend_activation(&self, email: Option<&str>) -> Result<(), Error> {
        let email = email_address("email", email)?;
        self.request_email(EmailRequestKind::Activation, &email, None)
            .await
    }
}
