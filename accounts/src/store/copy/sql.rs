//! The SQL that is composed for a table. Names come from the migrations, never from outside.

use super::{
    plan::{Column, Table, quoted},
    value::Kind,
};

/// Reads rows in the order of the primary key, which is the same in both databases. `$1` … are the key after
/// which they begin.
pub(super) fn select(table: &Table, is_sqlite: bool, is_after: bool, limit: u32) -> String {
    let columns = table.column_list();
    let key = table.key_columns().map(|column| key(column, is_sqlite));
    let key = key.collect::<Vec<_>>().join(", ");
    let parameters = (1..=table.key.len()).map(|number| format!("${number}"));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let after = match is_after {
        true => format!("WHERE ({key}) > ({parameters})"),
        false => String::new(),
    };
    let name = quoted(&table.name);
    format!("SELECT {columns} FROM {name} {after} ORDER BY {key} LIMIT {limit}")
}

/// SQLite compares texts by their bytes.
fn key(column: &Column, is_sqlite: bool) -> String {
    let name = quoted(&column.name);
    match column.kind {
        Kind::Text if !is_sqlite => format!("{name} COLLATE \"C\""),
        _ => name,
    }
}

/// Adds a row to a table of SQLite.
pub(super) fn insert(table: &Table) -> String {
    let parameters = (1..=table.columns.len()).map(|number| format!("${number}"));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let (name, columns) = (quoted(&table.name), table.column_list());
    format!("INSERT INTO {name} ({columns}) VALUES ({parameters})")
}

/// Adds rows to a table of PostgreSQL.
pub(super) fn copy(table: &Table) -> String {
    let (name, columns) = (quoted(&table.name), table.column_list());
    format!("COPY {name} ({columns}) FROM STDIN (FORMAT binary)")
}

/// Reads the last number that a numbered table has given to a row.
pub(super) fn last_number(table: &Table, is_sqlite: bool) -> String {
    let name = &table.name;
    match is_sqlite {
        true => format!("SELECT COALESCE(max(seq), 0) FROM sqlite_sequence WHERE name = '{name}'"),
        false => format!(
            "SELECT COALESCE(pg_sequence_last_value({}::regclass), 0)",
            sequence(table)
        ),
    }
}

/// Makes a numbered table give the numbers after this one to new rows.
pub(super) fn continue_after(table: &Table, is_sqlite: bool, last: i64) -> Vec<String> {
    let name = &table.name;
    match is_sqlite {
        _ if last < 1 => vec![],
        true => vec![
            format!("DELETE FROM sqlite_sequence WHERE name = '{name}'"),
            format!("INSERT INTO sqlite_sequence (name, seq) VALUES ('{name}', {last})"),
        ],
        false => vec![format!("SELECT setval({}, {last})", sequence(table))],
    }
}

/// The name of a sequence of PostgreSQL.
fn sequence(table: &Table) -> String {
    let columns: Vec<_> = table.key_columns().map(|column| &*column.name).collect();
    format!(
        "pg_get_serial_sequence('{}', '{}')",
        table.name,
        columns.join(" ")
    )
}
