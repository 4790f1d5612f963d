//! Proving an address.

use super::{Accounts, link_void};
use crate::{
    Device, Error, User,
    crypto::email_token,
    email::address::Email,
    store::audit_events::Event,
    store::email_requests::EmailRequestKind,
    store::email_tokens::{LinkOwner, LinkPurpose},
    validation::{Validator, required_field},
};

impl Accounts {
    /// Proves the address that a link was mailed to; an account that waited for that is active now.
    ///
    /// # Errors
    /// A field error for a link that is missing, used, voided or too old.
    pub async fn activate(&self, token: Option<&str>, device: &Device) -> Result<(), Error> {
        let token = required_field("token", token)?;
        let (database, now) = (&self.0.database, self.now());
        let owner = LinkOwner::find(database, token, LinkPurpose::Activation, now)
            .await?
            .ok_or_else(link_void)?;
        let hash = email_token::hash(token);
        let event = self.event(Event::AddressConfirmed, owner.user_id, device);
        let activated = User::activate(database, owner.user_id, &hash, now, &event).await;
        self.forget(owner.user_id);
        if activated? { Ok(()) } else { Err(link_void()) }
    }

    /// Mails the link again, to an address whose account has not proved it yet. Whether there is
    /// one can't be told from the answer.
    ///
    /// # Errors
    /// A field error for what is no address.
    pub async fn resend_activation(&self, email: Option<&str>) -> Result<(), Error> {
        let email = address("email", email)?;
        self.wish(EmailRequestKind::Activation, &email, None).await
    }
}

/// The address in the one field of a request.
pub(super) fn address(field: &'static str, given: Option<&str>) -> Result<Email, Error> {
    let mut validator = Validator::default();
    let email = validator.required(field, given).map(Email::parse);
    match email {
        Some(Ok(email)) => return Ok(email),
        Some(Err(message)) => validator.reject(field, message),
        None => {}
    }
    Err(validator.into_error())
}
