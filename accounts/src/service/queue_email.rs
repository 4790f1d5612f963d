//! Prepares emails and email requests for the email worker.

use super::accounts::Accounts;
use crate::{
    clock::Timestamp,
    crypto::{email_token::LinkToken, encryption::Purpose},
    device::Device,
    email::{
        address::EmailAddress,
        template::{Email, EmailTemplate},
    },
    error::Error,
    id::Id,
    store::{
        email_requests::{EmailRequest, EmailRequestKind},
        email_tokens::{LinkPurpose, NewLink},
        outbox::NewEmail,
    },
};

impl Accounts {
    /// Creates an email for the outbox. Its content is encrypted, because it may hold a link.
    pub(super) fn new_email(
        &self,
        user_id: Id,
        to: &str,
        template: EmailTemplate,
        now: Timestamp,
    ) -> Result<NewEmail, Error> {
        let email = Email {
            to: to.to_owned(),
            template,
        };
        let content = serde_json::to_vec(&email)
            .map_err(|error| Error::internal("can't serialize an email", error))?;
        let (id, random) = (self.random().id(), self.random());
        Ok(NewEmail {
            id,
            user_id,
            content: self
                .0
                .master_secrets
                .encrypt(Purpose::Email, id, &content, random),
            now,
        })
    }

    /// Creates a link that verifies a user's email address, and the email with it.
    pub(super) fn activation_link(
        &self,
        user_id: Id,
        email: &str,
        now: Timestamp,
    ) -> Result<NewLink, Error> {
        self.emailed_link(
            LinkPurpose::Activation,
            EmailTemplate::Activation,
            user_id,
            email,
            now,
        )
    }

    /// Creates a link that allows a new password, and the email with it.
    pub(super) fn reset_link_email(
        &self,
        user_id: Id,
        email: &str,
        now: Timestamp,
    ) -> Result<NewLink, Error> {
        self.emailed_link(
            LinkPurpose::Reset,
            EmailTemplate::Reset,
            user_id,
            email,
            now,
        )
    }

    fn emailed_link(
        &self,
        purpose: LinkPurpose,
        template: impl FnOnce(LinkToken) -> EmailTemplate,
        user_id: Id,
        email: &str,
        now: Timestamp,
    ) -> Result<NewLink, Error> {
        let token = LinkToken::new(self.random());
        Ok(NewLink {
            purpose,
            hash: token.hash(),
            new_email: None,
            now,
            emails: vec![self.new_email(user_id, email, template(token), now)?],
        })
    }

    /// Stores a request for an email, and notifies the email worker. The device is stored where the
    /// request appears in the audit log.
    pub(super) async fn request_email(
        &self,
        kind: EmailRequestKind,
        email: &EmailAddress,
        device: Option<&Device>,
    ) -> Result<(), Error> {
        let (id, database) = (self.random().id(), &self.0.database);
        EmailRequest::insert(database, id, kind, email, device, self.now()).await?;
        self.notify_email_worker();
        Ok(())
    }
}
