//! Processes email requests: looks up whose email address it is, and puts an email into the outbox.

use languages::{in_language, stated_language};

use super::{
    accounts::Accounts,
    queue_email::{EmailKind, LinkRequest},
};
use crate::{
    clock::Timestamp,
    crypto::email_token::LinkToken,
    email::{
        address::EmailAddress,
        template::{EmailTemplate, Origin},
    },
    error::Error,
    store::{
        audit_events::{self, Event, NewEvent},
        email_limits,
        email_requests::{self, EmailRequest, EmailRequestKind},
        email_tokens::{self, LinkOwner, LinkPurpose, NewLink},
        outbox::{self, NewEmail},
        registrations::{self, Registration},
        sign_in_codes::{self, NewSignInCode},
        transaction::Transaction,
        users::{self, User},
    },
};

/// How an email request is answered.
struct Reply {
    /// The user with the email address; `None` if it has no account, but registrations that wait.
    user: Option<User>,
    action: Action,
    /// The key of the limit on such emails, if they are limited.
    limit: Option<Vec<u8>>,
    event: Option<NewEvent>,
}

enum Action {
    IssueLink(NewLink),
    IssueCode(NewSignInCode),
    SendEmail(NewEmail),
    Nothing,
}

impl Reply {
    async fn carry_out(
        &self,
        transaction: &mut Transaction,
        request: &EmailRequest,
        now: Timestamp,
    ) -> Result<(), Error> {
        if let Some(user) = &self.user {
            // Skip users who were deleted or changed their email address in the meantime. The email
            // would go to someone else.
            let locked = users::lock(transaction, user.id).await?;
            if locked.is_none_or(|locked| locked.email != user.email) {
                return Ok(());
            }
            if request.kind() == Some(EmailRequestKind::Registration) {
                registrations::mark_as_known(transaction, request.id).await?;
            }
        }
        if let Some(event) = &self.event {
            audit_events::record(transaction, event).await?;
        }
        if matches!(self.action, Action::Nothing) {
            return Ok(());
        }
        if let Some(limit) = &self.limit
            && !email_limits::grant(transaction, limit, now).await?
        {
            return Ok(());
        }
        match &self.action {
            Action::IssueLink(link) => email_tokens::issue(transaction, link).await,
            Action::IssueCode(code) => sign_in_codes::issue(transaction, code).await,
            Action::SendEmail(email) => outbox::enqueue(transaction, email).await,
            Action::Nothing => Ok(()),
        }
    }
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
            let reply = languages::scope(request.language(), self.reply(request, now));
            replies.push((request, reply.await?));
        }
        let mut transaction = self.0.database.begin().await?;
        for (request, reply) in &replies {
            if email_requests::claim(&mut transaction, request.id).await?
                && let Some(reply) = reply
            {
                reply.carry_out(&mut transaction, request, now).await?;
            }
        }
        transaction.commit().await
    }

    /// Decides how a request is answered. Returns `None` if the email address is nobody's.
    async fn reply(&self, request: &EmailRequest, now: Timestamp) -> Result<Option<Reply>, Error> {
        let Ok(email) = EmailAddress::parse_existing(&request.email) else {
            return Ok(None);
        };
        let Some(kind) = request.kind() else {
            return Ok(None);
        };
        match User::find_by_email(&self.0.database, &email).await? {
            Some(user) => self.reply_to_user(kind, request, user, now).map(Some),
            None => self.reply_to_registration(kind, request, &email, now).await,
        }
    }

    fn reply_to_user(
        &self,
        kind: EmailRequestKind,
        request: &EmailRequest,
        user: User,
        now: Timestamp,
    ) -> Result<Reply, Error> {
        let limit = |kind| {
            let address = email_tokens::key_of(&user.email);
            Some(self.email_limit(kind, request.is_own, &address))
        };
        let link = |purpose, template: fn(LinkToken) -> EmailTemplate| {
            let owner = LinkOwner::User(user.id);
            let link = self.requested_link(purpose, owner, &user.email, request);
            self.new_link(link, template, now).map(Action::IssueLink)
        };
        let (action, limit) = match kind {
            // Only an operator can activate an account that was deactivated.
            _ if !user.is_active => (Action::Nothing, None),
            EmailRequestKind::Reset => (
                link(LinkPurpose::Reset, EmailTemplate::Reset)?,
                limit(EmailKind::Reset),
            ),
            EmailRequestKind::Registration if user.email_verified => {
                let template = EmailTemplate::AlreadyRegistered;
                let origin = origin(request);
                let email = self.new_email(user.id, &user.email, template, origin, now)?;
                (
                    Action::SendEmail(email),
                    limit(EmailKind::AlreadyRegistered),
                )
            }
            EmailRequestKind::SignInCode => (
                self.sign_in_code(&user, request, now)?
                    .map_or(Action::Nothing, Action::IssueCode),
                limit(EmailKind::SignInCode),
            ),
            EmailRequestKind::Activation if user.email_verified => (Action::Nothing, None),
            // A user who registers again may have lost the first email.
            EmailRequestKind::Activation | EmailRequestKind::Registration => (
                link(LinkPurpose::Activation, EmailTemplate::Activation)?,
                limit(EmailKind::Activation),
            ),
        };
        Ok(Reply {
            action,
            limit,
            event: self.requested_event(kind, request, &user),
            user: Some(user),
        })
    }

    /// Answers a request for an email to an address without an account.
    async fn reply_to_registration(
        &self,
        kind: EmailRequestKind,
        request: &EmailRequest,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<Reply>, Error> {
        let database = &self.0.database;
        let address = email.to_lowercase();
        let newest = match kind {
            EmailRequestKind::Registration => Registration::find(database, request.id, now).await?,
            _ => {
                let waiting = Registration::of_address(database, &address, now).await?;
                waiting.into_iter().next()
            }
        };
        let Some(registration) = newest else {
            return Ok(None);
        };
        let (purpose, owner, limit) = match kind {
            // Nobody has activated any of them, and a code chooses no password.
            EmailRequestKind::SignInCode => return Ok(None),
            EmailRequestKind::Reset => (
                LinkPurpose::Reset,
                LinkOwner::Address,
                Some(EmailKind::Reset),
            ),
            // It is for whichever registration has the password that is entered.
            EmailRequestKind::Activation => (
                LinkPurpose::Activation,
                LinkOwner::Address,
                Some(EmailKind::Activation),
            ),
            EmailRequestKind::Registration => (
                LinkPurpose::Activation,
                LinkOwner::Registration(registration.id),
                None,
            ),
        };
        let template: fn(LinkToken) -> EmailTemplate = match purpose {
            LinkPurpose::Reset => EmailTemplate::Reset,
            _ => EmailTemplate::Activation,
        };
        let link = self.requested_link(purpose, owner, &registration.email, request);
        let language = stated_language().or(registration.language());
        let link = in_language(language.unwrap_or_default(), || {
            self.new_link(link, template, now)
        });
        Ok(Some(Reply {
            user: None,
            action: Action::IssueLink(link?),
            limit: limit.map(|kind| self.email_limit(kind, request.is_own, &address)),
            event: None,
        }))
    }

    /// The link that a request asks for.
    fn requested_link<'a>(
        &self,
        purpose: LinkPurpose,
        owner: LinkOwner,
        email: &'a str,
        request: &EmailRequest,
    ) -> LinkRequest<'a> {
        LinkRequest {
            purpose,
            owner,
            email,
            second_factor: false,
            session_id: None,
            ip: request.ip.clone().unwrap_or_default(),
            user_agent: request.user_agent.clone().unwrap_or_default(),
            at: request.created_at,
        }
    }

    /// Creates the audit event of a request for a new password, or for a code to sign in with.
    fn requested_event(
        &self,
        kind: EmailRequestKind,
        request: &EmailRequest,
        user: &User,
    ) -> Option<NewEvent> {
        let event = match kind {
            EmailRequestKind::Reset => Event::PasswordResetRequested,
            EmailRequestKind::SignInCode => Event::SignInCodeRequested,
            EmailRequestKind::Activation | EmailRequestKind::Registration => return None,
        };
        Some(NewEvent {
            at: request.created_at,
            ip: request.ip.clone()?,
            user_agent: request.user_agent.clone()?,
            request_id: request.request_id.clone(),
            ..self.event_without_device(event, user.id)
        })
    }
}

/// When and from where a request was made; `None` if its device is not known.
pub(super) fn origin(request: &EmailRequest) -> Option<Origin> {
    Some(Origin {
        at: request.created_at.to_string(),
        ip: request.ip.clone()?,
        user_agent: request.user_agent.clone()?,
    })
}
