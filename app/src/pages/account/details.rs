//! The account's data that its pages share.

use futures::future::join4;
use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{
        ApiError,
        user::{self, Event, PasswordState, Profile, Session},
    },
    browser::{LOADING_LIMIT, identity, session::now, with_limit},
    email::email_for_display,
};

/// The shortest time between two loads when the page comes to the front, in milliseconds.
const PAUSE: u64 = 10_000;

/// The account's recent events, or the error of loading them.
pub(super) type Activity = Result<Vec<Event>, ApiError>;

/// The account's data that its pages share.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// The user.
    pub profile: RwSignal<Profile>,
    /// The signed-in devices: this one first, and then the most recently used.
    pub sessions: RwSignal<Vec<Session>>,
    /// The recent events.
    pub activity: RwSignal<Activity>,
    /// What is known of the password.
    password: RwSignal<Option<PasswordState>>,
}

impl Details {
    pub fn new(
        profile: Profile,
        sessions: Vec<Session>,
        activity: Activity,
        password: Option<PasswordState>,
    ) -> Self {
        Self {
            profile: RwSignal::new(profile),
            sessions: RwSignal::new(sorted(sessions)),
            activity: RwSignal::new(activity),
            password: RwSignal::new(password),
        }
    }

    /// Returns the email address as people read it. Reactive.
    pub fn shown_email(self) -> String {
        self.profile
            .with(|profile| email_for_display(&profile.email))
    }

    /// Returns the email address. Reactive.
    pub fn email(self) -> String {
        self.profile.with(|profile| profile.email.clone())
    }

    /// Returns whether the email address is verified. Reactive.
    pub fn is_verified(self) -> bool {
        self.profile.with(|profile| profile.email_verified)
    }

    /// Returns whether signing in requires a second factor. Reactive.
    pub fn has_second_factor(self) -> bool {
        self.profile.with(|profile| profile.otp_enabled)
    }

    /// Returns whether the account has a password, as nearly all do. Reactive.
    pub fn has_password(self) -> bool {
        self.password
            .with(|password| password.is_none_or(|password| password.is_set))
    }

    /// Returns whether the password may be removed. Reactive.
    pub fn can_remove_password(self) -> bool {
        self.password
            .with(|password| password.is_some_and(|password| password.can_be_removed))
    }

    /// Records whether there is a password now.
    pub fn set_password(self, is_set: bool) {
        self.password.try_set(Some(PasswordState {
            is_set,
            can_be_removed: false,
        }));
    }

    async fn reload_password(self) {
        if let Ok(password) = with_limit(LOADING_LIMIT, user::password()).await {
            set_if_changed(self.password, Some(password));
        }
    }

    /// Returns the number of signed-in devices. Reactive.
    pub fn device_count(self) -> usize {
        self.sessions.with(Vec::len)
    }

    /// Records whether the second factor is on.
    pub fn set_second_factor(self, is_on: bool) {
        self.profile
            .try_update(|profile| profile.otp_enabled = is_on);
        // Recovery codes came or went with it.
        spawn_local(self.reload_password());
    }

    /// Records that a device was signed out.
    pub fn remove_session(self, id: &str) {
        self.sessions
            .try_update(|sessions| sessions.retain(|session| session.id != id));
    }

    /// Reloads everything. If that fails, the page keeps showing what it has.
    pub fn reload_sessions(self) {
        spawn_local(self.reload());
    }

    async fn reload(self) {
        let (profile, sessions, activity, ()) = join4(
            user::view(),
            user::sessions(),
            user::activity(),
            self.reload_password(),
        )
        .await;
        // What has not changed is not rendered again, so that it keeps the focus.
        if let Ok(profile) = profile {
            set_if_changed(self.profile, profile);
        }
        if let Ok(sessions) = sessions {
            set_if_changed(self.sessions, sorted(sessions));
        }
        if activity.is_ok() {
            set_if_changed(self.activity, activity);
        }
    }

    /// Reloads the data when the page comes to the front, and tells the header who is signed in.
    pub fn keep_current(self) {
        Effect::new(move |_| {
            let is_admin = self.profile.with(|profile| profile.is_admin);
            identity::remember(self.shown_email(), is_admin);
        });
        let loaded_at = StoredValue::new(now());
        let listener = window_event_listener_untyped("visibilitychange", move |_| {
            let is_due = now().saturating_sub(loaded_at.get_value()) > PAUSE;
            if is_due && !document().hidden() {
                loaded_at.set_value(now());
                self.reload_sessions();
            }
        });
        on_cleanup(move || listener.remove());
    }
}

fn set_if_changed<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    // The page may have been left, and its signals disposed.
    if signal.try_with_untracked(|current| *current != value) == Some(true) {
        signal.try_set(value);
    }
}

fn sorted(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_by(|a, b| {
        let by_use = || b.last_used_at.cmp(&a.last_used_at);
        b.current.cmp(&a.current).then_with(by_use)
    });
    sessions
}

#[cfg(test)]
mod tests {
    use super::{Session, sorted};

    #[test]
    fn this_device_is_first_and_then_the_most_recently_used() {
        let session = |id: &str, last_used_at: &str, current| Session {
            id: id.to_owned(),
            created_at: String::new(),
            last_used_at: last_used_at.to_owned(),
            ip: String::new(),
            user_agent: String::new(),
            device: String::new(),
            current,
            trusted_until: None,
        };
        let sessions = vec![
            session("old", "2026-11-24T08:00:00Z", false),
            session("new", "2026-11-26T08:00:00Z", false),
            session("this", "2026-11-25T08:00:00Z", true),
        ];
        let ids: Vec<_> = sorted(sessions).into_iter().map(|one| one.id).collect();
        assert_eq!(ids, ["this", "new", "old"]);
    }
}
