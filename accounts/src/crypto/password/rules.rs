//! What a new password may be: NIST SP 800-63B, 3.1.1.2 — length and nothing easily guessed, but
//! no rules of composition.

use similar::TextDiff;

use super::common::is_common;

const MIN_LENGTH: usize = 8;
const MAX_LENGTH: usize = 128;

/// From this share of characters in common (Ratcliff/Obershelp's 2 × matches / total) two texts
/// count as alike.
const ALIKE: f32 = 0.7;

/// Says in sentences what is wrong with a new password; nothing, if it may be used.
pub(crate) fn check(password: &str, email: Option<&str>) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let length = password.chars().count();
    if length < MIN_LENGTH {
        wrong.push("This password is too short. It must have at least 8 characters.");
    }
    if length > MAX_LENGTH {
        // Comparing it to anything would cost more than it tells.
        return vec!["This password is too long. It must have at most 128 characters."];
    }
    if is_common(password) {
        wrong.push("This password is too common: it is among the first that attackers try.");
    }
    if email.is_some_and(|email| is_like_email(password, email)) {
        wrong.push("This password is too similar to your email.");
    }
    wrong
}

/// Whether a password is much like the address, its local part, its domain or a word of these.
fn is_like_email(password: &str, email: &str) -> bool {
    let password = password.to_lowercase();
    let email = email.to_lowercase();
    let parts = email.split('@');
    let words = email.split(|c: char| !c.is_alphanumeric());
    std::iter::once(email.as_str())
        .chain(parts)
        .chain(words)
        .filter(|part| part.chars().count() >= 4)
        .any(|part| TextDiff::from_chars(password.as_str(), part).ratio() >= ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "This password is too short. It must have at least 8 characters.";
    const LONG: &str = "This password is too long. It must have at most 128 characters.";
    const COMMON: &str = "This password is too common: it is among the first that attackers try.";
    const LIKE_EMAIL: &str = "This password is too similar to your email.";

    #[test]
    fn passwords_and_what_is_said_of_them() {
        let longest = "x".repeat(128);
        let too_long = "x".repeat(129);
        let cases: [(&str, &[&str]); 16] = [
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
            ("ada.lovelace@example.com", &[LIKE_EMAIL]),
            ("AdaLovelace", &[LIKE_EMAIL]),
            ("ada.lovelace1", &[LIKE_EMAIL]),
            ("lovelace!", &[LIKE_EMAIL]),
            ("lovelace writes the first program", &[]),
        ];
        for (password, wrong) in cases {
            assert_eq!(
                check(password, Some("ada.lovelace@example.com")),
                wrong,
                "{password:?}"
            );
        }
    }
}
