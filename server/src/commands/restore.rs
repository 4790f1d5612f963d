//! `latchkey restore`: puts a backup where there is no database.

use std::{
    ffi::OsString,
    fmt::Display,
    fs::{self, DirBuilder, File},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use accounts::{Database, MasterSecrets, Schema};

use super::{
    AppPaths,
    archive::{self, Unpacked},
    print_line, runtime,
    staging::{Staging, folder_of, put_in_place},
};
use crate::{config::Config, data_dir, failure::Failure, signals};

/// What SQLite appends to the name of a database for its other files.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// `latchkey restore FILE`
pub fn restore(config: &Config, file: &Path) -> Result<(), Failure> {
    let paths = AppPaths::find(config);
    let Some(place) = paths.database_url.file() else {
        return Err(Failure::new(
            "DATABASE_URL: latchkey restore writes SQLite databases; for PostgreSQL use pg_restore or psql, \
             as docs/operations.md describes",
        ));
    };
    check_is_free(place)?;
    let failed =
        |reason: &dyn Display| Failure::new(format!("can't restore {}: {reason}", file.display()));
    runtime()?.block_on(async {
        signals::survive()?;
        let stop = signals::stop()?;
        let archive = File::open(file).map_err(|error| failed(&error))?;
        let staging = Staging::new(existing(folder_of(place)));
        let staging = staging.map_err(|error| unwritable(place, &error))?;
        let created = staging.create("copy");
        let (copy, unpacked) = created.map_err(|error| unwritable(place, &error))?;
        let contents = archive::unpack(&archive, &unpacked).map_err(|reason| failed(&reason))?;
        let restored = Restored {
            paths: &paths,
            configured_secret: config.secret.as_ref(),
            contents,
        };
        let users = tokio::select! {
            biased;
            () = stop => return Err(failed(&"stopped")),
            users = restored.check(&copy) => users.map_err(|failure| failed(&failure))?,
        };
        restored.put_in_place(copy, place)?;
        restored.report(place, users)
    })
}

/// Checks that there is neither a database nor what is left of one.
fn check_is_free(place: &Path) -> Result<(), Failure> {
    for suffix in SUFFIXES {
        let mut file = OsString::from(place);
        file.push(suffix);
        if fs::symlink_metadata(&file).is_ok() {
            return Err(Failure::new(format!(
                "{} exists already, and nothing is overwritten: stop the server and move {} with its -wal \
                 and -shm files away, or set LATCHKEY_DATA_DIR or DATABASE_URL to another place",
                Path::new(&file).display(),
                place.display()
            )));
        }
    }
    Ok(())
}

/// The folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> &Path {
    let mut folders = folder.ancestors();
    folders
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("."))
}

fn unwritable(place: &Path, reason: &dyn Display) -> Failure {
    Failure::new(format!("can't write {}: {reason}", place.display()))
}

/// A backup that has been read, and what it has to fit.
struct Restored<'a> {
    paths: &'a AppPaths,
    configured_secret: Option<&'a MasterSecrets>,
    contents: Unpacked,
}

impl Restored<'_> {
    /// Checks that this program can use the database, and that the master secret fits. Returns the number
    /// of users.
    async fn check(&self, copy: &Path) -> Result<i64, Failure> {
        let database = Database::open_copy(copy).await.map_err(Failure::new)?;
        let users = self.check_database(&database).await;
        database.close().await;
        users
    }

    async fn check_database(&self, database: &Database) -> Result<i64, Failure> {
        match database.schema().await.map_err(Failure::new)? {
            // Serving migrates the tables.
            Schema::Current | Schema::Outdated => {}
            Schema::Missing => return Err(Failure::new("it has no database of Latchkey")),
        }
        if let Some(damage) = database.find_damage().await.map_err(Failure::new)? {
            return Err(Failure::new(format!("its database is damaged: {damage}")));
        }
        if let Some(secrets) = self.master_secrets()? {
            let fits = database.fits(&secrets).await;
            if !fits.map_err(Failure::new)? {
                return Err(Failure::new(
                    "LATCHKEY_SECRET: its data was written with another master secret; use that one",
                ));
            }
        } else if database.has_data().await.map_err(Failure::new)? {
            return Err(Failure::new(format!(
                "LATCHKEY_SECRET: the backup has no master secret: set the variable to the one that its \
                 data was written with, or put it into {} first",
                self.secret_file().display()
            )));
        }
        database.count_users().await.map_err(Failure::new)
    }

    /// Returns the master secret that a server would use after the restoration.
    fn master_secrets(&self) -> Result<Option<MasterSecrets>, Failure> {
        let folder = &self.paths.data_dir;
        if let Some(secrets) = self.configured_secret {
            return Ok(Some(secrets.clone()));
        }
        let Some(secret) = &self.contents.secret else {
            let is_there = data_dir::has_secret(folder);
            return is_there
                .then(|| data_dir::master_secrets(folder))
                .transpose();
        };
        if data_dir::has_secret(folder) && data_dir::read_secret(folder)?.trim() != secret.trim() {
            return Err(Failure::new(format!(
                "{} exists already with another master secret, and nothing is overwritten: move it away",
                self.secret_file().display()
            )));
        }
        let secrets = MasterSecrets::parse(secret.trim());
        let damaged = |error| Failure::new(format!("its secret.key can't be used: {error}"));
        secrets.map(Some).map_err(damaged)
    }

    fn secret_file(&self) -> PathBuf {
        data_dir::secret_file(&self.paths.data_dir)
    }

    /// Moves the database to its place. The master secret is there before it.
    fn put_in_place(&self, copy: PathBuf, place: &Path) -> Result<(), Failure> {
        let folder = folder_of(place);
        let mut options = DirBuilder::new();
        options.recursive(true).mode(0o700);
        let created = options.create(folder);
        created.map_err(|error| unwritable(place, &error))?;
        let has_new_secret = self.put_secret_in_place()?;
        put_in_place(copy, place).map_err(|error| {
            if has_new_secret {
                let _ = fs::remove_file(self.secret_file());
            }
            unwritable(place, &error)
        })
    }

    /// Creates the file with the master secret. Returns `false` where the backup has none, or none is needed;
    /// one that is there already has been checked.
    fn put_secret_in_place(&self) -> Result<bool, Failure> {
        let folder = &self.paths.data_dir;
        let secret = match &self.contents.secret {
            Some(secret) if self.configured_secret.is_none() && !data_dir::has_secret(folder) => {
                secret
            }
            _ => return Ok(false),
        };
        data_dir::create(folder)?;
        let file = self.secret_file();
        let created = Staging::new(folder).and_then(|staging| {
            let (path, mut created) = staging.create("secret")?;
            created.write_all(secret.as_bytes())?;
            put_in_place(path, &file)
        });
        created.map_err(|error| unwritable(&file, &error))?;
        Ok(true)
    }

    fn report(&self, place: &Path, users: i64) -> Result<(), Failure> {
        let users = match users {
            1 => "1 user".to_owned(),
            count => format!("{count} users"),
        };
        print_line(format_args!(
            "Restored {} with {users}, from the backup of {}",
            place.display(),
            self.contents.info.created_at
        ))?;
        print_line(format_args!("Start the server now: latchkey serve"))
    }
}
