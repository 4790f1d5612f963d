//! Counts login attempts, so that passwords can't be guessed quickly.

use std::net::IpAddr;

use super::accounts::Accounts;
use crate::{
    crypto::device_token,
    device::{ClientNetwork, Device},
    email::address::EmailAddress,
    error::Error,
    store::{
        sessions::Session,
        sign_in_failures::{self, AttemptDecision, AttemptSource, LoginAttempt},
    },
};

impl Accounts {
    /// Counts an attempt as a failure until it succeeds.
    ///
    /// Everything this reads exists for an email address without an account as well, or is looked up
    /// in the same way, so that no response reveals whether there is an account.
    pub(super) async fn start_login_attempt(
        &self,
        email: &EmailAddress,
        device: &Device,
    ) -> Result<LoginAttempt, Error> {
        let source = self.attempt_source(email, device).await?;
        self.start_attempt(source, &email.to_lowercase()).await
    }

    /// Counts an attempt at the password of the account with this email address, in lower case.
    ///
    /// # Errors
    /// `Throttled` when this source has to wait.
    pub(super) async fn start_attempt(
        &self,
        source: AttemptSource,
        email: &str,
    ) -> Result<LoginAttempt, Error> {
        let key = source.key(&self.0.master_secrets, email);
        match LoginAttempt::count(&self.0.database, key, self.now()).await? {
            AttemptDecision::Allowed(attempt) => Ok(attempt),
            AttemptDecision::Blocked(time) => Err(Error::Throttled(time)),
        }
    }

    /// Finds out whether a client is known to this account.
    async fn attempt_source(
        &self,
        email: &EmailAddress,
        device: &Device,
    ) -> Result<AttemptSource, Error> {
        let (masters, now) = (&self.0.master_secrets, self.now());
        let nonce = device
            .device_tokens
            .as_deref()
            .and_then(|tokens| device_token::find(masters, &email.to_lowercase(), tokens));
        if let Some(nonce) = nonce {
            return Ok(AttemptSource::KnownDevice(nonce));
        }
        let database = &self.0.database;
        let known = Session::addresses(database, email, now, self.idle_since(now)).await?;
        let is_known = known
            .iter()
            .filter_map(|ip| ip.parse::<IpAddr>().ok())
            .any(|ip| ClientNetwork::from(ip) == device.network);
        Ok(if is_known {
            AttemptSource::KnownNetwork(device.network)
        } else {
            AttemptSource::Unknown
        })
    }

    /// Records the outcome of an attempt. A successful sign-in has recorded its own already.
    pub(super) async fn record_outcome(
        &self,
        attempt: &LoginAttempt,
        failure: Option<&Error>,
    ) -> Result<(), Error> {
        let database = &self.0.database;
        match failure {
            None => Ok(()),
            Some(Error::InvalidCredentials) => attempt.was_wrong(database, self.now()).await,
            Some(Error::InactiveAccount) => attempt.was_right(database).await,
            Some(_) => attempt.take_back(database).await,
        }
    }

    /// Removes up to `limit` failures that are too old to matter. Returns the number of deleted rows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_old_sign_in_failures(&self, limit: u32) -> Result<u64, Error> {
        sign_in_failures::remove_old(&self.0.database, self.now(), limit).await
    }
}
