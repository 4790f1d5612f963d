//! Changes the email address of an account.

use super::{
    accounts::Accounts,
    caller::{Authorized, Enrolling},
    email_proof::EmailProof,
    fields::{EMAIL_TAKEN, TOKEN, email_address, invalid_link},
    queue_email::{EmailKind, LinkRequest},
};
use crate::{
    crypto::jwt_secret::JwtSecret,
    device::Device,
    email::{
        address::EmailAddress,
        template::{EmailTemplate, Origin},
    },
    error::Error,
    store::{
        audit_events::Event,
        email_changes::{EmailChange, EmailChangeRequest, EmailChanged, EmailUndo},
        email_requests::EmailRequestKind,
        email_tokens::{Link, LinkOwner, LinkPurpose, key_of},
        users::User,
    },
    validation::{Validator, required_field},
};

const NEW_EMAIL: &str = "new_email";

impl Accounts {
    /// Emails a link to the new address, and a notice to the present one. The account keeps its
    /// email address until the link is opened.
    ///
    /// # Errors
    /// `EmailUnverified` while the present address is unverified. Field errors for an invalid email
    /// address, one that is taken (unless new accounts require
    /// activation: then its owner is notified instead) and a wrong password; `ReauthenticationRequired`
    /// without a password and a recent sign-in; `TokenInvalid` when the caller was signed out in the
    /// meantime; `Throttled`; `Overloaded`.
    pub async fn begin_email_change(
        &self,
        caller: &Authorized,
        new_email: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        if !caller.user().email_verified {
            return Err(Error::EmailUnverified);
        }
        let mut validator = Validator::default();
        let email = validator.merge(email_address(NEW_EMAIL, new_email))?;
        self.require_password(&mut validator, caller, current_password)
            .await?;
        let Some(email) = email.filter(|_| validator.is_empty()) else {
            return Err(validator.into_error());
        };
        self.confirm_password(caller, current_password).await?;
        let (database, user, now) = (&self.0.database, caller.user(), self.now());
        let is_taken = User::email_is_taken(database, &email, Some(user.id), now).await?;
        if is_taken && !self.0.require_activation {
            return Err(Error::field(NEW_EMAIL, EMAIL_TAKEN));
        }
        if is_taken {
            // The caller must not find out either: everything happens as if the address were free,
            // except that the new address gets another email.
            self.request_email(EmailRequestKind::Registration, &email, None, &caller.device)
                .await?;
        }
        if self.request_email_change(caller, &email, is_taken).await? {
            self.notify_email_worker();
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    async fn request_email_change(
        &self,
        caller: &Authorized,
        email: &EmailAddress,
        is_taken: bool,
    ) -> Result<bool, Error> {
        let (user, now) = (caller.user(), self.now());
        let (purpose, owner) = (LinkPurpose::EmailChange, LinkOwner::User(user.id));
        let request = LinkRequest {
            // A passkey that someone with the password has added must not spare them the undo link.
            second_factor: caller.second_factor && user.otp_enabled,
            ..LinkRequest::new(purpose, owner, email.as_str(), &caller.device, now)
        };
        let mut link = self.new_link(request, EmailTemplate::EmailChange, now)?;
        if is_taken {
            link.message = None;
        }
        let template = EmailTemplate::EmailChangeRequested {
            new_email: email.as_str().to_owned(),
        };
        let requested = EmailKind::EmailChangeRequested;
        let origin = Some(Origin::new(&caller.device, now));
        let request = EmailChangeRequest {
            user,
            link: &link,
            link_limit: &self.email_limit(EmailKind::EmailChange, false, &email.to_lowercase()),
            notice: &self.new_email(user.id, &user.email, template, origin, now)?,
            notice_limit: &self.email_limit(requested, true, &key_of(&user.email)),
            event: &self.event_by(Event::EmailChangeRequested, caller),
        };
        request.make(&self.0.database).await
    }

    /// Changes the account's email address to the one that a link was sent to, and notifies the old
    /// one. It takes a session of the account or its password besides the link.
    ///
    /// # Errors
    /// Field errors for a link or code that does not work, for an email address that another account
    /// has taken in the meantime, and for a password that is missing or wrong; `Throttled`;
    /// `Overloaded`.
    pub async fn confirm_email_change(
        &self,
        proof: EmailProof<'_>,
        password: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        let link = self.required_link(proof, LinkPurpose::EmailChange).await?;
        let user_id = link.user_id.ok_or_else(invalid_link)?;
        if link.is_used {
            return self.finish(&link, EmailChanged::LinkInvalid).await;
        }
        self.confirm_link_owner(&link, user_id, password, caller, device)
            .await?;
        let (old, now) = (link.user_email.clone().unwrap_or_default(), self.now());
        let new_email = link.email.clone();
        let (undo, notice) = if link.second_factor {
            let template = EmailTemplate::EmailChanged { new_email };
            let origin = Some(Origin::new(device, now));
            let notice = self.new_email(user_id, &old, template, origin, now)?;
            (None, Some(notice))
        } else {
            let (purpose, owner) = (LinkPurpose::Undo, LinkOwner::User(user_id));
            let request = LinkRequest::new(purpose, owner, &old, device, now);
            let template = |undo| EmailTemplate::EmailChangedWithUndo { new_email, undo };
            (Some(self.new_link(request, template, now)?), None)
        };
        let change = EmailChange {
            user_id,
            link: &link,
            undo: undo.as_ref(),
            notice: notice.as_ref(),
            now,
            event: &self.event(Event::EmailChanged, user_id, device),
        };
        let changed = change.make(&self.0.database).await;
        self.invalidate(user_id);
        self.notify_email_worker();
        self.finish(&link, changed?).await
    }

    /// Takes a change of the email address back. Every session ends, the password and the second factor
    /// are removed, and the old address receives a link to choose a new password.
    ///
    /// # Errors
    /// A field error for a link that is missing, invalid or expired, and for an email address that
    /// another account has in the meantime.
    pub async fn undo_email_change(
        &self,
        token: Option<&str>,
        device: &Device,
    ) -> Result<(), Error> {
        let proof = EmailProof::token(required_field(TOKEN, token)?);
        let link = self.required_link(proof, LinkPurpose::Undo).await?;
        let user_id = link.user_id.ok_or_else(invalid_link)?;
        if link.is_used {
            return self.finish(&link, EmailChanged::LinkInvalid).await;
        }
        let now = self.now();
        let (purpose, owner) = (LinkPurpose::Reset, LinkOwner::User(user_id));
        let reset = LinkRequest::new(purpose, owner, &link.email, device, now);
        let lost = link.user_email.as_deref().unwrap_or_default();
        let template = EmailTemplate::EmailChanged {
            new_email: link.email.clone(),
        };
        let origin = Some(Origin::new(device, now));
        let undo = EmailUndo {
            user_id,
            link: &link,
            new_secret: JwtSecret::new(self.random()),
            reset: &self.new_link(reset, EmailTemplate::Reset, now)?,
            notice: &self.new_email(user_id, lost, template, origin, now)?,
            now,
            event: &self.event(Event::EmailChangeUndone, user_id, device),
        };
        let undone = undo.make(&self.0.database).await;
        self.invalidate(user_id);
        self.notify_email_worker();
        self.finish(&link, undone?).await
    }

    async fn finish(&self, link: &Link, changed: EmailChanged) -> Result<(), Error> {
        match changed {
            EmailChanged::Done => Ok(()),
            // A repeated request, or a concurrent one.
            EmailChanged::LinkInvalid if self.is_done(link).await? => Ok(()),
            EmailChanged::LinkInvalid => Err(invalid_link()),
            EmailChanged::Taken => Err(Error::field(TOKEN, EMAIL_TAKEN)),
        }
    }
}
