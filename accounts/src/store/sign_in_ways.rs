//! What a user can sign in with.

use sqlx::FromRow;

use crate::{
    crypto::password::NO_PASSWORD,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// What a user can sign in with, without an email.
#[derive(Clone, Copy, Debug, FromRow)]
pub(crate) struct SignInWays {
    /// 1 if there is a password.
    passwords: i64,
    passkeys: i64,
    /// The number of accounts at providers.
    identities: i64,
    recovery_codes: i64,
}

impl SignInWays {
    const SQL: &str = "
        SELECT (SELECT count(*) FROM users WHERE id = $1 AND password_hash <> $2) AS passwords,
            (SELECT count(*) FROM passkeys WHERE user_id = $1) AS passkeys,
            (SELECT count(*) FROM identities WHERE user_id = $1) AS identities,
            (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS recovery_codes";

    /// Returns what a user has.
    pub async fn of_user(database: &Database, user_id: Id) -> Result<Self, Error> {
        database.fetch_one(Self::statement(user_id)).await
    }

    /// Returns what a user has. Lock the user's row before, so that of two concurrent changes, the second sees
    /// what the first has left.
    pub async fn of_locked(transaction: &mut Transaction, user_id: Id) -> Result<Self, Error> {
        transaction.fetch_one(Self::statement(user_id)).await
    }

    fn statement(user_id: Id) -> Statement<'static> {
        Statement::new(Self::SQL).bind(user_id).bind(NO_PASSWORD)
    }

    /// Whether the user has a password.
    pub fn has_password(self) -> bool {
        self.passwords > 0
    }

    /// Whether the user has passkeys.
    pub fn has_passkeys(self) -> bool {
        self.passkeys > 0
    }

    /// Whether nothing is left to sign in with.
    pub fn is_none(self) -> bool {
        self.passwords + self.passkeys + self.identities == 0
    }

    /// Whether the user can do without a password: one lost device must not be the end of it.
    pub fn can_replace_password(self) -> bool {
        self.passkeys >= 2 || (self.passkeys == 1 && self.recovery_codes > 0)
    }
}
