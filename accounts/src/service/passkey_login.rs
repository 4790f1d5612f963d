//! Signs in with a passkey, completes the second factor with one, or proves again who the caller is.

use serde_json::Value;

use super::{accounts::Accounts, caller::Caller, passkeys::present};
use crate::{
    crypto::{
        passkey_challenge::{Ceremony, Challenge},
        passkeys::{Assertion, Refusal},
        token::TokenPair,
    },
    device::Device,
    email::signed_in_with::SignedInWith,
    error::Error,
    store::{
        audit_events::{self, Event, NewEvent},
        passkey_sign_ins::{ContinuedSession, NewSession, Outcome, PasskeyUse},
        passkeys::StoredPasskey,
        sessions::Replacement,
    },
    validation::Validator,
};

impl Accounts {
    /// Begins a sign-in. Returns what `PublicKeyCredential.parseRequestOptionsFromJSON()` takes. Nothing is
    /// stored.
    ///
    /// # Errors
    /// `NotPossible` for the address of this server.
    pub fn begin_passkey_login(&self) -> Result<Value, Error> {
        let relying_party = self.relying_party()?;
        let (masters, random) = (&self.0.master_secrets, self.random());
        let challenge = Challenge::new(masters, Ceremony::SignIn, self.now(), random);
        relying_party.request_options(&challenge)
    }

    /// Signs in with what an authenticator has signed. It completes every factor. A caller continues the
    /// own session: the second factor is complete, and it counts as a sign-in at this time.
    ///
    /// An unknown passkey gets the same response as a wrong signature, and takes as long.
    ///
    /// # Errors
    /// `NotPossible` for the address of this server; a field error for a missing credential;
    /// `InvalidCredentials`, also for a passkey of someone else than the caller; `InactiveAccount`, only with
    /// the right passkey; `TokenInvalid` when the caller was signed out in the meantime.
    pub async fn passkey_login(
        &self,
        credential: &Value,
        caller: Option<&Caller>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let mut validator = Validator::default();
        self.relying_party()?;
        let Some(credential) = present(&mut validator, credential) else {
            return Err(validator.into_error());
        };
        let result = self.use_passkey(credential, caller, device).await;
        self.metrics().sign_in(&result);
        result
    }

    async fn use_passkey(
        &self,
        credential: &Value,
        caller: Option<&Caller>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let now = self.now();
        let assertion = Assertion::parse(credential).ok_or(Error::InvalidCredentials)?;
        let (masters, bytes) = (&self.0.master_secrets, &assertion.challenge);
        let challenge = Challenge::read(masters, Ceremony::SignIn, bytes, now)
            .ok_or(Error::InvalidCredentials)?;
        let stored = StoredPasskey::find(&self.0.database, assertion.credential_id()).await?;
        let stored = stored.filter(|stored| assertion.is_of(stored.user_id));
        let verified = self.relying_party()?.verify_assertion(
            &assertion,
            &challenge,
            stored.as_ref().map(StoredPasskey::credential).as_ref(),
        );
        let (passkey, state) = match (stored, verified) {
            (Some(passkey), Ok(state)) => (passkey, state),
            (Some(passkey), Err(Refusal::Cloned)) => {
                let refused = self.event(Event::PasskeyRefused, passkey.user_id, device);
                self.record_event(&refused).await?;
                return Err(Error::InvalidCredentials);
            }
            _ => return Err(Error::InvalidCredentials),
        };
        let used = PasskeyUse {
            passkey: &passkey,
            state,
            challenge: &challenge,
            now,
        };
        match caller {
            Some(caller) if caller.user().id == passkey.user_id => {
                self.continue_with_passkey(&used, caller).await
            }
            Some(_) => Err(Error::InvalidCredentials),
            None => self.start_with_passkey(&used, device).await,
        }
    }

    async fn start_with_passkey(
        &self,
        used: &PasskeyUse<'_>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let (database, user_id) = (&self.0.database, used.passkey.user_id);
        let session_id = self.random().id();
        let new = NewSession {
            session_id,
            refresh_id: self.random().id(),
            expires_at: used.now.plus(self.0.lifetimes.session),
            device,
            event: &NewEvent {
                session_id: Some(session_id),
                ..self.event(Event::SignedIn, user_id, device)
            },
        };
        let notice = self
            .new_device_notice(user_id, session_id, SignedInWith::Secret, device)
            .await?;
        let outcome = used.start(database, &new).await;
        self.invalidate(user_id);
        if matches!(outcome, Ok(Outcome::SignedIn(..))) {
            self.announce_new_device(notice).await;
        }
        self.pair_after(outcome?, used)
    }

    async fn continue_with_passkey(
        &self,
        used: &PasskeyUse<'_>,
        caller: &Caller,
    ) -> Result<TokenPair, Error> {
        let user = caller.user();
        let is_pending = user.otp_enabled && !caller.second_factor;
        let session = if is_pending {
            self.completion(caller, used.now)
        } else {
            self.replacement(caller, true, used.now)
        };
        let continued = ContinuedSession {
            user,
            session: Replacement {
                is_reauthenticated: true,
                ..session
            },
            passed: &self.event_by(Event::SecondFactorPassed, caller),
            signed_in: &self.event_by(Event::SignedIn, caller),
            reauthenticated: &self.event_by(Event::Reauthenticated, caller),
        };
        let outcome = used.continue_session(&self.0.database, &continued).await;
        self.invalidate(user.id);
        self.pair_after(outcome?, used)
    }

    fn pair_after(&self, outcome: Outcome, used: &PasskeyUse<'_>) -> Result<TokenPair, Error> {
        match outcome {
            Outcome::SignedIn(user, session) => self.token_pair(&user, &session, used.now),
            Outcome::Refused => Err(Error::InvalidCredentials),
            Outcome::Inactive => Err(Error::InactiveAccount),
            Outcome::SessionEnded => Err(Error::TokenInvalid),
        }
    }

    /// Records an event of a request that changes nothing.
    async fn record_event(&self, event: &NewEvent) -> Result<(), Error> {
        let mut transaction = self.0.database.begin().await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await
    }
}
