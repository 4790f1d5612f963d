//! Recovery codes: they replace the authenticator app when it is lost.

use sha2::{Digest, Sha256};

use crate::{id::Id, random::Random, text};

/// How many codes a user has.
pub(crate) const COUNT: usize = 10;

/// Digits that can't be mistaken for each other (Crockford's base 32), in lower case.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Four groups of six digits: 120 random bits. That is too many to guess even with stolen hashes, which
/// therefore need not be slow (OWASP ASVS 5.0, 6.5.2, asks for 112).
const LENGTH: usize = 24;
const GROUP: usize = 6;

/// The length of codes that were issued before. They stay valid.
const FORMER_LENGTH: usize = 15;

/// Generates codes in the form in which they are shown: `k3v9t0-m2xq8h-d1r5ya-c7w4ze`.
pub(crate) fn new_codes(random: &dyn Random) -> Vec<String> {
    (0..COUNT)
        .map(|_| {
            // A byte has 256 values, a multiple of 32, so every digit is equally likely.
            let digits = random
                .bytes::<LENGTH>()
                .map(|byte| DIGITS[usize::from(byte % 32)]);
            let groups: Vec<_> = digits.chunks(GROUP).map(String::from_utf8_lossy).collect();
            groups.join("-")
        })
        .collect()
}

/// Hashes a code for the database. Returns `None` if the text is not a code. Case, spaces and hyphens
/// are ignored, and letters that look like digits count as these.
pub(crate) fn hash(user_id: Id, code: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text::code(code)
        .bytes()
        .map(|byte| match byte.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        })
        .collect();
    let is_code = [LENGTH, FORMER_LENGTH].contains(&digits.len())
        && digits.iter().all(|digit| DIGITS.contains(digit));
    is_code.then(|| {
        Sha256::new()
            .chain_update(b"recovery code 1")
            .chain_update(user_id.as_bytes())
            .chain_update(digits)
            .finalize()
            .to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn codes_are_ten_different_ones_of_four_groups() {
        let mut codes = new_codes(&OsRandom);
        for code in &codes {
            let groups: Vec<_> = code.split('-').map(str::len).collect();
            assert_eq!(groups, [6, 6, 6, 6], "{code}");
        }
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 10);
    }

    #[test]
    fn spelling_variants_of_a_code_are_accepted() {
        let user = Id::from_random([1; 16]);
        let current = hash(user, "k3v9t0-m2xq8h-d1r5ya-c7w4ze");
        assert!(current.is_some());
        for written in ["K3V9T0 M2XQ8H D1R5YA C7W4ZE", "k3v9tom2xq8hdIr5yac7w4ze"] {
            assert_eq!(hash(user, written), current, "{written}");
        }
        // As an earlier version has issued them.
        let expected = hash(user, "k3v9t-0m2xq-8hd1r");
        assert!(expected.is_some());
        for written in [
            "K3V9T 0M2XQ 8HD1R",
            "k3v9tOm2xq8hdlr",
            " k3v9t-om2xq-8hdIr\n",
            "k3v9t\u{2013}0m2xq\u{a0}8hd1r",
            "Ｋ３Ｖ９Ｔ－０Ｍ２ＸＱ－８ＨＤ１Ｒ",
        ] {
            assert_eq!(hash(user, written), expected, "{written}");
        }
        for other in [
            "",
            "k3v9t-0m2xq",
            "k3v9t-0m2xq-8hd1u",
            "k3v9t-0m2xq-8hd1r0",
            "k3v9t0-m2xq8h-d1r5ya-c7w4z",
            "k3v9t0-m2xq8h-d1r5ya-c7w4zee",
            "é",
        ] {
            assert_eq!(hash(user, other), None, "{other}");
        }
        assert_ne!(
            hash(Id::from_random([2; 16]), "k3v9t-0m2xq-8hd1r"),
            expected
        );
    }
}
