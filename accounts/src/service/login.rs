//! Signs in with email address and password.

use super::{accounts::Accounts, login_attempts::Outcome};
use crate::{
    crypto::{
        password::{HashingPlace, Password, Verified},
        token::TokenPair,
    },
    device::Device,
    email::{address::EmailAddress, signed_in_with::SignedInWith},
    error::Error,
    store::{
        audit_events::{Event, NewEvent},
        sessions::{Session, SignIn, SignInProof},
        sign_in_failures::LoginAttempt,
        users::Credentials,
    },
    validation::Validator,
};

/// How often a sign-in is tried again because a concurrent one has replaced the password hash.
const ATTEMPTS: usize = 3;

/// The result of a sign-in.
pub struct SignedIn {
    /// The tokens of the new session.
    pub tokens: TokenPair,
    /// What the device should store and send with its next sign-in.
    pub device_tokens: Option<String>,
}

impl Accounts {
    /// Signs in and starts a session on this device.
    ///
    /// An unknown email takes as long as a wrong password, and gets the same response.
    ///
    /// # Errors
    /// `InvalidCredentials`; `InactiveAccount`, only with the right password; `Throttled` after many
    /// failures, whatever the password; field errors for missing fields; `Overloaded`.
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
        let email = EmailAddress::parse_existing(email).ok();
        let result = self
            .sign_in(email.as_ref(), &Password::new(password), device)
            .await;
        self.metrics().sign_in(&result);
        result
    }

    /// Signs in. Without an email address, which means that what was entered is none, this always
    /// fails. The place in the hashing queue comes first: without one, nothing is counted.
    async fn sign_in(
        &self,
        email: Option<&EmailAddress>,
        password: &Password,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let place = self.0.hasher.reserve()?;
        let attempt = match email {
            Some(email) if self.0.throttle_failed_sign_ins => {
                Some(self.start_login_attempt(email, device).await?)
            }
            _ => None,
        };
        let mut result = Ok(None);
        for _ in 0..ATTEMPTS {
            result = self
                .try_login(email, password, device, attempt.as_ref(), &place)
                .await;
            if !matches!(result, Ok(None)) {
                break;
            }
        }
        let result = result.and_then(|signed_in| signed_in.ok_or(Error::Overloaded));
        if let Some(attempt) = &attempt {
            match &result {
                // It is recorded with the session.
                Ok(_) => {}
                Err(Error::InvalidCredentials) => {
                    self.record_outcome(attempt, Outcome::Wrong).await?;
                }
                Err(Error::InactiveAccount) => {
                    self.record_outcome(attempt, Outcome::Right).await?;
                }
                Err(_) => self.record_outcome(attempt, Outcome::NotChecked).await?,
            }
        }
        result
    }

    /// Returns `None` when the user was changed between checking the password and using it.
    async fn try_login(
        &self,
        email: Option<&EmailAddress>,
        password: &Password,
        device: &Device,
        attempt: Option<&LoginAttempt>,
        place: &HashingPlace,
    ) -> Result<Option<SignedIn>, Error> {
        let database = &self.0.database;
        let user = match email {
            Some(email) => Credentials::find(database, email).await?,
            None => None,
        };
        let stored = user.as_ref().map(|user| user.password_hash.as_str());
        let (password, salt) = (password.clone(), self.random().bytes());
        let verified = place.verify(password, stored, salt).await?;
        let Some(user) = user else {
            return Err(Error::InvalidCredentials);
        };
        let new_hash = match verified {
            Verified::Wrong => {
                self.sign_in_failed(user.id, device);
                return Err(Error::InvalidCredentials);
            }
            _ if !user.is_active => return Err(Error::InactiveAccount),
            Verified::Right => None,
            Verified::RightWithNewHash(hash) => Some(hash),
        };
        let (session_id, now) = (self.random().id(), self.now());
        let sign_in = SignIn {
            user_id: user.id,
            proof: SignInProof::Password {
                checked_hash: &user.password_hash,
                new_hash: new_hash.as_ref().unwrap_or(&user.password_hash),
            },
            session_id,
            refresh_id: self.random().id(),
            now,
            expires_at: now.plus(self.0.lifetimes.session),
            device,
            trust_hash: self.trust_hash(user.token_owner(), device),
            attempt,
            event: NewEvent {
                session_id: Some(session_id),
                ..self.event(Event::SignedIn, user.id, device)
            },
            pending_event: self.event(Event::SignInPending, user.id, device),
        };
        let with = SignedInWith::Secret;
        let notice = self
            .new_device_notice(user.id, session_id, with, device)
            .await?;
        let started = Session::start(database, &sign_in).await;
        self.invalidate(user.id);
        if matches!(started, Ok(Some(_))) {
            self.announce_new_device(notice).await;
        }
        match started? {
            Some((signed_in, session)) => Ok(Some(SignedIn {
                tokens: self.token_pair(&signed_in, &session, now)?,
                device_tokens: self.device_tokens(user.token_owner(), device),
            })),
            None => Ok(None),
        }
    }
}
