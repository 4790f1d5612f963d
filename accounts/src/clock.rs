//! Timestamps, and the clock that the domain is created with.

use std::{fmt, time::Duration};

use sqlx::{
    Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// How much the clocks of servers may differ. A time that is further ahead than this allows was
/// recorded before the clock was set back, and is ignored.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A time in UTC, in milliseconds.
///
/// It is formatted, and stored in SQLite, as RFC 3339 with a fixed width (`2026-01-31T08:15:30.250Z`),
/// so that the texts sort by time. PostgreSQL stores `TIMESTAMPTZ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Milliseconds since 1970, from [`MIN`] to [`MAX`].
    milliseconds: i64,
}

/// 0000-01-01T00:00:00.000Z: the first time whose year has four digits.
const MIN: i64 = -62_167_219_200_000;

/// 9999-12-31T23:59:59.999Z: the last time whose year has four digits.
const MAX: i64 = 253_402_300_799_999;

impl Timestamp {
    /// Creates a timestamp, truncated to milliseconds.
    #[must_use]
    pub fn new(time: OffsetDateTime) -> Self {
        let milliseconds = time.unix_timestamp_nanos().div_euclid(1_000_000);
        Self {
            milliseconds: milliseconds.try_into().unwrap_or(MAX).clamp(MIN, MAX),
        }
    }

    /// Creates a timestamp from seconds since 1970.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self {
            milliseconds: seconds.saturating_mul(1000).clamp(MIN, MAX),
        }
    }

    /// Whole seconds since 1970, as in a JWT's NumericDate (RFC 7519, section 2).
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.milliseconds.div_euclid(1000)
    }

    /// Milliseconds since 1970.
    pub(crate) fn unix_milliseconds(self) -> i64 {
        self.milliseconds
    }

    /// Adds a duration, up to the last possible time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let milliseconds = self.milliseconds.saturating_add(milliseconds(duration));
        Self {
            milliseconds: milliseconds.min(MAX),
        }
    }

    /// The duration since an earlier time; zero since a later one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let milliseconds = self.milliseconds.saturating_sub(earlier.milliseconds);
        Duration::from_millis(milliseconds.try_into().unwrap_or_default())
    }

    /// Subtracts a duration, down to 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let milliseconds = self.milliseconds.saturating_sub(milliseconds(duration));
        Self {
            milliseconds: milliseconds.max(0),
        }
    }

    fn date_time(self) -> OffsetDateTime {
        let nanoseconds = i128::from(self.milliseconds) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

fn milliseconds(duration: Duration) -> i64 {
    duration.as_millis().try_into().unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date_time().to_calendar_date();
        let (hour, minute, second, millisecond) = self.date_time().to_hms_milli();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z"
        )
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
        Encode::<Postgres>::encode(self.date_time(), buffer)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self::new(<OffsetDateTime as Decode<Postgres>>::decode(
            value,
        )?))
    }
}

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// The current time. It may be wrong, and may be set to any other at any moment.
    fn now(&self) -> Timestamp;

    /// The time since some moment in the past, by a clock that nobody sets and that counts on while
    /// the machine is suspended.
    fn uptime(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the only place that reads the system clock
    fn now(&self) -> Timestamp {
        Timestamp::new(OffsetDateTime::now_utc())
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        clock_gettime(ClockId::Boottime)
            .try_into()
            .unwrap_or_default()
    }

    /// On other systems, `Instant` is the nearest that there is. It may stop during a suspension.
    #[cfg(not(target_os = "linux"))]
    fn uptime(&self) -> Duration {
        use std::{sync::LazyLock, time::Instant};
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn times_are_formatted_in_milliseconds_with_a_fixed_width() {
        let shown = |time| Timestamp::new(time).to_string();
        for (time, expected) in [
            (
                datetime!(2026-01-31 08:15:30.250_999 UTC),
                "2026-01-31T08:15:30.250Z",
            ),
            (
                datetime!(2026-01-31 08:15:30 +2),
                "2026-01-31T06:15:30.000Z",
            ),
            (
                datetime!(1969-12-31 23:59:59.999_9 UTC),
                "1969-12-31T23:59:59.999Z",
            ),
            (
                datetime!(9999-12-31 23:59:59.999_999 UTC),
                "9999-12-31T23:59:59.999Z",
            ),
            (
                datetime!(0000-01-01 00:00:00 UTC),
                "0000-01-01T00:00:00.000Z",
            ),
            (
                datetime!(-0001-01-01 00:00:00 UTC),
                "0000-01-01T00:00:00.000Z",
            ),
        ] {
            assert_eq!(shown(time), expected);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let at = |time| Timestamp::new(time);
        let noon = at(datetime!(2026-01-31 12:00:00.999 UTC));
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(noon.plus(day), at(datetime!(2026-02-01 12:00:00.999 UTC)));
        assert_eq!(noon.minus(day), at(datetime!(2026-01-30 12:00:00.999 UTC)));
        assert_eq!(
            (noon.plus(day).since(noon), noon.since(noon.plus(day))),
            (day, Duration::ZERO)
        );
        assert_eq!(noon.unix_seconds(), 1_769_860_800);
        assert_eq!(at(datetime!(1969-12-31 23:59:59.5 UTC)).unix_seconds(), -1);
        assert_eq!(
            noon.plus(Duration::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
        assert_eq!(
            noon.minus(Duration::MAX).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
    }
}
