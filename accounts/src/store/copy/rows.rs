//! Rows as the databases return and take them.

use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

use super::{
    error::CopyError,
    plan::Table,
    value::{Reason, Row, Value},
};
use crate::store::statement;

/// Why a value can't be read that the query has asked for.
const MISSING: Reason = "it is missing";

impl<'a> From<&'a Value> for statement::Value<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            // Only SQLite is given nulls, whose type does not matter there.
            Value::Null => Self::Text(None),
            Value::Bool(value) => (*value).into(),
            Value::Short(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Text(value) => value.into(),
            Value::Bytes(value) => value.into(),
            Value::Id(value) => (*value).into(),
            Value::Time(value) => (*value).into(),
        }
    }
}

/// Reads a row from SQLite.
pub(super) fn from_sqlite(row: &SqliteRow, table: &Table) -> Result<Row, CopyError> {
    convert(table, |index| {
        let value = row.try_get_raw(index).map_err(|_| MISSING)?;
        Value::from_sqlite(value, table.columns[index].kind)
    })
}

/// Reads a row from PostgreSQL.
pub(super) fn from_postgres(row: &PgRow, table: &Table) -> Result<Row, CopyError> {
    convert(table, |index| {
        let value = row.try_get_raw(index).map_err(|_| MISSING)?;
        Value::from_postgres(value, table.columns[index].kind)
    })
}

/// Converts the values of a row. An error names the row by its ID or number, if it has one.
fn convert(table: &Table, read: impl Fn(usize) -> Result<Value, Reason>) -> Result<Row, CopyError> {
    let values = (0..table.columns.len()).map(|index| {
        read(index).map_err(|reason| CopyError::Value {
            table: table.name.clone(),
            column: table.columns[index].name.clone(),
            row: table.row_name(table.key.first().and_then(|index| read(*index).ok())),
            reason,
        })
    });
    values.collect()
}
