//! The second factor: setting it up, passing it, and removing it.

use super::{Accounts, Authorized, Identified};
use crate::{
    Error, TokenPair, TotpSetup,
    crypto::{
        encryption::Purpose,
        recovery_codes,
        totp::{self, Seed},
    },
    email::template::EmailTemplate,
    store::audit_events::Event,
    store::second_factors::{self, Attempt, EncryptedTotpSecrets, Factor, OnSuccess, Outcome},
    store::users::Rekey,
    validation::required_field,
};

const CODE: &str = "code";

/// How many seeds are sealed anew in one go.
const RESEAL_BATCH: u32 = 100;

impl Accounts {
    /// Begins to set up an authenticator app. Nothing changes for the user until its first code.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `TokenInvalid` when the caller was
    /// signed out meanwhile; `Overloaded`.
    pub async fn begin_totp(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<TotpSetup, Error> {
        self.confirm_password(caller, current_password).await?;
        let user = caller.user();
        let seed = Seed::new(self.random());
        let sealed = self.0.master_secrets.encrypt(
            Purpose::TotpSecret,
            user.id,
            seed.as_bytes(),
            self.random(),
        );
        if !second_factors::begin_setup(&self.0.database, user, &sealed).await? {
            return Err(Error::TokenInvalid);
        }
        let issuer = totp::issuer(&self.0.public_url);
        seed.setup(&issuer, &user.email)
    }

    /// Turns the second factor on, with the first code of the app that was set up; gives the tokens
    /// that have passed it, and new recovery codes. Other sessions have it still to pass.
    ///
    /// # Errors
    /// A field error for a code that is missing or wrong, and when no app was set up; `Throttled`;
    /// `TokenInvalid` when the caller was signed out meanwhile.
    pub async fn confirm_totp(
        &self,
        caller: &Authorized,
        code: Option<&str>,
    ) -> Result<(TokenPair, Vec<String>), Error> {
        let code = required_field(CODE, code)?;
        let now = self.now();
        let user = caller.user();
        let (codes, hashes) = self.new_recovery_codes(user.id);
        let mail = self.letter(user.id, &user.email, EmailTemplate::SecondFactorOn, now)?;
        let step_of = |sealed: &[u8]| self.step_of(user.id, sealed, code);
        let attempt = Attempt {
            user_id: user.id,
            factor: Factor::NewCode(&step_of),
            on_success: OnSuccess::TurnOn {
                recovery_hashes: &hashes,
                mail: &mail,
            },
            session: self.replacement(caller, true, now),
            passed: self.event_by(Event::SecondFactorOn, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
        };
        let pair = match self.attempt(caller, &attempt).await {
            Err(Error::PermissionDenied) => Err(Error::field(
                CODE,
                "Set up an authenticator app first, then enter its code.",
            )),
            result => result,
        }?;
        Ok((pair, codes))
    }

    /// Passes the second factor with a code of the authenticator app.
    ///
    /// # Errors
    /// A field error for a code that is missing, wrong or used; `Throttled`; `PermissionDenied`
    /// without a second factor; `TokenInvalid` when the caller was signed out meanwhile.
    pub async fn pass_totp(
        &self,
        caller: &Identified,
        code: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let code = required_field(CODE, code)?;
        let step_of = |sealed: &[u8]| self.step_of(caller.user().id, sealed, code);
        let attempt = Attempt {
            user_id: caller.user().id,
            factor: Factor::Code(&step_of),
            on_success: OnSuccess::Pass,
            session: self.replacement(caller, true, self.now()),
            passed: self.event_by(Event::SecondFactorPassed, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
        };
        self.attempt(caller, &attempt).await
    }

    /// Passes the second factor with a recovery code, which is spent by that; mail tells.
    ///
    /// # Errors
    /// As [`Self::pass_totp`].
    pub async fn pass_recovery_code(
        &self,
        caller: &Identified,
        code: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let code = required_field(CODE, code)?;
        let now = self.now();
        let user = caller.user();
        let hash = recovery_codes::hash(user.id, code);
        // Which of them goes out depends on how many codes are left, which only the transaction
        // knows.
        let mails = (0..recovery_codes::COUNT)
            .map(|left| {
                let left = u32::try_from(left).unwrap_or_default();
                self.letter(
                    user.id,
                    &user.email,
                    EmailTemplate::RecoveryCodeUsed { left },
                    now,
                )
            })
            .collect::<Result<Vec<_>, _>>()?;
        let attempt = Attempt {
            user_id: user.id,
            factor: Factor::RecoveryCode(hash.as_deref()),
            on_success: OnSuccess::PassAndNotify(&mails),
            session: self.replacement(caller, true, now),
            passed: self.event_by(Event::RecoveryCodeUsed, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
        };
        self.attempt(caller, &attempt).await
    }

    /// Turns the second factor off: every other session is over.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `PermissionDenied` without a second
    /// factor; `TokenInvalid` when the caller was signed out meanwhile; `Overloaded`.
    pub async fn delete_totp(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<TokenPair, Error> {
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        if !user.otp_enabled {
            return Err(Error::PermissionDenied);
        }
        let change = Rekey {
            expected_secret: Some(&user.jwt_secret),
            removes_second_factor: true,
            keeps: Some(self.replacement(caller, false, now)),
            mail: Some(self.letter(user.id, &user.email, EmailTemplate::SecondFactorOff, now)?),
            ..self.new_rekey(self.event_by(Event::SecondFactorOff, caller))
        };
        self.rekey_caller(&change, now).await
    }

    /// Makes new recovery codes; earlier ones are void.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `PermissionDenied` without a second
    /// factor; `TokenInvalid` when the caller was signed out meanwhile; `Overloaded`.
    pub async fn replace_recovery_codes(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<Vec<String>, Error> {
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        // Turning it off changes the secret, which the statement below would notice.
        if !user.otp_enabled {
            return Err(Error::PermissionDenied);
        }
        let (codes, hashes) = self.new_recovery_codes(user.id);
        let mail = self.letter(
            user.id,
            &user.email,
            EmailTemplate::RecoveryCodesReplaced,
            now,
        )?;
        let event = self.event_by(Event::RecoveryCodesReplaced, caller);
        let database = &self.0.database;
        let replaced =
            second_factors::replace_recovery_codes(database, user, &hashes, &mail, &event).await?;
        if !replaced {
            return Err(Error::TokenInvalid);
        }
        self.wake_mail();
        Ok(codes)
    }

    /// Seals the seeds of all authenticator apps under the first master secret, so that others can
    /// be dropped from the list. Gives how many there were to seal.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reseal_seeds(&self) -> Result<u64, Error> {
        let (database, masters) = (&self.0.database, &self.0.master_secrets);
        let key_id = masters.encryption_key_id(Purpose::TotpSecret);
        let (mut after, mut resealed) = (None, 0);
        loop {
            let seeds =
                EncryptedTotpSecrets::under_other_keys(database, &key_id, after, RESEAL_BATCH)
                    .await?;
            let Some(last) = seeds.last() else {
                return Ok(resealed);
            };
            after = Some(last.user_id);
            for of_user in &seeds {
                for seed in [&of_user.current, &of_user.new].into_iter().flatten() {
                    if !seed.starts_with(&key_id)
                        && let Some(sealed) = self.reseal(of_user.user_id, seed)
                    {
                        of_user.replace(database, seed, &sealed).await?;
                        resealed += 1;
                    }
                }
            }
        }
    }

    /// The seed, sealed under the first master secret.
    fn reseal(&self, user_id: crate::Id, seed: &[u8]) -> Option<Vec<u8>> {
        let masters = &self.0.master_secrets;
        let Some(open) = masters.decrypt(Purpose::TotpSecret, user_id, seed) else {
            tracing::error!(user = %user_id,
                "the seed of an authenticator app was encrypted under a master secret that is not in LATCHKEY_SECRET");
            return None;
        };
        Some(masters.encrypt(Purpose::TotpSecret, user_id, &open, self.random()))
    }

    async fn attempt(
        &self,
        caller: &Identified,
        attempt: &Attempt<'_>,
    ) -> Result<TokenPair, Error> {
        let outcome = second_factors::attempt(&self.0.database, attempt).await;
        self.forget(caller.user().id);
        match outcome? {
            Outcome::Correct(session) => {
                self.wake_mail();
                self.token_pair(caller.user(), &session, attempt.session.now)
            }
            Outcome::Incorrect => Err(Error::field(
                CODE,
                "Incorrect code, or it was already used.",
            )),
            Outcome::Blocked(time) => Err(Error::Throttled(time)),
            Outcome::NotSetUp => Err(Error::PermissionDenied),
            Outcome::SessionEnded => Err(Error::TokenInvalid),
        }
    }

    fn step_of(&self, user_id: crate::Id, sealed: &[u8], code: &str) -> Result<Option<i64>, Error> {
        let seed = self
            .0
            .master_secrets
            .decrypt(Purpose::TotpSecret, user_id, sealed)
            .ok_or(Error::Internal(
                "the seed of an authenticator app was encrypted under another master secret".into(),
            ))?;
        Seed::from_bytes(seed).step_of(code, self.now())
    }

    fn new_recovery_codes(&self, user_id: crate::Id) -> (Vec<String>, Vec<Vec<u8>>) {
        let codes = recovery_codes::new_codes(self.random());
        let hashes = codes
            .iter()
            .filter_map(|code| recovery_codes::hash(user_id, code))
            .collect();
        (codes, hashes)
    }
}
