//! Who may administer users: administrators, services with a key, and operators on the server itself.

use std::{sync::Arc, time::Duration};

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller},
};
use crate::{
    clock::CLOCK_SKEW,
    device::Device,
    error::Error,
    id::Id,
    store::{
        administrators::Guard,
        audit_events::{Actor, Event, NewEvent},
        service_keys::Scope,
    },
};

/// How long after a sign-in an administrator may make changes that could do much harm.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// How each service key begins. No token does.
const SERVICE_KEY: &str = "lk_";

/// Someone who may administer users.
#[derive(Clone, Debug)]
pub struct Administrator(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A user with `is_admin`.
    User(Authorized),
    /// A service. It never changes administrators.
    Service { key: Id, device: Arc<Device> },
    /// An operator on the server itself.
    Operator,
}

impl Administrator {
    /// An operator on the server itself, who may do everything.
    #[must_use]
    pub fn operator() -> Self {
        Self(Kind::Operator)
    }

    /// The user and session, if this is a user.
    #[must_use]
    pub fn user(&self) -> Option<&Authorized> {
        match &self.0 {
            Kind::User(caller) => Some(caller),
            Kind::Service { .. } | Kind::Operator => None,
        }
    }

    /// The id of the service key, if this is a service.
    #[must_use]
    pub fn service_key(&self) -> Option<Id> {
        match self.0 {
            Kind::Service { key, .. } => Some(key),
            Kind::User(_) | Kind::Operator => None,
        }
    }

    /// What must still hold at the moment of a change.
    pub(super) fn guard(&self) -> Guard {
        Guard {
            administrator: self.user().map(|caller| caller.user().id),
            spares_administrators: self.service_key().is_some(),
        }
    }

    /// Refuses services.
    pub(super) fn require_person(&self) -> Result<(), Error> {
        match self.0 {
            Kind::Service { .. } => Err(Error::PermissionDenied),
            Kind::User(_) | Kind::Operator => Ok(()),
        }
    }

    /// The columns of an audit event that say who it was, and on which device.
    pub(super) fn actor(&self) -> (Option<Actor>, Option<&Device>) {
        match &self.0 {
            Kind::User(caller) => (Some(Actor::User(caller.user().id)), Some(&caller.device)),
            Kind::Service { key, device } => (Some(Actor::ServiceKey(*key)), Some(device)),
            Kind::Operator => (None, None),
        }
    }
}

impl Accounts {
    /// Returns who has sent an access token or a service key, if that allows what the scope says.
    ///
    /// # Errors
    /// `PermissionDenied` for users who are no administrators, and service keys without the scope; the
    /// other errors of tokens and service keys.
    pub async fn administrator(
        &self,
        credentials: &str,
        scope: Scope,
        device: &Arc<Device>,
    ) -> Result<Administrator, Error> {
        if credentials.starts_with(SERVICE_KEY) {
            let key = self.authenticate_service_key(credentials, scope).await?;
            let device = device.clone();
            return Ok(Administrator(Kind::Service { key, device }));
        }
        let caller = self.authorize(credentials, device).await?;
        if caller.user().is_admin {
            Ok(Administrator(Kind::User(caller)))
        } else {
            Err(Error::PermissionDenied)
        }
    }

    /// Checks that an administrator has signed in a short time ago. Services and operators have nothing to
    /// sign in with.
    pub(super) fn require_recent_sign_in(
        &self,
        administrator: &Administrator,
    ) -> Result<(), Error> {
        let Some(caller) = administrator.user() else {
            return Ok(());
        };
        self.require_recent_sign_in_of(caller)
    }

    /// Checks that the caller has signed in a short time ago.
    pub(super) fn require_recent_sign_in_of(&self, caller: &Caller) -> Result<(), Error> {
        let now = self.now();
        let is_recent = caller
            .authenticated_at
            .is_some_and(|at| now.since(at) <= RECENT && at <= now.plus(CLOCK_SKEW));
        if is_recent {
            Ok(())
        } else {
            Err(Error::ReauthenticationRequired)
        }
    }

    /// Creates an event that an administrator causes now in the account of a user.
    pub(super) fn event_of(
        &self,
        event: Event,
        user_id: Id,
        administrator: &Administrator,
    ) -> NewEvent {
        let (actor, device) = administrator.actor();
        let event = match device {
            Some(device) => self.event(event, user_id, device),
            None => self.event_without_device(event, user_id),
        };
        NewEvent { actor, ..event }
    }
}
