//! Files that get their place when they are complete.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::{TempDir, TempPath};

/// A folder for files that are not complete, accessible to its owner only. It is removed when it is dropped.
pub struct Staging(TempDir);

impl Staging {
    /// Creates the folder in another one, on the same file system as the places that the files get.
    pub fn new(folder: &Path) -> io::Result<Self> {
        tempfile::Builder::new()
            .prefix(".latchkey-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map(Self)
    }

    /// Creates an empty file that only its owner can read and write.
    pub fn create(&self, name: &str) -> io::Result<(PathBuf, File)> {
        let path = self.0.path().join(name);
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        Ok((path, file))
    }
}

/// Moves a complete file to its place, where there must be none, so that it survives a power failure.
pub fn put_in_place(file: PathBuf, place: &Path) -> io::Result<()> {
    File::open(&file)?.sync_all()?;
    let file = TempPath::try_from_path(file)?;
    file.persist_noclobber(place)
        .map_err(|failure| failure.error)?;
    sync_folder_of(place);
    Ok(())
}

/// Moves a complete file to its place, where it replaces what is there, so that it survives a power failure.
pub fn replace(file: TempPath, place: &Path) -> io::Result<()> {
    File::open(&file)?.sync_all()?;
    file.persist(place).map_err(|failure| failure.error)?;
    sync_folder_of(place);
    Ok(())
}

fn sync_folder_of(place: &Path) {
    // Some file systems can't write a folder to the disk.
    let _ = File::open(folder_of(place)).and_then(|folder| folder.sync_all());
}

/// Returns the folder that a file is in.
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
