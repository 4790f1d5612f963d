//! Creates files atomically.

use std::{
    io::{self, ErrorKind, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Creates a file that only its owner can read and write (mode 0600), with all of its content or
/// not at all. An existing file stays as it is.
///
/// # Errors
/// Returns an error if the file can't be written to its folder.
pub fn create_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failure) if failure.error.kind() != ErrorKind::AlreadyExists => Err(failure.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::create_file;

    #[test]
    fn creates_a_private_file_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create_file(&path, b"first").unwrap();
        create_file(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // No temporary file is left.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
