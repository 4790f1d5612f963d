//! The table `trusted_devices`: devices on which a user signs in without a code of the authenticator app for a time.
//! A device is identified by its device token, whose nonce is stored as a hash.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        statement::Statement,
        transaction::Transaction,
    },
};

/// How long a device is trusted after a code.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many devices a user can trust. One more replaces the oldest.
const LIMIT: u32 = 64;

/// A device that is trusted.
#[derive(Clone, Debug, FromRow)]
pub struct TrustedDevice {
    /// When the code was given.
    pub created_at: Timestamp,
    /// Until when the device is trusted.
    pub expires_at: Timestamp,
}

/// Trusts the device of a session from now on. Call it with the user's row locked.
pub(crate) async fn trust(
    transaction: &mut Transaction,
    user_id: Id,
    session_id: Id,
    hash: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO trusted_devices (hash, user_id, session_id, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (hash) DO UPDATE SET session_id = excluded.session_id,
            created_at = excluded.created_at, expires_at = excluded.expires_at";
    const ENFORCE_LIMIT: &str = "
        DELETE FROM trusted_devices WHERE user_id = $1 AND hash NOT IN (
            SELECT hash FROM trusted_devices WHERE user_id = $1
            ORDER BY created_at DESC, hash LIMIT $2
        )";
    let statement = Statement::new(SQL)
        .bind(hash)
        .bind(user_id)
        .bind(session_id)
        .bind(now)
        .bind(now.plus(LIFETIME));
    transaction.execute(statement).await?;
    let statement = Statement::new(ENFORCE_LIMIT).bind(user_id).bind(LIMIT);
    transaction.execute(statement).await.map(drop)
}

/// Returns when the second factor was completed on a device, if it is trusted, and makes this the session that has
/// used it last.
pub(crate) async fn use_for(
    transaction: &mut Transaction,
    user_id: Id,
    session_id: Id,
    hash: &[u8],
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "
        UPDATE trusted_devices SET session_id = $3
        WHERE hash = $1 AND user_id = $2 AND expires_at > $4 AND created_at <= $5
        RETURNING created_at";
    let statement = Statement::new(SQL)
        .bind(hash)
        .bind(user_id)
        .bind(session_id)
        .bind(now)
        // A later time was written before the clock was set back.
        .bind(now.plus(CLOCK_SKEW));
    let row: Option<(Timestamp,)> = transaction.fetch_optional(statement).await?;
    Ok(row.map(|(since,)| since))
}

/// No longer trusts the device that has used this session.
pub(crate) async fn forget(
    transaction: &mut Transaction,
    user_id: Id,
    session_id: Id,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM trusted_devices WHERE user_id = $1 AND session_id = $2";
    let statement = Statement::new(SQL).bind(user_id).bind(session_id);
    transaction.execute(statement).await.map(drop)
}

/// No longer trusts any device of a user. Returns how many were trusted.
pub(crate) async fn forget_all(transaction: &mut Transaction, user_id: Id) -> Result<u64, Error> {
    const SQL: &str = "DELETE FROM trusted_devices WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await
}

/// The same as a change of its own, with the event that the user has made it.
pub(crate) async fn forget_all_of(database: &Database, event: &NewEvent) -> Result<(), Error> {
    let mut transaction = database.begin().await?;
    // The event comes first, because it locks the user's row.
    audit_events::record(&mut transaction, event).await?;
    if forget_all(&mut transaction, event.user_id).await? > 0 {
        transaction.commit().await?;
    }
    Ok(())
}
