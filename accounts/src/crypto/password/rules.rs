//! The rules for new passwords, after NIST SP 800-63B, section 3.1.1.2: a minimum length, nothing
//! that is easily guessed, and no composition rules.

use similar::TextDiff;

use super::common::is_common;

const MIN_LENGTH: usize = 8;
const MAX_LENGTH: usize = 128;

/// From this similarity on (Ratcliff/Obershelp: 2 × matches / total), two texts are too similar.
const SIMILAR: f32 = 0.7;

/// Returns what is wrong with a new password, as sentences for the user.
pub(crate) fn check(password: &str, email: Option<&str>) -> Vec<&'static str> {
    let mut errors = Vec::new();
    let length = password.chars().count();
    if length < MIN_LENGTH {
        errors.push("This password is too short. It must have at least 8 characters.");
    }
    if length > MAX_LENGTH {
        // Comparing a very long text would be slow, and is pointless.
        return vec!["This password is too long. It must have at most 128 characters."];
    }
    if is_common(password) {
        errors.push("This password is too common: it is among the first that attackers try.");
    }
    if email.is_some_and(|email| is_similar_to_email(password, email)) {
        errors.push("This password is too similar to your email.");
    }
    errors
}

/// Whether a password is similar to the email address, its local part, its domain or a word of these.
fn is_similar_to_email(password: &str, email: &str) -> bool {
    let password = password.to_lowercase();
    let email = email.to_lowercase();
    let parts = email.split('@');
    let words = email.split(|c: char| !c.is_alphanumeric());
    std::iter::once(email.as_str())
        .chain(parts)
        .chain(words)
        .filter(|part| part.chars().count() >= 4)
        .any(|part| TextDiff::from_chars(password.as_str(), part).ratio() >= SIMILAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "This password is too short. It must have at least 8 characters.";
    const LONG: &str = "This password is too long. It must have at most 128 characters.";
    const COMMON: &str = "This password is too common: it is among the first that attackers try.";
    const SIMILAR_TO_EMAIL: &str = "This password is too similar to your email.";

    #[test]
    fn each_rule_has_its_message() {
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
            ("ada.lovelace@example.com", &[SIMILAR_TO_EMAIL]),
            ("AdaLovelace", &[SIMILAR_TO_EMAIL]),
            ("ada.lovelace1", &[SIMILAR_TO_EMAIL]),
            ("lovelace!", &[SIMILAR_TO_EMAIL]),
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
