//! Time, as the domain takes it: from a clock that the caller passes in.

use std::{fmt, time::Duration};

use sqlx::{
    Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

/// By how much the clocks of servers may differ. A time that is further ahead than it could be by
/// this is of before the clock was set back, and says nothing.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A moment in UTC, to the millisecond.
///
/// It is shown, and stored in SQLite, as RFC 3339 of one fixed width (`2026-01-31T08:15:30.250Z`),
/// so that texts sort as the moments do; PostgreSQL stores `TIMESTAMPTZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// The moment, with what is finer than a millisecond cut off.
    #[must_use]
    pub fn new(time: OffsetDateTime) -> Self {
        let time = time.to_offset(time::UtcOffset::UTC);
        Self(time.replace_millisecond(time.millisecond()).unwrap_or(time))
    }

    /// Whole seconds since 1970, as in a JWT's NumericDate (RFC 7519, 2).
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// This much later, or the last moment there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            time::Duration::try_from(duration)
                .ok()
                .and_then(|duration| self.0.checked_add(duration))
                .unwrap_or(MAX),
        )
    }

    /// How long it is since an earlier moment; nothing since a later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).try_into().unwrap_or_default()
    }

    /// This much earlier, or the first moment there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            time::Duration::try_from(duration)
                .ok()
                .and_then(|duration| self.0.checked_sub(duration))
                .unwrap_or(OffsetDateTime::UNIX_EPOCH),
        )
    }
}

/// The last moment whose year has four digits.
const MAX: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59.999 UTC);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        f.write_str(&self.0.format(format).map_err(|_| fmt::Error)?)
    }
}

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.to_string(), buffer)
    }
}

impl Decode<'_, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let text = <String as Decode<Sqlite>>::decode(value)?;
        Ok(Self::new(OffsetDateTime::parse(&text, &Rfc3339)?))
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.0, buffer)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self::new(<OffsetDateTime as Decode<Postgres>>::decode(
            value,
        )?))
    }
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that asks the machine
    fn now(&self) -> Timestamp {
        Timestamp::new(OffsetDateTime::now_utc())
    }
}
