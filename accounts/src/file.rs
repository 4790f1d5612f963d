//! Creates files atomically, and reads files up to a length.

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
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

/// Reads a file that the operator names. One that is longer than `limit` bytes, such as a device, is not
/// read to its end: then the result is `None`.
///
/// # Errors
/// Returns an error if the file can't be read.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(limit + 1)
        .read_to_end(&mut content)?;
    Ok(Some(content).filter(|content| content.len() as u64 <= limit))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::{create_file, read_file};

    #[test]
    fn reads_up_to_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"1234").unwrap();
        assert_eq!(read_file(&path, 4).unwrap().unwrap(), b"1234");
        assert_eq!(read_file(&path, 3).unwrap(), None);
        assert_eq!(read_file("/dev/zero".as_ref(), 3).unwrap(), None);
        assert!(read_file(folder.path(), 4).is_err());
    }

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
