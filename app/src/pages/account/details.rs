use leptos::{prelude::*, task::spawn_local};

use crate::api::user::{self, Profile, Session};

/// What the sections of the page show, and change.
#[derive(Clone, Copy)]
pub(super) struct Details {
    /// The user.
    pub profile: RwSignal<Profile>,
    /// The user's devices.
    pub sessions: RwSignal<Vec<Session>>,
}

impl Details {
    pub fn new(profile: Profile, sessions: Vec<Session>) -> Self {
        Self {
            profile: RwSignal::new(profile),
            sessions: RwSignal::new(sessions),
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

    /// Looks which devices are left. Where that fails, those that were known stay.
    pub fn reload_sessions(self) {
        spawn_local(async move {
            if let Ok(sessions) = user::sessions().await {
                self.sessions.try_set(sessions);
            }
        });
    }
}
