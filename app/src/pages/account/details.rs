//! The account's data that the sections of the page share.

use futures::future::join;
use leptos::{prelude::*, task::spawn_local};

use crate::{
    api::{
        ApiError,
        user::{self, Event, Profile, Session},
    },
    email::email_for_display,
};

/// The account's recent events, or the error of loading them.
pub(super) type Activity = Result<Vec<Event>, ApiError>;

/// The account's data that the sections of the page share.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// The user.
    pub profile: RwSignal<Profile>,
    /// The signed-in devices.
    pub sessions: RwSignal<Vec<Session>>,
    /// The recent events.
    pub activity: RwSignal<Activity>,
}

impl Details {
    pub fn new(profile: Profile, sessions: Vec<Session>, activity: Activity) -> Self {
        Self {
            profile: RwSignal::new(profile),
            sessions: RwSignal::new(sessions),
            activity: RwSignal::new(activity),
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

    /// Records whether the second factor is on.
    pub fn set_second_factor(self, is_on: bool) {
        self.profile
            .try_update(|profile| profile.otp_enabled = is_on);
    }

    /// Reloads the devices and events. If that fails, the page keeps showing the previous ones.
    pub fn reload_sessions(self) {
        spawn_local(async move {
            let (sessions, activity) = join(user::sessions(), user::activity()).await;
            if let Ok(sessions) = sessions {
                self.sessions.try_set(sessions);
            }
            if activity.is_ok() {
                self.activity.try_set(activity);
            }
        });
    }
}
