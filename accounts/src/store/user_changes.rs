//! The table `user_changes`, and how a server notices that a SQLite file has changed: through its
//! own changes and those of any other process.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use sqlx::SqlitePool;
use tokio::sync::Mutex;

use crate::{error::Error, id::Id};

/// The offset in the WAL index of the checksum of its header, which covers a counter of all commits
/// (SQLite's "WAL-mode File Format", 2.1).
const CHECKSUM: u64 = 40;

/// A SQLite file in WAL mode.
///
/// Each commit changes the header of the WAL index. Every request looks at eight bytes of it, in
/// memory that the system shares with this process. When they have changed, the table
/// `user_changes`, which triggers fill, lists the users to drop from the cache.
pub struct WatchedFile {
    path: PathBuf,
    /// This file is never closed. Otherwise the system would drop the locks that SQLite holds on it.
    index: OnceLock<&'static File>,
    /// The checksum up to which changes have been read.
    seen: AtomicU64,
    /// The number of the last change that has been read.
    last: Mutex<Option<i64>>,
}

/// The users whose cache entries are no longer valid.
pub enum Changes {
    /// These users.
    Of(Vec<Id>),
    /// Possibly all users.
    All,
}

impl WatchedFile {
    /// Creates a watch for a database file, which need not exist yet.
    pub fn new(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        Self {
            path: path.into(),
            index: OnceLock::new(),
            seen: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }

    /// Whether changes can be noticed. This is not so for a database that is not in WAL mode.
    pub fn is_watched(&self) -> bool {
        self.checksum().is_some()
    }

    /// Whether nothing was committed since the last call of [`Self::catch_up`].
    pub fn is_unchanged(&self) -> bool {
        self.checksum()
            .is_some_and(|checksum| checksum == self.seen.load(Ordering::SeqCst))
    }

    /// Reads the changes since the last call, and passes them to `forget` before the cache counts as
    /// valid again. Returns `false` if changes can't be noticed.
    pub async fn catch_up(
        &self,
        reader: &SqlitePool,
        forget: impl Fn(Changes),
    ) -> Result<bool, Error> {
        let mut last = self.last.lock().await;
        // The previous holder of the lock may have read all changes.
        if self.is_unchanged() {
            return Ok(true);
        }
        self.open_index();
        // The checksum is read before the query. A later commit is noticed the next time.
        let Some(checksum) = self.checksum() else {
            return Ok(false);
        };
        let (seq, changes) = read_changes(reader, *last).await?;
        *last = Some(seq);
        forget(changes);
        self.seen.store(checksum, Ordering::SeqCst);
        Ok(true)
    }

    /// Returns a number that each commit changes, or `None` if changes can't be noticed.
    pub async fn commits(&self) -> Option<u64> {
        if self.index.get().is_none() {
            let _lock = self.last.lock().await;
            self.open_index();
        }
        self.checksum()
    }

    /// Opens the index if it is not open, under the lock: each one that is opened stays open forever.
    fn open_index(&self) {
        if self.index.get().is_none()
            && let Ok(index) = File::open(&self.path)
        {
            let _ = self.index.set(Box::leak(Box::new(index)));
        }
    }

    fn checksum(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.index.get()?.read_exact_at(&mut bytes, CHECKSUM).ok()?;
        // Zero is the initial value of `seen`, and of an index that is being created.
        Some(u64::from_ne_bytes(bytes)).filter(|checksum| *checksum != 0)
    }
}

/// Reads the changes after the last known one. Returns them with the number of the newest.
async fn read_changes(
    reader: &SqlitePool,
    last: Option<i64>,
) -> Result<(i64, Changes), sqlx::Error> {
    // The known change is read again, as it proves that none in between is missing: old ones are
    // removed, and restoring a backup goes back to an earlier state.
    const CHANGES: &str = "SELECT seq, user_id FROM user_changes WHERE seq >= $1 ORDER BY seq";
    const LAST: &str = "SELECT COALESCE(max(seq), 0) FROM user_changes";
    if let Some(known) = last {
        let rows: Vec<(i64, String)> = sqlx::query_as(CHANGES)
            .bind(known)
            .fetch_all(reader)
            .await?;
        if let Some((seq, users)) = after(known, &rows) {
            return Ok((seq, Changes::Of(users)));
        }
    }
    let seq = sqlx::query_scalar(LAST).fetch_one(reader).await?;
    Ok((seq, Changes::All))
}

/// Returns the changed users after the known change, and the number of the last change; `None` if
/// changes are missing, or an id that was written by hand is not valid.
fn after(known: i64, rows: &[(i64, String)]) -> Option<(i64, Vec<Id>)> {
    // Before the first change, no change is known.
    let new = match rows {
        [(first, _), new @ ..] if *first == known => new,
        [(1, _), ..] | [] if known == 0 => rows,
        _ => return None,
    };
    let users = new
        .iter()
        .map(|(_, user)| user.parse().ok())
        .collect::<Option<_>>()?;
    Some((new.last().map_or(known, |(seq, _)| *seq), users))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_those_after_the_known_one_unless_some_are_missing() {
        let ada = Id::from_random([1; 16]);
        let row = |seq| (seq, ada.to_string());
        assert_eq!(after(0, &[]), Some((0, vec![])));
        assert_eq!(after(0, &[row(1), row(2)]), Some((2, vec![ada, ada])));
        assert_eq!(after(7, &[row(7)]), Some((7, vec![])));
        assert_eq!(after(7, &[row(7), row(8)]), Some((8, vec![ada])));
        // Changes were removed, or a backup was restored.
        assert_eq!(after(0, &[row(2)]), None);
        assert_eq!(after(7, &[row(9)]), None);
        assert_eq!(after(7, &[]), None);
        // Not a valid id.
        assert_eq!(after(7, &[row(7), (8, "somebody".to_owned())]), None);
    }
}
