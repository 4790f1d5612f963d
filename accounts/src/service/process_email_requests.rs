//! Mails on their way into the outbox.

use super::Accounts;
use crate::{
    Device, Error, Id, MasterSecrets, Timestamp,
    crypto::email_token::LinkToken,
    crypto::encryption::Purpose,
    email::address::Email,
    email::template::{EmailTemplate, Mail},
    store::audit_events::{self, Event, NewEvent},
    store::email_requests::{self, EmailRequest, EmailRequestKind},
    store::email_tokens::{self, LinkPurpose, NewLink},
    store::outbox::{self, NewEmail},
    store::users::{self, UserRecord},
};

impl Accounts {
    /// A mail for the outbox.
    pub(super) fn letter(
        &self,
        user_id: Id,
        to: &str,
        letter: EmailTemplate,
        now: Timestamp,
    ) -> Result<NewEmail, Error> {
        let id = self.random().id();
        let mail = Mail {
            to: to.to_owned(),
            letter,
        };
        let mail =
            serde_json::to_vec(&mail).map_err(|error| Error::Internal(error.to_string().into()))?;
        Ok(NewEmail {
            id,
            user_id,
            content: self
                .0
                .master_secrets
                .encrypt(Purpose::Email, id, &mail, self.random()),
            now,
        })
    }

    /// A link to prove a user's address, in a mail.
    pub(super) fn activation_link(
        &self,
        user_id: Id,
        email: &str,
        now: Timestamp,
    ) -> Result<NewLink, Error> {
        let token = LinkToken::new(self.random());
        Ok(NewLink {
            purpose: LinkPurpose::Activation,
            hash: token.hash(),
            new_email: None,
            now,
            mails: vec![self.letter(user_id, email, EmailTemplate::Activation(token), now)?],
        })
    }

    /// Writes a wish for a mail down, and wakes who grants it. The device is kept where the wish is
    /// to be remembered.
    pub(super) async fn wish(
        &self,
        wish: EmailRequestKind,
        email: &Email,
        device: Option<&Device>,
    ) -> Result<(), Error> {
        let (id, database) = (self.random().id(), &self.0.database);
        EmailRequest::insert(database, id, wish, email, device, self.now()).await?;
        self.wake_mail();
        Ok(())
    }

    /// Grants wishes, in one transaction: puts a mail into the outbox for each whose address is a
    /// user's who may have it. Of several servers, one grants a wish.
    pub(crate) async fn grant(&self, requests: &[EmailRequest]) -> Result<(), Error> {
        if requests.is_empty() {
            return Ok(());
        }
        let database = &self.0.database;
        let now = self.now();
        let mut grants = Vec::with_capacity(requests.len());
        for request in requests {
            let user = match Email::parse(&request.email) {
                Ok(email) => UserRecord::find(database, &email).await?,
                Err(_) => None,
            };
            let granted = match (request.kind(), user) {
                (Some(wish), Some(user)) => {
                    let asked = self.asked(request, user.user.id);
                    let granted = self.granted(wish, &user, now)?;
                    Some((user.user, granted, asked))
                }
                _ => None,
            };
            grants.push((request.id, granted));
        }
        let mut transaction = database.begin().await?;
        for (request_id, granted) in &grants {
            if !email_requests::claim(&mut transaction, *request_id).await? {
                continue;
            }
            let Some((user, granted, asked)) = granted else {
                continue;
            };
            // A user who was deleted in the meantime gets no email, nor does one who has left this
            // address: the email would go to someone else's mailbox.
            let locked = users::lock(&mut transaction, user.id).await?;
            if locked.is_none_or(|locked| locked.email != user.email) {
                continue;
            }
            match granted {
                Granted::Link(link) => {
                    email_tokens::issue(&mut transaction, user.id, link).await?;
                }
                Granted::EmailTemplate(email) => outbox::enqueue(&mut transaction, email).await?,
                Granted::Nothing => {}
            }
            if let Some(event) = asked {
                audit_events::record(&mut transaction, event).await?;
            }
        }
        transaction.commit().await
    }

    /// What has happened by a wish that is to be remembered.
    fn asked(&self, request: &EmailRequest, user_id: Id) -> Option<NewEvent> {
        Some(NewEvent {
            at: request.created_at,
            ip: request.ip.clone()?,
            user_agent: request.user_agent.clone()?,
            ..self.event_without_device(Event::PasswordResetAsked, user_id)
        })
    }

    fn granted(
        &self,
        wish: EmailRequestKind,
        record: &UserRecord,
        now: Timestamp,
    ) -> Result<Granted, Error> {
        let user = &record.user;
        let awaits = record.awaits_activation;
        Ok(match wish {
            // A deactivated account is the operator's to open again.
            _ if !user.is_active && !awaits => Granted::Nothing,
            EmailRequestKind::Reset => {
                let token = LinkToken::new(self.random());
                Granted::Link(NewLink {
                    purpose: LinkPurpose::Reset,
                    hash: token.hash(),
                    new_email: None,
                    now,
                    mails: vec![self.letter(
                        user.id,
                        &user.email,
                        EmailTemplate::Reset(token),
                        now,
                    )?],
                })
            }
            EmailRequestKind::Activation if user.email_verified => Granted::Nothing,
            EmailRequestKind::Activation => {
                Granted::Link(self.activation_link(user.id, &user.email, now)?)
            }
            // Who registers again has perhaps lost the first mail.
            EmailRequestKind::Registration if awaits => {
                Granted::Link(self.activation_link(user.id, &user.email, now)?)
            }
            EmailRequestKind::Registration => Granted::EmailTemplate(self.letter(
                user.id,
                &user.email,
                EmailTemplate::AlreadyRegistered,
                now,
            )?),
        })
    }

    /// Wakes the task that sends mails.
    pub(super) fn wake_mail(&self) {
        self.0.mail_waits.notify_one();
    }

    /// Ends when there is something for the task that sends mails.
    pub(crate) async fn mail_waits(&self) {
        self.0.mail_waits.notified().await;
    }

    pub(crate) fn master_secrets(&self) -> &MasterSecrets {
        &self.0.master_secrets
    }
}

/// What a wish gets.
enum Granted {
    Link(NewLink),
    EmailTemplate(NewEmail),
    Nothing,
}
