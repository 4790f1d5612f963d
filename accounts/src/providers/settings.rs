//! The settings of providers.

use std::{fmt, str::FromStr};

use secrecy::SecretString;
use url::{Host, Url};

/// The longest name of a provider.
const NAME_LIMIT: usize = 32;

/// A provider of identities.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its name in paths.
    pub name: ProviderName,
    /// Its name for users.
    pub label: String,
    /// How it is asked.
    pub kind: ProviderKind,
    /// Latchkey's client ID there.
    pub client_id: String,
    /// Latchkey's client secret there.
    pub client_secret: SecretString,
    /// The scopes that are asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// Whether an address that it has verified counts as verified here.
    pub trusts_email: bool,
}

/// How a provider is asked.
#[derive(Clone, Debug)]
pub enum ProviderKind {
    /// With OpenID Connect, as its discovery document says.
    OpenIdConnect {
        /// The issuer.
        issuer: Issuer,
    },
    /// With GitHub's API.
    GitHub {
        /// `https://github.com`, or the URL of a GitHub Enterprise server.
        url: Issuer,
    },
}

impl ProviderKind {
    pub(super) fn issuer(&self) -> &Issuer {
        match self {
            Self::OpenIdConnect { issuer } => issuer,
            Self::GitHub { url } => url,
        }
    }
}

/// The name of a provider: 1 to 32 of the characters a to z, 0 to 9 and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderName(String);

/// The error of a text that is no [`ProviderName`].
#[derive(Debug, thiserror::Error)]
#[error("a provider's name has 1 to 32 characters of a to z, 0 to 9 and -")]
pub struct InvalidProviderName;

impl ProviderName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderName {
    type Err = InvalidProviderName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_part = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if (1..=NAME_LIMIT).contains(&text.len()) && text.bytes().all(is_part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProviderName)
        }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The URL that names a provider, exactly as the provider writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// The error of a text that is no [`Issuer`].
#[derive(Debug, thiserror::Error)]
#[error("write it as https://<host>, or http:// with a loopback address, without ? and #")]
pub struct InvalidIssuer;

impl Issuer {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| InvalidIssuer)?;
        let is_loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let is_plain = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let scheme = text.split(':').next();
        let is_allowed = scheme == Some("https") || scheme == Some("http") && is_loopback;
        if is_plain && is_allowed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidIssuer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_fit_into_paths() {
        for name in ["a", "my-idp", "0", &"x".repeat(32)] {
            assert!(name.parse::<ProviderName>().is_ok(), "{name}");
        }
        for name in ["", "A", "a_b", "a/b", "ä", &"x".repeat(33)] {
            assert!(name.parse::<ProviderName>().is_err(), "{name}");
        }
    }

    #[test]
    fn an_issuer_is_secure_or_on_this_machine() {
        for url in [
            "https://accounts.example.com",
            "https://example.com/realms/main/",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/",
            "http://localhost:9000",
        ] {
            assert_eq!(url.parse::<Issuer>().unwrap().as_str(), url);
        }
        for url in [
            "",
            "accounts.example.com",
            "http://accounts.example.com",
            "ftp://localhost",
            "https://example.com/?a=b",
            "https://example.com/#a",
            "https://user:password@example.com",
        ] {
            assert!(url.parse::<Issuer>().is_err(), "{url}");
        }
    }
}
