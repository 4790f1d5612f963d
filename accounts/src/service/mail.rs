//! Mails on their way into the outbox.

use super::Accounts;
use crate::{
    Device, Error, Id, MasterSecrets, Timestamp,
    audit::{Event, NewEvent, audit},
    database::in_transaction,
    email::Email,
    link::{LinkPurpose, LinkToken},
    mail::{
        Letter, Mail,
        outbox::{NewMail, enqueue},
        request::{self, MailRequest, Wish},
    },
    secret::Purpose,
    user::{NewLink, UserRecord, issue},
};

impl Accounts {
    /// A mail for the outbox.
    pub(super) fn letter(
        &self,
        user_id: Id,
        to: &str,
        letter: Letter,
        now: Timestamp,
    ) -> Result<NewMail, Error> {
        let id = self.random().id();
        let mail = Mail {
            to: to.to_owned(),
            letter,
        };
        let mail =
            serde_json::to_vec(&mail).map_err(|error| Error::Internal(error.to_string().into()))?;
        Ok(NewMail {
            id,
            user_id,
            content: self
                .0
                .master_secrets
                .seal(Purpose::Mail, id, &mail, self.random()),
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
            mails: vec![self.letter(user_id, email, Letter::Activation(token), now)?],
        })
    }

    /// Writes a wish for a mail down, and wakes who grants it. The device is kept where the wish is
    /// to be remembered.
    pub(super) async fn wish(
        &self,
        wish: Wish,
        email: &Email,
        device: Option<&Device>,
    ) -> Result<(), Error> {
        let (id, database) = (self.random().id(), &self.0.database);
        MailRequest::insert(database, id, wish, email, device, self.now()).await?;
        self.wake_mail();
        Ok(())
    }

    /// Grants wishes, in one transaction: puts a mail into the outbox for each whose address is a
    /// user's who may have it. Of several servers, one grants a wish.
    pub(crate) async fn grant(&self, requests: &[MailRequest]) -> Result<(), Error> {
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
            let granted = match (request.wish(), user) {
                (Some(wish), Some(user)) => {
                    let asked = self.asked(request, user.user.id);
                    let granted = self.granted(wish, &user, now)?;
                    Some((user.user, granted, asked))
                }
                _ => None,
            };
            grants.push((request.id, granted));
        }
        in_transaction!(database, transaction => {
            for (request, granted) in &grants {
                let taken = sqlx::query(request::TAKE)
                    .bind(request)
                    .execute(&mut *transaction)
                    .await?;
                if taken.rows_affected() == 1
                    && let Some((user, granted, asked)) = granted
                    // Who was deleted meanwhile gets nothing, nor who has left this address: the
                    // mail would go to whoever has it still.
                    && sqlx::query(crate::user::LOCK_ADDRESS)
                        .bind(user.id)
                        .bind(&*user.email)
                        .execute(&mut *transaction)
                        .await?
                        .rows_affected() == 1
                {
                    match granted {
                        Granted::Link(link) => issue!(transaction, user.id, link),
                        Granted::Letter(mail) => enqueue!(transaction, mail),
                        Granted::Nothing => {}
                    }
                    if let Some(event) = asked {
                        audit!(transaction, event);
                    }
                }
            }
            transaction.commit().await?;
            Ok(())
        })
    }

    /// What has happened by a wish that is to be remembered.
    fn asked(&self, request: &MailRequest, user_id: Id) -> Option<NewEvent> {
        Some(NewEvent {
            at: request.created_at,
            ip: request.ip.clone()?,
            user_agent: request.user_agent.clone()?,
            ..self.event_without_device(Event::PasswordResetAsked, user_id)
        })
    }

    fn granted(&self, wish: Wish, record: &UserRecord, now: Timestamp) -> Result<Granted, Error> {
        let user = &record.user;
        let awaits = record.awaits_activation;
        Ok(match wish {
            // A deactivated account is the operator's to open again.
            _ if !user.is_active && !awaits => Granted::Nothing,
            Wish::Reset => {
                let token = LinkToken::new(self.random());
                Granted::Link(NewLink {
                    purpose: LinkPurpose::Reset,
                    hash: token.hash(),
                    new_email: None,
                    now,
                    mails: vec![self.letter(user.id, &user.email, Letter::Reset(token), now)?],
                })
            }
            Wish::Activation if user.email_verified => Granted::Nothing,
            Wish::Activation => Granted::Link(self.activation_link(user.id, &user.email, now)?),
            // Who registers again has perhaps lost the first mail.
            Wish::Registration if awaits => {
                Granted::Link(self.activation_link(user.id, &user.email, now)?)
            }
            Wish::Registration => Granted::Letter(self.letter(
                user.id,
                &user.email,
                Letter::AlreadyRegistered,
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
    Letter(NewMail),
    Nothing,
}
