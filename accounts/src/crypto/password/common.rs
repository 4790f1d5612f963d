//! Common passwords, which attackers try first.

use std::sync::LazyLock;

/// In lower case, sorted by bytes. `data/README.md` names the sources and their licences.
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| {
    include_str!("../../../data/common-passwords.txt")
        .lines()
        .collect()
});

/// Whether this is a common password. It is [`folded`](crate::text::folded) already.
pub(super) fn is_common(password: &str) -> bool {
    COMMON.binary_search(&password).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::folded;

    #[test]
    fn the_list_is_sorted_and_fits_the_length_rule() {
        assert!(COMMON.len() >= 10_000);
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().all(|password| folded(password) == *password));
        assert!(
            COMMON
                .iter()
                .all(|password| (8..=128).contains(&password.chars().count()))
        );
    }

    #[test]
    fn finds_common_passwords_in_any_case() {
        for password in [
            "password",
            "12345678",
            "Password1",
            "IloveYou",
            "qwertyuiop",
            "ｐａｓｓｗｏｒｄ",
            "𝗤𝘄𝗲𝗿𝘁𝘆𝘂𝗶𝗼𝗽",
        ] {
            assert!(is_common(&folded(password)), "{password}");
        }
        assert!(!is_common("correct horse battery staple"));
    }
}
