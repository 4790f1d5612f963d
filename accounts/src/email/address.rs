//! Email addresses.

use email_address::Options;

/// The maximum length in characters: the limit of a path (RFC 5321, section 4.5.3.1.3, errata 1690).
const MAX_LENGTH: usize = 254;

/// A syntactically valid email address (RFC 5321, RFC 6531), with its domain in lower case.
///
/// Email addresses are compared ignoring case. The databases do that with `lower()`, which supports
/// only ASCII in SQLite, so other letters are converted to lower case here.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EmailAddress(String);

impl EmailAddress {
    /// Parses an email address. The error is a message for the user.
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
        let address = email_address::EmailAddress::parse_with_options(text, options)
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

    /// Returns the same text for all spellings of the email address.
    pub fn to_lowercase(&self) -> String {
        self.0.to_lowercase()
    }
}

/// A domain on the internet has a dot; `localhost` is for development.
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
            let email = EmailAddress::parse(typed).map_err(str::to_owned);
            assert_eq!(email.map(|email| email.0), Ok(stored.into()), "{typed}");
        }
    }

    #[test]
    fn rejects_what_is_not_an_email_address() {
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
                EmailAddress::parse(typed).err(),
                Some("Enter a valid email address."),
                "{typed:?}"
            );
        }
        assert!(EmailAddress::parse(&long).is_err());
        assert!(EmailAddress::parse(" \t ").is_err());
    }
}
