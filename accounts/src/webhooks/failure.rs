//! Why a delivery has failed: stored in English, and shown in the language of the request.

use languages::{fill, tr, tr_later, tr_with};

use super::{client::SendError, target};

/// The secret was encrypted with other master secrets.
pub(crate) const UNDECRYPTABLE: &str =
    tr_later("The secret can't be decrypted with these master secrets.");

const STATUS: &str = tr_later("The response had status {status}.");

/// Returns the reason for a response with this status, as it is stored.
pub(crate) fn status_reason(status: u16) -> String {
    fill(STATUS, &[("status", &status.to_string())])
}

/// Returns a stored reason in the current language. The status is that of the response, if there was one.
/// An unknown reason, as another version may have stored it, stays as it is.
pub(crate) fn translated(reason: String, status: Option<i32>) -> String {
    if let Some(status) = status {
        return tr_with(STATUS, &[("status", &status.to_string())]);
    }
    let errors = SendError::ALL.map(SendError::text);
    let others = [UNDECRYPTABLE, target::PRIVATE, target::NOT_HTTPS];
    let mut known = errors.into_iter().chain(others);
    match known.find(|known| *known == reason) {
        Some(known) => tr(known).to_owned(),
        None => reason,
    }
}

#[cfg(test)]
mod tests {
    use languages::{Language, in_language};

    use super::{SendError, UNDECRYPTABLE, status_reason, target, translated};

    #[test]
    fn stored_reasons_are_shown_in_the_current_language() {
        let private = target::Target::parse("https://10.0.0.1/", false).unwrap_err();
        let insecure = target::Target::parse("http://example.com/", false).unwrap_err();
        let reasons = [UNDECRYPTABLE, private, insecure].map(str::to_owned);
        let errors = SendError::ALL.map(|error| error.to_string());
        for reason in reasons.into_iter().chain(errors) {
            assert_eq!(translated(reason.clone(), None), reason);
            let german = in_language(Language::German, || translated(reason.clone(), None));
            assert_ne!(german, reason);
        }
    }

    #[test]
    fn a_status_is_part_of_its_reason() {
        let stored = in_language(Language::German, || status_reason(500));
        assert_eq!(stored, "The response had status 500.");
        assert_eq!(translated(stored.clone(), Some(500)), stored);
        let german = in_language(Language::German, || translated(stored, Some(500)));
        assert_eq!(german, "Die Antwort hatte den Status 500.");
    }

    #[test]
    fn an_unknown_reason_stays() {
        let shown = in_language(Language::German, || translated("Odd.".to_owned(), None));
        assert_eq!(shown, "Odd.");
    }
}
