//! Processes email requests: looks up whose email address it is, and puts an email into the outbox.

use super::accounts::Accounts;
use crate::{
    clock::Timestamp,
    email::{address::EmailAddress, template::EmailTemplate},
    error::Error,
    id::Id,
    store::{
        audit_events::{self, Event, NewEvent},
        email_requests::{self, EmailRequest, EmailRequestKind},
        email_tokens::{self, NewLink},
        outbox::{self, NewEmail},
        transaction::Transaction,
        users::{self, User},
    },
};

/// How an email request of a user is answered.
struct Reply {
    user: User,
    action: Action,
    event: Option<NewEvent>,
}

impl Reply {
    async fn carry_out(&self, transaction: &mut Transaction) -> Result<(), Error> {
        // Skip users who were deleted or changed their email address in the meantime. The email would
        // go to someone else.
        let locked = users::lock(transaction, self.user.id).await?;
        if locked.is_none_or(|locked| locked.email != self.user.email) {
            return Ok(());
        }
        match &self.action {
            Action::IssueLink(link) => {
                email_tokens::issue(transaction, self.user.id, link).await?;
            }
            Action::SendEmail(email) => outbox::enqueue(transaction, email).await?,
            Action::Nothing => {}
        }
        if let Some(event) = &self.event {
            audit_events::record(transaction, event).await?;
        }
        Ok(())
    }
}

enum Action {
    IssueLink(NewLink),
    SendEmail(NewEmail),
    Nothing,
}

impl Accounts {
    /// Processes email requests in one transaction. If several servers process the same request, only
    /// one of them sends an email.
    pub(crate) async fn process_email_requests(
        &self,
        requests: &[EmailRequest],
    ) -> Result<(), Error> {
        if requests.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let mut replies = Vec::with_capacity(requests.len());
        for request in requests {
            replies.push((request.id, self.reply(request, now).await?));
        }
        let mut transaction = self.0.database.begin().await?;
        for (request_id, reply) in &replies {
            if email_requests::claim(&mut transaction, *request_id).await?
                && let Some(reply) = reply
            {
                reply.carry_out(&mut transaction).await?;
            }
        }
        transaction.commit().await
    }

    /// Decides how a request is answered. Returns `None` if the email address is nobody's.
    async fn reply(&self, request: &EmailRequest, now: Timestamp) -> Result<Option<Reply>, Error> {
        let user = match EmailAddress::parse_existing(&request.email) {
            Ok(email) => User::find_by_email(&self.0.database, &email).await?,
            Err(_) => None,
        };
        let (Some(kind), Some(user)) = (request.kind(), user) else {
            return Ok(None);
        };
        Ok(Some(Reply {
            action: self.action(kind, &user, now)?,
            event: self.requested_event(request, user.id),
            user,
        }))
    }

    fn action(&self, kind: EmailRequestKind, user: &User, now: Timestamp) -> Result<Action, Error> {
        let (id, email) = (user.id, &*user.email);
        Ok(match kind {
            // Only an operator can activate an account that was deactivated.
            _ if !user.is_active && !user.awaits_activation => Action::Nothing,
            EmailRequestKind::Reset => Action::IssueLink(self.reset_link_email(id, email, now)?),
            EmailRequestKind::Activation if user.email_verified => Action::Nothing,
            EmailRequestKind::Activation => {
                Action::IssueLink(self.activation_link(id, email, now)?)
            }
            // A user who registers again may have lost the first email.
            EmailRequestKind::Registration if user.awaits_activation => {
                Action::IssueLink(self.activation_link(id, email, now)?)
            }
            EmailRequestKind::Registration => {
                let template = EmailTemplate::AlreadyRegistered;
                Action::SendEmail(self.new_email(id, email, template, now)?)
            }
        })
    }

    /// Creates the audit event of a request, if it was stored with its device.
    fn requested_event(&self, request: &EmailRequest, user_id: Id) -> Option<NewEvent> {
        Some(NewEvent {
            at: request.created_at,
            ip: request.ip.clone()?,
            user_agent: request.user_agent.clone()?,
            ..self.event_without_device(Event::PasswordResetRequested, user_id)
        })
    }
}
