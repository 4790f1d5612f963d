//! Tells other tabs of this browser that an emailed link was used, so that a page that waits for it can
//! go on.

use gloo_storage::{LocalStorage, Storage};
use leptos::{ev, prelude::*};

use super::session::is_storage_allowed;

/// The key in `localStorage`. Its value is an email address, and is removed at once: other tabs are
/// notified nevertheless.
const KEY: &str = "latchkey.confirmed";

/// Tells other tabs that the link emailed to this address was used. Where the storage is denied or full,
/// they go on waiting.
pub fn announce(email: &str) {
    if is_storage_allowed() {
        let _ = LocalStorage::set(KEY, email);
        LocalStorage::delete(KEY);
    }
}

/// Calls `then` when another tab has used the link emailed to this address.
pub fn on_confirmed(email: &str, then: impl Fn() + 'static) {
    let email = email.trim().to_lowercase();
    let listener = window_event_listener(ev::storage, move |event| {
        let confirmed = event
            .new_value()
            .filter(|_| event.key().as_deref() == Some(KEY))
            .and_then(|value| serde_json::from_str::<String>(&value).ok());
        if confirmed.is_some_and(|confirmed| confirmed.trim().to_lowercase() == email) {
            then();
        }
    });
    on_cleanup(move || listener.remove());
}
