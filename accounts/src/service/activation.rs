//! Proving an address.

use super::{Accounts, link_void};
use crate::{
    Device, Error, Given, User,
    audit::Event,
    email::Email,
    fields::{Checks, only},
    link::{self, LinkOwner, LinkPurpose},
    mail::request::Wish,
};

impl Accounts {
    /// Proves the address that a link was mailed to; an account that waited for that is active now.
    ///
    /// # Errors
    /// A field error for a link that is missing, used, voided or too old.
    pub async fn activate(&self, token: Given<'_>, device: &Device) -> Result<(), Error> {
        let token = only("token", token)?;
        let (database, now) = (&self.0.database, self.now());
        let owner = LinkOwner::find(database, token, LinkPurpose::Activation, now)
            .await?
            .ok_or_else(link_void)?;
        let hash = link::hash(token);
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
    pub async fn resend_activation(&self, email: Given<'_>) -> Result<(), Error> {
        let email = address("email", email)?;
        self.wish(Wish::Activation, &email, None).await
    }
}

/// The address in the one field of a request.
pub(super) fn address(field: &'static str, given: Given<'_>) -> Result<Email, Error> {
    let mut checks = Checks::default();
    let email = checks.required(field, given).map(Email::parse);
    match email {
        Some(Ok(email)) => return Ok(email),
        Some(Err(message)) => checks.refuse(field, message),
        None => {}
    }
    Err(checks.into_error())
}
