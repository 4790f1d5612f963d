//! The rules for new passwords, after NIST SP 800-63B, section 3.1.1.2: a minimum length, nothing
//! that is easily guessed, and no composition rules.

use languages::tr_later;
use similar::TextDiff;
use url::Url;

use super::common::is_common;
use crate::{
    email::address::email_for_display,
    text::{folded, nfc},
};

const MIN_LENGTH: usize = 8;
const MAX_LENGTH: usize = 128;

/// From this similarity on (Ratcliff/Obershelp: 2 × matches / total), two texts are too similar.
const SIMILAR: f32 = 0.7;

/// Shorter parts of a name say nothing about a password.
const MIN_NAME_LENGTH: usize = 4;

/// The name that this program has on every site.
const PRODUCT: &str = "latchkey";

/// The site that passwords are for.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Its URL.
    pub url: &'a str,
    /// Its name, if it has one of its own.
    pub name: Option<&'a str>,
}

/// Returns what is wrong with a new password, as sentences for the user. It must resemble neither the
/// email address nor the name of the site or the host of its URL.
pub(crate) fn check(password: &str, email: Option<&str>, site: Site<'_>) -> Vec<&'static str> {
    let mut errors = Vec::new();
    let length = nfc(password).chars().count();
    if length < MIN_LENGTH {
        errors.push(tr_later(
            "This password is too short. It must have at least 8 characters.",
        ));
    }
    if length > MAX_LENGTH {
        // Comparing a very long text would be slow, and is pointless.
        return vec![tr_later(
            "This password is too long. It must have at most 128 characters.",
        )];
    }
    let password = folded(password);
    if is_common(&password) {
        errors.push(tr_later(
            "This password is too common: it is among the first that attackers try.",
        ));
    }
    if email.is_some_and(|email| is_similar_to_email(&password, email)) {
        errors.push(tr_later("This password is too similar to your email."));
    }
    if names_site(&password, site) {
        errors.push(tr_later(
            "This password is too similar to the name of this site.",
        ));
    }
    errors
}

/// Whether a password is similar to the email address, its local part, its domain or a word of these.
fn is_similar_to_email(password: &str, email: &str) -> bool {
    let email = folded(&email_for_display(email));
    let parts = email.split('@');
    let words = email.split(|c: char| !c.is_alphanumeric());
    std::iter::once(email.as_str())
        .chain(parts)
        .chain(words)
        .any(|part| is_similar(password, part))
}

/// Whether a password is little more than the name of the site: its own, its host, a label of that without
/// the top-level domain, or the product's name.
fn names_site(password: &str, site: Site<'_>) -> bool {
    let own = site.name.map(folded);
    let url = Url::parse(site.url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let host = folded(&email_for_display(&format!("@{host}")));
    let host = host.trim_start_matches('@');
    let labels = host.rsplit('.').skip(1);
    let names = [PRODUCT, host].into_iter().chain(own.as_deref());
    names.chain(labels).any(|name| {
        is_similar(password, name)
            || (name.chars().count() >= MIN_NAME_LENGTH
                && password.contains(name)
                && is_weak(&password.replace(name, "")))
    })
}

/// Whether this would not be accepted as a password of its own.
fn is_weak(rest: &str) -> bool {
    rest.chars().count() < MIN_LENGTH || is_common(rest)
}

fn is_similar(password: &str, name: &str) -> bool {
    name.chars().count() >= MIN_NAME_LENGTH
        && TextDiff::from_chars(password, name).ratio() >= SIMILAR
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "This password is too short. It must have at least 8 characters.";
    const LONG: &str = "This password is too long. It must have at most 128 characters.";
    const COMMON: &str = "This password is too common: it is among the first that attackers try.";
    const SITE: Site<'_> = Site {
        url: "https://konto.bücher-hölle.example:8443",
        name: Some("Tea & Co. Contoso"),
    };
    const NAMES_SITE: &str = "This password is too similar to the name of this site.";
    const SIMILAR_TO_EMAIL: &str = "This password is too similar to your email.";

    #[test]
    fn each_rule_has_its_message() {
        let longest = "x".repeat(128);
        let too_long = "x".repeat(129);
        let cases: [(&str, &[&str]); 33] = [
            ("correct horse battery staple", &[]),
            ("ünïcødé!", &[]),
            ("        ", &[]),
            (" spaces around it ", &[]),
            (&longest, &[]),
            (&too_long, &[LONG]),
            ("short", &[SHORT]),
            ("sevench", &[SHORT]),
            ("🔑🔑🔑🔑🔑🔑🔑", &[SHORT]),
            ("password", &[COMMON]),
            ("PassWord1", &[COMMON]),
            ("ada.lovelace@example.com", &[SIMILAR_TO_EMAIL]),
            ("AdaLovelace", &[SIMILAR_TO_EMAIL]),
            ("ada.lovelace1", &[SIMILAR_TO_EMAIL]),
            ("lovelace!", &[SIMILAR_TO_EMAIL]),
            ("lovelace writes the first program", &[]),
            // Counted after normalization, which composes each pair.
            (&"e\u{301}".repeat(128), &[]),
            (&"e\u{301}".repeat(7), &[SHORT]),
            // Compared without width, style and case.
            ("ｐａｓｓｗｏｒｄ", &[COMMON]),
            ("ＡｄａＬｏｖｅｌａｃｅ", &[SIMILAR_TO_EMAIL]),
            ("latchkey", &[NAMES_SITE]),
            ("LatchKey-2026!", &[NAMES_SITE]),
            ("l4tchk3y", &[NAMES_SITE]),
            ("12345678latchkey", &[NAMES_SITE]),
            ("latchkeylatchkeylatchkey", &[NAMES_SITE]),
            ("Tea & Co. Contoso 1", &[NAMES_SITE]),
            ("bücher-hölle", &[NAMES_SITE]),
            ("BU\u{308}CHER-HO\u{308}LLE 1", &[NAMES_SITE]),
            ("konto.bücher-hölle.example", &[NAMES_SITE]),
            ("konto1234", &[NAMES_SITE]),
            ("my latchkey is under the doormat", &[]),
            ("Konto mit vielen Büchern", &[]),
            ("example of a passphrase", &[]),
        ];
        for (password, wrong) in cases {
            assert_eq!(
                check(password, Some("ada.lovelace@example.com"), SITE),
                wrong,
                "{password:?}"
            );
        }
    }
}
