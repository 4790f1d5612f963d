//! Email addresses.

use email_address::{EmailAddress, Options};

/// The longest address, in characters: the limit of a mail's path (RFC 5321, 4.5.3.1.3, errata
/// 1690).
const MAX_LENGTH: usize = 254;

/// A syntactically valid address (RFC 5321, RFC 6531), the domain in lower case.
///
/// Addresses are compared without case. The databases do that with `lower()`, which SQLite knows
/// for ASCII only, so letters beyond ASCII are in lower case already here.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// Reads an address, or says in a sentence what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if text.is_empty() {
            return Err("This field is required.");
        }
        if text.chars().count() > MAX_LENGTH {
            return Err("An email address has at most 254 characters.");
        }
        let options = Options::default()
            .without_display_text()
            .without_domain_literal();
        let address = EmailAddress::parse_with_options(text, options)
            .ok()
            .filter(|address| has_usable_domain(address.domain()))
            .ok_or("Enter a valid email address.")?;
        let mut stored = String::with_capacity(text.len());
        for letter in address.local_part().chars() {
            if letter.is_ascii() {
                stored.push(letter);
            } else {
                stored.extend(letter.to_lowercase());
            }
        }
        stored.push('@');
        stored.push_str(&address.domain().to_lowercase());
        Ok(Self(stored))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text for all ways to write the address.
    pub fn to_lowercase(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A mail domain on the internet has a dot; `localhost` is for trying things out.
fn has_usable_domain(domain: &str) -> bool {
    domain.eq_ignore_ascii_case("localhost")
        || (domain.contains('.') && !domain.ends_with('.') && !domain.contains(".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_the_domain_in_lower_case_and_the_rest_as_typed() {
        let cases = [
            ("  Ada.Lovelace@Example.COM\n", "Ada.Lovelace@example.com"),
            ("a+b@sub.example.org", "a+b@sub.example.org"),
            ("ÉLISE@Exämple.fr", "éLISE@exämple.fr"),
            ("root@localhost", "root@localhost"),
        ];
        for (typed, stored) in cases {
            let email = Email::parse(typed).map_err(str::to_owned);
            assert_eq!(email.map(|email| email.0), Ok(stored.into()), "{typed}");
        }
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        let long = format!("{}@example.com", "a".repeat(60)).replace('@', &"b".repeat(300));
        let cases = [
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@example",
            "ada@.com",
            "ada@example..com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@exa mple.com",
            "ada@example.com.",
            "ada\0@example.com",
            "a@b@example.com",
            "ada\r\nBcc: x@example.com",
        ];
        for typed in cases {
            assert_eq!(
                Email::parse(typed).err(),
                Some("Enter a valid email address."),
                "{typed:?}"
            );
        }
        assert!(Email::parse(&long).is_err());
        assert!(Email::parse(" \t ").is_err());
    }
}
