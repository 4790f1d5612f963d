//! What the header shows of the signed-in user: the email address, and whether it is an administrator. No
//! page but the account and those for administrators needs that, so the header waits until they have loaded it.

use std::sync::LazyLock;

use leptos::prelude::*;

use super::session::{AuthState, auth_state};

/// What is known of the user who is signed in.
struct SignedInUser {
    /// The id of the session.
    session: String,
    email: String,
    is_admin: bool,
}

static KNOWN: LazyLock<ArcRwSignal<Option<SignedInUser>>> = LazyLock::new(ArcRwSignal::default);

/// Remembers the email address of the user who is signed in, and whether it is an administrator.
pub fn remember(email: String, is_admin: bool) {
    if let AuthState::SignedIn(session) = untrack(auth_state) {
        KNOWN.set(Some(SignedInUser {
            session,
            email,
            is_admin,
        }));
    }
}

/// Remembers that the user who is signed in is no longer an administrator.
pub fn forget_admin() {
    KNOWN.update(|known| {
        if let Some(known) = known {
            known.is_admin = false;
        }
    });
}

/// Returns the email address of the user who is signed in, if it is known. Reactive.
#[must_use]
pub fn email(state: &AuthState) -> Option<String> {
    with_known(state, |known| known.email.clone())
}

/// Returns whether the user who is signed in is an administrator, if it is known. Reactive.
#[must_use]
pub fn is_admin(state: &AuthState) -> Option<bool> {
    with_known(state, |known| known.is_admin)
}

fn with_known<T>(state: &AuthState, read: impl FnOnce(&SignedInUser) -> T) -> Option<T> {
    let AuthState::SignedIn(current) = state else {
        return None;
    };
    KNOWN.with(|known| {
        let known = known.as_ref().filter(|known| known.session == *current);
        known.map(read)
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
