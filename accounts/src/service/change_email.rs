//! Changes the email address of an account.

use super::{
    accounts::Accounts,
    caller::Authorized,
    fields::{CURRENT_PASSWORD, EMAIL_TAKEN, TOKEN, email_address, invalid_link},
};
use crate::{
    crypto::email_token::{self, LinkToken},
    device::Device,
    email::{address::EmailAddress, template::EmailTemplate},
    error::Error,
    store::{
        audit_events::Event,
        email_requests::EmailRequestKind,
        email_tokens::{LinkOwner, LinkPurpose, NewLink},
        users::{EmailChange, User},
    },
    validation::{Validator, required_field},
};

const NEW_EMAIL: &str = "new_email";

impl Accounts {
    /// Emails a link to the new address, and a notice to the present one. The account keeps its
    /// email address until the link is opened.
    ///
    /// # Errors
    /// Field errors for an invalid email address, one that is taken (unless new accounts require
    /// activation: then its owner is notified instead) and a wrong password; `TokenInvalid` when the
    /// caller was signed out in the meantime; `Throttled`; `Overloaded`.
    pub async fn begin_email_change(
        &self,
        caller: &Authorized,
        new_email: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let mut validator = Validator::default();
        let email = validator.merge(email_address(NEW_EMAIL, new_email))?;
        let password = validator.required(CURRENT_PASSWORD, current_password);
        let (Some(email), Some(_)) = (email, password) else {
            return Err(validator.into_error());
        };
        self.confirm_password(caller, current_password).await?;
        let (database, user) = (&self.0.database, caller.user());
        let is_own = EmailAddress::parse_existing(&user.email).is_ok_and(|own| own == email);
        let is_taken = !is_own && User::email_is_taken(database, &email).await?;
        if is_taken && !self.0.require_activation {
            return Err(Error::field(NEW_EMAIL, EMAIL_TAKEN));
        }
        if is_taken {
            // The caller must not find out either: everything happens as if the address were free,
            // except that the new address gets another email.
            self.request_email(EmailRequestKind::Registration, &email, None)
                .await?;
        }
        let link = self.email_change_link(user, email, !is_taken)?;
        let event = self.event_by(Event::EmailChangeRequested, caller);
        let issued = user.issue_link(database, &link, &event).await?;
        self.notify_email_worker();
        if issued {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    fn email_change_link(
        &self,
        user: &User,
        new_email: EmailAddress,
        is_sent: bool,
    ) -> Result<NewLink, Error> {
        let now = self.now();
        let token = LinkToken::new(self.random());
        let hash = token.hash();
        let notice = EmailTemplate::EmailChangeRequested {
            new_email: new_email.as_str().to_owned(),
        };
        let mut emails = vec![self.new_email(user.id, &user.email, notice, now)?];
        if is_sent {
            let template = EmailTemplate::EmailChange(token);
            emails.push(self.new_email(user.id, new_email.as_str(), template, now)?);
        }
        Ok(NewLink {
            purpose: LinkPurpose::EmailChange,
            hash,
            new_email: Some(new_email),
            now,
            emails,
        })
    }

    /// Changes the account's email address to the one that a link was sent to, and notifies the old
    /// one.
    ///
    /// # Errors
    /// A field error for a link that is missing, used, replaced or expired, and for an email address
    /// that another account has taken in the meantime.
    pub async fn confirm_email_change(
        &self,
        token: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let token = required_field(TOKEN, token)?;
        let (database, now) = (&self.0.database, self.now());
        let owner = LinkOwner::find(database, token, LinkPurpose::EmailChange, now)
            .await?
            .ok_or_else(invalid_link)?;
        let new_email = owner.new_email.as_deref().map(EmailAddress::parse_existing);
        let Some(Ok(new_email)) = new_email else {
            return Err(invalid_link());
        };
        let notice = EmailTemplate::EmailChanged {
            new_email: new_email.as_str().to_owned(),
        };
        let notice = self.new_email(owner.user_id, &owner.email, notice, now)?;
        let (user_id, hash) = (owner.user_id, email_token::hash(token));
        let event = self.event(Event::EmailChanged, user_id, device);
        let changed =
            User::change_email(database, user_id, &hash, &new_email, now, &notice, &event).await;
        self.invalidate(user_id);
        self.notify_email_worker();
        match changed? {
            EmailChange::Done => Ok(()),
            EmailChange::LinkInvalid => Err(invalid_link()),
            EmailChange::Taken => Err(Error::field(TOKEN, EMAIL_TAKEN)),
        }
    }
}
