//! An estimate of how hard a password is to guess, in words.

use super::common::is_common;
use crate::text::{folded, nfc};

/// From how many characters that add something a password is fair, good and strong. Length is what
/// counts (NIST SP 800-63B, appendix A).
const FAIR: usize = 8;
const GOOD: usize = 12;
const STRONG: usize = 16;

/// How hard a password is to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Among the first that attackers try.
    Weak,
    /// Enough where attempts are limited.
    Fair,
    /// Hard to guess.
    Good,
    /// Hard to guess even with a stolen hash.
    Strong,
}

/// Estimates the strength of a password that breaks no rule.
pub(crate) fn strength(password: &str) -> Strength {
    // "password" with a year behind it is still "password".
    let folded = folded(password);
    let core = folded.trim_matches(|c: char| !c.is_alphabetic());
    if is_common(&folded) || is_common(core) {
        return Strength::Weak;
    }
    match surprises(&nfc(password)) {
        ..FAIR => Strength::Weak,
        FAIR..GOOD => Strength::Fair,
        GOOD..STRONG => Strength::Good,
        STRONG.. => Strength::Strong,
    }
}

/// Counts the characters that don't just repeat or continue what is before them, as in `aaa`, `abc`,
/// `321` and `xyxyxy`.
fn surprises(password: &str) -> usize {
    let chars: Vec<u32> = password.chars().map(u32::from).collect();
    let is_surprising = |index: usize| {
        let current = chars[index];
        let before = |distance: usize| index.checked_sub(distance).map(|index| chars[index]);
        let is_next = before(1).is_some_and(|last| last.abs_diff(current) <= 1);
        let is_pattern = |period| {
            before(period) == Some(current)
                && (1..period)
                    .all(|back| before(back).is_some() && before(back) == before(back + period))
        };
        !is_next && !(2..=6).any(is_pattern)
    };
    (0..chars.len())
        .filter(|index| is_surprising(*index))
        .count()
}

#[cfg(test)]
mod tests {
    use super::{Strength, strength};

    #[test]
    fn length_counts_unless_it_is_a_pattern() {
        use Strength::{Fair, Good, Strong, Weak};
        for (password, expected) in [
            ("iloveyou", Weak),
            ("Password2026!", Weak),
            ("aaaaaaaaaaaaaaaaaaaa", Weak),
            ("abcdefghijklmnop", Weak),
            ("xyxyxyxyxyxyxyxyxyxy", Weak),
            ("1234512345123451234512345", Weak),
            ("Tr0ub4dor&3", Fair),
            ("k7PqX2m9Lr4T", Good),
            ("correct horse battery", Strong),
            ("ünïcødé!", Fair),
        ] {
            assert_eq!(strength(password), expected, "{password}");
        }
    }
}
