//! The table `retired_refresh_tokens`: tokens that were replaced within the grace period.

use std::ops::RangeInclusive;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{statement::Statement, transaction::Transaction},
};

/// Retires a refresh token: its grace period begins, perhaps again.
pub(crate) async fn retire(
    transaction: &mut Transaction,
    refresh_id: Id,
    session_id: Id,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO retired_refresh_tokens (id, session_id, retired_at) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET retired_at = excluded.retired_at";
    let statement = Statement::new(SQL)
        .bind(refresh_id)
        .bind(session_id)
        .bind(now);
    transaction.execute(statement).await.map(drop)
}

/// Checks whether a token of this session was retired within a period.
pub(crate) async fn exists(
    transaction: &mut Transaction,
    refresh_id: Id,
    session_id: Id,
    period: RangeInclusive<Timestamp>,
) -> Result<bool, Error> {
    const SQL: &str = "
        SELECT EXISTS (
            SELECT 1 FROM retired_refresh_tokens
            WHERE id = $1 AND session_id = $2 AND retired_at >= $3 AND retired_at <= $4
        )";
    let statement = Statement::new(SQL)
        .bind(refresh_id)
        .bind(session_id)
        .bind(*period.start())
        .bind(*period.end());
    let (exists,) = transaction.fetch_one(statement).await?;
    Ok(exists)
}

/// Deletes the tokens of a session that were retired before a time.
pub(crate) async fn prune(
    transaction: &mut Transaction,
    session_id: Id,
    before: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM retired_refresh_tokens WHERE session_id = $1 AND retired_at < $2";
    let statement = Statement::new(SQL).bind(session_id).bind(before);
    transaction.execute(statement).await.map(drop)
}
