//! One SQL statement with its bound values, for both databases.

use std::borrow::Cow;

use sqlx::{
    Arguments, Encode, FromRow, SqlSafeStr, SqlStr, Type, postgres::PgRow, sqlite::SqliteRow,
};

use crate::{clock::Timestamp, crypto::jwt_secret::JwtSecret, id::Id};

/// A type that is read from a row of either database.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{}

/// A bound value. PostgreSQL needs to know the type of a null, so each kind has its own.
pub(crate) enum Value<'a> {
    Bool(bool),
    Integer(Option<i64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<&'a [u8]>),
    Id(Option<Id>),
    Timestamp(Option<Timestamp>),
    JwtSecret(Option<&'a JwtSecret>),
}

/// An SQL text, which both databases understand, and the values of its parameters `$1`, `$2` ….
pub(crate) struct Statement<'a> {
    pub(super) sql: SqlStr,
    /// Whether the connection keeps the prepared statement.
    pub(super) is_kept: bool,
    values: Vec<Value<'a>>,
}

impl<'a> Statement<'a> {
    /// Creates a statement without values.
    pub fn new(sql: impl SqlSafeStr) -> Self {
        Self {
            sql: sql.into_sql_str(),
            is_kept: true,
            values: Vec::new(),
        }
    }

    /// Makes the database plan the statement for these values, each time.
    pub fn planned_each_time(mut self) -> Self {
        self.is_kept = false;
        self
    }

    /// Binds the next parameter.
    pub fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Encodes the values for one of the databases.
    pub(super) fn arguments<'v, DB: sqlx::Database>(&'v self) -> Result<DB::Arguments, sqlx::Error>
    where
        bool: Encode<'v, DB> + Type<DB>,
        Option<i64>: Encode<'v, DB> + Type<DB>,
        Option<&'v str>: Encode<'v, DB> + Type<DB>,
        Option<&'v [u8]>: Encode<'v, DB> + Type<DB>,
        Option<Id>: Encode<'v, DB> + Type<DB>,
        Option<Timestamp>: Encode<'v, DB> + Type<DB>,
        Option<&'v JwtSecret>: Encode<'v, DB> + Type<DB>,
    {
        let mut arguments = DB::Arguments::default();
        for value in &self.values {
            match value {
                Value::Bool(value) => arguments.add(*value),
                Value::Integer(value) => arguments.add(*value),
                Value::Text(value) => arguments.add(value.as_deref()),
                Value::Bytes(value) => arguments.add(*value),
                Value::Id(value) => arguments.add(*value),
                Value::Timestamp(value) => arguments.add(*value),
                Value::JwtSecret(value) => arguments.add(*value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<i32> for Value<'_> {
    fn from(value: i32) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        value.as_str().into()
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(value: Option<&'a str>) -> Self {
        Self::Text(value.map(Into::into))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Into::into))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(Some(value))
    }
}

impl<'a> From<Option<&'a [u8]>> for Value<'a> {
    fn from(value: Option<&'a [u8]>) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

impl From<Id> for Value<'_> {
    fn from(value: Id) -> Self {
        Self::Id(Some(value))
    }
}

impl From<Option<Id>> for Value<'_> {
    fn from(value: Option<Id>) -> Self {
        Self::Id(value)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Timestamp(Some(value))
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(value: Option<Timestamp>) -> Self {
        Self::Timestamp(value)
    }
}

impl<'a> From<&'a JwtSecret> for Value<'a> {
    fn from(value: &'a JwtSecret) -> Self {
        Self::JwtSecret(Some(value))
    }
}

impl<'a> From<Option<&'a JwtSecret>> for Value<'a> {
    fn from(value: Option<&'a JwtSecret>) -> Self {
        Self::JwtSecret(value)
    }
}
