//! Providers of identities that users sign in with: OpenID Connect issuers, and GitHub, which speaks OAuth 2
//! and has endpoints of its own for who somebody is.

mod github;
mod http;
mod oidc;
mod settings;

pub use settings::{
    InvalidIssuer, InvalidProviderName, Issuer, ProviderKind, ProviderName, ProviderSettings,
};

use self::{github::GitHub, http::HttpClient, oidc::OpenIdConnect};
use crate::clock::Timestamp;

/// The longest subject that a provider may name (OpenID Connect Core, 2), in bytes.
const SUBJECT_LIMIT: usize = 255;

/// Why a provider could not say who somebody is. The text is for the log, and has no secret in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProviderError {
    /// It can't be reached, or does not work.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// What it has sent can't be relied on.
    #[error("the response of the provider was refused: {0}")]
    Refused(String),
}

/// What belongs to one sign-in at a provider.
pub(crate) struct Flow<'a> {
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// The code verifier (RFC 7636).
    pub verifier: &'a str,
}

/// Who somebody is, as a provider says.
#[derive(Debug)]
pub(crate) struct ProviderIdentity {
    /// The issuer and the subject name the account for good.
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    /// Whether the provider has verified that the address is the account's.
    pub email_verified: bool,
    pub name: Option<String>,
}

impl ProviderIdentity {
    /// Checks that the subject is one that can be stored.
    fn checked(self) -> Result<Self, ProviderError> {
        let is_valid = (1..=SUBJECT_LIMIT).contains(&self.subject.len())
            && !self.subject.chars().any(char::is_control);
        if is_valid {
            Ok(self)
        } else {
            Err(ProviderError::Refused("the subject is invalid".to_owned()))
        }
    }
}

/// A provider.
pub(crate) struct Provider {
    pub name: ProviderName,
    pub label: String,
    /// Whether an address that it has verified counts as verified here.
    pub trusts_email: bool,
    protocol: Protocol,
}

enum Protocol {
    OpenIdConnect(Box<OpenIdConnect>),
    GitHub(GitHub),
}

impl Provider {
    /// Creates a provider. It is not asked for anything before somebody signs in.
    pub fn new(settings: ProviderSettings) -> Self {
        let http = HttpClient::new(!settings.kind.issuer().is_secure());
        Self {
            protocol: match settings.kind.clone() {
                ProviderKind::OpenIdConnect { .. } => {
                    Protocol::OpenIdConnect(Box::new(OpenIdConnect::new(&settings, http)))
                }
                ProviderKind::GitHub { url } => {
                    Protocol::GitHub(GitHub::new(&settings, &url, http))
                }
            },
            name: settings.name,
            label: settings.label,
            trusts_email: settings.trusts_email,
        }
    }

    /// Returns the URL at which the provider asks its user.
    pub async fn authorization_url(&self, flow: &Flow<'_>) -> Result<String, ProviderError> {
        match &self.protocol {
            Protocol::OpenIdConnect(issuer) => issuer.authorization_url(flow).await,
            Protocol::GitHub(github) => github.authorization_url(flow),
        }
    }

    /// Exchanges the code that came back for who has signed in there. `issuer` is the parameter `iss` of the
    /// response (RFC 9207).
    pub async fn identify(
        &self,
        flow: &Flow<'_>,
        code: &str,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Result<ProviderIdentity, ProviderError> {
        let identity = match &self.protocol {
            Protocol::OpenIdConnect(provider) => provider.identify(flow, code, issuer, now).await,
            Protocol::GitHub(github) => github.identify(flow, code, issuer).await,
        };
        identity?.checked()
    }
}
