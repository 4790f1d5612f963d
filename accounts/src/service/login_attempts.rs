//! Counts login attempts, so that passwords can't be guessed quickly.

use std::net::IpAddr;

use super::accounts::Accounts;
use crate::{
    crypto::device_token::{self, Nonce, TokenOwner},
    device::{ClientNetwork, Device},
    email::address::EmailAddress,
    error::Error,
    store::{
        sessions::Session,
        sign_in_failures::{self, AttemptDecision, AttemptSource, LoginAttempt},
        users::Credentials,
    },
};

/// How a counted attempt has ended.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    Right,
    Wrong,
    /// The password was not looked at.
    NotChecked,
}

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
        let (database, now) = (&self.0.database, self.now());
        let key = source.key(&self.0.master_secrets, email);
        if let Some(time) = LoginAttempt::wait(database, &key, now).await? {
            return Err(Error::Throttled(time));
        }
        let _turn = self.0.attempt_writers.turn().await?;
        match LoginAttempt::count(database, key, now).await? {
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
        let (database, now) = (&self.0.database, self.now());
        if let Some(nonce) = self.known_device(email, device).await? {
            return Ok(AttemptSource::KnownDevice(nonce));
        }
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

    /// Returns the nonce of a device that has signed in to the account with this email address and its
    /// present password before.
    pub(super) async fn known_device(
        &self,
        email: &EmailAddress,
        device: &Device,
    ) -> Result<Option<Nonce>, Error> {
        let kept = device.device_tokens.as_deref().unwrap_or_default();
        if !device_token::has_any(kept) {
            return Ok(None);
        }
        let account = Credentials::find(&self.0.database, email).await?;
        Ok(account.and_then(|account| {
            let masters = &self.0.master_secrets;
            device_token::find(masters, account.token_owner(), kept, self.now())
        }))
    }

    /// Returns what a device should store and send with its next sign-in, after its user has proved
    /// to own this account. Call it with the device key that belongs to the proof.
    pub(super) fn device_tokens(&self, owner: TokenOwner, device: &Device) -> Option<String> {
        self.0.throttle_failed_sign_ins.then(|| {
            let kept = device.device_tokens.as_deref();
            device_token::renew(
                &self.0.master_secrets,
                owner,
                kept,
                self.now(),
                self.random(),
            )
        })
    }

    /// Returns the hash of what identifies a device that has a token of this account, as trusted devices are stored.
    pub(super) fn trust_hash(&self, owner: TokenOwner, device: &Device) -> Option<Vec<u8>> {
        let (kept, masters) = (device.device_tokens.as_deref()?, &self.0.master_secrets);
        let nonce = device_token::find(masters, owner, kept, self.now())?;
        Some(device_token::trust_hash(owner.user_id, &nonce))
    }

    /// Returns what a device should store that is to be trusted, and the hash of what identifies it.
    pub(super) fn trustable_tokens(
        &self,
        owner: TokenOwner,
        device: &Device,
    ) -> Option<(String, Vec<u8>)> {
        let (masters, kept) = (&self.0.master_secrets, device.device_tokens.as_deref());
        let tokens = device_token::renew(masters, owner, kept, self.now(), self.random());
        let nonce = device_token::find(masters, owner, &tokens, self.now())?;
        Some((tokens, device_token::trust_hash(owner.user_id, &nonce)))
    }

    /// Ends all waits for failed sign-ins to the account with this email address, after its owner
    /// has proved to be who they are. That is no reason to fail.
    pub(super) async fn forget_failed_sign_ins(&self, email: &str) {
        let masters = &self.0.master_secrets;
        let email = EmailAddress::parse_existing(email)
            .map_or_else(|_| email.to_lowercase(), |email| email.to_lowercase());
        let forgotten = sign_in_failures::forget_all(&self.0.database, masters, &email).await;
        if let Err(error) = forgotten {
            tracing::warn!(%error, "can't forget failed sign-ins");
        }
    }

    /// Records the outcome of an attempt. A successful sign-in records its own.
    pub(super) async fn record_outcome(
        &self,
        attempt: &LoginAttempt,
        outcome: Outcome,
    ) -> Result<(), Error> {
        if matches!(outcome, Outcome::Wrong) && !attempt.is_followed_by_wait() {
            return Ok(());
        }
        let database = &self.0.database;
        let _turn = self.0.attempt_writers.turn().await?;
        match outcome {
            Outcome::Right => attempt.was_right(database).await,
            Outcome::Wrong => attempt.was_wrong(database, self.now()).await,
            Outcome::NotChecked => attempt.take_back(database).await,
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
