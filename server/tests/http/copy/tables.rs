//! All tables and columns are copied, those of later migrations, too.

use std::collections::BTreeSet;

use super::{copied, postgres};
use crate::support::TestEnv;

/// Tables that only SQLite has. Triggers fill them from the others.
const SQLITE_ONLY: [&str; 3] = ["replaced_users", "user_changes", "user_search_rows"];

/// A column that only PostgreSQL has, for email addresses that a database of SQLite can't have.
const POSTGRES_ONLY: &str = "users.email_duplicate";

/// The lines in a text.
fn lines(text: &str) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_table_and_column_is_copied() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    drop(sqlite.start(&[]));
    let copied = copied(&sqlite, &postgres);
    let copied = copied.lines().map(|line| line.split('\t').next());
    let copied: BTreeSet<_> = copied.flatten().map(str::to_owned).collect();

    let mut tables = lines(&postgres.database.text(
        "SELECT string_agg(table_name, E'\\n') FROM information_schema.tables
         WHERE table_schema = 'public' AND table_name <> 'latchkey_migrations'",
    ));
    assert_eq!(tables, copied);
    tables.extend(SQLITE_ONLY.map(str::to_owned));
    let there = lines(&sqlite.database.text(
        "SELECT group_concat(name, char(10)) FROM pragma_table_list
         WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'latchkey_migrations'",
    ));
    assert_eq!(there, tables);

    let mut columns = lines(&postgres.database.text(
        "SELECT string_agg(table_name || '.' || column_name, E'\\n') FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name <> 'latchkey_migrations' AND is_generated = 'NEVER'",
    ));
    assert!(columns.remove(POSTGRES_ONLY));
    let mut there = lines(&sqlite.database.text(
        "SELECT group_concat(list.name || '.' || columns.name, char(10))
         FROM pragma_table_list AS list, pragma_table_xinfo(list.name) AS columns
         WHERE list.type = 'table' AND list.name NOT LIKE 'sqlite%' AND list.name <> 'latchkey_migrations'
            AND hidden = 0",
    ));
    there.retain(|column| !SQLITE_ONLY.iter().any(|table| column.starts_with(table)));
    assert_eq!(there, columns);
}
