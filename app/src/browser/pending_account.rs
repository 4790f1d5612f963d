//! Remembers which account this tab is signing in to, while the second factor is pending: the server says
//! nothing about an account until it is complete.

use gloo_storage::{SessionStorage, Storage};
use leptos::prelude::window;
use serde::{Deserialize, Serialize};

use super::session::{self, Session};

/// The key in `sessionStorage`, which lasts as long as the tab.
const KEY: &str = "latchkey.pending_account";

#[derive(Serialize, Deserialize)]
struct PendingAccount {
    /// The id of the session whose second factor is pending.
    session: String,
    /// The email address that was entered.
    email: String,
}

/// Remembers the email address with which a session began, if it is known. Where the storage is denied or full, the page
/// does not name the account.
pub(super) fn remember(session: &Session, email: &str) {
    if email.is_empty() {
        return;
    }
    if let Some(session) = session.id().filter(|_| is_storage_allowed()) {
        let email = email.trim().to_owned();
        let _ = SessionStorage::set(KEY, PendingAccount { session, email });
    }
}

/// Forgets it.
pub fn forget() {
    if is_storage_allowed() {
        SessionStorage::delete(KEY);
    }
}

/// Returns the email address with which this browser's session began, if this tab has begun it.
#[must_use]
pub fn email() -> Option<String> {
    if !is_storage_allowed() {
        return None;
    }
    let pending: PendingAccount = SessionStorage::get(KEY).ok()?;
    let current = session::load()?.id()?;
    (pending.session == current).then_some(pending.email)
}

/// Returns whether the browser allows the storage. [`SessionStorage`] panics where it does not.
pub(super) fn is_storage_allowed() -> bool {
    matches!(window().session_storage(), Ok(Some(_)))
}
