//! Signing in with an account at a provider, in a browser: to the provider (`start`), back (`callback`), and
//! with the one-time code of the redirect to a token pair (`confirm`). What is used once on the way belongs to
//! the browser that has begun, by the secret in its cookie.

mod callback;
mod confirm;
mod link;
mod owner;
mod start;

pub use callback::ProviderResponse;
pub use link::SocialLink;

use languages::tr_later;

use super::accounts::Accounts;
use crate::{
    crypto::{browser_secret::BrowserSecret, email_token},
    error::Error,
    id::Id,
    providers::{Provider, ProviderError},
    store::social_tickets::{Ticket, TicketKey, TicketKind},
};

/// Why a sign-in with a provider has not worked, as a page explains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocialFailure {
    /// The provider can't be reached.
    Unavailable,
    /// The user has canceled at the provider.
    Canceled,
    /// It took too long, was begun in another browser, or was finished before.
    Expired,
    /// What the provider has sent can't be relied on.
    Refused,
    /// The provider names no email address, or none that can be used.
    NoEmail,
    /// The address has to be verified before, by an account with a password.
    EmailUnverified,
    /// There is an account with the email address, to which the provider has to be linked first.
    AccountExists,
    /// No account can be created without an invitation, or at all.
    RegistrationClosed,
    /// The account at the provider is linked to another account.
    LinkedElsewhere,
    /// Another account of the same provider is linked.
    AlreadyLinked,
    /// The session that wanted to link an account has ended.
    SignedOut,
    /// Something is wrong on this side.
    Failed,
}

impl SocialFailure {
    /// The name in URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::NoEmail => "no_email",
            Self::EmailUnverified => "email_unverified",
            Self::AccountExists => "account_exists",
            Self::RegistrationClosed => "registration_closed",
            Self::LinkedElsewhere => "linked_elsewhere",
            Self::AlreadyLinked => "already_linked",
            Self::SignedOut => "signed_out",
            Self::Failed => "failed",
        }
    }
}

/// Where a browser goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocialStep {
    /// To the provider.
    ToProvider {
        /// The URL there.
        url: String,
        /// The secret that the browser keeps in a cookie.
        browser: String,
    },
    /// To the page that signs in with this code.
    SignIn {
        /// The code.
        code: String,
    },
    /// To the account, which this provider was linked to.
    Linked {
        /// The name of the provider.
        provider: String,
    },
    /// To the page that explains why it did not work.
    Failed {
        /// Why.
        failure: SocialFailure,
        /// Whether a signed-in user wanted to link an account.
        is_linking: bool,
    },
}

/// Why there is no next step.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{0:?}")]
    Failure(SocialFailure),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Internal(#[from] Error),
}

impl Stop {
    /// Logs what an operator should know, and returns what the user is told.
    fn tell(&self, provider: &Provider) -> SocialFailure {
        let name = provider.name.as_str();
        match self {
            Self::Failure(failure) => *failure,
            Self::Provider(error @ ProviderError::Unavailable(_)) => {
                tracing::warn!(provider = name, %error, "sign-in with a provider failed");
                SocialFailure::Unavailable
            }
            Self::Provider(error @ ProviderError::Refused(_)) => {
                tracing::warn!(provider = name, %error, "sign-in with a provider failed");
                SocialFailure::Refused
            }
            Self::Internal(error) => {
                tracing::error!(provider = name, %error, "sign-in with a provider failed");
                SocialFailure::Failed
            }
        }
    }

    fn step(&self, provider: &Provider, is_linking: bool) -> SocialStep {
        SocialStep::Failed {
            failure: self.tell(provider),
            is_linking,
        }
    }
}

/// The field with the name of a provider.
const PROVIDER: &str = "provider";

const UNKNOWN_PROVIDER: &str = tr_later("There is no such provider.");

impl Accounts {
    /// The names of the providers in paths, with their names for users.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &str)> {
        let providers = self.0.providers.iter();
        providers.map(|provider| (provider.name.as_str(), provider.label.as_str()))
    }

    fn find_provider(&self, name: &str) -> Option<&Provider> {
        let mut providers = self.0.providers.iter();
        providers.find(|provider| provider.name.as_str() == name)
    }

    /// The URL at which a provider sends the browser back.
    fn redirect_uri(&self, provider: &Provider) -> String {
        format!(
            "{}/api/social/{}/callback",
            self.0.public_url, provider.name
        )
    }

    /// Uses up a ticket of this browser.
    async fn take_ticket(
        &self,
        kind: TicketKind,
        text: &str,
        browser: &BrowserSecret,
        provider: Option<&Provider>,
    ) -> Result<Option<Ticket>, Error> {
        let key = TicketKey {
            kind,
            hash: &email_token::hash(text),
            browser: &browser.hash(),
        };
        let provider = provider.map(|provider| provider.name.as_str());
        Ticket::take(&self.0.database, &key, provider, self.now()).await
    }

    /// Issues a ticket to this browser, and returns its text.
    async fn issue_ticket(
        &self,
        kind: TicketKind,
        ticket: &Ticket,
        browser: &BrowserSecret,
    ) -> Result<String, Error> {
        let token = email_token::LinkToken::new(self.random());
        let key = TicketKey {
            kind,
            hash: &token.hash(),
            browser: &browser.hash(),
        };
        let issued = ticket.insert(&self.0.database, &key, self.now());
        if issued.await? {
            Ok(token.expose().to_owned())
        } else {
            Err(Error::TokenInvalid)
        }
    }
}

/// Who links an account at a provider.
#[derive(Clone, Copy)]
struct Linking {
    user_id: Id,
    session_id: Id,
}

impl Linking {
    fn of(ticket: &Ticket) -> Option<Self> {
        Some(Self {
            user_id: ticket.user_id?,
            session_id: ticket.session_id?,
        })
    }
}
