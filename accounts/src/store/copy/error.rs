//! Why a copy fails.

use crate::store::migrations::MigrationError;

/// Why a database was not copied, or not completely. Databases are named without their passwords.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Other programs copy within one kind of database.
    #[error(
        "it copies from SQLite to PostgreSQL or back, and both databases are of one kind; copy SQLite with \
         latchkey backup, and PostgreSQL with pg_dump"
    )]
    SameKind,
    /// There is nothing to copy.
    #[error("there is no database of Latchkey in {0}")]
    NoSource(String),
    /// The source was last used by an older program.
    #[error("the tables in {0} are older than this program; run latchkey migrate on them first")]
    Outdated(String),
    /// A database was last used by a newer program.
    #[error(
        "the tables in {database} are newer than this program (they have migration {migration}); copy with the \
         version that made them"
    )]
    Newer {
        /// The database.
        database: String,
        /// The number of the last migration that this program does not have.
        migration: i64,
    },
    /// The target has data that is not from this copy.
    #[error(
        "{database} has data already that is not from this copy, in the table {table}; name an empty database"
    )]
    NotEmpty {
        /// The target.
        database: String,
        /// The table with the data.
        table: String,
    },
    /// The target has a part of another copy.
    #[error(
        "{database} has a part of the copy of {other}; complete that one, or name an empty database"
    )]
    OtherCopy {
        /// The target.
        database: String,
        /// The source of the other copy.
        other: String,
    },
    /// The target has a part of a copy that another version of the program has begun.
    #[error("{0} has a part of a copy that another version has begun; name an empty database")]
    OtherVersion(String),
    /// Something else copies into the target at the same time.
    #[error("another process is copying into {0}")]
    Concurrent(String),
    /// A value has no equal in the other database.
    #[error("{table}.{column} can't be copied{row}: {reason}")]
    Value {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Which row, where that can be said.
        row: String,
        /// The reason.
        reason: &'static str,
    },
    /// After the copy, tables differ.
    #[error("the databases differ after the copy: {0}; empty the target, and copy again")]
    Different(String),
    /// A column that the two databases don't both have, or with a type that is not known.
    #[error("{table}.{column} is unknown in PostgreSQL")]
    UnknownColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// The list of tables can't be read.
    #[error("the list of tables can't be read: {0}")]
    Plan(#[source] sqlx::Error),
    /// The list of tables can't be created.
    #[error("the list of tables can't be created: {0}")]
    Tables(#[from] MigrationError),
    /// A database can't be opened or migrated.
    #[error("can't use {database}: {source}")]
    Unusable {
        /// The database.
        database: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A database fails.
    #[error("{database}: the table {table} can't be {operation}: {source}")]
    Failed {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// What was to be done with the table.
        operation: &'static str,
        /// Why.
        source: sqlx::Error,
    },
}
