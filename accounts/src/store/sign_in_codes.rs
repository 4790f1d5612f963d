//! The table `sign_in_codes`: the codes that were emailed to sign in with, at most one for each user. A new one
//! replaces it.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        database::Database,
        email_tokens::{CODE_ATTEMPTS, count_attempt},
        outbox::{self, NewEmail},
        statement::Statement,
        transaction::Transaction,
    },
};

/// How long a code works.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A new code, and the email that shows it.
pub(crate) struct NewSignInCode {
    pub user_id: Id,
    /// The hash of the random value that the code is bound to.
    pub flow_hash: Vec<u8>,
    pub code_hash: Vec<u8>,
    /// The email address that it is sent to, in lower case.
    pub address: String,
    pub message: NewEmail,
    pub now: Timestamp,
}

/// Issues a code in place of an earlier one. Call it with the user's row locked.
pub(crate) async fn issue(
    transaction: &mut Transaction,
    code: &NewSignInCode,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO sign_in_codes (user_id, flow_hash, code_hash, address, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (user_id) DO UPDATE SET flow_hash = excluded.flow_hash,
            code_hash = excluded.code_hash, address = excluded.address,
            expires_at = excluded.expires_at";
    let statement = Statement::new(SQL)
        .bind(code.user_id)
        .bind(&code.flow_hash)
        .bind(&code.code_hash)
        .bind(&code.address)
        .bind(code.now.plus(LIFETIME));
    transaction.execute(statement).await?;
    outbox::enqueue(transaction, &code.message).await
}

/// Removes the code of a user.
pub(crate) async fn remove(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM sign_in_codes WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Uses up the code of a user that belongs to a request. Returns `false` if it has expired, or was used up or replaced
/// in the meantime.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    user_id: Id,
    flow_hash: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        DELETE FROM sign_in_codes WHERE user_id = $1 AND flow_hash = $2 AND expires_at > $3";
    let statement = Statement::new(SQL).bind(user_id).bind(flow_hash).bind(now);
    Ok(transaction.execute(statement).await? == 1)
}

/// An attempt at a code.
pub(crate) struct SignInCodeAttempt<'a> {
    /// The key under which attempts are counted.
    pub key: &'a [u8],
    pub flow_hash: &'a [u8],
    /// The email address that was entered, in lower case.
    pub address: &'a str,
    pub now: Timestamp,
}

/// The result of an attempt at a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeCheck {
    /// It is the code of this user.
    Right(Id),
    /// This user has been sent another one, or it has ended by too many attempts.
    Wrong(Id),
    /// There is none for this flow and address.
    Unknown,
}

impl SignInCodeAttempt<'_> {
    /// Counts the attempt, and then compares the code. It is not used up.
    pub async fn make(
        &self,
        database: &Database,
        is_right: impl Fn(&[u8]) -> bool,
    ) -> Result<CodeCheck, Error> {
        const SQL: &str = "
            SELECT user_id, code_hash FROM sign_in_codes
            WHERE flow_hash = $1 AND address = $2 AND expires_at > $3";
        #[derive(FromRow)]
        struct Row {
            user_id: Id,
            code_hash: Vec<u8>,
        }
        let attempts = count_attempt(database, self.key, self.now).await?;
        let statement = Statement::new(SQL)
            .bind(self.flow_hash)
            .bind(self.address)
            .bind(self.now);
        let row: Option<Row> = database.fetch_optional(statement).await?;
        let Some(Row { user_id, code_hash }) = row else {
            return Ok(CodeCheck::Unknown);
        };
        Ok(if attempts <= CODE_ATTEMPTS && is_right(&code_hash) {
            CodeCheck::Right(user_id)
        } else {
            CodeCheck::Wrong(user_id)
        })
    }
}
