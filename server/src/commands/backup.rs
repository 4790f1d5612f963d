//! `latchkey backup`: copies the database and the master secret while servers run.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use accounts::{Clock, Database, MasterSecrets, SystemClock, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    AppPaths, archive, print_line, runtime,
    staging::{Staging, folder_of, put_in_place},
};
use crate::{config::Config, data_dir, failure::Failure, logging, signals};

/// `latchkey backup FILE`
pub fn backup(config: &Config, file: &Path, is_without_secret: bool) -> Result<(), Failure> {
    let source = Source::find(config, is_without_secret)?;
    if file.is_dir() {
        return Err(Failure::new(format!(
            "{} is a folder: name a new file, or an interval with --every",
            file.display()
        )));
    }
    runtime()?.block_on(async {
        signals::survive()?;
        let stop = signals::stop()?;
        let secret = tokio::select! {
            written = source.write(file) => written?,
            () = stop => return Err(Failure::new("stopped before the backup was complete")),
        };
        print_line(format_args!("Wrote {}: {secret}", file.display()))
    })
}

/// `latchkey backup FOLDER --every DURATION`: writes a backup at once and at each interval, until it is
/// stopped. Keeps this number of them.
pub fn backup_repeatedly(
    config: &Config,
    folder: &Path,
    every: Duration,
    keep: Option<usize>,
    is_without_secret: bool,
) -> Result<(), Failure> {
    let source = Source::find(config, is_without_secret)?;
    if !folder.is_dir() {
        return Err(Failure::new(format!(
            "{} is not a folder",
            folder.display()
        )));
    }
    logging::start(&config.log);
    runtime()?.block_on(async {
        signals::survive()?;
        let stop = signals::stop()?;
        source.paths.open_existing_database().await?.close().await;
        let backups = async {
            let mut interval = interval(every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                interval.tick().await;
                source.write_next(folder, keep).await;
            }
        };
        tokio::select! {
            () = backups => {}
            () = stop => {}
        }
        Ok(())
    })
}

/// What is copied.
struct Source {
    paths: AppPaths,
    configured_secret: Option<MasterSecrets>,
    is_without_secret: bool,
}

/// Whether the master secret is in a backup, in words.
type Contents = &'static str;

impl Source {
    fn find(config: &Config, is_without_secret: bool) -> Result<Self, Failure> {
        let paths = AppPaths::find(config);
        if paths.database_url.file().is_none() {
            return Err(Failure::new(
                "DATABASE_URL: latchkey backup copies SQLite databases; for PostgreSQL use pg_dump, as \
                 docs/operations.md describes",
            ));
        }
        Ok(Self {
            paths,
            configured_secret: config.secret.clone(),
            is_without_secret,
        })
    }

    /// Writes a backup to a new file, completely or not at all.
    async fn write(&self, file: &Path) -> Result<Contents, Failure> {
        let failed = |reason: &dyn std::fmt::Display| {
            Failure::new(format!(
                "can't write the backup {}: {reason}",
                file.display()
            ))
        };
        if fs::symlink_metadata(file).is_ok() {
            return Err(failed(&"there is such a file already"));
        }
        let database = self.paths.open_existing_database().await?;
        let staging = Staging::new(folder_of(file)).map_err(|error| failed(&error))?;
        let (copy, _) = staging.create("copy").map_err(|error| failed(&error))?;
        let created_at = SystemClock.now();
        let copied = database.copy_to(&copy).await;
        database.close().await;
        copied.map_err(|error| failed(&error))?;
        let opened = Database::open_copy(&copy).await;
        let database = opened.map_err(|error| failed(&error))?;
        let secret = self.secret(&database).await;
        database.close().await;
        let (secret, contents) = secret?;
        let (path, archive) = staging.create("tar").map_err(|error| failed(&error))?;
        archive::pack(&archive, &copy, secret.as_deref(), created_at)
            .and_then(|()| put_in_place(path, file))
            .map_err(|error| failed(&error))?;
        Ok(contents)
    }

    /// Returns the content of the file with the master secret if it belongs into the backup. It fits the
    /// copy of the database, even if the secret has just been replaced.
    async fn secret(&self, copy: &Database) -> Result<(Option<String>, Contents), Failure> {
        if self.is_without_secret {
            let contents = "the database without the master secret, as --without-secret says; keep the \
                            secret in another place, as nothing can be restored without it";
            return Ok((None, contents));
        }
        let configured = self.configured_secret.clone();
        let has_none = self.paths.has_no_secret_yet(copy, configured.as_ref());
        if has_none.await? {
            return Ok((None, "the database; there is no master secret yet"));
        }
        self.paths.present_master_secrets(copy, configured).await?;
        if self.configured_secret.is_some() {
            let contents = "the database without the master secret, which LATCHKEY_SECRET has; keep it in \
                            another place, as nothing can be restored without it";
            return Ok((None, contents));
        }
        let contents = "the database and secret.key; anyone who reads it can sign in as any user";
        Ok((Some(data_dir::read_secret(&self.paths.data_dir)?), contents))
    }

    /// Writes a backup into a folder, and then removes the oldest ones. A failure is logged: the next
    /// backup may succeed.
    async fn write_next(&self, folder: &Path, keep: Option<usize>) {
        let file = folder.join(file_name(SystemClock.now()));
        match self.write(&file).await {
            Ok(contents) => tracing::info!(file = %file.display(), "wrote a backup: {contents}"),
            Err(error) => {
                tracing::error!(%error, "backup failed");
                return;
            }
        }
        let Some(keep) = keep else { return };
        if let Err(error) = remove_old(folder, &file, keep) {
            tracing::warn!(folder = %folder.display(), %error, "old backups can't be removed");
        }
    }
}

/// The name of a backup of this time, such as `latchkey-20260131T081530.250Z.tar`. Names sort by time.
fn file_name(time: Timestamp) -> String {
    let time = time.to_string().replace(['-', ':'], "");
    format!("latchkey-{time}.tar")
}

/// Whether this is the name of a backup.
fn is_backup(name: &str) -> bool {
    const PATTERN: &str = "latchkey-00000000T000000.000Z.tar";
    let digits_as_zeros: String = name
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    digits_as_zeros == PATTERN
}

/// Removes the oldest backups in a folder, so that `keep` are left. The newest one stays, whatever the
/// clock said when the others were made.
fn remove_old(folder: &Path, newest: &Path, keep: usize) -> std::io::Result<()> {
    let mut others: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(is_backup);
        if is_ours && entry.file_type()?.is_file() && entry.path() != newest {
            others.push(entry.path());
        }
    }
    others.sort_unstable();
    let count = (others.len() + 1).saturating_sub(keep);
    others.iter().take(count).try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_backup_stays_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let place = |year| {
            folder
                .path()
                .join(format!("latchkey-{year}0101T000000.000Z.tar"))
        };
        let years = [2001, 2002, 2003, 2004];
        for year in years {
            fs::write(place(year), "").unwrap();
        }
        let left = || years.map(|year| place(year).exists());
        remove_old(folder.path(), &place(2001), 4).unwrap();
        assert_eq!(left(), [true; 4]);
        remove_old(folder.path(), &place(2001), 2).unwrap();
        assert_eq!(left(), [true, false, false, true]);
        remove_old(folder.path(), &place(2001), 1).unwrap();
        assert_eq!(left(), [true, false, false, false]);
    }

    #[test]
    fn names_have_one_pattern() {
        let name = file_name(Timestamp::from_unix_seconds(1_769_847_330));
        assert_eq!(name, "latchkey-20260131T081530.000Z.tar");
        assert!(is_backup(&name));
        for other in [
            "latchkey-20260131T081530Z.tar",
            "latchkey-2026013xT081530.000Z.tar",
            "latchkey-20260131T081530.000Z.tar.gz",
            "my-latchkey-20260131T081530.000Z.tar",
            "latchkey-before-upgrade.tar",
        ] {
            assert!(!is_backup(other), "{other}");
        }
    }
}
