//! Adds, lists, renames and removes passkeys.

use std::time::Duration;

use languages::tr_later;
use serde_json::Value;

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller, Enrolling},
    fields::{id_and_name, label},
    totp::require_verified_email,
};
use crate::{
    clock::CLOCK_SKEW,
    crypto::{
        passkey_challenge::{Ceremony, Challenge},
        passkeys::{Attestation, PasskeyUser, RelyingParty},
    },
    device::device_name,
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        passkeys::{self, Added, NewPasskey, Passkey, Removal, Removed},
    },
    validation::{Validator, required_field},
};

/// The field with what the authenticator has created or signed.
pub(super) const CREDENTIAL: &str = "credential";

/// For how long a passkey stands for the password, where one is asked for.
const RECENT: Duration = Duration::from_secs(5 * 60);

const NOT_VERIFIED: &str = tr_later("This passkey could not be verified. Try again.");

const EXPIRED: &str = tr_later("This took too long, or was already used. Try again.");

const DUPLICATE: &str = tr_later("This passkey is already in use.");

const LAST_WAY: &str =
    tr_later("This is your only way to sign in. Choose a password first, or add another passkey.");

const REQUIRED: &str = tr_later(
    "Your account must have two-factor authentication, and this is your only second factor.",
);

const TOO_MANY: &str = tr_later("You have 20 passkeys. Remove one first.");

impl Accounts {
    /// Begins to add a passkey. Returns what `PublicKeyCredential.parseCreationOptionsFromJSON()` takes.
    /// Nothing is stored yet.
    ///
    /// # Errors
    /// `NotPossible` for the address of this server; `EmailUnverified`; a field error when the password is
    /// missing or wrong, unless a passkey was used within 5 minutes; `Conflict` with 20 passkeys;
    /// `Throttled`; `Overloaded`.
    pub async fn begin_passkey(
        &self,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<Value, Error> {
        let relying_party = self.relying_party()?;
        require_verified_email(caller)?;
        self.check_set_up(caller).await?;
        self.confirm_with_passkey(caller, current_password).await?;
        let user = caller.user();
        let existing = passkeys::credential_ids(&self.0.database, user.id).await?;
        if existing.len() >= passkeys::LIMIT as usize {
            return Err(Error::Conflict(TOO_MANY));
        }
        let (masters, ceremony) = (&self.0.master_secrets, registration(caller));
        let challenge = Challenge::new(masters, ceremony, self.now(), self.random());
        let shown = PasskeyUser {
            id: user.id,
            email: &user.email,
            name: &user.name,
        };
        relying_party.creation_options(&shown, existing, &challenge)
    }

    /// Adds the passkey that an authenticator has created. Without a name, it gets that of the device.
    ///
    /// # Errors
    /// `NotPossible` for the address of this server; `EmailUnverified`; field errors for a credential that
    /// is missing, can't be verified, or was created too long ago or for another session, for one that
    /// someone has already, and for a name that is too long; `Conflict` with 20 passkeys; `TokenInvalid`
    /// when the caller was signed out in the meantime.
    pub async fn add_passkey(
        &self,
        caller: &Enrolling,
        credential: &Value,
        name: Option<&str>,
    ) -> Result<Passkey, Error> {
        let relying_party = self.relying_party()?;
        require_verified_email(caller)?;
        self.check_set_up(caller).await?;
        let mut validator = Validator::default();
        let default_name = device_name(&caller.device.user_agent);
        let name = label(&mut validator, name.unwrap_or(&default_name));
        let (Some(credential), Some(name)) = (present(&mut validator, credential), name) else {
            return Err(validator.into_error());
        };
        let refused = || Error::field(CREDENTIAL, NOT_VERIFIED);
        let now = self.now();
        let attestation = Attestation::parse(credential).ok_or_else(refused)?;
        let (masters, bytes) = (&self.0.master_secrets, &attestation.challenge);
        let challenge = Challenge::read(masters, registration(caller), bytes, now)
            .ok_or(Error::field(CREDENTIAL, EXPIRED))?;
        let verified = relying_party.verify_attestation(&attestation, &challenge);
        let verified = verified.map_err(|_| refused())?;
        let template = EmailTemplate::PasskeyAdded { name: name.clone() };
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(caller.user(), template, origin, now)?;
        let new = NewPasskey {
            id: self.random().id(),
            user: caller.user(),
            credential: &verified,
            name: &name,
            challenge: &challenge,
            now,
            notice: notice.as_ref(),
            event: &self.event_by(Event::PasskeyAdded, caller),
        };
        match new.add(&self.0.database).await? {
            Added::Done => {}
            Added::ChallengeUsed => return Err(Error::field(CREDENTIAL, EXPIRED)),
            Added::TooMany => return Err(Error::Conflict(TOO_MANY)),
            Added::Duplicate => return Err(Error::field(CREDENTIAL, DUPLICATE)),
            Added::SessionEnded => return Err(Error::TokenInvalid),
        }
        self.notify_email_worker();
        Ok(Passkey {
            id: new.id,
            created_at: now,
            last_used_at: None,
            backed_up: verified.state.backed_up,
            name,
        })
    }

    /// Returns the caller's passkeys, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn passkeys(&self, caller: &Enrolling) -> Result<Vec<Passkey>, Error> {
        Passkey::list(&self.0.database, caller.user().id).await
    }

    /// Renames one of the caller's passkeys.
    ///
    /// # Errors
    /// Field errors for what is missing, and for a name that is too long; `NotFound` for an id that is not
    /// one of the caller's passkeys.
    pub async fn rename_passkey(
        &self,
        caller: &Authorized,
        id: Option<&str>,
        name: Option<&str>,
    ) -> Result<(), Error> {
        let (id, name) = id_and_name(id, name)?;
        let renamed = Passkey::rename(&self.0.database, caller.user().id, id, &name).await?;
        if renamed {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    }

    /// Removes one of the caller's passkeys. The sessions that it has started end, except the caller's.
    ///
    /// # Errors
    /// Field errors for a missing id, and when the password is missing or wrong, unless a passkey was used
    /// within 5 minutes; `NotFound` for an id that is not one of the caller's passkeys; `Conflict` if the caller
    /// could not sign in any more, or must have a second factor and has no other; `TokenInvalid` when the caller was signed out in the meantime; `Throttled`;
    /// `Overloaded`.
    pub async fn remove_passkey(
        &self,
        caller: &Authorized,
        id: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let (database, user) = (&self.0.database, caller.user());
        let id = required_field("id", id)?;
        self.confirm_with_passkey(caller, current_password).await?;
        let id: Id = id.parse().map_err(|_| Error::NotFound)?;
        let passkey = Passkey::find(database, user.id, id).await?;
        let now = self.now();
        let template = EmailTemplate::PasskeyRemoved {
            name: passkey.ok_or(Error::NotFound)?.name,
        };
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, template, origin, now)?;
        let removal = Removal {
            policy: self.0.require_second_factor,
            user,
            id,
            session_id: caller.session_id,
            notice: notice.as_ref(),
            event: &self.event_by(Event::PasskeyRemoved, caller),
        };
        let removed = removal.apply(database).await;
        self.invalidate(user.id);
        self.notify_email_worker();
        match removed? {
            Removed::Done => Ok(()),
            Removed::Unknown => Err(Error::NotFound),
            Removed::IsLast => Err(Error::Conflict(LAST_WAY)),
            Removed::IsRequired => Err(Error::Conflict(REQUIRED)),
            Removed::SessionEnded => Err(Error::TokenInvalid),
        }
    }

    /// Checks the caller's password, or that the session has used a passkey a short time ago.
    async fn confirm_with_passkey(
        &self,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        if current_password.is_none() && self.has_recent_passkey(caller) {
            return Ok(());
        }
        self.confirm_password(caller, current_password)
            .await
            .map(drop)
    }

    /// Whether the caller's session has used a passkey a short time ago.
    pub(super) fn has_recent_passkey(&self, caller: &Caller) -> bool {
        let now = self.now();
        caller.has_passkey
            && caller
                .authenticated_at
                .is_some_and(|at| now.since(at) <= RECENT && at <= now.plus(CLOCK_SKEW))
    }

    /// This server as relying party.
    ///
    /// # Errors
    /// `NotPossible`, if browsers refuse passkeys for the address of this server.
    pub(super) fn relying_party(&self) -> Result<&RelyingParty, Error> {
        let relying_party = self.0.relying_party.as_ref();
        relying_party.map_err(|reason| Error::NotPossible(reason))
    }
}

/// Only the session that has begun can add the passkey.
fn registration(caller: &Caller) -> Ceremony {
    Ceremony::Registration {
        user_id: caller.user().id,
        session_id: caller.session_id,
    }
}

/// Returns what the authenticator has returned, if it is there. Otherwise the validator has the error.
pub(super) fn present<'a>(validator: &mut Validator, credential: &'a Value) -> Option<&'a Value> {
    match credential {
        Value::Null => validator.required(CREDENTIAL, None).map(|_| credential),
        Value::String(text) => validator
            .required(CREDENTIAL, Some(text))
            .map(|_| credential),
        other => Some(other),
    }
}
