//! Copies of a SQLite database: writing one while others use the database, and examining one.

use std::{os::unix::ffi::OsStrExt, path::Path, sync::Arc};

use sqlx::{
    ConnectOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{
    error::Error,
    store::{database::Database, statement::Statement, user_changes::WatchedFile},
};

impl Database {
    /// Writes a copy of a SQLite database, as it is at one moment, to an empty file. Others can read and
    /// write the database concurrently.
    ///
    /// # Errors
    /// When the database can't be read or the file can't be written, or this is not SQLite.
    pub async fn copy_to(&self, file: &Path) -> Result<(), sqlx::Error> {
        // As bytes, because a path need not be UTF-8.
        const COPY: &str = "VACUUM INTO CAST($1 AS TEXT)";
        let Self::Sqlite { read, .. } = self else {
            let reason = "only a SQLite database is one file";
            return Err(sqlx::Error::Configuration(reason.into()));
        };
        let copy = sqlx::query(COPY).bind(file.as_os_str().as_bytes());
        copy.execute(read).await.map(drop)
    }

    /// Opens a copy of a SQLite database to examine it. Nothing can be written to it.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub async fn open_copy(file: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await?;
        Ok(Self::Sqlite {
            read: pool.clone(),
            write: pool,
            file: Arc::new(WatchedFile::new(file)),
        })
    }

    /// Checks the structure of a SQLite file. Returns the first thing that is wrong with it, if any.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn find_damage(&self) -> Result<Option<String>, Error> {
        let check = Statement::new("PRAGMA quick_check(1)");
        let (result,): (String,) = self.fetch_one(check).await?;
        Ok(Some(result).filter(|result| result != "ok"))
    }

    /// Returns the number of users.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_users(&self) -> Result<i64, Error> {
        let (count,) = self
            .fetch_one(Statement::new("SELECT count(*) FROM users"))
            .await?;
        Ok(count)
    }
}
