//! Whether the database can serve what requests need: reading and writing.

use std::time::Duration;

use super::accounts::Accounts;
use crate::{
    error::Error,
    store::{database::Database, server_checks},
};

/// How long a SQLite file may be locked before its state is unknown.
const TURN: Duration = Duration::from_secs(1);

/// What a check of the database has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// A row was written.
    Writable,
    /// The database can be read, but another program keeps a lock on the SQLite file.
    Locked,
}

impl Accounts {
    /// Writes a row, as requests do. Reading alone would also work on a full disk, on a file that has
    /// become read-only, and on a standby server.
    ///
    /// # Errors
    /// When writing fails, or the database can't even be read.
    pub async fn check_database(&self) -> Result<Readiness, Error> {
        let database = self.database();
        let write = server_checks::write(database, self.random().bytes());
        match database {
            Database::Postgres(_) => write.await?,
            Database::Sqlite { .. } => match tokio::time::timeout(TURN, write).await {
                Ok(written) => written?,
                Err(_) => return database.ping().await.map(|()| Readiness::Locked),
            },
        }
        Ok(Readiness::Writable)
    }
}
