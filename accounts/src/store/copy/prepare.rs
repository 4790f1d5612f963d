//! What must be true of the two databases before a copy.

use super::error::CopyError;
use crate::store::{
    database::Database,
    database_settings::DatabaseSettings,
    database_url::DatabaseUrl,
    migrations::{MigrationError, Schema, TableState},
};

/// Checks that the source has all tables, and no other data of Latchkey. Creates nothing.
pub(super) async fn check_source(
    url: &DatabaseUrl,
    settings: DatabaseSettings,
) -> Result<(), CopyError> {
    if url.file().is_some_and(|file| !file.is_file()) {
        return Err(CopyError::NoSource(url.to_string()));
    }
    let database = Database::open(url, settings).await;
    let database = database.map_err(|error| unusable(url, error))?;
    let state = table_state(url, &database).await;
    database.close().await;
    match state? {
        (_, true) => Err(unusable(url, MigrationError::UnfinishedCopy)),
        (Schema::Current, false) => Ok(()),
        (Schema::Outdated, false) => Err(CopyError::Outdated(url.to_string())),
        (Schema::Missing, false) => Err(CopyError::NoSource(url.to_string())),
    }
}

/// Creates the tables of the target, or brings them up to date if there are no users. Returns whether a copy
/// into it has begun.
pub(super) async fn prepare_target(
    url: &DatabaseUrl,
    settings: DatabaseSettings,
) -> Result<bool, CopyError> {
    let database = Database::open(url, settings).await;
    let database = database.map_err(|error| unusable(url, error))?;
    let prepared = migrate(url, &database).await;
    database.close().await;
    prepared
}

async fn migrate(url: &DatabaseUrl, database: &Database) -> Result<bool, CopyError> {
    match table_state(url, database).await? {
        (Schema::Current, is_begun) => return Ok(is_begun),
        (_, true) => return Err(CopyError::OtherVersion(url.to_string())),
        (Schema::Outdated, false) => {
            let users = database.count_users().await;
            if users.map_err(|error| unusable(url, error))? > 0 {
                return Err(CopyError::NotEmpty {
                    database: url.to_string(),
                    table: "users".to_owned(),
                });
            }
        }
        (Schema::Missing, false) => {}
    }
    let migrated = database.migrate().await;
    migrated.map_err(|error| unusable(url, error))?;
    Ok(false)
}

/// Returns which tables there are, and whether a copy into them has begun. Those of a later version are
/// refused, even if this one can serve them: what it does not know would not be copied.
async fn table_state(url: &DatabaseUrl, database: &Database) -> Result<(Schema, bool), CopyError> {
    match database.table_state().await {
        Ok(TableState {
            unknown: Some(migration),
            ..
        })
        | Err(MigrationError::Newer(migration)) => Err(CopyError::Newer {
            database: url.to_string(),
            migration,
        }),
        Ok(state) => Ok((state.schema, state.has_unfinished_copy)),
        Err(error) => Err(unusable(url, error)),
    }
}

fn unusable(url: &DatabaseUrl, error: impl std::error::Error + Send + Sync + 'static) -> CopyError {
    CopyError::Unusable {
        database: url.to_string(),
        source: error.into(),
    }
}
