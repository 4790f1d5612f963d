//! Signing in.

use std::net::IpAddr;

use super::Accounts;
use crate::{
    ClientNetwork, Device, Error, Session, Timestamp, TokenPair,
    crypto::device_token,
    crypto::password::{Password, Verified},
    email::address::Email,
    store::audit_events::{Event, NewEvent},
    store::sessions::SignIn,
    store::sign_in_failures::{self, AttemptDecision, AttemptSource, LoginAttempt},
    store::users::Credentials,
    validation::Validator,
};

/// How often a sign-in is tried again because another one has renewed the password's hash
/// meanwhile.
const ATTEMPTS: usize = 3;

/// What a sign-in gives.
pub struct SignedIn {
    /// The tokens of the new session.
    pub tokens: TokenPair,
    /// What the device is to keep and to show at its next sign-in, however long from now.
    pub device_tokens: Option<String>,
}

impl Accounts {
    /// Signs in and starts a session on this device.
    ///
    /// An unknown email takes as long as a wrong password and is answered alike.
    ///
    /// # Errors
    /// `InvalidCredentials`; `InactiveAccount`, only to who knows the password; `Throttled` after
    /// many failures, whatever the password; field errors for missing fields; `Overloaded`.
    pub async fn login(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let mut validator = Validator::default();
        let email = validator.required("email", email);
        let password = validator.required("password", password);
        let (Some(email), Some(password)) = (email, password) else {
            return Err(validator.into_error());
        };
        let email = Email::parse(email).ok();
        let result = self
            .sign_in(email.as_ref(), &Password::new(password), device)
            .await;
        self.metrics().sign_in(&result);
        result
    }

    /// The same with what may be an address and its password.
    async fn sign_in(
        &self,
        email: Option<&Email>,
        password: &Password,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let guess = match email {
            Some(email) if self.0.delays_sign_ins => Some(self.count_guess(email, device).await?),
            _ => None,
        };
        let mut result = Ok(None);
        for _ in 0..ATTEMPTS {
            result = self
                .try_login(email, password, device, guess.as_ref())
                .await;
            if !matches!(result, Ok(None)) {
                break;
            }
        }
        let result = result.and_then(|pair| pair.ok_or(Error::Overloaded));
        if let Some(guess) = &guess {
            self.settle(guess, result.as_ref().err()).await?;
        }
        let device_tokens = match (email, &guess) {
            (Some(email), Some(_)) => Some(device_token::renew(
                &self.0.master_secrets,
                &email.to_lowercase(),
                device.device_tokens.as_deref(),
                self.random(),
            )),
            _ => None,
        };
        result.map(|tokens| SignedIn {
            tokens,
            device_tokens,
        })
    }

    /// Counts a guess as a failure until it proves right.
    ///
    /// All that is looked at exists for an address without an account as well, or is looked for in
    /// the same way, so that no answer tells whether there is one.
    async fn count_guess(&self, email: &Email, device: &Device) -> Result<LoginAttempt, Error> {
        let address = email.to_lowercase();
        let guesser = self.guesser(email, &address, device, self.now()).await?;
        self.admit(guesser, &address).await
    }

    /// Counts a guess at the password of this address's account, unless this one has to wait.
    pub(super) async fn admit(
        &self,
        guesser: AttemptSource,
        address: &str,
    ) -> Result<LoginAttempt, Error> {
        let key = guesser.key(&self.0.master_secrets, address);
        match LoginAttempt::count(&self.0.database, key, self.now()).await? {
            AttemptDecision::Allowed(guess) => Ok(guess),
            AttemptDecision::Blocked(time) => Err(Error::Throttled(time)),
        }
    }

    async fn guesser(
        &self,
        email: &Email,
        address: &str,
        device: &Device,
        now: Timestamp,
    ) -> Result<AttemptSource, Error> {
        let kept = device.device_tokens.as_deref();
        let nonce = kept.and_then(|kept| device_token::find(&self.0.master_secrets, address, kept));
        if let Some(nonce) = nonce {
            return Ok(AttemptSource::KnownDevice(nonce));
        }
        let database = &self.0.database;
        let known = Session::addresses(database, email, now, self.idle_since(now)).await?;
        let is_neighbour = known
            .iter()
            .filter_map(|ip| ip.parse::<IpAddr>().ok())
            .any(|ip| ClientNetwork::from(ip) == device.network);
        Ok(if is_neighbour {
            AttemptSource::KnownNetwork(device.network)
        } else {
            AttemptSource::Unknown
        })
    }

    /// Says what became of a guess. That a sign-in has succeeded is known already.
    async fn settle(&self, guess: &LoginAttempt, failure: Option<&Error>) -> Result<(), Error> {
        let database = &self.0.database;
        match failure {
            None => Ok(()),
            Some(Error::InvalidCredentials) => guess.was_wrong(database, self.now()).await,
            Some(Error::InactiveAccount) => guess.was_right(database).await,
            Some(_) => guess.take_back(database).await,
        }
    }

    /// Removes failures of sign-ins that are too old to matter, so many at most; how many it were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_old_sign_in_failures(&self, limit: u32) -> Result<u64, Error> {
        sign_in_failures::remove_old(&self.0.database, self.now(), limit).await
    }

    /// Gives nothing when the user was changed between the check of the password and its use.
    async fn try_login(
        &self,
        email: Option<&Email>,
        password: &Password,
        device: &Device,
        guess: Option<&LoginAttempt>,
    ) -> Result<Option<TokenPair>, Error> {
        let database = &self.0.database;
        let random = self.random();
        let known = match email {
            Some(email) => Credentials::find(database, email).await?,
            None => None,
        };
        let stored = known.as_ref().map(|known| known.password_hash.as_str());
        let verified = self
            .0
            .hasher
            .verify(password.clone(), stored, random.bytes())
            .await?;
        let Some(known) = known else {
            return Err(Error::InvalidCredentials);
        };
        if verified == Verified::Wrong {
            self.sign_in_failed(known.id, device);
            return Err(Error::InvalidCredentials);
        }
        if !known.is_active {
            return Err(Error::InactiveAccount);
        }
        let (session_id, now) = (random.id(), self.now());
        let sign_in = SignIn {
            user_id: known.id,
            checked_hash: &known.password_hash,
            new_hash: match &verified {
                Verified::RightWithNewHash(hash) => hash,
                _ => &known.password_hash,
            },
            session_id,
            refresh_id: random.id(),
            now,
            expires_at: now.plus(self.0.lifetimes.session),
            device,
            guess,
            event: NewEvent {
                session_id: Some(session_id),
                ..self.event(Event::SignedIn, known.id, device)
            },
        };
        let started = Session::start(database, &sign_in).await;
        self.forget(known.id);
        match started? {
            Some((user, session)) => self.token_pair(&user, &session, now).map(Some),
            None => Ok(None),
        }
    }
}
