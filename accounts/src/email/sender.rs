//! The sender of all emails.

use std::str::FromStr;

use lettre::{Address, message::Mailbox};
use url::Host;

/// The sender of all emails: an email address, or `Name <address>`.
#[derive(Clone, Debug)]
pub struct EmailFrom(Mailbox);

/// The text is not an [`EmailFrom`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidEmailFrom {
    /// The syntax is wrong.
    #[error("write it as an address, or as Name <address>")]
    Syntax,
    /// Many mail servers would take no email at all from it.
    #[error("before the @, use ASCII only")]
    NonAscii,
}

impl FromStr for EmailFrom {
    type Err = InvalidEmailFrom;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mailbox: Mailbox = text.parse().map_err(|_| InvalidEmailFrom::Syntax)?;
        let address = with_ascii_domain(mailbox.email);
        if !AsRef::<str>::as_ref(&address).is_ascii() {
            return Err(InvalidEmailFrom::NonAscii);
        }
        Ok(Self(Mailbox::new(mailbox.name, address)))
    }
}

/// Writes a domain with other letters than ASCII as A-labels (RFC 5890), which every mail server
/// understands.
pub(super) fn with_ascii_domain(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(domain)) => Address::new(address.user(), domain).unwrap_or(address),
        _ => address,
    }
}

impl EmailFrom {
    /// Returns the same sender with this name, unless it has one already.
    #[must_use]
    pub fn or_name(self, name: &str) -> Self {
        let Mailbox { name: own, email } = self.0;
        Self(Mailbox::new(own.or_else(|| Some(name.to_owned())), email))
    }

    /// Returns a sender with this name for a server on the user's own machine.
    #[must_use]
    pub fn local(name: &str) -> Self {
        let address = Address::new("no-reply", "localhost").expect("it is an address");
        Self(Mailbox::new(Some(name.to_owned()), address))
    }

    /// The address without the name.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.email.to_string()
    }

    /// Whether other mail servers must refuse it, because its domain is only known to this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let domain = self.0.email.domain();
        domain == "localhost" || domain.ends_with(".localhost") || domain.ends_with(".local")
    }

    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::EmailFrom;

    #[test]
    fn a_sender_is_an_ascii_address() {
        for (text, address) in [
            ("Shop <post@shop.example>", Some("post@shop.example")),
            ("Käse <post@käse.example>", Some("post@xn--kse-qla.example")),
            ("käse@shop.example", None),
            ("shop.example", None),
        ] {
            let from = text.parse::<EmailFrom>().ok();
            let found = from.map(|from| from.mailbox().email.to_string());
            assert_eq!(found.as_deref(), address, "{text}");
        }
    }
}
