//! Signing in.

use super::Accounts;
use crate::{
    Device, Error, Given, Session, TokenPair,
    audit::{Event, NewEvent},
    email::Email,
    fields::Checks,
    password::{Password, Verified},
    session::SignIn,
    user::Credentials,
};

/// How often a sign-in is tried again because another one has renewed the password's hash
/// meanwhile.
const ATTEMPTS: usize = 3;

impl Accounts {
    /// Signs in and starts a session on this device.
    ///
    /// An unknown email takes as long as a wrong password and is answered alike.
    ///
    /// # Errors
    /// `InvalidCredentials`; `InactiveAccount`, only to who knows the password; field errors for
    /// missing fields; `Overloaded`.
    pub async fn login(
        &self,
        email: Given<'_>,
        password: Given<'_>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let mut checks = Checks::default();
        let email = checks.required("email", email);
        let password = checks.required("password", password);
        let (Some(email), Some(password)) = (email, password) else {
            return Err(checks.into_error());
        };
        let email = Email::parse(email).ok();
        let password = Password::new(password);
        for _ in 0..ATTEMPTS {
            if let Some(pair) = self.try_login(email.as_ref(), &password, device).await? {
                return Ok(pair);
            }
        }
        Err(Error::Overloaded)
    }

    /// Gives nothing when the user was changed between the check of the password and its use.
    async fn try_login(
        &self,
        email: Option<&Email>,
        password: &Password,
        device: &Device,
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
