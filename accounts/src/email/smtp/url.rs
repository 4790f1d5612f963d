//! The address of the SMTP server, as the setting `LATCHKEY_SMTP_URL` names it.

use std::{fmt, net::IpAddr, str::FromStr};

use lettre::transport::smtp::{
    SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT, authentication::Credentials,
};
use url::{Host, Url};

/// The address of an SMTP server, how to encrypt, and the credentials:
/// `smtp://user:password@host:port` (STARTTLS) or `smtps://…` (implicit TLS).
#[derive(Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) credentials: Option<Credentials>,
    pub(super) encryption: Encryption,
    /// Whether the server is on this machine. Its certificate is not verified then.
    pub(super) is_loopback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS (RFC 3207) is required.
    StartTls,
    /// STARTTLS if the server offers it and the handshake succeeds, for a server on this machine.
    Opportunistic,
    /// No encryption.
    None,
}

/// The reason why a text is not an [`SmtpUrl`]. It does not contain the text, which may hold a
/// password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// The text is not the URL of an SMTP server.
    #[error("write it as smtp://user:password@host:port or smtps://user:password@host:port")]
    Syntax,
    /// The URL has a query other than `tls=none`.
    #[error("the only option is ?tls=none, for a server without STARTTLS")]
    Option,
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidSmtpUrl::Syntax)?;
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            _ => return Err(InvalidSmtpUrl::Syntax),
        };
        // The url crate parses an IPv4 address as a domain unless the scheme is a web scheme.
        let is_loopback = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        let has_tls = match url.query() {
            None => true,
            Some("tls=none") => false,
            Some(_) => return Err(InvalidSmtpUrl::Option),
        };
        let (encryption, port) = match (url.scheme(), has_tls) {
            ("smtps", true) => (Encryption::Implicit, SUBMISSIONS_PORT),
            ("smtp", false) => (Encryption::None, SMTP_PORT),
            ("smtp", true) if is_loopback => (Encryption::Opportunistic, SMTP_PORT),
            ("smtp", true) => (Encryption::StartTls, SUBMISSION_PORT),
            _ => return Err(InvalidSmtpUrl::Syntax),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidSmtpUrl::Syntax);
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(port),
            credentials: credentials(&url)?,
            encryption,
            is_loopback,
        })
    }
}

/// Returns the user name and password of a URL, if it has both.
fn credentials(url: &Url) -> Result<Option<Credentials>, InvalidSmtpUrl> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(String::from)
            .map_err(|_| InvalidSmtpUrl::Syntax)
    };
    match url.password() {
        Some(password) => Ok(Some(Credentials::new(
            decode(url.username())?,
            decode(password)?,
        ))),
        None if url.username().is_empty() => Ok(None),
        None => Err(InvalidSmtpUrl::Syntax),
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}

/// Writes the host and port, without the credentials.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_smtp_urls() {
        let read = |text: &str| {
            text.parse::<SmtpUrl>()
                .map(|url| (url.to_string(), url.encryption, url.credentials.is_some()))
        };
        let good = [
            (
                "smtp://mail.example.com",
                "mail.example.com:587",
                Encryption::StartTls,
                false,
            ),
            (
                "smtp://u:p%40ss@mail.example.com:25/",
                "mail.example.com:25",
                Encryption::StartTls,
                true,
            ),
            (
                "smtps://u:p@mail.example.com",
                "mail.example.com:465",
                Encryption::Implicit,
                true,
            ),
            (
                "smtp://127.0.0.1:2525",
                "127.0.0.1:2525",
                Encryption::Opportunistic,
                false,
            ),
            (
                "smtp://localhost",
                "localhost:25",
                Encryption::Opportunistic,
                false,
            ),
            (
                "smtp://relay:25?tls=none",
                "relay:25",
                Encryption::None,
                false,
            ),
        ];
        for (text, name, encryption, has_credentials) in good {
            let expected = Ok((name.to_owned(), encryption, has_credentials));
            assert_eq!(read(text), expected, "{text}");
        }
        for bad in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://user@host",
            "smtp://host/path",
            "smtps://host?tls=none&x=1",
            "smtps://host?tls=none",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert_eq!(
            format!("{:?}", "smtp://user:secret@host:1".parse::<SmtpUrl>()),
            "Ok(SmtpUrl(host:1))"
        );
    }
}
