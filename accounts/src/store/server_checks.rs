//! The table `server_checks`: what servers check when they start, and while they run.

use crate::{
    crypto::master_secrets::MasterSecrets,
    error::Error,
    store::{database::Database, statement::Statement},
};

/// The row with a code of the master secret that the data belongs to.
const MASTER_SECRET: &str = "master_secret";

/// The row that is written to find out whether writing works.
const WRITE: &str = "write";

/// How much is written to SQLite: as many pages as the largest transaction of a request, so that a disk
/// without room for the latter has no room for this either.
const WRITE_LENGTH: usize = 64 * 1024;

impl Database {
    /// Whether there is anything that only fits one master secret.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_data(&self) -> Result<bool, Error> {
        const FOUND: &str = "SELECT count(*) FROM (
                SELECT name FROM server_checks WHERE name = $1 UNION ALL SELECT email FROM users LIMIT 1
            ) AS found";
        let (count,): (i64,) = self
            .fetch_one(Statement::new(FOUND).bind(MASTER_SECRET))
            .await?;
        Ok(count > 0)
    }

    /// Whether the data was written with one of these master secrets. Data without a note of its
    /// master secret fits any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn fits(&self, secrets: &MasterSecrets) -> Result<bool, Error> {
        let stored = stored_code(self).await?;
        Ok(stored.is_none_or(|stored| codes(secrets).any(|code| stored == code)))
    }

    /// Notes the first of these master secrets as the one that the data belongs to. Returns whether
    /// the data fits them; where it does not, nothing is changed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn adopt(&self, secrets: &MasterSecrets) -> Result<bool, Error> {
        let Some(current) = codes(secrets).next() else {
            return Ok(false);
        };
        const INSERT: &str = "INSERT INTO server_checks (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO NOTHING";
        const REPLACE: &str = "UPDATE server_checks SET value = $2 WHERE name = $1 AND value = $3";
        let mut stored = stored_code(self).await?;
        if stored.is_none() {
            let insert = Statement::new(INSERT)
                .bind(MASTER_SECRET)
                .bind(&current[..]);
            self.execute(insert).await?;
            // Another server may have been first.
            stored = stored_code(self).await?;
        }
        let stored = stored.unwrap_or_default();
        if stored == current {
            return Ok(true);
        }
        if !codes(secrets).any(|code| stored == code) {
            return Ok(false);
        }
        let replace = Statement::new(REPLACE)
            .bind(MASTER_SECRET)
            .bind(&current[..])
            .bind(&stored);
        self.execute(replace).await?;
        Ok(true)
    }
}

/// A code of each master secret. It reveals nothing of the secret.
fn codes(secrets: &MasterSecrets) -> impl Iterator<Item = [u8; 16]> {
    const INFO: &[&[u8]] = &[b"latchkey master secret check"];
    secrets.codes(INFO)
}

async fn stored_code(database: &Database) -> Result<Option<Vec<u8>>, Error> {
    const STORED: &str = "SELECT value FROM server_checks WHERE name = $1";
    let statement = Statement::new(STORED).bind(MASTER_SECRET);
    let row: Option<(Vec<u8>,)> = database.fetch_optional(statement).await?;
    Ok(row.map(|(code,)| code))
}

/// Writes a row. `random` differs from one call to the next: SQLite would not write what is there.
pub(crate) async fn write(database: &Database, random: [u8; 8]) -> Result<(), Error> {
    const UPSERT: &str = "INSERT INTO server_checks (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let value = match database {
        Database::Sqlite { .. } => random.repeat(WRITE_LENGTH / random.len()),
        Database::Postgres(_) => random.to_vec(),
    };
    let statement = Statement::new(UPSERT).bind(WRITE).bind(&value);
    database.execute(statement).await.map(drop)
}
