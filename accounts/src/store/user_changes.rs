//! A SQLite file, watched for changes: those of this process and of any other.

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
    path: PathBuf,
    /// Never closed: with it, the system would drop the locks that SQLite has on this file.
    index: OnceLock<&'static File>,
    /// The checksum up to which changes are known.
    heard: AtomicU64,
    /// The last change that is known.
    last: Mutex<Option<i64>>,
}

/// Whose memory is no longer true.
pub enum Changes {
    /// These users'.
    Of(Vec<Id>),
    /// Anybody's.
    All,
}

impl WatchedFile {
    /// The file of a database, which need not be there yet.
    pub fn new(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-shm");
        Self {
            path: path.into(),
            index: OnceLock::new(),
            heard: AtomicU64::new(0),
            last: Mutex::new(None),
        }
    }

    /// Whether there is anything to look at.
    pub fn is_watched(&self) -> bool {
        self.checksum().is_some()
    }

    /// Whether nothing was committed since the last call of [`Self::hear`].
    pub fn is_unchanged(&self) -> bool {
        self.checksum()
            .is_some_and(|checksum| checksum == self.heard.load(Ordering::SeqCst))
    }

    /// Finds out what has changed, and has it forgotten before anyone trusts their memory again.
    /// Gives whether that was possible: not where the database is in no WAL mode.
    pub async fn hear(&self, reader: &SqlitePool, forget: impl Fn(Changes)) -> Result<bool, Error> {
        // With the last one that is known, by which it shows that none between is missing: old ones
        // are removed, and a backup that is restored goes back.
        const CHANGES: &str = "
            SELECT seq, user_id FROM user_changes WHERE seq >= $1 ORDER BY seq";
        const LAST: &str = "SELECT COALESCE(max(seq), 0) FROM user_changes";
        let mut last = self.last.lock().await;
        // Whoever waited for the lock is told of what the one before has heard.
        if self.is_unchanged() {
            return Ok(true);
        }
        if self.index.get().is_none()
            && let Ok(index) = File::open(&self.path)
        {
            // Only here, under the lock: a second file would have to be kept open as well.
            let _ = self.index.set(Box::leak(Box::new(index)));
        }
        // Before the query: what is committed after it shows at the next look.
        let Some(checksum) = self.checksum() else {
            return Ok(false);
        };
        let mut changes = None;
        if let Some(known) = *last {
            let rows: Vec<(i64, String)> = sqlx::query_as(CHANGES)
                .bind(known)
                .fetch_all(reader)
                .await?;
            changes = after(known, &rows);
        }
        match changes {
            Some((seq, users)) => {
                *last = Some(seq);
                forget(Changes::Of(users));
            }
            None => {
                *last = Some(sqlx::query_scalar(LAST).fetch_one(reader).await?);
                forget(Changes::All);
            }
        }
        self.heard.store(checksum, Ordering::SeqCst);
        Ok(true)
    }

    fn checksum(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.index.get()?.read_exact_at(&mut bytes, CHECKSUM).ok()?;
        // Zero is what `heard` begins with, and what an index that is being made may show.
        Some(u64::from_ne_bytes(bytes)).filter(|checksum| *checksum != 0)
    }
}

/// The changes after the one that is known, and the number of the last; nothing where some are
/// missing, or a person has made one of a user whose id is none.
fn after(known: i64, rows: &[(i64, String)]) -> Option<(i64, Vec<Id>)> {
    // Before the first change there is none to know.
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
    fn changes_are_those_after_the_known_one_or_not_to_be_told() {
        let ada = Id::from_random([1; 16]);
        let row = |seq| (seq, ada.to_string());
        assert_eq!(after(0, &[]), Some((0, vec![])));
        assert_eq!(after(0, &[row(1), row(2)]), Some((2, vec![ada, ada])));
        assert_eq!(after(7, &[row(7)]), Some((7, vec![])));
        assert_eq!(after(7, &[row(7), row(8)]), Some((8, vec![ada])));
        // Removed, or gone back.
        assert_eq!(after(0, &[row(2)]), None);
        assert_eq!(after(7, &[row(9)]), None);
        assert_eq!(after(7, &[]), None);
        // Of no user of ours.
        assert_eq!(after(7, &[row(7), (8, "somebody".to_owned())]), None);
    }
}
