//! The email address of the signed-in user, as the header shows it. No page but the account needs it,
//! so the header waits until that has loaded it.

use std::sync::LazyLock;

use leptos::prelude::*;

use super::session::{AuthState, auth_state};

/// The id of a session, and its user's email address.
static KNOWN: LazyLock<ArcRwSignal<Option<(String, String)>>> = LazyLock::new(ArcRwSignal::default);

/// Remembers the email address of the user who is signed in.
pub fn remember(email: String) {
    if let AuthState::SignedIn(session) = untrack(auth_state) {
        KNOWN.set(Some((session, email)));
    }
}

/// Returns the email address of the user who is signed in, if it is known. Reactive.
#[must_use]
pub fn email(state: &AuthState) -> Option<String> {
    let AuthState::SignedIn(current) = state else {
        return None;
    };
    KNOWN.with(|known| {
        let (session, email) = known.as_ref()?;
        (session == current).then(|| email.clone())
    })
}

/// Returns the initials of an email address: the first letters of the first two words before the `@`.
/// The style sheet makes them upper case, so that this needs no table of all letters.
#[must_use]
pub fn initials(email: &str) -> String {
    let name = email.split('@').next().unwrap_or_default();
    let words = name.split(['.', '-', '_', '+']);
    let letters = words.filter_map(|word| word.chars().next());
    letters.take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::initials;

    #[test]
    fn initials_are_the_first_letters_of_two_words() {
        for (email, expected) in [
            ("ada@example.org", "a"),
            ("Ada.Lovelace@example.org", "AL"),
            ("ada.b.c@example.org", "ab"),
            ("élise+news@example.org", "én"),
            ("_@example.org", ""),
        ] {
            assert_eq!(initials(email), expected, "{email}");
        }
    }
}
