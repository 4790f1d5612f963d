//! Email addresses.

use std::borrow::Cow;

use email_address::Options;
use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use languages::tr_later;

use crate::text;

/// The maximum length in characters, as it is stored: the limit of a path (RFC 5321, section
/// 4.5.3.1.3, errata 1690).
const MAX_LENGTH: usize = 254;

/// A longer text, in bytes, is not an email address in any spelling.
const MAX_INPUT: usize = 4096;

const REQUIRED: &str = tr_later("This field is required.");
const TOO_LONG: &str = tr_later("An email address has at most 254 characters.");
const INVALID: &str = tr_later("Enter a valid email address.");

/// An email address.
///
/// It is stored as the user spells it, with two exceptions that let each database compare addresses
/// without case by lowering ASCII letters only: the domain consists of A-labels in lower case (RFC
/// 5890, UTS #46), and letters outside ASCII are in lower case. The local part is in Normalization
/// Form C (RFC 6532, section 3.1). Parsing what is stored returns the same.
#[derive(Clone)]
pub(crate) struct EmailAddress {
    stored: String,
    /// What was entered, trimmed.
    entered: String,
}

impl EmailAddress {
    /// Parses an email address that an account may have. The error is a message for the user.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = checked_length(text::trim(text))?;
        let Some(stored) = canonical(text) else {
            let is_long = text.chars().count() > MAX_LENGTH;
            return Err(if is_long { TOO_LONG } else { INVALID });
        };
        if stored.chars().count() > MAX_LENGTH {
            return Err(TOO_LONG);
        }
        // True for all addresses that are known. An exception would not be found again.
        if canonical(&stored).as_deref() != Some(&*stored) {
            return Err(INVALID);
        }
        Ok(Self {
            entered: text.to_owned(),
            stored,
        })
    }

    /// Parses the email address of an account that may exist. It accepts what an earlier version
    /// accepted as well, such as quoted local parts.
    pub fn parse_existing(text: &str) -> Result<Self, &'static str> {
        Self::parse(text).or_else(|message| {
            let text = checked_length(text.trim())?;
            let is_valid = text.chars().count() <= MAX_LENGTH && has_valid_syntax(text);
            is_valid
                .then(|| Self {
                    entered: text.to_owned(),
                    stored: former(text),
                })
                .ok_or(message)
        })
    }

    /// The email address as it is stored.
    pub fn as_str(&self) -> &str {
        &self.stored
    }

    /// The email address as it was entered. Parsing it again gives the same, and so finds an account
    /// which an earlier version has stored in another spelling.
    pub fn as_entered(&self) -> &str {
        &self.entered
    }

    /// What was entered, as an earlier version stored it.
    pub fn formerly_stored(&self) -> String {
        former(&self.entered)
    }

    /// Returns the same text for all spellings of the email address.
    pub fn to_lowercase(&self) -> String {
        self.stored.to_ascii_lowercase()
    }

    /// The values of `users.email_key` that accounts with this email address may have, the first one
    /// that exists being the right one: how an earlier version spelled what was entered; how it is
    /// spelled now; how it was probably spelled then.
    pub fn keys(&self) -> [String; 3] {
        let shown = email_for_display(&self.stored);
        let former = self.formerly_stored();
        [&*former, &*self.stored, &*shown].map(str::to_ascii_lowercase)
    }
}

/// Compares without case.
impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.stored.eq_ignore_ascii_case(&other.stored)
    }
}

impl Eq for EmailAddress {}

/// Returns a stored email address as people read it: with the domain in Unicode (RFC 5890, U-labels).
#[must_use]
pub fn email_for_display(stored: &str) -> Cow<'_, str> {
    let Some((local, domain)) = stored
        .rsplit_once('@')
        .filter(|(_, domain)| domain.contains("xn--"))
    else {
        return stored.into();
    };
    // A joiner between letters is allowed in some labels; such a label stays as it is.
    let is_visible = |label: &[char], _: &[char], _| !label.iter().copied().any(text::is_invisible);
    let (domain, result) = Uts46::new().to_user_interface(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::Allow,
        is_visible,
    );
    match result {
        Ok(()) => format!("{local}@{domain}").into(),
        Err(_) => stored.into(),
    }
}

fn checked_length(text: &str) -> Result<&str, &'static str> {
    match text.len() {
        0 => Err(REQUIRED),
        1..=MAX_INPUT => Ok(text),
        _ => Err(TOO_LONG),
    }
}

/// Returns an email address as it is stored, or `None` if it is invalid.
fn canonical(text: &str) -> Option<String> {
    let is_forbidden = |c: char| {
        c == '"'
            || c.is_whitespace()
            || text::is_control(c)
            || text::is_invisible(c)
            || text::is_unassigned(c)
    };
    if text.contains(is_forbidden) {
        return None;
    }
    let (local, domain) = text.rsplit_once('@')?;
    let domain = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()?;
    let local = text::nfc(&lower_beyond_ascii(&text::nfc(local))).into_owned();
    let stored = format!("{local}@{domain}");
    has_valid_syntax(&stored).then_some(stored)
}

/// Converts letters outside ASCII to lower case. Each stretch of them is converted as a word, because
/// a sigma at its end has another form.
fn lower_beyond_ascii(text: &str) -> String {
    let mut lower = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| c.is_ascii()) {
        let end = part.trim_end_matches(|c: char| c.is_ascii()).len();
        lower.push_str(&part[..end].to_lowercase());
        lower.push_str(&part[end..]);
    }
    lower
}

/// Returns what an earlier version stored: with the domain in Unicode, and not normalized.
fn former(text: &str) -> String {
    let (local, domain) = text.rsplit_once('@').unwrap_or((text, ""));
    let mut stored = String::with_capacity(text.len());
    for letter in local.chars() {
        if letter.is_ascii() {
            stored.push(letter);
        } else {
            stored.extend(letter.to_lowercase());
        }
    }
    stored.push('@');
    stored.push_str(&domain.to_lowercase());
    stored
}

/// Whether a text has the syntax of an email address (RFC 5321, RFC 6531).
fn has_valid_syntax(text: &str) -> bool {
    let options = Options::default()
        .without_display_text()
        .without_domain_literal();
    email_address::EmailAddress::parse_with_options(text, options)
        .is_ok_and(|address| has_usable_domain(address.domain()))
}

/// A domain on the internet has a dot; `localhost` is for development.
fn has_usable_domain(domain: &str) -> bool {
    domain.eq_ignore_ascii_case("localhost")
        || (domain.contains('.') && !domain.ends_with('.') && !domain.contains(".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(text: &str) -> Result<String, &'static str> {
        EmailAddress::parse(text).map(|email| email.stored)
    }

    #[test]
    fn stores_the_domain_as_lower_case_a_labels_and_the_rest_as_typed() {
        let cases = [
            ("  Ada.Lovelace@Example.COM\n", "Ada.Lovelace@example.com"),
            ("a+b@sub.example.org", "a+b@sub.example.org"),
            ("ÉLISE@Exämple.fr", "éLISE@xn--exmple-cua.fr"),
            ("e\u{301}LISE@Exa\u{308}mple.FR", "éLISE@xn--exmple-cua.fr"),
            ("E\u{301}lise@example.fr", "élise@example.fr"),
            ("root@localhost", "root@localhost"),
            ("\u{feff}ada@example.com\u{200b}\u{a0}", "ada@example.com"),
            ("\u{202a}ada@example.com\u{202c}", "ada@example.com"),
            ("ada@ｅｘａｍｐｌｅ。com", "ada@example.com"),
            ("ada@XN--Bcher-KVA.example", "ada@xn--bcher-kva.example"),
            ("ΟΔΥΣΣΕΥΣ@example.gr", "οδυσσευς@example.gr"),
            ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
            ("ada@faß.de", "ada@xn--fa-hia.de"),
        ];
        for (typed, expected) in cases {
            assert_eq!(stored(typed).as_deref(), Ok(expected), "{typed}");
            assert_eq!(stored(expected).as_deref(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn shows_the_domain_in_unicode() {
        let cases = [
            ("Ada@example.com", "Ada@example.com"),
            ("éLISE@xn--exmple-cua.fr", "éLISE@exämple.fr"),
            ("用户@xn--fsqu00a.xn--4rr70v", "用户@例子.广告"),
            // With a zero-width non-joiner.
            ("a@xn--mgba3gch31f060k.com", "a@xn--mgba3gch31f060k.com"),
            // Not valid, as a person may have stored it by hand.
            ("a@xn--0.example", "a@xn--0.example"),
            ("xn--exmple-cua", "xn--exmple-cua"),
        ];
        for (stored, shown) in cases {
            assert_eq!(email_for_display(stored), shown);
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
            "\"x\tdeactivated\tyes\"@example.com",
            "\"ada\"@example.com",
            "ad\u{200b}a@example.com",
            "ad\u{ad}a@example.com",
            "ada@exam\u{ad}ple.com",
            "ada@exam\u{200d}ple.com",
            "\u{202e}ada\u{202d}b@example.com",
            "ad\u{3164}a@example.com",
            "ada\u{85}@example.com",
            "ada\u{9b}@example.com",
            "ad\u{2028}a@example.com",
            "ad\u{e000}a@example.com",
            "ad\u{378}a@example.com",
            "ada@exa_mple.com",
            "ada@-example.com",
            "ada@example-.com",
            "ada@xn--0.example",
        ];
        for typed in cases {
            assert_eq!(stored(typed), Err(INVALID), "{typed:?}");
        }
        assert!(stored(&long).is_err());
        assert_eq!(stored(" \t\u{feff}"), Err(REQUIRED));
        assert_eq!(stored(&"a".repeat(1_000_000)), Err(TOO_LONG));
    }

    /// Each of these letters is three letters in lower case.
    #[test]
    fn the_limits_hold_for_what_is_stored() {
        let label = |letter: &str, length| letter.repeat(length);
        let grows = format!("{}@{}.com", label("a", 60), [&*label("İ", 31); 4].join("."));
        assert_eq!(grows.chars().count(), 192);
        assert!(stored(&grows).is_err());
        assert!(stored(&format!("{}@example.com", label("İ", 32))).is_err());
        let labels = [&*label("b", 63), &*label("c", 63), &*label("d", 57)].join(".");
        let longest = format!("{}@{labels}.com", label("a", 64));
        assert_eq!(longest.len(), 254);
        assert_eq!(stored(&longest).as_deref(), Ok(&*longest));
        assert_eq!(stored(&format!("{longest}xx")), Err(TOO_LONG));
    }

    #[test]
    fn an_account_of_an_earlier_version_is_found() {
        let keys = |typed| {
            let email = EmailAddress::parse_existing(typed).map_err(str::to_owned);
            email.map(|email| email.keys())
        };
        let (former, now) = ("élise@exämple.fr", "élise@xn--exmple-cua.fr");
        let expected = [former, now, former].map(str::to_owned);
        assert_eq!(keys("ÉLISE@Exämple.FR"), Ok(expected));
        let expected = [now, now, former].map(str::to_owned);
        assert_eq!(keys("ÉLISE@xn--exmple-CUA.fr"), Ok(expected));
        let quoted = "\"x\tdeactivated\tyes\"@example.com";
        assert_eq!(keys(quoted), Ok([quoted; 3].map(str::to_owned)));
        assert!(keys("not an address").is_err());
    }

    /// Texts that are often addresses, with the characters that have caused trouble.
    fn addresses() -> impl Strategy<Value = String> {
        let local = "[a-zA-Z0-9.+éÉßẞİıΣςſKÅåǅ\u{301}\u{345}\u{323}\u{feff}א日]{1,20}";
        let label = "[a-zA-Z0-9\\-éÉßẞİıΣςſKÅåǅ\u{301}\u{200d}\u{ad}א日ａ]{1,10}";
        let typed = format!("{local}@{label}[.。]{label}");
        let typed = proptest::string::string_regex(&typed).expect("a pattern");
        prop_oneof![typed, "\\PC{0,20}@\\PC{0,20}", any::<String>()]
    }

    proptest! {
        #[test]
        fn parsing_a_stored_address_gives_itself(typed in addresses()) {
            if let Ok(email) = EmailAddress::parse(&typed) {
                let again = EmailAddress::parse(email.as_str()).expect("it was stored");
                prop_assert_eq!(again.as_str(), email.as_str());
                prop_assert_eq!(again.to_lowercase(), email.to_lowercase());
                prop_assert!(email.as_str().chars().count() <= MAX_LENGTH);
                let (local, domain) = email.as_str().rsplit_once('@').expect("an @");
                prop_assert!(local.len() <= 64 && domain.len() <= 253 && domain.is_ascii());
                prop_assert!(!email.as_str().contains(text::is_control));
                // What is shown and what was entered lead to the same account.
                let shown = email_for_display(email.as_str());
                let shown = EmailAddress::parse(&shown).expect("it was stored");
                prop_assert_eq!(shown.as_str(), email.as_str());
                prop_assert!(email.keys().contains(&email.to_lowercase()));
                if let Ok(entered) = EmailAddress::parse_existing(email.as_entered()) {
                    prop_assert!(entered == email);
                }
            }
        }

        #[test]
        fn case_makes_no_difference(local in "[a-zA-Z0-9.+éßåא日]{1,20}", domain in "[a-zé日]{1,9}") {
            let spellings = [
                format!("{local}@{domain}.com"),
                format!("{}@{}.COM", local.to_ascii_uppercase(), domain.to_uppercase()),
            ];
            let [one, other] = spellings.map(|text| EmailAddress::parse(&text).ok());
            prop_assert_eq!(
                one.map(|email| email.to_lowercase()),
                other.map(|email| email.to_lowercase())
            );
        }
    }
}
