//! The URL that a webhook leads to.

use std::{fmt, net::IpAddr};

use languages::tr_later;
use url::{Host, Position, Url};

use super::addresses::is_public;

/// The maximum length of a URL, in bytes.
const LENGTH_LIMIT: usize = 2048;

/// Why a private or local address is refused.
pub(super) const PRIVATE: &str = tr_later("Private and local addresses are not allowed.");

/// Why another scheme is refused.
pub(super) const NOT_HTTPS: &str = tr_later("The URL must start with https://.");

/// Where a webhook leads to. It is shown without path and query, which may contain a secret.
#[derive(Clone)]
pub(crate) struct Target(Url);

impl Target {
    /// Parses a URL. `http` and addresses that are not public need `allows_private`. What a host name
    /// resolves to is checked when a connection is opened.
    ///
    /// # Errors
    /// A message for the user.
    pub fn parse(text: &str, allows_private: bool) -> Result<Self, &'static str> {
        if text.len() > LENGTH_LIMIT {
            return Err(tr_later("A URL has at most 2048 characters."));
        }
        let url = Url::parse(text).map_err(|_| tr_later("Write it as https://<host>/<path>."))?;
        let is_secure = url.scheme() == "https";
        let is_allowed = is_secure || allows_private && url.scheme() == "http";
        if !is_allowed {
            return Err(NOT_HTTPS);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(tr_later(
                "The URL must not contain a user name or a password.",
            ));
        }
        if url.fragment().is_some() {
            return Err(tr_later("The URL must not contain a fragment (#)."));
        }
        // Percent-encoding may have made it longer.
        if url.as_str().len() > LENGTH_LIMIT {
            return Err(tr_later("A URL has at most 2048 characters."));
        }
        let is_refused = match url.host() {
            None => return Err(tr_later("Write it as https://<host>/<path>.")),
            Some(Host::Ipv4(address)) => !is_public(address.into()),
            Some(Host::Ipv6(address)) => !is_public(address.into()),
            Some(Host::Domain(name)) => is_local_name(name),
        };
        if is_refused && !allows_private {
            return Err(PRIVATE);
        }
        Ok(Self(url))
    }

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the connection uses TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host's name, or its address.
    pub fn host(&self) -> Result<&str, IpAddr> {
        match self.0.host() {
            Some(Host::Ipv4(address)) => Err(address.into()),
            Some(Host::Ipv6(address)) => Err(address.into()),
            Some(Host::Domain(name)) => Ok(name),
            None => Ok(""),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// The value of the header `Host`.
    pub fn authority(&self) -> &str {
        &self.0[Position::BeforeHost..Position::AfterPort]
    }

    /// Path and query, as they are requested.
    pub fn path_and_query(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }
}

/// Whether a name always is this machine's (RFC 6761, 6.3).
fn is_local_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_url_leads_to_the_public_internet_over_tls() {
        let is_valid = |url: &str, allows| Target::parse(url, allows).is_ok();
        for url in ["https://example.com", "https://1.1.1.1:8443/hook?key=1"] {
            assert!(is_valid(url, false), "{url}");
        }
        for url in [
            "http://example.com/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://localhost/",
            "https://a.localhost./",
            "http://localhost:8080/",
        ] {
            assert!(!is_valid(url, false), "{url}");
            assert!(is_valid(url, true), "{url}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2048));
        for url in [
            "",
            "example.com",
            "ftp://example.com/",
            "https://",
            "https://user@example.com/",
            "https://:password@example.com/",
            "https://example.com/#a",
            &*long,
        ] {
            assert!(!is_valid(url, true), "{url}");
        }
    }

    #[test]
    fn the_parts_of_a_url_are_those_of_the_request() {
        let target = Target::parse("https://Example.com:8443/a/b?c=d", false).unwrap();
        assert_eq!(target.authority(), "example.com:8443");
        assert_eq!(target.path_and_query(), "/a/b?c=d");
        assert_eq!(format!("{target:?}"), "example.com:8443");
        let target = Target::parse("http://[::1]", true).unwrap();
        assert_eq!((target.authority(), target.port()), ("[::1]", 80));
        assert_eq!(target.path_and_query(), "/");
    }
}
