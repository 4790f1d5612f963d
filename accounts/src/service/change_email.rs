//! Changing the address.

use super::{
    Accounts, Authorized,
    activate::address,
    link_void,
    register::{CURRENT_PASSWORD, TAKEN},
};
use crate::{
    Device, Error, User,
    crypto::email_token::{self, LinkToken},
    email::template::EmailTemplate,
    store::audit_events::Event,
    store::email_requests::EmailRequestKind,
    store::email_tokens::{LinkOwner, LinkPurpose, NewLink},
    store::users::EmailChange,
    validation::{Validator, required_field},
};

const FIELD: &str = "new_email";

impl Accounts {
    /// Mails a link to a new address, and a notice to the present one. The account keeps its
    /// address until the link is opened.
    ///
    /// # Errors
    /// Field errors for what is no address, one that is taken (unless new accounts need
    /// activation: then its owner is told instead) and a wrong password; `TokenInvalid` when the
    /// caller was signed out meanwhile; `Overloaded`.
    pub async fn begin_email_change(
        &self,
        caller: &Authorized,
        new_email: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let mut validator = Validator::default();
        let email = validator.merge(address(FIELD, new_email))?;
        let password = validator.required(CURRENT_PASSWORD, current_password);
        let (Some(email), Some(_)) = (email, password) else {
            return Err(validator.into_error());
        };
        self.confirm_password(caller, current_password).await?;
        let (database, user, now) = (&self.0.database, caller.user(), self.now());
        let is_own = user.email.eq_ignore_ascii_case(email.as_str());
        let is_taken = !is_own && User::email_is_taken(database, &email).await?;
        if is_taken && !self.0.require_activation {
            return Err(Error::field(FIELD, TAKEN));
        }
        let token = LinkToken::new(self.random());
        let hash = token.hash();
        let asked = EmailTemplate::EmailChangeAsked {
            new_email: email.as_str().to_owned(),
        };
        let mut mails = vec![self.letter(user.id, &user.email, asked, now)?];
        if is_taken {
            // The caller's own mailbox must not tell either: all goes on as if the address were
            // free, but for the mail with the link.
            self.wish(EmailRequestKind::Registration, &email, None)
                .await?;
        } else {
            let letter = EmailTemplate::EmailChange(token);
            mails.push(self.letter(user.id, email.as_str(), letter, now)?);
        }
        let link = NewLink {
            purpose: LinkPurpose::EmailChange,
            hash,
            now,
            mails,
            new_email: Some(email),
        };
        let event = self.event_by(Event::EmailChangeAsked, caller);
        let issued = user.issue_link(database, &link, &event).await?;
        self.wake_mail();
        if issued {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Gives the account the address that a link was mailed to, and tells the old one.
    ///
    /// # Errors
    /// A field error for a link that is missing, used, voided or too old, and for an address that
    /// another account has taken meanwhile.
    pub async fn confirm_email_change(
        &self,
        token: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let token = required_field("token", token)?;
        let (database, now) = (&self.0.database, self.now());
        let owner = LinkOwner::find(database, token, LinkPurpose::EmailChange, now)
            .await?
            .ok_or_else(link_void)?;
        let new_email = owner.new_email.ok_or_else(link_void)?;
        let changed = EmailTemplate::EmailChanged {
            new_email: new_email.clone(),
        };
        let mail = self.letter(owner.user_id, &owner.email, changed, now)?;
        let hash = email_token::hash(token);
        let user_id = owner.user_id;
        let event = self.event(Event::EmailChanged, user_id, device);
        let done =
            User::change_email(database, user_id, &hash, &new_email, now, &mail, &event).await;
        self.forget(user_id);
        self.wake_mail();
        match done? {
            EmailChange::Done => Ok(()),
            EmailChange::LinkInvalid => Err(link_void()),
            EmailChange::Taken => Err(Error::field("token", TAKEN)),
        }
    }
}
