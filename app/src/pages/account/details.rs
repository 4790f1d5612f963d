use futures::future::join;
use leptos::{prelude::*, task::spawn_local};

use crate::api::{
    ApiError,
    user::{self, Event, Profile, Session},
};

/// What has happened to the account, or why that can't be told.
pub(super) type Activity = Result<Vec<Event>, ApiError>;

/// What the sections of the page show, and change.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// The user.
    pub profile: RwSignal<Profile>,
    /// The user's devices.
    pub sessions: RwSignal<Vec<Session>>,
    /// What has happened to the account.
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

    /// The address.
    pub fn email(self) -> String {
        self.profile.with(|profile| profile.email.clone())
    }

    /// Whether the address is proved.
    pub fn is_confirmed(self) -> bool {
        self.profile.with(|profile| profile.email_verified)
    }

    /// Whether signing in takes a second factor.
    pub fn has_second_factor(self) -> bool {
        self.profile.with(|profile| profile.otp_enabled)
    }

    /// Notes that the second factor is on or off now.
    pub fn set_second_factor(self, is_on: bool) {
        self.profile
            .try_update(|profile| profile.otp_enabled = is_on);
    }

    /// Looks which devices are left, and what has happened. Where that fails, what was known stays.
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
