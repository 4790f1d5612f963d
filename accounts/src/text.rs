//! Text that people or programs have typed: what is compared is normalized first, and what is printed
//! has nothing that a terminal would obey.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// How many characters of a typed code are looked at. The longest code has fewer than 64.
const CODE_LIMIT: usize = 128;

/// Returns a text for a terminal or a log: characters that control a terminal, end a line or a column,
/// or change the direction of what follows are written as escapes, such as `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return text.into();
    }
    let mut printable = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_control(c) {
            printable.extend(c.escape_unicode());
        } else {
            printable.push(c);
        }
    }
    printable.into()
}

/// Whether a character controls how text is shown instead of being shown: C0 and C1 controls, format
/// characters such as those that change the direction, and separators of lines and paragraphs.
#[must_use]
pub fn is_control(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    matches!(
        c.general_category(),
        Control | Format | LineSeparator | ParagraphSeparator
    )
}

/// Whether nothing is shown for a character, although it is no white space: format characters, and
/// others that Unicode calls default-ignorable (UAX #44) or that look empty.
pub(crate) fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    c.general_category() == GeneralCategory::Format
        || matches!(c,
            '\u{034f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether Unicode gives a character no meaning that all programs share. How such a character is
/// normalized may change.
pub(crate) fn is_unassigned(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Unassigned | GeneralCategory::PrivateUse
    )
}

/// Removes white space and invisible characters from both ends, which copying adds.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Returns a text on one line without control characters: each is replaced by a space.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) {
        text.replace(is_control, " ").into()
    } else {
        text.into()
    }
}

/// Returns the Normalization Form C of a text (UAX #15): the same for all ways to type a letter.
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.into()
    } else {
        text.nfc().collect::<String>().into()
    }
}

/// Returns a text for comparisons that ignore case, width and style.
pub(crate) fn folded(text: &str) -> String {
    text.nfkc().collect::<String>().to_lowercase()
}

/// Returns a typed code without white space, hyphens and invisible characters, and with the digits
/// of other scripts and widths as ASCII digits.
pub(crate) fn code(text: &str) -> String {
    text.chars()
        .take(CODE_LIMIT)
        .nfkc()
        .filter(|c| !c.is_whitespace() && !is_invisible(*c) && !is_dash(*c))
        .map(|c| ascii_digit(c).unwrap_or(c))
        .collect()
}

fn is_dash(c: char) -> bool {
    c == '-' || c.general_category() == GeneralCategory::DashPunctuation
}

/// Returns the ASCII digit with the same value as a decimal digit of any script. Unicode guarantees
/// that each script's digits are ten consecutive characters, and some scripts follow one another.
fn ascii_digit(digit: char) -> Option<char> {
    let is_digit = |c: char| c.general_category() == GeneralCategory::DecimalNumber;
    if digit.is_ascii() || !is_digit(digit) {
        return None;
    }
    let before = (0..u32::from(digit)).rev().map_while(char::from_u32);
    let value = before.take_while(|c| is_digit(*c)).count() % 10;
    char::from_digit(u32::try_from(value).ok()?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_escaped() {
        for (text, printed) in [
            ("ada@example.com", "ada@example.com"),
            ("Zoë 日本語 🦀", "Zoë 日本語 🦀"),
            ("\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"),
            ("a\tb\r\nc", "a\\u{9}b\\u{d}\\u{a}c"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{7f}\0\u{85}", "\\u{7f}\\u{0}\\u{85}"),
            ("\u{202e}moc", "\\u{202e}moc"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            ("\u{feff}\u{ad}\u{e0041}", "\\u{feff}\\u{ad}\\u{e0041}"),
        ] {
            assert_eq!(printable(text), printed);
            assert!(!one_line(text).contains(is_control), "{text:?}");
        }
        assert_eq!(one_line("curl/8\x1b[2J\n"), "curl/8 [2J ");
    }

    #[test]
    fn what_copying_adds_is_trimmed() {
        for text in [
            " a b \n",
            "\u{feff}a b",
            "a b\u{200b}\u{a0}",
            "\u{202a}a b\u{202c}",
            "\u{3000}\u{ad}\u{3164}a b\u{fe0f}\u{2800}",
        ] {
            assert_eq!(trim(text), "a b", "{text:?}");
        }
        assert_eq!(trim("\0a"), "\0a");
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in [
            "287082",
            " 287 082\n",
            "287-082",
            "287\u{2013}082\u{200b}",
            "２８７０８２",
            "٢٨٧٠٨٢",
            "۲۸۷۰۸۲",
            "२८७०८२",
            "𝟚𝟠𝟟𝟘𝟠𝟚",
        ] {
            assert_eq!(code(typed), "287082", "{typed}");
        }
        // Two scripts' digits without a gap between them.
        assert_eq!(code("\u{116d9}\u{116da}\u{116e3}"), "909");
        assert_eq!(code("Ｋ３Ｖ９Ｔ－０"), "K3V9T0");
        assert_eq!(code(&"9".repeat(1000)).len(), CODE_LIMIT);
    }

    #[test]
    fn letters_are_the_same_however_they_are_typed() {
        assert_eq!(nfc("e\u{301}"), "é");
        assert!(matches!(nfc("é"), Cow::Borrowed("é")));
        assert_eq!(folded("Ｐａｓｓ𝐖𝐎𝐑𝐃 É"), folded("password e\u{301}"));
    }
}
