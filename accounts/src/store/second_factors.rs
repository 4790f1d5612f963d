//! The table `second_factors`: the TOTP secret of a user's first authenticator app, that of one that is being set up,
//! and a count of incorrect codes.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    backoff::backoff,
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        authenticator_apps::{self, NewApp},
        database::Database,
        outbox::{self, NewEmail},
        recovery_codes,
        sessions::{self, Continued, Replacement, Session},
        statement::Statement,
        transaction::Transaction,
        trusted_devices, used_totp_steps,
        users::{self, User},
    },
};

/// How many incorrect codes in a row have no consequence.
const FREE_ATTEMPTS: i32 = 5;

/// How long codes are rejected after that. Each further incorrect one doubles it.
const FIRST_BLOCK: Duration = Duration::from_secs(60);
const LONGEST_BLOCK: Duration = Duration::from_secs(60 * 60);

/// How long a session gets the same secret when it begins to set up an app again.
const SETUP_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Finds the time step that a one-time code belongs to, given an encrypted TOTP secret.
pub(crate) type StepOf<'a> = dyn Fn(&[u8]) -> Result<Option<i64>, Error> + Sync + 'a;

/// The kind of code that a user enters.
pub(crate) enum Factor<'a> {
    /// A code of an authenticator app in use.
    Code(&'a StepOf<'a>),
    /// A code of the app that is being set up.
    NewCode(&'a StepOf<'a>),
    /// The hash of a recovery code; `None` if the text can't be one.
    RecoveryCode(Option<&'a [u8]>),
}

/// What a correct code leads to, besides a session that has passed the second factor.
pub(crate) enum OnSuccess<'a> {
    /// Nothing else.
    Pass,
    /// An email says how many recovery codes are left. These are the emails for 0, 1, 2 … codes.
    PassAndNotify(&'a [NewEmail]),
    /// The device is trusted from now on.
    PassAndTrust {
        /// The hash of what identifies it.
        hash: &'a [u8],
        event: &'a NewEvent,
    },
    /// The app that is being set up replaces all others, with new recovery codes and an email. For
    /// sessions that have not passed the second factor, it is pending from now on.
    TurnOn {
        app: NewApp<'a>,
        recovery_hashes: &'a [Vec<u8>],
        notice: &'a NewEmail,
    },
}

/// An attempt to pass the second factor.
pub(crate) struct Attempt<'a> {
    pub user: &'a User,
    pub factor: Factor<'a>,
    pub on_success: OnSuccess<'a>,
    /// The caller's session, and what changes in it if the code is correct.
    pub session: Replacement,
    /// The event to record if the code is correct.
    pub passed: NewEvent,
    /// The event to record if it is not.
    pub failed: NewEvent,
    /// The event to record if the code completes a sign-in.
    pub signed_in: NewEvent,
}

/// The result of an attempt.
pub(crate) enum Outcome {
    /// The code is correct. This is the user as of the transaction, and the session as it is now.
    Correct(Box<User>, Session),
    CodeRefused(CodeRefused),
    /// The session has ended in the meantime, or all tokens of the user were revoked.
    SessionEnded,
}

/// Why a code is not accepted.
pub(crate) enum CodeRefused {
    /// It is incorrect, or was already used.
    Incorrect,
    /// Codes are rejected for this long.
    Blocked(Duration),
    /// There is no secret or recovery code to check it against.
    NotSetUp,
}

/// The row of a user whose codes are not blocked.
#[derive(FromRow)]
struct SecondFactor {
    /// The number of incorrect codes in a row, including the one that is being checked.
    wrong_codes: i32,
    seed: Option<Vec<u8>>,
    new_seed: Option<Vec<u8>>,
}

/// The result of checking a code.
enum Check {
    Correct,
    Incorrect,
    /// The code was correct once, and is sent again. This is not counted as a wrong guess.
    AlreadyUsed,
    NotSetUp,
}

/// Checks a code and applies what follows from it, in one transaction.
pub(crate) async fn attempt(database: &Database, attempt: &Attempt<'_>) -> Result<Outcome, Error> {
    let (user_id, now) = (attempt.user.id, attempt.session.now);
    let mut transaction = database.begin().await?;
    // The new tokens will be signed with the secret that the user has here.
    let Some(user) = users::lock_unchanged(&mut transaction, attempt.user).await? else {
        return Ok(Outcome::SessionEnded);
    };
    let checked = use_code(transaction, user_id, &attempt.factor, &attempt.failed, now);
    let mut transaction = match checked.await? {
        Ok(transaction) => transaction,
        Err(refused) => return Ok(Outcome::CodeRefused(refused)),
    };
    let continued = sessions::renew_current(&mut transaction, &attempt.session).await?;
    let Some(Continued {
        session,
        is_completed,
    }) = continued
    else {
        return Ok(Outcome::SessionEnded);
    };
    apply(&mut transaction, attempt).await?;
    audit_events::record(&mut transaction, &attempt.passed).await?;
    if is_completed {
        complete_sign_in(&mut transaction, &attempt.session, &attempt.signed_in).await?;
    }
    transaction.commit().await?;
    Ok(Outcome::Correct(Box::new(user), session))
}

/// Checks a code and uses it up. Returns the transaction, which has the user's row locked, if the code is correct;
/// otherwise, the transaction has ended, with what counts and records an incorrect one.
///
/// The attempt is counted before the code is checked, by the statement that also checks for a
/// block, so that concurrent guesses are all counted. A code is used up by an insertion or a
/// deletion that succeeds only once.
pub(crate) async fn use_code(
    mut transaction: Transaction,
    user_id: Id,
    factor: &Factor<'_>,
    failed: &NewEvent,
    now: Timestamp,
) -> Result<Result<Transaction, CodeRefused>, Error> {
    let Some(counted) = count_attempt(&mut transaction, user_id, now).await? else {
        let until = blocked_until(&mut transaction, user_id).await?;
        return Ok(Err(until.map_or(CodeRefused::NotSetUp, |until| {
            CodeRefused::Blocked(until.since(now))
        })));
    };
    match check(&mut transaction, user_id, factor, &counted, now).await? {
        Check::NotSetUp => return Ok(Err(CodeRefused::NotSetUp)),
        Check::AlreadyUsed => return Ok(Err(CodeRefused::Incorrect)),
        Check::Incorrect => {
            if let Some(duration) = block_duration(counted.wrong_codes) {
                block(&mut transaction, user_id, now.plus(duration)).await?;
            }
            audit_events::record(&mut transaction, failed).await?;
            transaction.commit().await?;
            return Ok(Err(CodeRefused::Incorrect));
        }
        Check::Correct => {}
    }
    unblock(&mut transaction, user_id).await?;
    Ok(Ok(transaction))
}

/// The user is signed in only now that the second factor is complete.
pub(crate) async fn complete_sign_in(
    transaction: &mut Transaction,
    session: &Replacement,
    signed_in: &NewEvent,
) -> Result<(), Error> {
    let user_id = session.user_id;
    users::record_login(transaction, user_id, session.now).await?;
    sessions::enforce_limit(transaction, user_id, session.session_id, false).await?;
    audit_events::record(transaction, signed_in).await
}

/// Counts an attempt as incorrect until the code proves correct. Returns `None` if the user has no
/// second factor or codes are blocked.
async fn count_attempt(
    transaction: &mut Transaction,
    user_id: Id,
    now: Timestamp,
) -> Result<Option<SecondFactor>, Error> {
    const SQL: &str = "
        UPDATE second_factors SET wrong_codes = wrong_codes + 1
        WHERE user_id = $1
            AND (blocked_until IS NULL OR blocked_until <= $2 OR blocked_until > $3)
        RETURNING wrong_codes, seed, new_seed";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(now)
        // No block is this long: the clock has been set back.
        .bind(now.plus(LONGEST_BLOCK + CLOCK_SKEW));
    transaction.fetch_optional(statement).await
}

async fn blocked_until(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "SELECT blocked_until FROM second_factors WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    let row: Option<(Option<Timestamp>,)> = transaction.fetch_optional(statement).await?;
    Ok(row.and_then(|(until,)| until))
}

/// Checks a code, uses it up, and records the use of the app that it is from.
async fn check(
    transaction: &mut Transaction,
    user_id: Id,
    factor: &Factor<'_>,
    second_factor: &SecondFactor,
    now: Timestamp,
) -> Result<Check, Error> {
    let step = match (factor, &second_factor.seed, &second_factor.new_seed) {
        (Factor::Code(step_of), Some(first), _) => {
            let found = find_app(transaction, user_id, first, *step_of).await?;
            if let Some((further, _)) = found {
                authenticator_apps::record_use(transaction, user_id, further, now).await?;
            }
            found.map(|(_, step)| step)
        }
        (Factor::NewCode(step_of), _, Some(secret)) => step_of(secret)?,
        (Factor::RecoveryCode(hash), Some(_), _) => {
            let is_used = match hash {
                Some(hash) => recovery_codes::use_up(transaction, user_id, hash).await?,
                None => false,
            };
            return Ok(if is_used {
                Check::Correct
            } else {
                Check::Incorrect
            });
        }
        _ => return Ok(Check::NotSetUp),
    };
    let Some(step) = step else {
        return Ok(Check::Incorrect);
    };
    let is_used = used_totp_steps::use_up(transaction, user_id, step).await?;
    Ok(if is_used {
        Check::Correct
    } else {
        Check::AlreadyUsed
    })
}

/// Returns the app that a code belongs to, `None` for the first one, and the time step of the code.
async fn find_app(
    transaction: &mut Transaction,
    user_id: Id,
    first: &[u8],
    step_of: &StepOf<'_>,
) -> Result<Option<(Option<Id>, i64)>, Error> {
    if let Some(step) = step_of(first)? {
        return Ok(Some((None, step)));
    }
    for (id, secret) in authenticator_apps::further_secrets(transaction, user_id).await? {
        if let Some(step) = step_of(&secret)? {
            return Ok(Some((Some(id), step)));
        }
    }
    Ok(None)
}

async fn block(transaction: &mut Transaction, user_id: Id, until: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE second_factors SET blocked_until = $2 WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id).bind(until);
    transaction.execute(statement).await.map(drop)
}

async fn unblock(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE second_factors SET wrong_codes = 0, blocked_until = NULL WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

async fn apply(transaction: &mut Transaction, attempt: &Attempt<'_>) -> Result<(), Error> {
    const TURN_ON: &str = "UPDATE users SET otp_enabled = TRUE WHERE id = $1";
    let user_id = attempt.user.id;
    match &attempt.on_success {
        OnSuccess::Pass => {}
        OnSuccess::PassAndNotify(emails) => {
            let left = recovery_codes::count(transaction, user_id).await?;
            if let Some(email) = emails.get(left) {
                outbox::enqueue(transaction, email).await?;
            }
        }
        OnSuccess::PassAndTrust { hash, event } => {
            let (session_id, now) = (attempt.session.session_id, attempt.session.now);
            trusted_devices::trust(transaction, user_id, session_id, hash, now).await?;
            audit_events::record(transaction, event).await?;
        }
        OnSuccess::TurnOn {
            app,
            recovery_hashes,
            notice,
        } => {
            let (current, now) = (attempt.session.session_id, attempt.session.now);
            // They have shown a code of another app, if any.
            trusted_devices::forget_all(transaction, user_id).await?;
            authenticator_apps::replace_all(transaction, user_id, *app, now).await?;
            transaction
                .execute(Statement::new(TURN_ON).bind(user_id))
                .await?;
            let until = now.plus(sessions::PENDING_LIFETIME);
            sessions::make_pending(transaction, user_id, current, until).await?;
            recovery_codes::replace(transaction, user_id, recovery_hashes, now).await?;
            outbox::enqueue(transaction, notice).await?;
        }
    }
    Ok(())
}

/// How long codes are rejected after this many incorrect ones in a row.
fn block_duration(wrong_codes: i32) -> Option<Duration> {
    let doublings = u32::try_from(wrong_codes - FREE_ATTEMPTS).ok()?;
    Some(backoff(FIRST_BLOCK, LONGEST_BLOCK, doublings))
}

/// Begins to set up an app in a session, and returns its encrypted secret: this one, or, if the same
/// session began within [`SETUP_LIFETIME`], the one from then. Another session never gets a secret
/// that someone else may have seen. An app in use stays in use until the new one's first code. Returns
/// `None` if the user's JWT secret has changed in the meantime.
pub(crate) async fn begin_setup(
    database: &Database,
    user: &User,
    session_id: Id,
    encrypted_secret: &[u8],
    now: Timestamp,
) -> Result<Option<Vec<u8>>, Error> {
    const SQL: &str = "
        INSERT INTO second_factors AS pending (user_id, new_seed, new_seed_session_id, new_seed_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (user_id) DO UPDATE SET
            new_seed = CASE WHEN pending.new_seed IS NOT NULL
                    AND pending.new_seed_session_id = excluded.new_seed_session_id
                    AND pending.new_seed_at > $5 AND pending.new_seed_at <= $6
                THEN pending.new_seed ELSE excluded.new_seed END,
            new_seed_at = CASE WHEN pending.new_seed IS NOT NULL
                    AND pending.new_seed_session_id = excluded.new_seed_session_id
                    AND pending.new_seed_at > $5 AND pending.new_seed_at <= $6
                THEN pending.new_seed_at ELSE excluded.new_seed_at END,
            new_seed_session_id = excluded.new_seed_session_id
        RETURNING new_seed";
    let mut transaction = database.begin().await?;
    let locked = users::lock_unchanged(&mut transaction, user).await?;
    if locked.is_none() {
        return Ok(None);
    }
    let statement = Statement::new(SQL)
        .bind(user.id)
        .bind(encrypted_secret)
        .bind(session_id)
        .bind(now)
        .bind(now.minus(SETUP_LIFETIME))
        // A later time was written before the clock was set back.
        .bind(now.plus(CLOCK_SKEW));
    let (secret,): (Vec<u8>,) = transaction.fetch_one(statement).await?;
    transaction.commit().await?;
    Ok(Some(secret))
}

/// Ends a setup: someone who knew the old password may have seen its secret.
pub(crate) async fn forget_setup(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE second_factors SET new_seed = NULL, new_seed_at = NULL
        WHERE user_id = $1 AND (new_seed IS NOT NULL OR new_seed_at IS NOT NULL)";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Replaces the recovery codes of a user. Returns `false` if the user's JWT secret has changed in
/// the meantime.
pub(crate) async fn replace_recovery_codes(
    database: &Database,
    user: &User,
    hashes: &[Vec<u8>],
    notice: &NewEmail,
    event: &NewEvent,
) -> Result<bool, Error> {
    let mut transaction = database.begin().await?;
    let locked = users::lock_unchanged(&mut transaction, user).await?;
    if locked.is_none() {
        return Ok(false);
    }
    recovery_codes::replace(&mut transaction, user.id, hashes, notice.now).await?;
    outbox::enqueue(&mut transaction, notice).await?;
    audit_events::record(&mut transaction, event).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Deletes the secrets and recovery codes of a user. The count of incorrect codes stays.
pub(crate) async fn remove(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    // A trigger deletes what is stored about the apps, and those beside the first.
    const SQL: &str = "
        UPDATE second_factors SET seed = NULL, new_seed = NULL WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await?;
    recovery_codes::delete(transaction, user_id).await
}

/// The encrypted TOTP secrets of a user: of the apps in use, and of the one that is being set up.
pub(crate) struct EncryptedTotpSecrets {
    pub user_id: Id,
    pub secrets: Vec<Vec<u8>>,
}

impl EncryptedTotpSecrets {
    /// Returns the next users after `after` that have a secret under another key than `key_id`.
    pub async fn under_other_keys(
        database: &Database,
        key_id: &[u8],
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Id>, Error> {
        const SQL: &str = "
            SELECT user_id FROM second_factors
            WHERE (substr(seed, 1, 8) <> $1 OR substr(new_seed, 1, 8) <> $1 OR EXISTS (
                    SELECT 1 FROM authenticator_apps
                    WHERE authenticator_apps.user_id = second_factors.user_id
                        AND substr(authenticator_apps.seed, 1, 8) <> $1))
                AND ($2 IS NULL OR user_id > $2)
            ORDER BY user_id LIMIT $3";
        let statement = Statement::new(SQL).bind(key_id).bind(after).bind(limit);
        let rows: Vec<(Id,)> = database.fetch_all(statement).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Returns the secrets of a user. One statement reads all, so that it misses none that becomes the first one, or
    /// comes into use.
    pub async fn of_user(database: &Database, user_id: Id) -> Result<Self, Error> {
        const SQL: &str = "
            SELECT seed FROM second_factors WHERE user_id = $1 AND seed IS NOT NULL
            UNION ALL
            SELECT new_seed FROM second_factors WHERE user_id = $1 AND new_seed IS NOT NULL
            UNION ALL
            SELECT seed FROM authenticator_apps WHERE user_id = $1";
        let rows: Vec<(Vec<u8>,)> = database
            .fetch_all(Statement::new(SQL).bind(user_id))
            .await?;
        let secrets = rows.into_iter().map(|(secret,)| secret).collect();
        Ok(Self { user_id, secrets })
    }

    /// Replaces a secret that was read by the same one under another key, wherever it is by now.
    pub async fn replace(
        &self,
        database: &Database,
        old: &[u8],
        reencrypted: &[u8],
    ) -> Result<(), Error> {
        const REPLACE: &str = "
            UPDATE second_factors SET seed = CASE WHEN seed = $2 THEN $3 ELSE seed END,
                new_seed = CASE WHEN new_seed = $2 THEN $3 ELSE new_seed END
            WHERE user_id = $1";
        const REPLACE_FURTHER: &str = "
            UPDATE authenticator_apps SET seed = $3 WHERE user_id = $1 AND seed = $2";
        let mut transaction = database.begin().await?;
        users::lock(&mut transaction, self.user_id).await?;
        for sql in [REPLACE, REPLACE_FURTHER] {
            let statement = Statement::new(sql)
                .bind(self.user_id)
                .bind(old)
                .bind(reencrypted);
            transaction.execute(statement).await?;
        }
        transaction.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::block_duration;

    #[test]
    fn blocks_begin_with_the_fifth_wrong_code_and_grow_to_an_hour() {
        let minutes = |wrong| block_duration(wrong).map(|block| block.as_secs() / 60);
        assert_eq!([1, 4].map(minutes), [None, None]);
        assert_eq!(
            [5, 6, 7, 10, 11, 12, 1000].map(minutes),
            [1, 2, 4, 32, 60, 60, 60].map(Some)
        );
    }
}
