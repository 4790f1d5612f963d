//! Values in a form that is the same for both databases.

use std::borrow::Cow;

use sqlx::{
    Decode, Postgres, Sqlite, TypeInfo, ValueRef, postgres::PgValueRef, sqlite::SqliteValueRef,
};
use time::OffsetDateTime;

use crate::{clock::Timestamp, id::Id};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// An integer of 32 bits.
    Short,
    Integer,
    Text,
    Bytes,
    Id,
    Time,
}

impl Kind {
    /// The kind of a column with this type in PostgreSQL, or `None` if the copy does not know the type.
    pub fn of_type(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Self::Bool,
            "integer" => Self::Short,
            "bigint" => Self::Integer,
            "text" => Self::Text,
            "bytea" => Self::Bytes,
            "uuid" => Self::Id,
            "timestamp with time zone" => Self::Time,
            _ => return None,
        })
    }
}

/// The value in one column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Short(i32),
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
    Id(Id),
    Time(Timestamp),
}

/// The values in all columns of a row.
pub(super) type Row = Vec<Value>;

/// Why a value has no equal in the other database. It does not contain the value, which may be a secret.
pub(super) type Reason = &'static str;

impl Value {
    /// Reads a value from SQLite, where a column holds any type. What would be another value in
    /// PostgreSQL is an error.
    pub fn from_sqlite(value: SqliteValueRef<'_>, kind: Kind) -> Result<Self, Reason> {
        if value.is_null() {
            return Ok(Self::Null);
        }
        let (expected, reason) = match kind {
            Kind::Bool | Kind::Short | Kind::Integer => ("INTEGER", "it is not an integer"),
            Kind::Text | Kind::Id | Kind::Time => ("TEXT", "it is not a text"),
            Kind::Bytes => ("BLOB", "it is not a blob"),
        };
        if value.type_info().name() != expected {
            return Err(reason);
        }
        match kind {
            Kind::Bool | Kind::Short | Kind::Integer => {
                let number = <i64 as Decode<Sqlite>>::decode(value).map_err(|_| reason)?;
                Self::from_number(number, kind)
            }
            Kind::Bytes => {
                let bytes = <Vec<u8> as Decode<Sqlite>>::decode(value);
                bytes.map(Self::Bytes).map_err(|_| reason)
            }
            Kind::Time => {
                let time = <Timestamp as Decode<Sqlite>>::decode(value);
                time.map(Self::Time)
                    .map_err(|_| "it is not a time (RFC 3339)")
            }
            Kind::Text | Kind::Id => {
                let text = <&str as Decode<Sqlite>>::decode(value);
                Self::from_text(text.map_err(|_| "it is not UTF-8")?, kind)
            }
        }
    }

    fn from_number(number: i64, kind: Kind) -> Result<Self, Reason> {
        match (kind, number) {
            (Kind::Bool, 0 | 1) => Ok(Self::Bool(number == 1)),
            (Kind::Bool, _) => Err("it is neither 0 nor 1"),
            (Kind::Short, _) => {
                let number = number.try_into().map(Self::Short);
                number.map_err(|_| "it has more than 32 bits")
            }
            _ => Ok(Self::Integer(number)),
        }
    }

    fn from_text(text: &str, kind: Kind) -> Result<Self, Reason> {
        match kind {
            Kind::Id => id(text).map(Self::Id),
            _ if text.contains('\0') => Err("it contains a zero byte"),
            _ => Ok(Self::Text(text.to_owned())),
        }
    }

    /// Reads a value from PostgreSQL.
    pub fn from_postgres(value: PgValueRef<'_>, kind: Kind) -> Result<Self, Reason> {
        const REASON: Reason = "it has another type than expected";
        if value.is_null() {
            return Ok(Self::Null);
        }
        match kind {
            Kind::Bool => <bool as Decode<Postgres>>::decode(value).map(Self::Bool),
            Kind::Short => <i32 as Decode<Postgres>>::decode(value).map(Self::Short),
            Kind::Integer => <i64 as Decode<Postgres>>::decode(value).map(Self::Integer),
            Kind::Text => <String as Decode<Postgres>>::decode(value).map(Self::Text),
            Kind::Bytes => <Vec<u8> as Decode<Postgres>>::decode(value).map(Self::Bytes),
            Kind::Id => <Id as Decode<Postgres>>::decode(value).map(Self::Id),
            Kind::Time => {
                let bytes = value.as_bytes().map_err(|_| REASON)?;
                let bytes = bytes.try_into().map_err(|_| REASON)?;
                return time(i64::from_be_bytes(bytes)).map(Self::Time);
            }
        }
        .map_err(|_| REASON)
    }

    /// The value as text, which is the same for both databases.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "".into(),
            Self::Bool(true) => "t".into(),
            Self::Bool(false) => "f".into(),
            Self::Short(number) => number.to_string().into(),
            Self::Integer(number) => number.to_string().into(),
            Self::Text(text) => text.into(),
            Self::Bytes(bytes) => format!(r"\x{}", hex::encode(bytes)).into(),
            Self::Id(id) => id.to_string().into(),
            Self::Time(time) => time.to_string().into(),
        }
    }

    /// Reads the text of a value in a primary key.
    pub fn parse(text: &str, kind: Kind) -> Option<Self> {
        match kind {
            Kind::Short => text.parse().ok().map(Self::Short),
            Kind::Integer => text.parse().ok().map(Self::Integer),
            Kind::Text => Some(Self::Text(text.to_owned())),
            Kind::Bytes => {
                let bytes = hex::decode(text.strip_prefix(r"\x")?);
                bytes.ok().map(Self::Bytes)
            }
            Kind::Id => id(text).ok().map(Self::Id),
            Kind::Bool | Kind::Time => None,
        }
    }

    /// Appends the value to a line.
    fn append_to(&self, line: &mut Vec<u8>) {
        if *self == Self::Null {
            line.extend(br"\N");
            return;
        }
        for byte in self.text().bytes() {
            match byte {
                b'\\' => line.extend(br"\\"),
                b'\t' => line.extend(br"\t"),
                b'\n' => line.extend(br"\n"),
                b'\r' => line.extend(br"\r"),
                byte => line.push(byte),
            }
        }
    }
}

/// Appends a row as a line, like those of PostgreSQL's text format of `COPY`. Different rows have different
/// lines.
pub(super) fn append_line(row: &[Value], lines: &mut Vec<u8>) {
    for (index, value) in row.iter().enumerate() {
        if index > 0 {
            lines.push(b'\t');
        }
        value.append_to(lines);
    }
    lines.push(b'\n');
}

/// Reads an ID in the spelling that PostgreSQL returns. Tokens depend on the spelling of some.
fn id(text: &str) -> Result<Id, Reason> {
    let id: Option<Id> = text.parse().ok();
    id.filter(|id| id.to_string() == text)
        .ok_or("it is not a UUID in lower case with hyphens")
}

/// Converts PostgreSQL's microseconds since 2000. Fractions of a millisecond are dropped, as they are
/// wherever the program reads a time.
fn time(microseconds: i64) -> Result<Timestamp, Reason> {
    /// 2000-01-01 in nanoseconds since 1970.
    const EPOCH: i128 = 946_684_800_000_000_000;
    let nanoseconds = EPOCH + i128::from(microseconds) * 1000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    time.map(Timestamp::new)
        .map_err(|_| "it is not a time with a year of four digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32";

    #[test]
    fn lines_tell_all_rows_apart() {
        let text = |text: &str| Value::Text(text.to_owned());
        let time = Timestamp::from_unix_seconds(1_769_847_330);
        for (row, line) in [
            (vec![Value::Null, text("")], "\\N\t\n"),
            (vec![text("\\N"), text("a\tb\r\n")], "\\\\N\ta\\tb\\r\\n\n"),
            (vec![Value::Bool(true), Value::Bool(false)], "t\tf\n"),
            (vec![Value::Integer(i64::MIN)], "-9223372036854775808\n"),
            (vec![Value::Bytes(vec![0, 0xaf, 9])], "\\\\x00af09\n"),
            (
                vec![Value::Id(ID.parse().unwrap())],
                "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32\n",
            ),
            (vec![Value::Time(time)], "2026-01-31T08:15:30.000Z\n"),
        ] {
            let mut lines = Vec::new();
            append_line(&row, &mut lines);
            assert_eq!(String::from_utf8(lines).unwrap(), line);
        }
    }

    #[test]
    fn positions_are_read_back() {
        for (value, kind) in [
            (Value::Integer(-7), Kind::Integer),
            (Value::Text("a\\b".to_owned()), Kind::Text),
            (Value::Bytes(vec![]), Kind::Bytes),
            (Value::Bytes((0..=255).collect()), Kind::Bytes),
            (Value::Id(ID.parse().unwrap()), Kind::Id),
        ] {
            assert_eq!(Value::parse(&value.text(), kind), Some(value));
        }
        for (text, kind) in [
            ("", Kind::Integer),
            ("\\x0", Kind::Bytes),
            ("\\x+1", Kind::Bytes),
            ("00", Kind::Bytes),
            ("5D2E9A61-6B0C-4F4E-9D57-0A4B1C8E7F32", Kind::Id),
        ] {
            assert_eq!(Value::parse(text, kind), None, "{text}");
        }
    }

    #[test]
    fn times_of_postgresql_are_read_in_milliseconds() {
        let shown = |microseconds| time(microseconds).map(|time| time.to_string());
        assert_eq!(shown(0).unwrap(), "2000-01-01T00:00:00.000Z");
        assert_eq!(shown(1_999).unwrap(), "2000-01-01T00:00:00.001Z");
        assert_eq!(shown(-1).unwrap(), "1999-12-31T23:59:59.999Z");
        // Infinity, and minus infinity.
        assert!(shown(i64::MAX).is_err() && shown(i64::MIN).is_err());
    }
}
