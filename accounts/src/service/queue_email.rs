//! Prepares emails and email requests for the email worker.

use languages::stated_language;

use super::{accounts::Accounts, caller::Enrolling};
use crate::{
    clock::Timestamp,
    crypto::{
        email_token::{LinkCode, LinkToken},
        encryption::Purpose,
    },
    device::Device,
    email::{
        address::EmailAddress,
        template::{Email, EmailTemplate, Origin},
    },
    error::Error,
    id::Id,
    store::{
        email_requests::{EmailRequestKind, NewEmailRequest},
        email_tokens::{LinkOwner, LinkPurpose, NewLink, key_of},
        outbox::NewEmail,
        users::User,
    },
};

/// What is limited for each address apart.
#[derive(Clone, Copy)]
pub(super) enum EmailKind {
    /// The link of a new account.
    Welcome,
    /// The same link, again.
    Activation,
    /// A link to choose a new password.
    Reset,
    /// A code to sign in with.
    SignInCode,
    /// Someone tried to register with the address.
    AlreadyRegistered,
    /// A link that makes this the address of an account.
    EmailChange,
    /// A change to another address was requested.
    EmailChangeRequested,
    /// A sign-in on a new device.
    NewDevice,
    /// A link that creates an account.
    Invitation,
}

impl EmailKind {
    /// The name in the keys of limits, which never changes.
    fn as_str(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Activation => "activation",
            Self::Reset => "reset",
            Self::SignInCode => "sign-in code",
            Self::AlreadyRegistered => "registered",
            Self::EmailChange => "change",
            Self::EmailChangeRequested => "change requested",
            Self::NewDevice => "device",
            Self::Invitation => "invitation",
        }
    }
}

/// A link to be emailed.
pub(super) struct LinkRequest<'a> {
    pub purpose: LinkPurpose,
    pub owner: LinkOwner,
    /// A parsed email address, as it is stored.
    pub email: &'a str,
    /// Whether the session that asks for it has completed a second factor.
    pub second_factor: bool,
    /// The session that the link ends.
    pub session_id: Option<Id>,
    pub ip: String,
    pub user_agent: String,
    /// When it was requested, or the account was created.
    pub at: Timestamp,
}

impl<'a> LinkRequest<'a> {
    /// A link that is requested now from this device.
    pub fn new(
        purpose: LinkPurpose,
        owner: LinkOwner,
        email: &'a str,
        device: &Device,
        now: Timestamp,
    ) -> Self {
        Self {
            purpose,
            owner,
            email,
            second_factor: false,
            session_id: None,
            ip: device.ip.to_string(),
            user_agent: device.user_agent.clone(),
            at: now,
        }
    }
}

impl Accounts {
    /// Creates an email to a user for the outbox, about a request from this origin.
    pub(super) fn new_email(
        &self,
        user_id: Id,
        to: &str,
        template: EmailTemplate,
        origin: Option<Origin>,
        now: Timestamp,
    ) -> Result<NewEmail, Error> {
        let email = Email {
            origin,
            ..Email::new(to, template)
        };
        self.queued_email(Some(user_id), &email, now)
    }

    /// Creates an email for the outbox. Its content is encrypted, because it may hold a link.
    pub(super) fn queued_email(
        &self,
        user_id: Option<Id>,
        email: &Email,
        now: Timestamp,
    ) -> Result<NewEmail, Error> {
        let content = serde_json::to_vec(email)
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

    /// Creates the email that announces a change to a user. An unverified email address receives
    /// none: it may be someone else's.
    pub(super) fn notice(
        &self,
        user: &User,
        template: EmailTemplate,
        origin: Option<Origin>,
        now: Timestamp,
    ) -> Result<Option<NewEmail>, Error> {
        if !user.email_verified {
            return Ok(None);
        }
        self.new_email(user.id, &user.email, template, origin, now)
            .map(Some)
    }

    /// Creates a link, with its code and its email.
    pub(super) fn new_link(
        &self,
        request: LinkRequest<'_>,
        template: impl FnOnce(LinkToken) -> EmailTemplate,
        now: Timestamp,
    ) -> Result<NewLink, Error> {
        let token = LinkToken::new(self.random());
        let hash = token.hash();
        // These pages have no field for a code.
        let has_code = !matches!(request.purpose, LinkPurpose::Undo | LinkPurpose::Session);
        let code = has_code.then(|| LinkCode::new(self.random()));
        let masters = &self.0.master_secrets;
        let code_hash = code.as_ref().map(|code| code.hash(masters, &hash));
        let user_id = match request.owner {
            LinkOwner::User(id) => Some(id),
            LinkOwner::Registration(_) | LinkOwner::Address => None,
        };
        let email = Email {
            code,
            origin: Some(Origin {
                at: request.at.to_string(),
                ip: request.ip.clone(),
                user_agent: request.user_agent.clone(),
            }),
            ..Email::new(request.email, template(token))
        };
        Ok(NewLink {
            purpose: request.purpose,
            owner: request.owner,
            hash,
            code_hash,
            attempts_key: self.code_attempts_key(request.purpose, &key_of(request.email)),
            message: Some(self.queued_email(user_id, &email, now)?),
            email: request.email.to_owned(),
            second_factor: request.second_factor,
            session_id: request.session_id,
            ip: request.ip,
            user_agent: request.user_agent,
            now,
        })
    }

    /// The key under which attempts at a code are counted for an address, in lower case.
    pub(super) fn code_attempts_key(&self, purpose: LinkPurpose, address: &str) -> Vec<u8> {
        let purpose = purpose.as_str().as_bytes();
        self.keyed_hash(&[b"email code attempts 1 ", purpose, b" ", address.as_bytes()])
    }

    /// The key under which attempts at the code of a sign-in are counted: those of one request, so that nobody else
    /// can use them up.
    pub(super) fn sign_in_code_key(&self, flow_hash: &[u8]) -> Vec<u8> {
        self.keyed_hash(&[b"sign-in code attempts 1 ", flow_hash])
    }

    /// The key of the limit on emails of a kind to an address, in lower case. Requests from a session
    /// or a known device of the account have a limit of their own.
    pub(super) fn email_limit(&self, kind: EmailKind, is_own: bool, address: &str) -> Vec<u8> {
        let from: &[u8] = if is_own { b" own " } else { b" any " };
        let kind = kind.as_str().as_bytes();
        self.keyed_hash(&[b"email limit 1 ", kind, from, address.as_bytes()])
    }

    fn keyed_hash(&self, info: &[&[u8]]) -> Vec<u8> {
        let mut codes = self.0.master_secrets.codes::<32>(info);
        codes.next().unwrap_or_default().to_vec()
    }

    /// Stores a request for an email, and notifies the email worker.
    pub(super) async fn request_email(
        &self,
        kind: EmailRequestKind,
        email: &EmailAddress,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        self.request_email_for(kind, None, email, caller, device)
            .await
    }

    /// The same for an email with a code that is bound to a random value, of which this is the hash.
    pub(super) async fn request_email_for(
        &self,
        kind: EmailRequestKind,
        flow_hash: Option<Vec<u8>>,
        email: &EmailAddress,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        let address = email.to_lowercase();
        let is_session = caller.is_some_and(|caller| key_of(&caller.user().email) == address);
        let request = NewEmailRequest {
            id: self.random().id(),
            kind,
            email,
            device: Some(device),
            is_own: is_session || self.known_device(email, device).await?.is_some(),
            language: stated_language(),
            flow_hash,
            now: self.now(),
        };
        let mut transaction = self.0.database.begin().await?;
        request.insert(&mut transaction).await?;
        transaction.commit().await?;
        self.notify_email_worker();
        Ok(())
    }
}
