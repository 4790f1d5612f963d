//! What is copied: the tables and columns, as the migrations create them.

use sqlx::{PgConnection, SqliteConnection};

use super::{
    error::CopyError,
    value::{Kind, Value},
};
use crate::store::migrations::{self, TABLE};

/// Tables that only SQLite has: for its cache, and for its index of texts. Triggers fill them.
const SQLITE_ONLY: [&str; 3] = ["user_changes", "replaced_users", "user_search_rows"];

/// The table that is copied last. As long as there is no webhook, no trigger reports the users and sessions
/// that are copied.
const LAST: &str = "webhooks";

/// Tables in which there may be rows before they are copied: what triggers have derived from other tables,
/// and what a server has noted that was started with an empty database. The copy replaces them.
const REPLACED: [&str; 2] = ["user_roles", "server_checks"];

/// A table that is copied.
#[derive(Debug)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The indexes of the columns of the primary key.
    pub key: Vec<usize>,
    /// Whether the database counts the rows, in the only column of the primary key.
    pub is_numbered: bool,
}

/// A column that is copied.
#[derive(Debug)]
pub(super) struct Column {
    pub name: String,
    pub kind: Kind,
}

impl Table {
    /// Whether rows that are there before it is copied are replaced.
    pub fn is_replaced(&self) -> bool {
        REPLACED.contains(&&*self.name)
    }

    /// The columns of the primary key.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().map(|index| &self.columns[*index])
    }

    /// The primary key of a row.
    pub fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().map(|index| row[*index].clone()).collect()
    }

    /// Names a row by the first value of its key, if that is an ID or a number, and so no secret.
    pub fn row_name(&self, first: Option<Value>) -> String {
        let column = self.key_columns().next().map_or("", |column| &column.name);
        match first {
            Some(value @ (Value::Id(_) | Value::Short(_) | Value::Integer(_))) => {
                format!(" from the row with the {column} {}", value.text())
            }
            _ => String::new(),
        }
    }

    /// The quoted names of all columns.
    pub fn column_list(&self) -> String {
        let names = self.columns.iter().map(|column| quoted(&column.name));
        names.collect::<Vec<_>>().join(", ")
    }
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Finds out what is to be copied, in the order in which tables refer to one another. The tables are those
/// that the migrations create in an empty database, whatever else is in this one; PostgreSQL knows the types.
pub(super) async fn tables(postgres: &mut PgConnection) -> Result<Vec<Table>, CopyError> {
    let mut sqlite = migrations::empty_database().await?;
    let mut tables = Vec::new();
    for name in names(&mut sqlite).await.map_err(CopyError::Plan)? {
        tables.push(table(name, &mut sqlite, postgres).await?);
    }
    tables.sort_by_key(|table| table.name == LAST);
    Ok(tables)
}

/// The names of all tables that are copied, in the order in which they were created.
async fn names(sqlite: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    const NAMES: &str = "
        SELECT sqlite_master.name FROM sqlite_master
            JOIN pragma_table_list AS list ON list.schema = 'main' AND list.name = sqlite_master.name
        WHERE sqlite_master.type = 'table' AND list.type = 'table'
            AND sqlite_master.name NOT LIKE 'sqlite!_%' ESCAPE '!'
        ORDER BY sqlite_master.rowid";
    let mut names: Vec<String> = sqlx::query_scalar(NAMES).fetch_all(sqlite).await?;
    names.retain(|name| name != TABLE && !SQLITE_ONLY.contains(&&**name));
    Ok(names)
}

async fn table(
    name: String,
    sqlite: &mut SqliteConnection,
    postgres: &mut PgConnection,
) -> Result<Table, CopyError> {
    // Generated columns are hidden.
    const COLUMNS: &str =
        "SELECT name, pk FROM pragma_table_xinfo($1) WHERE hidden = 0 ORDER BY cid";
    const TYPES: &str = "
        SELECT attname::text, atttypid::regtype::text, attidentity <> '' FROM pg_attribute
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let columns = sqlx::query_as(COLUMNS).bind(&name).fetch_all(sqlite).await;
    let columns: Vec<(String, i64)> = columns.map_err(CopyError::Plan)?;
    let types = sqlx::query_as(TYPES).bind(&name).fetch_all(postgres).await;
    let types: Vec<(String, String, bool)> = types.map_err(CopyError::Plan)?;
    let mut table = Table {
        name,
        columns: Vec::with_capacity(columns.len()),
        key: Vec::new(),
        is_numbered: false,
    };
    let mut key = Vec::new();
    for (index, (column, place_in_key)) in columns.into_iter().enumerate() {
        let found = types.iter().find(|(name, ..)| *name == column);
        let kind = found.and_then(|(_, name, _)| Kind::of_type(name));
        let Some(kind) = kind else {
            let table = table.name;
            return Err(CopyError::UnknownColumn { table, column });
        };
        table.is_numbered |= found.is_some_and(|(.., is_numbered)| *is_numbered);
        table.columns.push(Column { name: column, kind });
        if place_in_key > 0 {
            key.push((place_in_key, index));
        }
    }
    key.sort_unstable();
    table.key = key.into_iter().map(|(_, index)| index).collect();
    Ok(table)
}
