//! The table `used_totp_steps`: time steps whose one-time code has been used. Each code works once
//! (RFC 6238, 5.2).

use crate::{
    error::Error,
    id::Id,
    store::{statement::Statement, transaction::Transaction},
};

/// For how many steps of 30 seconds a used one is kept: for a day, in case a clock is set back.
const KEPT_STEPS: i64 = 2880;

/// Marks the code of a time step as used. Returns `false` if it was already used.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    user_id: Id,
    step: i64,
) -> Result<bool, Error> {
    const DELETE_OLD: &str = "DELETE FROM used_totp_steps WHERE user_id = $1 AND step < $2";
    const INSERT: &str = "
        INSERT INTO used_totp_steps (user_id, step) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let statement = Statement::new(DELETE_OLD)
        .bind(user_id)
        .bind(step - KEPT_STEPS);
    transaction.execute(statement).await?;
    let statement = Statement::new(INSERT).bind(user_id).bind(step);
    Ok(transaction.execute(statement).await? == 1)
}
