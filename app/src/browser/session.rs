//! The session of this browser: kept in `localStorage`, shared by all tabs.

use std::sync::LazyLock;

use gloo_storage::{LocalStorage, Storage};
use languages::{tr, tr_later};
use leptos::{ev, prelude::*};
use serde::Serialize;

use super::{claims::Claims, json::Json};
use crate::api::{ApiError, Code, user::TokenPair};

/// The key in `localStorage`. `shell/first_paint.js` reads it too.
const KEY: &str = "latchkey.session";

/// A token's times are whole seconds, so it may expire this much earlier than its lifetime says,
/// in milliseconds.
const ROUNDING: u64 = 1_000;

/// The longest time before its expiry at which an access token is renewed, in milliseconds.
const LONGEST_MARGIN: u64 = 30_000;

/// What the page says when the browser refuses to store the session.
pub const STORAGE_BLOCKED: &str =
    tr_later("This browser can't keep you signed in: its storage is blocked or full.");

/// A signed-in session, as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// When the access token expires, in milliseconds since 1970 by this device's clock.
    pub expires_at: u64,
}

impl Session {
    pub(super) fn new(pair: TokenPair) -> Self {
        Self {
            token: pair.token,
            refresh_token: pair.refresh_token,
            expires_at: now() + pair.expires_in * 1000,
        }
    }

    /// Reads a session as it is stored.
    fn read(text: &str) -> Option<Self> {
        let session = Json::parse(text)?;
        Some(Self {
            token: session.text("token")?,
            refresh_token: session.text("refresh_token")?,
            expires_at: session.integer("expires_at")?,
        })
    }

    /// Returns the session's id. Renewals keep it.
    pub(super) fn id(&self) -> Option<String> {
        Claims::read(&self.token).map(|claims| claims.sid)
    }

    /// Returns when the access token should be renewed, in milliseconds since 1970: before the
    /// last quarter of its lifetime or [`LONGEST_MARGIN`], whichever is shorter, plus [`ROUNDING`];
    /// but never in the first quarter, so that a very short-lived token is not renewed in a loop.
    #[must_use]
    pub fn renew_at(&self) -> u64 {
        let margin = Claims::read(&self.token).map_or(LONGEST_MARGIN, |claims| {
            let quarter = claims.exp.saturating_sub(claims.iat) * 1000 / 4;
            (LONGEST_MARGIN.min(quarter) + ROUNDING).min(3 * quarter)
        });
        self.expires_at.saturating_sub(margin)
    }
}

/// Whether someone is signed in, as far as this tab knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthState {
    /// The app has not read the stored session yet.
    Unknown,
    /// Nobody is signed in. Holds the reason if the session ended while this tab was open.
    SignedOut(Option<EndReason>),
    /// Someone has entered the password and must still complete the second factor. Holds the
    /// session's id. Only the server knows this, so a session counts as signed in until the server
    /// says otherwise.
    MfaPending(String),
    /// Someone is signed in. Holds the session's id.
    SignedIn(String),
}

/// Why a session ended. Other tabs read it from the storage, where it replaces the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user signed out in this browser.
    SignedOut,
    /// The server no longer accepts the session: it expired or was ended from another device.
    Revoked,
    /// The user deleted the account.
    Deleted,
    /// As `Revoked`, noticed when the user tried to change something, which was not done.
    NotDone,
    /// As `Revoked`, noticed when the user tried to sign out other devices, which was not done.
    OthersRemain,
    /// The user tried to sign out all devices, and the response was lost.
    OthersUnclear,
}

impl EndReason {
    const ALL: [Self; 6] = [
        Self::SignedOut,
        Self::Revoked,
        Self::Deleted,
        Self::NotDone,
        Self::OthersRemain,
        Self::OthersUnclear,
    ];

    /// Returns what is stored.
    const fn name(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::Deleted => "deleted",
            Self::NotDone => "not_done",
            Self::OthersRemain => "others_remain",
            Self::OthersUnclear => "others_unclear",
        }
    }

    /// Reads a reason as it is stored.
    fn read(text: &str) -> Option<Self> {
        let name = Json::parse(text)?.as_text()?;
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Returns the message for the user.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::SignedOut => tr("You are signed out."),
            Self::Revoked => tr("Your session has ended. Sign in again."),
            Self::Deleted => tr("Your account has been deleted."),
            Self::NotDone => tr(
                "Your session has ended, so your last change was not made. Sign in and try again.",
            ),
            Self::OthersRemain => tr(
                "Your session has ended, so your other devices were not signed out by this. \
                 To sign them out, sign in again or reset your password.",
            ),
            Self::OthersUnclear => tr(
                "Your session has ended, but it isn't clear whether your other devices were signed \
                 out. Sign in again to check, or reset your password.",
            ),
        }
    }
}

/// What this tab knows of the session.
#[derive(Clone, Default)]
struct Tab {
    session: Option<Session>,
    ended: Option<EndReason>,
    /// The id of the session for which the server required the second factor. Renewals keep the
    /// id, so this stays set; a token that has completed the second factor overrides it.
    mfa_pending: Option<String>,
}

// A global and not a reactive context, because requests and timers outlive components.
static TAB: LazyLock<ArcRwSignal<Tab>> = LazyLock::new(ArcRwSignal::default);

/// Returns the stored session. Anything else under the key counts as no session.
#[must_use]
pub fn load() -> Option<Session> {
    if !is_storage_allowed() {
        return None;
    }
    // Not `LocalStorage::get`, which would read it with `serde_json`.
    let session = Session::read(&LocalStorage::raw().get_item(KEY).ok()??)?;
    (!session.token.is_empty() && !session.refresh_token.is_empty()).then_some(session)
}

/// Returns the session. Reactive.
#[must_use]
pub fn get() -> Option<Session> {
    TAB.with(|tab| tab.session.clone())
}

/// Returns whether someone is signed in. Reactive.
#[must_use]
pub fn auth_state() -> AuthState {
    TAB.with(|tab| {
        let Some(session) = &tab.session else {
            return AuthState::SignedOut(tab.ended);
        };
        match Claims::read(&session.token) {
            Some(claims)
                if !claims.has_second_factor && tab.mfa_pending.as_ref() == Some(&claims.sid) =>
            {
                AuthState::MfaPending(claims.sid)
            }
            Some(claims) => AuthState::SignedIn(claims.sid),
            None => AuthState::SignedIn(String::new()),
        }
    })
}

/// Stores a session, after signing in or renewing.
///
/// # Errors
/// Returns [`STORAGE_BLOCKED`] if the browser denies the storage, it is full, or it keeps nothing.
pub(super) fn store(session: &Session) -> Result<(), ApiError> {
    let is_kept = set(session) && load().as_ref() == Some(session);
    if !is_kept {
        return Err(ApiError::detail(Code::StorageBlocked, tr(STORAGE_BLOCKED)));
    }
    TAB.update(|tab| {
        tab.session = Some(session.clone());
        tab.ended = None;
    });
    Ok(())
}

/// Records that the server requires the second factor for this session.
pub(super) fn require_second_factor(session: &Session) {
    TAB.update(|tab| tab.mfa_pending = session.id());
}

/// Removes the session, in every tab.
pub fn end(reason: EndReason) {
    // Other tabs are notified of both steps: the first contains the reason. Without it
    // they assume that the user signed out.
    set(reason.name());
    if is_storage_allowed() {
        LocalStorage::delete(KEY);
    }
    TAB.set(Tab {
        ended: Some(reason),
        ..Tab::default()
    });
}

/// Replaces the reason why the session has ended by a more precise one.
pub fn explain_end(reason: EndReason) {
    TAB.maybe_update(|tab| {
        let has_ended = tab.session.is_none();
        if has_ended {
            tab.ended = Some(reason);
        }
        has_ended
    });
}

/// Adopts the stored session, if it has changed unnoticed.
pub(super) fn sync() {
    sync_from_storage(None);
}

/// Reads the stored session, and then listens for changes that other tabs make.
pub fn listen() {
    sync();
    let stored = window_event_listener(ev::storage, |event| {
        // The event has no key when the whole storage was cleared.
        if event.key().is_none_or(|key| key == KEY) {
            let reason = event.new_value().and_then(|value| EndReason::read(&value));
            sync_from_storage(reason);
        }
    });
    // A page in the browser's back/forward cache receives no storage events, and no page does when
    // the browser's settings or an extension clear the storage.
    let shown = ["pageshow", "focus"].map(|event| window_event_listener_untyped(event, |_| sync()));
    on_cleanup(move || {
        stored.remove();
        for listener in shown {
            listener.remove();
        }
    });
}

/// Adopts the stored session. If it is gone, `reason` is what another tab stored in its place.
fn sync_from_storage(reason: Option<EndReason>) {
    let session = load();
    TAB.maybe_update(|tab| {
        let is_changed = tab.session != session;
        // Without a change the earlier reason still holds.
        if is_changed {
            let ended = reason.unwrap_or(EndReason::SignedOut);
            tab.ended = session.is_none().then_some(ended);
            tab.session = session;
        }
        is_changed
    });
}

/// Stores a value under [`KEY`], and returns whether the browser has accepted it: not if it denies the
/// storage or it is full.
fn set(value: impl Serialize) -> bool {
    is_storage_allowed() && LocalStorage::set(KEY, value).is_ok()
}

/// Returns whether the browser allows the storage. [`LocalStorage`] panics where it does not.
pub fn is_storage_allowed() -> bool {
    matches!(window().local_storage(), Ok(Some(_)))
}

/// Returns the milliseconds since 1970 by this device's clock.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and positive since 1970"
)]
pub fn now() -> u64 {
    js_sys::Date::now() as u64
}
