//! Reads the log of a SQLite file, to which any process may add.

use std::time::Duration;

use sqlx::SqlitePool;

use super::RevocationLog;
use crate::{
    error::Error,
    store::{
        revocations::{last_added, read_sqlite},
        user_changes::WatchedFile,
    },
};

/// What has been read of the log.
#[derive(Default)]
pub(super) struct Tail {
    /// The state of the file up to which it has been read.
    commits: Option<u64>,
    /// The number of the last row.
    last: i64,
    /// The uptime of the last heartbeat.
    heartbeat: Duration,
}

impl RevocationLog {
    /// Waits until there are readers.
    pub async fn wait_for_readers(&self) {
        while self.readers() == 0 {
            self.reader_came.notified().await;
        }
    }

    /// Reads what was added to the log, and sends a heartbeat if one is due.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn follow(&self, reader: &SqlitePool, file: &WatchedFile) -> Result<(), Error> {
        let mut tail = self.tail.lock().await;
        let uptime = self.catch_up(&mut tail, reader, file).await?;
        if uptime >= tail.heartbeat + self.heartbeat_period() {
            tail.heartbeat = uptime;
            self.heartbeat(uptime);
        } else {
            self.tell();
        }
        Ok(())
    }

    /// Reads what was added to the log, before a reader is added.
    ///
    /// # Errors
    /// When the file can't be read.
    pub async fn prepare(&self, reader: &SqlitePool, file: &WatchedFile) -> Result<(), Error> {
        let mut tail = self.tail.lock().await;
        let uptime = self.catch_up(&mut tail, reader, file).await?;
        self.note_up_to_date(uptime);
        Ok(())
    }

    /// Returns the uptime before which everything that was committed has been added.
    async fn catch_up(
        &self,
        tail: &mut Tail,
        reader: &SqlitePool,
        file: &WatchedFile,
    ) -> Result<Duration, Error> {
        let uptime = self.clock.uptime();
        let commits = file.commits().await;
        if commits.is_some() && commits == tail.commits {
            return Ok(uptime);
        }
        // The file may have been replaced with a backup.
        if last_added(reader).await? < tail.last {
            tail.last = 0;
        }
        loop {
            let rows = read_sqlite(reader, tail.last).await?;
            tail.last = rows.last;
            self.add(rows.revocations);
            if !rows.is_full {
                break;
            }
        }
        tail.commits = commits;
        Ok(uptime)
    }
}
