//! Remembers that new recovery codes were not saved: they are shown only once, and the page may have
//! been left, or the response lost.

use gloo_storage::{LocalStorage, Storage};

use super::{
    claims::Claims,
    session::{self, is_storage_allowed},
};

/// The key in `localStorage`. Its value is the user's id.
const KEY: &str = "latchkey.unsaved_codes";

/// Remembers that this user has not saved the newest recovery codes. Where the storage is denied or
/// full, it is forgotten when the page is left.
pub fn remember(user: &str) {
    if is_storage_allowed() {
        let _ = LocalStorage::set(KEY, user);
    }
}

/// Forgets it.
pub fn forget() {
    if is_storage_allowed() {
        LocalStorage::delete(KEY);
    }
}

/// Returns whether this user has not saved the newest recovery codes.
#[must_use]
pub fn has(user: &str) -> bool {
    is_storage_allowed() && LocalStorage::get::<String>(KEY).is_ok_and(|stored| stored == user)
}

/// Returns whether the user of this browser's session has not saved the newest recovery codes.
#[must_use]
pub fn has_current_user() -> bool {
    let claims = session::load().and_then(|session| Claims::read(&session.token));
    claims.is_some_and(|claims| has(&claims.sub))
}
