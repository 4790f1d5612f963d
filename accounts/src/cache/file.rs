//! A SQLite file, watched for changes: those of this process and of any other.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::SqlitePool;
use tokio::sync::Mutex;

use crate::{Error, Id};

/// Where in the WAL index its header has its checksum, which covers a counter of all commits
/// (SQLite's "WAL-mode File Format", 2.1).
const CHECKSUM: u64 = 40;

/// A SQLite file in WAL mode.
///
/// Each commit leaves its mark at the front of the WAL index, which is looked at for every request:
/// eight bytes of memory that the system shares with us. Where they have changed, the table
/// `user_changes`, which triggers fill, tells whose memory is no longer true.
pub struct WatchedFile {
    /// Never closed: with it, the system would drop the locks that SQLite has on this file.
    index: &'static File,
    /// The checksum up to which changes are known.
    heard: AtomicU64,
    /// The last change that is known.
    last: Mutex<Option<i64>>,
}

/// Whose memory is no longer true.
pub(crate) enum Changes {
    /// These users'.
    Of(Vec<Id>),
    /// Anybody's.
    All,
}

impl WatchedFile {
    /// The file of an open database; nothing where it has no WAL index to look at.
    pub fn open(database: &Path) -> Option<Self> {
        let mut index = database.as_os_str().to_owned();
        index.push("-shm");
        let index = Box::leak(Box::new(File::open(index).ok()?));
        let file = Self {
            index,
            heard: AtomicU64::new(0),
            last: Mutex::new(None),
        };
        file.checksum().map(|_| file)
    }

    /// Whether nothing was committed since the last call of [`Self::hear`].
    pub fn is_unchanged(&self) -> bool {
        self.checksum() == Some(self.heard.load(Ordering::SeqCst))
    }

    /// Finds out what has changed, and has it forgotten before anyone trusts their memory again.
    pub(crate) async fn hear(
        &self,
        reader: &SqlitePool,
        forget: impl Fn(Changes),
    ) -> Result<(), Error> {
        const CHANGES: &str = "
            SELECT seq, user_id FROM user_changes WHERE seq > $1 ORDER BY seq";
        const LAST: &str = "SELECT COALESCE(max(seq), 0) FROM user_changes";
        let mut last = self.last.lock().await;
        // Whoever waited for the lock is told of what the one before has heard.
        if self.is_unchanged() {
            return Ok(());
        }
        // Before the query: what is committed after it shows at the next look.
        let checksum = self.checksum();
        match *last {
            Some(known) => {
                let changes: Vec<(i64, Id)> = sqlx::query_as(CHANGES)
                    .bind(known)
                    .fetch_all(reader)
                    .await?;
                // Old changes are removed; who was away for so long knows nothing.
                if changes.first().is_some_and(|(seq, _)| *seq > known + 1) {
                    forget(Changes::All);
                } else {
                    forget(Changes::Of(changes.iter().map(|(_, user)| *user).collect()));
                }
                *last = changes.last().map_or(Some(known), |(seq, _)| Some(*seq));
            }
            None => {
                *last = Some(sqlx::query_scalar(LAST).fetch_one(reader).await?);
                forget(Changes::All);
            }
        }
        if let Some(checksum) = checksum {
            self.heard.store(checksum, Ordering::SeqCst);
        }
        Ok(())
    }

    fn checksum(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.index.read_exact_at(&mut bytes, CHECKSUM).ok()?;
        // Zero is what `heard` begins with, and what an index that is being made may show.
        Some(u64::from_ne_bytes(bytes)).filter(|checksum| *checksum != 0)
    }
}
