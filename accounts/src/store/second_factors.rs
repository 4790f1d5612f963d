//! The second factor: an authenticator app, and recovery codes for when it is lost. The tables
//! `second_factors`, `used_totp_steps` and `recovery_codes`.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    Database, Error, Id, Session, Timestamp, User,
    clock::CLOCK_SKEW,
    store::audit_events::{NewEvent, audit},
    store::database::{in_transaction, reading, writing},
    store::outbox::{NewEmail, enqueue},
    store::sessions::{Replacement, renew_current},
    store::users::LOCK_UNCHANGED,
};

/// How many wrong codes in a row are free.
const FREE_GUESSES: i32 = 5;

/// How long codes are refused after that; each further wrong one doubles it.
const FIRST_BLOCK: Duration = Duration::from_secs(60);
const LONGEST_BLOCK: Duration = Duration::from_secs(60 * 60);

/// How many steps of 30 seconds a used one is remembered: a day, should a clock be set back.
const REMEMBERED_STEPS: i64 = 2880;

pub(crate) const FORGET_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
const ADD_CODE: &str = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";

/// Finds the time step whose code a person has shown, for a sealed seed.
pub(crate) type StepOf<'a> = dyn Fn(&[u8]) -> Result<Option<i64>, Error> + Sync + 'a;

/// What a person shows to pass the second factor.
pub(crate) enum Factor<'a> {
    /// A code of the app that is in use.
    Code(&'a StepOf<'a>),
    /// A code of the app that is being set up.
    NewCode(&'a StepOf<'a>),
    /// The hash of a recovery code; nothing where the text can be none.
    RecoveryCode(Option<&'a [u8]>),
}

/// What follows a right code.
pub(crate) enum OnSuccess<'a> {
    /// The session has passed the second factor.
    Pass,
    /// The same, and mail tells how many recovery codes are left; the mails for each number, most
    /// left last.
    PassAndTell(&'a [NewEmail]),
    /// The app that is being set up takes over, with new recovery codes, and mail tells.
    TurnOn {
        recovery_hashes: &'a [Vec<u8>],
        mail: &'a NewEmail,
    },
}

/// A presented code.
pub(crate) struct Attempt<'a> {
    pub user_id: Id,
    pub evidence: Factor<'a>,
    pub consequence: OnSuccess<'a>,
    /// The caller's session, and what changes in it if the code is right.
    pub session: Replacement,
    /// What has happened if the code is right, and if it is wrong.
    pub passed: NewEvent,
    pub failed: NewEvent,
}

/// What came of it.
pub(crate) enum Outcome {
    /// The code is right; the session as it is now.
    Right(Session),
    /// It is not, or it was used before.
    Wrong,
    /// Codes are refused for so long.
    Blocked(Duration),
    /// There is nothing to check it against.
    NotSetUp,
    /// The session has ended meanwhile.
    SessionOver,
}

#[derive(FromRow)]
struct Guarded {
    wrong_codes: i32,
    seed: Option<Vec<u8>>,
    new_seed: Option<Vec<u8>>,
}

/// Validator a code and does what follows from it, in one transaction.
///
/// The guess is counted before it is looked at, by the statement that also asks whether guessing is
/// allowed; so many guesses at once are so many guesses. A code is used up by an insertion or a
/// deletion that only one can win.
pub(crate) async fn attempt(database: &Database, attempt: &Attempt<'_>) -> Result<Outcome, Error> {
    const COUNT: &str = "
        UPDATE second_factors SET wrong_codes = wrong_codes + 1
        WHERE user_id = $1
            AND (blocked_until IS NULL OR blocked_until <= $2 OR blocked_until > $3)
        RETURNING wrong_codes, seed, new_seed";
    const BLOCKED: &str = "SELECT blocked_until FROM second_factors WHERE user_id = $1";
    const BLOCK: &str = "UPDATE second_factors SET blocked_until = $2 WHERE user_id = $1";
    const RESET: &str = "
        UPDATE second_factors SET wrong_codes = 0, blocked_until = NULL WHERE user_id = $1";
    const USE_STEP: &str = "
        INSERT INTO used_totp_steps (user_id, step) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    const FORGET_STEPS: &str = "DELETE FROM used_totp_steps WHERE user_id = $1 AND step < $2";
    const USE_CODE: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    const CODES_LEFT: &str = "SELECT count(*) FROM recovery_codes WHERE user_id = $1";
    const TAKE_OVER: &str = "
        UPDATE second_factors SET seed = new_seed, new_seed = NULL WHERE user_id = $1";
    const TURN_ON: &str = "UPDATE users SET otp_enabled = TRUE WHERE id = $1";
    let (user_id, now) = (attempt.user_id, attempt.session.now);
    in_transaction!(database, transaction => {
        sqlx::query(crate::store::users::LOCK).bind(user_id).execute(&mut *transaction).await?;
        let guarded: Option<Guarded> = sqlx::query_as(COUNT)
            .bind(user_id)
            .bind(now)
            // So long no block is: the clock has been set back.
            .bind(now.plus(LONGEST_BLOCK + CLOCK_SKEW))
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(guarded) = guarded else {
            let until: Option<Option<Timestamp>> = sqlx::query_scalar(BLOCKED)
                .bind(user_id)
                .fetch_optional(&mut *transaction)
                .await?;
            return Ok(until.flatten().map_or(Outcome::NotSetUp, |until| {
                Outcome::Blocked(until.since(now))
            }));
        };
        let is_right = match &attempt.evidence {
            Factor::Code(step_of) | Factor::NewCode(step_of) => {
                let seed = match &attempt.evidence {
                    Factor::NewCode(_) => &guarded.new_seed,
                    _ => &guarded.seed,
                };
                let Some(seed) = seed else { return Ok(Outcome::NotSetUp) };
                match step_of(seed)? {
                    Some(step) => {
                        sqlx::query(FORGET_STEPS)
                            .bind(user_id)
                            .bind(step - REMEMBERED_STEPS)
                            .execute(&mut *transaction)
                            .await?;
                        let used = sqlx::query(USE_STEP)
                            .bind(user_id)
                            .bind(step)
                            .execute(&mut *transaction)
                            .await?;
                        if used.rows_affected() == 0 {
                            // No guess: a code that was right once, sent twice. It is not counted.
                            return Ok(Outcome::Wrong);
                        }
                        true
                    }
                    None => false,
                }
            }
            Factor::RecoveryCode(_) if guarded.seed.is_none() => return Ok(Outcome::NotSetUp),
            Factor::RecoveryCode(Some(hash)) => {
                let used = sqlx::query(USE_CODE)
                    .bind(user_id)
                    .bind(hash.to_vec())
                    .execute(&mut *transaction)
                    .await?;
                used.rows_affected() == 1
            }
            Factor::RecoveryCode(None) => false,
        };
        if !is_right {
            if let Some(block) = block(guarded.wrong_codes) {
                sqlx::query(BLOCK)
                    .bind(user_id)
                    .bind(now.plus(block))
                    .execute(&mut *transaction)
                    .await?;
            }
            audit!(transaction, &attempt.failed);
            transaction.commit().await?;
            return Ok(Outcome::Wrong);
        }
        sqlx::query(RESET).bind(user_id).execute(&mut *transaction).await?;
        let Some(session) = renew_current!(transaction, &attempt.session) else {
            return Ok(Outcome::SessionOver);
        };
        match attempt.consequence {
            OnSuccess::Pass => {}
            OnSuccess::PassAndTell(mails) => {
                let left: i64 = sqlx::query_scalar(CODES_LEFT)
                    .bind(user_id)
                    .fetch_one(&mut *transaction)
                    .await?;
                let left = usize::try_from(left).unwrap_or_default();
                if let Some(mail) = mails.get(left) {
                    enqueue!(transaction, mail);
                }
            }
            OnSuccess::TurnOn { recovery_hashes, mail } => {
                for sql in [TAKE_OVER, TURN_ON, FORGET_CODES] {
                    sqlx::query(sql).bind(user_id).execute(&mut *transaction).await?;
                }
                for hash in recovery_hashes {
                    sqlx::query(ADD_CODE)
                        .bind(user_id)
                        .bind(hash)
                        .execute(&mut *transaction)
                        .await?;
                }
                enqueue!(transaction, mail);
            }
        }
        audit!(transaction, &attempt.passed);
        transaction.commit().await?;
        Ok(Outcome::Right(session))
    })
}

/// How long codes are refused after so many wrong ones in a row.
fn block(wrong_codes: i32) -> Option<Duration> {
    let doublings = u32::try_from(wrong_codes - FREE_GUESSES).ok()?.min(16);
    Some(LONGEST_BLOCK.min(FIRST_BLOCK * 2_u32.pow(doublings)))
}

/// Keeps the sealed seed of an app that is being set up; an app in use stays in use until the new
/// one's first code. Nothing happens if the user's secret has changed since; whether it is kept.
pub(crate) async fn begin_setup(
    database: &Database,
    user: &User,
    sealed_seed: &[u8],
) -> Result<bool, Error> {
    const SQL: &str = "
        INSERT INTO second_factors (user_id, new_seed) VALUES ($1, $2)
        ON CONFLICT (user_id) DO UPDATE SET new_seed = excluded.new_seed";
    in_transaction!(database, transaction => {
        let locked = sqlx::query(LOCK_UNCHANGED)
            .bind(user.id)
            .bind(&user.jwt_secret)
            .execute(&mut *transaction)
            .await?;
        if locked.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(SQL).bind(user.id).bind(sealed_seed).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    })
}

/// The count of wrong codes stays. Binds: user.
pub(crate) const FORGET_SEEDS: &str = "
    UPDATE second_factors SET seed = NULL, new_seed = NULL WHERE user_id = $1";

/// Replaces the recovery codes of a user, unless its secret has changed since; whether it did.
pub(crate) async fn replace_recovery_codes(
    database: &Database,
    user: &User,
    hashes: &[Vec<u8>],
    mail: &NewEmail,
    event: &NewEvent,
) -> Result<bool, Error> {
    in_transaction!(database, transaction => {
        let locked = sqlx::query(LOCK_UNCHANGED)
            .bind(user.id)
            .bind(&user.jwt_secret)
            .execute(&mut *transaction)
            .await?;
        if locked.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(FORGET_CODES).bind(user.id).execute(&mut *transaction).await?;
        for hash in hashes {
            sqlx::query(ADD_CODE).bind(user.id).bind(hash).execute(&mut *transaction).await?;
        }
        enqueue!(transaction, mail);
        audit!(transaction, event);
        transaction.commit().await?;
        Ok(true)
    })
}

/// The sealed seeds of a user.
#[derive(FromRow)]
pub(crate) struct SealedSeeds {
    pub user_id: Id,
    /// That of the app in use.
    pub seed: Option<Vec<u8>>,
    /// That of the app that is being set up.
    pub new_seed: Option<Vec<u8>>,
}

impl SealedSeeds {
    /// Seeds of which one is sealed under another key than this, of users after `after`.
    pub async fn under_other_keys(
        database: &Database,
        key_id: &[u8],
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT user_id, seed, new_seed FROM second_factors
            WHERE (substr(seed, 1, 8) <> $1 OR substr(new_seed, 1, 8) <> $1)
                AND ($2 IS NULL OR user_id > $2)
            ORDER BY user_id LIMIT $3";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL)
                .bind(key_id.to_vec())
                .bind(after)
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?
        }))
    }

    /// Puts a seed, sealed anew, in the place of what was read.
    pub async fn replace(
        &self,
        database: &Database,
        seed: &[u8],
        resealed: &[u8],
    ) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE second_factors SET seed = CASE WHEN seed = $2 THEN $3 ELSE seed END,
                new_seed = CASE WHEN new_seed = $2 THEN $3 ELSE new_seed END
            WHERE user_id = $1";
        writing!(database, connection => {
            sqlx::query(SQL)
                .bind(self.user_id)
                .bind(seed)
                .bind(resealed)
                .execute(connection)
                .await
                .map(drop)?
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn blocks_begin_with_the_fifth_wrong_code_and_grow_to_an_hour() {
        let minutes = |wrong| block(wrong).map(|block| block.as_secs() / 60);
        assert_eq!([1, 4].map(minutes), [None, None]);
        assert_eq!(
            [5, 6, 7, 10, 11, 12, 1000].map(minutes),
            [1, 2, 4, 32, 60, 60, 60].map(Some)
        );
    }
}
