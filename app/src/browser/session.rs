//! The session of this browser: kept in `localStorage`, shared by all tabs.

use std::sync::LazyLock;

use leptos::{ev, prelude::*};
use serde::Serialize;
use web_sys::Storage;

use super::{claims::Claims, json::Object};
use crate::api::user::TokenPair;

/// The key in `localStorage`. `shell/first_paint.js` reads it too.
const KEY: &str = "latchkey.session";

/// A token's times are in whole seconds: it may run out this much sooner than its life says, in
/// milliseconds.
const ROUNDING: u64 = 1_000;

/// The longest time before its end at which an access token is renewed, in milliseconds.
const LONGEST_MARGIN: u64 = 30_000;

/// A signed-in session, as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// When the access token runs out, in milliseconds since 1970 by this device's clock.
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

    /// The session's id: it stays the same over renewals.
    pub(super) fn id(&self) -> Option<String> {
        Claims::read(&self.token).map(|claims| claims.sid)
    }

    /// From when on the access token should be renewed, in milliseconds since 1970: a quarter of
    /// its life before it runs out, at most [`LONGEST_MARGIN`], with [`ROUNDING`] on top; but not
    /// in the first quarter of its life, or a very short one would be renewed without a pause.
    #[must_use]
    pub fn renew_at(&self) -> u64 {
        let margin = Claims::read(&self.token).map_or(LONGEST_MARGIN, |claims| {
            let quarter = claims.exp.saturating_sub(claims.iat) * 1000 / 4;
            (LONGEST_MARGIN.min(quarter) + ROUNDING).min(3 * quarter)
        });
        self.expires_at.saturating_sub(margin)
    }
}

/// Whether somebody is signed in, as far as this tab knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthState {
    /// The page has just been rendered, and nobody has looked yet.
    Unknown,
    /// Nobody is signed in; how that came, where it happened while this tab was open.
    SignedOut(Option<EndReason>),
    /// Somebody has given the password, and has the second factor still to pass: the session's id.
    /// Only the server knows, so a session counts as signed in until the server says otherwise.
    MfaPending(String),
    /// Somebody is: the session's id.
    SignedIn(String),
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The person signed out in this browser.
    SignedOut,
    /// The server no longer accepts the session: it was ended from another device, or is too old.
    Revoked,
    /// The person deleted the account.
    Deleted,
}

impl EndReason {
    /// The word that tells other tabs. Signing out needs none: it is what they take a removed
    /// session for.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::SignedOut => None,
            Self::Revoked => Some("elsewhere"),
            Self::Deleted => Some("deleted"),
        }
    }

    fn from_word(word: Option<&str>) -> Self {
        match word {
            Some("elsewhere") => Self::Revoked,
            Some("deleted") => Self::Deleted,
            _ => Self::SignedOut,
        }
    }
}

#[derive(Clone, Default)]
struct Tab {
    session: Option<Session>,
    ended: Option<EndReason>,
    /// The id of the session of which the server has asked for the second factor. It stays true
    /// over renewals, and says nothing about a token that has passed the second factor since.
    half_signed_in: Option<String>,
}

// One for the tab and not a reactive context, because requests and timers outlive components.
static TAB: LazyLock<ArcRwSignal<Tab>> = LazyLock::new(ArcRwSignal::default);

/// The stored session, now. Anything else under the key is no session.
#[must_use]
pub fn load() -> Option<Session> {
    let stored = Object::read(&storage()?.get_item(KEY).ok()??)?;
    let token = |name| stored.text(name).filter(|token| !token.is_empty());
    Some(Session {
        token: token("token")?,
        refresh_token: token("refresh_token")?,
        expires_at: stored.number("expires_at")?,
    })
}

/// The session as a reactive value.
#[must_use]
pub fn get() -> Option<Session> {
    TAB.with(|tab| tab.session.clone())
}

/// Whether somebody is signed in, as a reactive value.
#[must_use]
pub fn presence() -> AuthState {
    TAB.with(|tab| {
        let Some(session) = &tab.session else {
            return AuthState::SignedOut(tab.ended);
        };
        match Claims::read(&session.token) {
            Some(claims)
                if !claims.has_second_factor()
                    && tab.half_signed_in.as_ref() == Some(&claims.sid) =>
            {
                AuthState::MfaPending(claims.sid)
            }
            Some(claims) => AuthState::SignedIn(claims.sid),
            None => AuthState::SignedIn(String::new()),
        }
    })
}

/// Stores a session, after signing in or renewing.
pub(super) fn store(session: &Session) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(session)) {
        // Fails only where the site's storage is full, which these few bytes don't bring about.
        let _ = storage.set_item(KEY, &text);
    }
    TAB.update(|tab| {
        tab.session = Some(session.clone());
        tab.ended = None;
    });
}

/// Notes that the server asks for the second factor of this session.
pub(super) fn require_second_factor(session: &Session) {
    TAB.update(|tab| tab.half_signed_in = session.id());
}

/// Forgets the session, in every tab.
pub fn end(ended: EndReason) {
    if let Some(storage) = storage() {
        // Other tabs hear of both steps, and learn from the first how it ended.
        if let Some(word) = ended.word() {
            // Takes less room than the session did.
            let _ = storage.set_item(KEY, word);
        }
        // It never fails.
        let _ = storage.remove_item(KEY);
    }
    TAB.set(Tab {
        ended: Some(ended),
        ..Tab::default()
    });
}

/// Reads the stored session, and from now on follows what other tabs do to it.
pub fn follow() {
    look(None);
    let stored = window_event_listener(ev::storage, |event| {
        // The key is absent when the whole storage was cleared.
        if event.key().is_none_or(|key| key == KEY) {
            look(event.new_value().as_deref());
        }
    });
    // A page that waited in the browser's back/forward cache has heard of nothing meanwhile.
    let shown = window_event_listener_untyped("pageshow", |_| look(None));
    on_cleanup(move || {
        stored.remove();
        shown.remove();
    });
}

/// Takes over the stored session. Where it has gone, another tab's word tells how it ended.
fn look(word: Option<&str>) {
    let session = load();
    TAB.maybe_update(|tab| {
        let is_new = tab.session != session;
        // What is said of its end stays true when nothing has changed since.
        if is_new {
            tab.ended = session.is_none().then(|| EndReason::from_word(word));
            tab.session = session;
        }
        is_new
    });
}

/// The site's storage; without it the app does not start.
fn storage() -> Option<Storage> {
    window().local_storage().ok()?
}

/// Milliseconds since 1970 by this device's clock.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and positive since 1970"
)]
pub fn now() -> u64 {
    js_sys::Date::now() as u64
}
