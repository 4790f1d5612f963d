//! Reads the values of settings.

use std::str::FromStr;

/// Parses a value without the white space around it.
pub fn trimmed<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().parse()
}
