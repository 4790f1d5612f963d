//! The tables `passkeys`, and `used_passkey_challenges`: what authenticators have signed works once.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::{
        passkey_challenge::Challenge,
        passkeys::{CredentialState, NewCredential, StoredCredential},
    },
    error::Error,
    id::Id,
    policies::SecondFactorPolicy,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        outbox::{self, NewEmail},
        sign_in_ways::SignInWays,
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

/// How many passkeys a user has at most.
pub(crate) const LIMIT: u32 = 20;

/// A passkey of a user.
#[derive(Clone, Debug, FromRow)]
pub struct Passkey {
    /// The passkey's id.
    pub id: Id,
    /// What the user calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used to sign in; `None` if it never was.
    pub last_used_at: Option<Timestamp>,
    /// Whether the authenticator has said, when it was last used, that there are copies on other devices.
    pub backed_up: bool,
}

/// A passkey, with what verifies it.
#[derive(FromRow)]
pub(crate) struct StoredPasskey {
    pub id: Id,
    pub user_id: Id,
    credential: String,
    sign_count: i64,
    pub backup_eligible: bool,
    backed_up: bool,
}

/// A passkey to be added.
pub(crate) struct NewPasskey<'a> {
    pub id: Id,
    pub user: &'a User,
    pub credential: &'a NewCredential,
    pub name: &'a str,
    /// The challenge that the authenticator has signed.
    pub challenge: &'a Challenge,
    pub now: Timestamp,
    pub notice: Option<&'a NewEmail>,
    pub event: &'a NewEvent,
}

/// What became of a passkey to be added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Done,
    /// The challenge was already used.
    ChallengeUsed,
    /// The user has [`LIMIT`] passkeys.
    TooMany,
    /// Someone has this passkey already.
    Duplicate,
    /// All tokens of the user were revoked in the meantime.
    SessionEnded,
}

/// A passkey to be removed.
pub(crate) struct Removal<'a> {
    /// Who must have a second factor.
    pub policy: SecondFactorPolicy,
    pub user: &'a User,
    pub id: Id,
    /// The caller's session, which continues.
    pub session_id: Id,
    pub notice: Option<&'a NewEmail>,
    pub event: &'a NewEvent,
}

/// What became of a passkey to be removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Done,
    /// The user has no such passkey.
    Unknown,
    /// It is the last way to sign in.
    IsLast,
    /// It is the only second factor of a user who must have one.
    IsRequired,
    /// All tokens of the user were revoked in the meantime.
    SessionEnded,
}

impl Passkey {
    /// Returns the passkeys of a user, oldest first.
    pub(crate) async fn list(database: &Database, user_id: Id) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, name, created_at, last_used_at, backed_up FROM passkeys
            WHERE user_id = $1 ORDER BY created_at, id";
        database.fetch_all(Statement::new(SQL).bind(user_id)).await
    }

    /// Returns a passkey of a user.
    pub(crate) async fn find(
        database: &Database,
        user_id: Id,
        id: Id,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, name, created_at, last_used_at, backed_up FROM passkeys
            WHERE user_id = $1 AND id = $2";
        let statement = Statement::new(SQL).bind(user_id).bind(id);
        database.fetch_optional(statement).await
    }

    /// Renames a passkey of a user. Returns `false` if there is none with this id.
    pub(crate) async fn rename(
        database: &Database,
        user_id: Id,
        id: Id,
        name: &str,
    ) -> Result<bool, Error> {
        const SQL: &str = "UPDATE passkeys SET name = $3 WHERE user_id = $1 AND id = $2";
        let statement = Statement::new(SQL).bind(user_id).bind(id).bind(name);
        Ok(database.execute(statement).await? == 1)
    }
}

impl StoredPasskey {
    /// Finds a passkey by the id that its authenticator has chosen.
    pub async fn find(database: &Database, credential_id: &[u8]) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, user_id, credential, sign_count, backup_eligible, backed_up
            FROM passkeys WHERE credential_id = $1";
        let statement = Statement::new(SQL).bind(credential_id);
        database.fetch_optional(statement).await
    }

    /// What verifies its signatures.
    pub fn credential(&self) -> StoredCredential<'_> {
        StoredCredential {
            json: &self.credential,
            state: CredentialState {
                sign_count: self.sign_count.try_into().unwrap_or(u32::MAX),
                backup_eligible: self.backup_eligible,
                backed_up: self.backed_up,
            },
        }
    }

    /// Records a use. Returns `false` if the passkey is gone, or a concurrent use has counted as far. Call it
    /// with the user's row locked.
    pub async fn record_use(
        &self,
        transaction: &mut Transaction,
        state: CredentialState,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE passkeys SET sign_count = $2, backed_up = $3, last_used_at = $4
            WHERE id = $1 AND (sign_count < $2 OR sign_count = 0 AND $2 = 0)";
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(i64::from(state.sign_count))
            .bind(state.backed_up)
            .bind(now);
        Ok(transaction.execute(statement).await? == 1)
    }
}

impl NewPasskey<'_> {
    /// Adds the passkey.
    pub async fn add(&self, database: &Database) -> Result<Added, Error> {
        const INSERT: &str = "
            INSERT INTO passkeys (id, user_id, credential_id, credential, name, sign_count,
                backup_eligible, backed_up, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let mut transaction = database.begin().await?;
        let locked = users::lock_unchanged(&mut transaction, self.user).await?;
        if locked.is_none() {
            return Ok(Added::SessionEnded);
        }
        if !use_up(&mut transaction, self.challenge).await? {
            return Ok(Added::ChallengeUsed);
        }
        if count(&mut transaction, self.user.id).await? >= i64::from(LIMIT) {
            return Ok(Added::TooMany);
        }
        let state = self.credential.state;
        let statement = Statement::new(INSERT)
            .bind(self.id)
            .bind(self.user.id)
            .bind(&self.credential.id)
            .bind(&self.credential.json)
            .bind(self.name)
            .bind(i64::from(state.sign_count))
            .bind(state.backup_eligible)
            .bind(state.backed_up)
            .bind(self.now);
        if transaction.execute_unless_duplicate(statement).await? == 0 {
            return Ok(Added::Duplicate);
        }
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        audit_events::record(&mut transaction, self.event).await?;
        transaction.commit().await?;
        Ok(Added::Done)
    }
}

impl Removal<'_> {
    /// Removes the passkey, and ends the sessions that it has started, except the caller's.
    pub async fn apply(&self, database: &Database) -> Result<Removed, Error> {
        const DELETE: &str = "DELETE FROM passkeys WHERE user_id = $1 AND id = $2";
        const END_SESSIONS: &str = "
            DELETE FROM sessions WHERE user_id = $1 AND passkey_id = $2 AND id <> $3";
        let mut transaction = database.begin().await?;
        let locked = users::lock_unchanged(&mut transaction, self.user).await?;
        let Some(user) = locked else {
            return Ok(Removed::SessionEnded);
        };
        let of_passkey = |sql: &'static str| Statement::new(sql).bind(self.user.id).bind(self.id);
        if transaction.execute(of_passkey(DELETE)).await? == 0 {
            return Ok(Removed::Unknown);
        }
        let ways = SignInWays::of_locked(&mut transaction, self.user.id).await?;
        if ways.is_none() {
            return Ok(Removed::IsLast);
        }
        let is_required = self.policy.applies_to(user.is_admin) && !user.otp_enabled;
        if is_required && !ways.has_passkeys() {
            return Ok(Removed::IsRequired);
        }
        let statement = of_passkey(END_SESSIONS).bind(self.session_id);
        transaction.execute(statement).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        audit_events::record(&mut transaction, self.event).await?;
        transaction.commit().await?;
        Ok(Removed::Done)
    }
}

/// Returns the ids that authenticators have chosen for the passkeys of a user.
pub(crate) async fn credential_ids(
    database: &Database,
    user_id: Id,
) -> Result<Vec<Vec<u8>>, Error> {
    const SQL: &str = "SELECT credential_id FROM passkeys WHERE user_id = $1 ORDER BY id";
    let rows: Vec<(Vec<u8>,)> = database
        .fetch_all(Statement::new(SQL).bind(user_id))
        .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Removes the passkeys of a user that were added after a time, or all of them.
pub(crate) async fn remove_added_after(
    transaction: &mut Transaction,
    user_id: Id,
    time: Option<Timestamp>,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM passkeys WHERE user_id = $1 AND ($2 IS NULL OR created_at > $2)";
    let statement = Statement::new(SQL).bind(user_id).bind(time);
    transaction.execute(statement).await.map(drop)
}

/// Marks a challenge as used. Returns `false` if it was already.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    challenge: &Challenge,
) -> Result<bool, Error> {
    const SQL: &str = "
        INSERT INTO used_passkey_challenges (challenge, forgotten_at) VALUES ($1, $2)
        ON CONFLICT DO NOTHING";
    let statement = Statement::new(SQL)
        .bind(challenge.as_bytes())
        .bind(challenge.forgotten_at);
    Ok(transaction.execute(statement).await? == 1)
}

/// Returns the number of passkeys of a user.
async fn count(transaction: &mut Transaction, user_id: Id) -> Result<i64, Error> {
    const SQL: &str = "SELECT count(*) FROM passkeys WHERE user_id = $1";
    let (count,) = transaction
        .fetch_one(Statement::new(SQL).bind(user_id))
        .await?;
    Ok(count)
}
