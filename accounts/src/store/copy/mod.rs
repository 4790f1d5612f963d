//! Copies of a whole installation from SQLite to PostgreSQL or back, while no server uses either.
//!
//! Rows travel as values that are the same in both databases, in the order of the primary key and in batches.
//! Each batch is one transaction of the target, which also notes how far the copy is. The source can't change
//! while the copy runs. It may have changed since an interruption, and so all rows are compared at the end.

mod binary;
mod compare;
mod end;
mod error;
mod plan;
mod prepare;
mod progress;
mod rows;
mod sql;
mod table_copy;
mod value;

use self::{compare::compare, end::End, table_copy::TableCopy};
use crate::store::{database_settings::DatabaseSettings, database_url::DatabaseUrl};

pub use self::error::CopyError;

/// The number of rows that are in memory at a time, from each database.
const BATCH: u32 = 2000;

/// What a copy is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyStep {
    /// It adds rows to the target.
    Copying,
    /// It reads rows of both databases.
    Comparing,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct CopyProgress<'a> {
    /// What is done with the table.
    pub step: CopyStep,
    /// The table.
    pub table: &'a str,
    /// The number of its rows with which it was done.
    pub rows: i64,
    /// The number of all its rows.
    pub total: i64,
}

/// A table that is the same in both databases.
#[derive(Debug)]
pub struct CopiedTable {
    /// The name.
    pub name: String,
    /// The number of rows.
    pub rows: i64,
    /// The SHA-256 hash of all rows in hexadecimal, which does not depend on the database.
    pub sha256: String,
}

/// Copies a whole installation to an empty database of the other kind, or completes a copy that was
/// interrupted. Reports how far it is after each batch. Returns all tables.
///
/// # Errors
/// When a database can't be used, the target has other data, a value has no equal in the target, or the
/// databases differ in the end.
pub async fn copy_database(
    from: &DatabaseUrl,
    to: &DatabaseUrl,
    settings: DatabaseSettings,
    mut report: impl FnMut(CopyProgress<'_>),
) -> Result<Vec<CopiedTable>, CopyError> {
    if from.file().is_some() == to.file().is_some() {
        return Err(CopyError::SameKind);
    }
    prepare::check_source(from, settings).await?;
    let is_begun = prepare::prepare_target(to, settings).await?;
    let mut source = End::open(from, settings.wait).await?;
    let mut target = End::open(to, settings.wait).await?;
    let tables = match (source.postgres(), target.postgres()) {
        (Some(postgres), _) | (None, Some(postgres)) => plan::tables(postgres).await?,
        (None, None) => return Err(CopyError::SameKind),
    };
    source.lock(&tables).await?;
    let identity = progress::identity(from);
    if !is_begun {
        progress::begin(&mut target, &identity, &tables).await?;
    }
    let progress = progress::read(&mut target, &identity, &tables).await?;
    for (table, progress) in tables.iter().zip(progress) {
        let mut copy = TableCopy {
            source: &mut source,
            target: &mut target,
            table,
            progress,
        };
        copy.run(&mut report).await?;
    }
    target.lock(&tables).await?;
    let copied = compare(&mut source, &mut target, &tables, &mut report).await?;
    progress::end(&mut target).await?;
    target.close().await;
    source.close().await;
    Ok(copied)
}
