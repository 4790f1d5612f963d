//! The table `email_limits`: how many emails of a purpose an address receives. It has the times of the
//! last ten emails, so the limits hold for every period of that length, across all servers.

use std::time::Duration;

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    store::{statement::Statement, transaction::Transaction},
};

/// The shortest time between two emails.
pub(crate) const PAUSE: Duration = Duration::from_secs(2 * 60);

/// Five emails may be sent in this time. After ten in a day, it is the pause between two.
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Ten emails may be sent in this time, before the pause becomes an hour.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts an email. Returns `false` if it must not be sent; then nothing changes.
pub(crate) async fn grant(
    transaction: &mut Transaction,
    key: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    // A time in the future was recorded before the clock was set back.
    const SQL: &str = "
        INSERT INTO email_limits (key, sent_1) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET
            sent_1 = $2, sent_2 = email_limits.sent_1, sent_3 = email_limits.sent_2,
            sent_4 = email_limits.sent_3, sent_5 = email_limits.sent_4,
            sent_6 = email_limits.sent_5, sent_7 = email_limits.sent_6,
            sent_8 = email_limits.sent_7, sent_9 = email_limits.sent_8,
            sent_10 = email_limits.sent_9
        WHERE email_limits.sent_1 > $6
            OR (email_limits.sent_1 <= $3
                AND (email_limits.sent_5 IS NULL OR email_limits.sent_5 <= $4)
                AND (email_limits.sent_10 IS NULL OR email_limits.sent_10 <= $5
                    OR email_limits.sent_1 <= $4))
        RETURNING sent_1";
    let statement = Statement::new(SQL)
        .bind(key)
        .bind(now)
        .bind(now.minus(PAUSE))
        .bind(now.minus(HOUR))
        .bind(now.minus(DAY))
        .bind(now.plus(CLOCK_SKEW));
    let granted: Option<(Timestamp,)> = transaction.fetch_optional(statement).await?;
    Ok(granted.is_some())
}
