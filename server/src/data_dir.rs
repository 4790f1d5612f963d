//! The data folder: the embedded database and the master secret.

use std::{
    fs::{self, DirBuilder},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use accounts::{MasterSecrets, OsRandom, Random, create_file};

use crate::failure::Failure;

/// The name of the file for the master secret.
pub const SECRET_FILE: &str = "secret.key";

/// Creates the data folder, accessible to its owner only, unless it exists.
pub fn create(folder: &Path) -> Result<(), Failure> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    // An existing folder may belong to another user or be read-only.
    created.and_then(|()| probe(folder)).map_err(|error| {
        Failure::new(format!(
            "LATCHKEY_DATA_DIR: can't write to the folder {}: {error}; choose another, or grant this user write access",
            folder.display()
        ))
    })
}

/// Checks that files can be created in the folder.
fn probe(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&file, [])?;
    fs::remove_file(&file)
}

/// Whether users besides the owner of the folder can see what is in it.
pub fn is_readable_by_others(folder: &Path) -> bool {
    let is_open =
        |folder: fs::Metadata| folder.is_dir() && folder.permissions().mode() & 0o077 != 0;
    fs::metadata(folder).is_ok_and(is_open)
}

/// Whether the data folder has a file for the master secret.
pub fn has_secret(folder: &Path) -> bool {
    let is_missing = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory);
    fs::symlink_metadata(secret_file(folder))
        .map_or_else(|error| !is_missing(error.kind()), |_| true)
}

/// Creates the file for the master secret with a new one, unless it exists.
pub fn create_secret(folder: &Path) -> Result<(), Failure> {
    if has_secret(folder) {
        return Ok(());
    }
    create(folder)?;
    let file = secret_file(folder);
    create_secret_file(&file).map_err(|error| unusable(&file, &error))
}

/// Reads the master secret in the data folder.
pub fn master_secrets(folder: &Path) -> Result<MasterSecrets, Failure> {
    let text = read_secret(folder)?;
    let file = secret_file(folder);
    let mode = fs::metadata(&file).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        tracing::warn!(file = %file.display(), "the master secret is readable by other users; set its mode to 0600");
    }
    MasterSecrets::parse(text.trim()).map_err(|error| unusable(&file, &error))
}

/// Returns the path of the file for the master secret.
pub fn secret_file(folder: &Path) -> PathBuf {
    folder.join(SECRET_FILE)
}

/// Reads the file for the master secret.
pub fn read_secret(folder: &Path) -> Result<String, Failure> {
    let file = secret_file(folder);
    fs::read_to_string(&file).map_err(|error| unusable(&file, &error))
}

fn unusable(file: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!(
        "LATCHKEY_SECRET: the master secret in {} can't be used: {reason}",
        file.display()
    ))
}

/// Creates a file with a new secret, unless another process has just done so.
fn create_secret_file(file: &Path) -> io::Result<()> {
    let random: &dyn Random = &OsRandom;
    let mut secret: String = random
        .bytes::<32>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    secret.push('\n');
    create_file(file, secret.as_bytes())
}
