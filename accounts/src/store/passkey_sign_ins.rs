//! What a passkey that was verified leads to: a new session, or one that has completed every factor.

use crate::{
    clock::Timestamp,
    crypto::{passkey_challenge::Challenge, passkeys::CredentialState},
    device::Device,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        passkeys::{self, StoredPasskey},
        second_factors,
        sessions::{self, Replacement, Session},
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

/// The use of a passkey whose signature was verified.
pub(crate) struct PasskeyUse<'a> {
    pub passkey: &'a StoredPasskey,
    pub state: CredentialState,
    /// The challenge that was signed.
    pub challenge: &'a Challenge,
    pub now: Timestamp,
}

/// A session to be started.
pub(crate) struct NewSession<'a> {
    pub session_id: Id,
    pub refresh_id: Id,
    pub expires_at: Timestamp,
    pub device: &'a Device,
    pub event: &'a NewEvent,
}

/// The caller's session, which continues.
pub(crate) struct ContinuedSession<'a> {
    pub user: &'a User,
    pub session: Replacement,
    /// The event to record if the second factor was pending.
    pub passed: &'a NewEvent,
    /// The event to record then, too, because the user is signed in only now.
    pub signed_in: &'a NewEvent,
    /// The event to record if everything was complete before.
    pub reauthenticated: &'a NewEvent,
}

/// The result of using a passkey.
pub(crate) enum Outcome {
    SignedIn(Box<User>, Session),
    /// The challenge was already used, or the passkey was removed in the meantime.
    Refused,
    /// An administrator has deactivated the account.
    Inactive,
    /// The session has ended in the meantime, or all tokens of the user were revoked.
    SessionEnded,
}

impl PasskeyUse<'_> {
    /// Starts a session.
    pub async fn start(&self, database: &Database, new: &NewSession<'_>) -> Result<Outcome, Error> {
        let user_id = self.passkey.user_id;
        let mut transaction = database.begin().await?;
        let Some(user) = users::lock_user(&mut transaction, user_id).await? else {
            return Ok(Outcome::Refused);
        };
        if !self.record(&mut transaction).await? {
            return Ok(Outcome::Refused);
        }
        if !user.is_active {
            return Ok(Outcome::Inactive);
        }
        let session = self.insert_session(&mut transaction, new).await?;
        users::record_login(&mut transaction, user_id, self.now).await?;
        sessions::enforce_limit(&mut transaction, user_id, session.id, false).await?;
        audit_events::record(&mut transaction, new.event).await?;
        transaction.commit().await?;
        Ok(Outcome::SignedIn(Box::new(user), session))
    }

    /// Continues the caller's session, which has completed every factor from now on.
    pub async fn continue_session(
        &self,
        database: &Database,
        caller: &ContinuedSession<'_>,
    ) -> Result<Outcome, Error> {
        let mut transaction = database.begin().await?;
        let locked = users::lock_unchanged(&mut transaction, caller.user).await?;
        let Some(user) = locked.filter(|user| user.is_active) else {
            return Ok(Outcome::SessionEnded);
        };
        if !self.record(&mut transaction).await? {
            return Ok(Outcome::Refused);
        }
        self.mark_session(&mut transaction, caller.session.session_id)
            .await?;
        let continued = sessions::renew_current(&mut transaction, &caller.session).await?;
        let Some(continued) = continued else {
            return Ok(Outcome::SessionEnded);
        };
        if user.otp_enabled && continued.is_completed {
            audit_events::record(&mut transaction, caller.passed).await?;
            second_factors::complete_sign_in(&mut transaction, &caller.session, caller.signed_in)
                .await?;
        } else {
            audit_events::record(&mut transaction, caller.reauthenticated).await?;
        }
        transaction.commit().await?;
        Ok(Outcome::SignedIn(Box::new(user), continued.session))
    }

    /// Uses up the challenge, and records the use. Returns `false` if one of them is not possible.
    async fn record(&self, transaction: &mut Transaction) -> Result<bool, Error> {
        Ok(passkeys::use_up(transaction, self.challenge).await?
            && self
                .passkey
                .record_use(transaction, self.state, self.now)
                .await?)
    }

    async fn insert_session(
        &self,
        transaction: &mut Transaction,
        new: &NewSession<'_>,
    ) -> Result<Session, Error> {
        const SQL: &str = concat!(
            "INSERT INTO sessions (id, user_id, refresh_id, created_at, last_used_at, expires_at,
                ip, user_agent, second_factor, passkey_id, passkey_synced)
            VALUES ($1, $2, $3, $4, $4, $5, $6, $7, TRUE, $8, $9)
            RETURNING ",
            session_columns!("id")
        );
        let statement = Statement::new(SQL)
            .bind(new.session_id)
            .bind(self.passkey.user_id)
            .bind(new.refresh_id)
            .bind(self.now)
            .bind(new.expires_at)
            .bind(new.device.ip.to_string())
            .bind(&new.device.user_agent)
            .bind(self.passkey.id)
            .bind(self.passkey.backup_eligible);
        transaction.fetch_one(statement).await
    }

    async fn mark_session(
        &self,
        transaction: &mut Transaction,
        session_id: Id,
    ) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE sessions SET passkey_id = $3, passkey_synced = $4
            WHERE id = $1 AND user_id = $2";
        let statement = Statement::new(SQL)
            .bind(session_id)
            .bind(self.passkey.user_id)
            .bind(self.passkey.id)
            .bind(self.passkey.backup_eligible);
        transaction.execute(statement).await.map(drop)
    }
}
