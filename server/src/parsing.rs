//! Reads the values of settings.

use std::str::FromStr;

/// Parses a value without the white space around it.
pub fn trimmed<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.trim().parse()
}

/// Returns a parser of `yes` as `true` and `no` as `false`.
pub(crate) fn choice(
    yes: &'static str,
    no: &'static str,
) -> impl Fn(&str) -> Result<bool, String> + Clone + Send + Sync {
    move |text| match text.trim() {
        text if text == yes => Ok(true),
        text if text == no => Ok(false),
        _ => Err(format!("write it as {yes} or {no}")),
    }
}
