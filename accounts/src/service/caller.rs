//! The caller of a use case: the user and session of a valid access token.

use std::{ops::Deref, sync::Arc};

use crate::{cache::CachedUser, clock::Timestamp, device::Device, id::Id, store::users::User};

/// The user and session of a valid access token, whose second factor may still be pending. Such a
/// caller may only complete the second factor or sign out.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) cached: Arc<CachedUser>,
    /// The session that the token belongs to.
    pub session_id: Id,
    /// Whether the token has completed the second factor.
    pub(super) second_factor: bool,
    /// Whether the session was started, or the user proved again, with a passkey.
    pub(super) has_passkey: bool,
    /// When the user last proved who they are in this session; `None` in tokens of earlier versions.
    pub(super) authenticated_at: Option<Timestamp>,
    /// The device that sent the request.
    pub(super) device: Arc<Device>,
}

/// A caller who has completed every factor that the account has, but may have to set up a second one. Use
/// cases that take this type are what is needed for that.
#[derive(Clone, Debug)]
pub struct Enrolling(pub(super) Caller);

/// A caller who has completed every factor that the account requires. Use cases that take this type
/// can't be reached with a token whose second factor is pending, or by a user who still has to set it up.
#[derive(Clone, Debug)]
pub struct Authorized(pub(super) Enrolling);

impl Caller {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.cached.user
    }
}

impl Deref for Enrolling {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Deref for Authorized {
    type Target = Enrolling;

    fn deref(&self) -> &Enrolling {
        &self.0
    }
}
