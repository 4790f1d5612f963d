//! The file of a backup: a tar file with the database, the master secret, and `backup.json`, which comes last.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use accounts::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use super::json_line;
use crate::data_dir::SECRET_FILE;

/// The names in the tar file. There are no others.
const DATABASE: &str = "latchkey.db";
const INFO: &str = "backup.json";

/// The maximum length of the other files, in bytes.
const MAX_LENGTH: u64 = 64 * 1024;

/// The content of `backup.json`.
#[derive(Serialize, Deserialize)]
pub struct Info {
    /// The version of the program that wrote the backup.
    pub version: String,
    /// When the copy of the database was made.
    pub created_at: String,
    /// Whether the master secret is in the backup.
    pub has_secret: bool,
    /// A hash of the database file, in hexadecimal.
    pub database_sha256: String,
}

/// What is in a backup besides the database.
pub struct Unpacked {
    /// The content of `backup.json`.
    pub info: Info,
    /// The content of the file with the master secret.
    pub secret: Option<String>,
}

/// Writes a tar file.
pub fn pack(
    archive: &File,
    database: &Path,
    secret: Option<&str>,
    created_at: Timestamp,
) -> io::Result<()> {
    let mut archive = Archive {
        tar: tar::Builder::new(BufWriter::new(archive)),
        created_at,
    };
    let database = File::open(database)?;
    let length = database.metadata()?.len();
    let mut database = Hashed::new(database);
    archive.add(DATABASE, length, &mut database)?;
    if let Some(secret) = secret {
        archive.add(SECRET_FILE, secret.len() as u64, secret.as_bytes())?;
    }
    let info = Info {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: created_at.to_string(),
        has_secret: secret.is_some(),
        database_sha256: database.sha256(),
    };
    let info = json_line(&info) + "\n";
    archive.add(INFO, info.len() as u64, info.as_bytes())?;
    archive.tar.into_inner()?.flush()
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    created_at: Timestamp,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &str, length: u64, content: impl Read) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.created_at.unix_seconds().try_into().unwrap_or(0));
        self.tar.append_data(&mut header, name, content)
    }
}

/// Reads a tar file, and writes the database that is in it. The error is a sentence.
pub fn unpack(archive: &File, database: &File) -> Result<Unpacked, String> {
    let metadata = archive.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    let damaged = |reason: io::Error| format!("it is no backup of Latchkey, or damaged: {reason}");
    let mut archive = tar::Archive::new(BufReader::new(archive));
    let (mut sha256, mut secret, mut info) = (None, None, None);
    // The raw entries: nothing that an entry says applies to another one.
    for entry in archive.entries().map_err(damaged)?.raw(true) {
        let entry = entry.map_err(damaged)?;
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8_lossy(&name);
        let is_file = entry.header().entry_type() == EntryType::Regular;
        match &*name {
            DATABASE if is_file && sha256.is_none() => sha256 = Some(copy(entry, database)?),
            SECRET_FILE if is_file && secret.is_none() => secret = Some(text(entry)?),
            INFO if is_file && info.is_none() => info = Some(text(entry)?),
            _ => return Err(format!("it is no backup of Latchkey: it contains {name}")),
        }
    }
    let missing = |name| format!("it is no backup of Latchkey, or incomplete: {name} is missing");
    let sha256 = sha256.ok_or_else(|| missing(DATABASE))?;
    let info = info.ok_or_else(|| missing(INFO))?;
    let info: Info = serde_json::from_str(&info)
        .map_err(|error| format!("it is damaged: {INFO} can't be read: {error}"))?;
    if info.has_secret != secret.is_some() {
        return Err(format!("it is damaged: {INFO} does not fit the rest"));
    }
    if info.database_sha256 != sha256 {
        return Err(format!("it is damaged: {DATABASE} has changed"));
    }
    Ok(Unpacked { info, secret })
}

/// Copies the content of an entry, and returns its hash.
fn copy(entry: tar::Entry<'_, impl Read>, mut file: &File) -> Result<String, String> {
    let (name, length) = (DATABASE, entry.size());
    let mut entry = Hashed::new(entry);
    let copied = io::copy(&mut entry, &mut file);
    let copied = copied.map_err(|error| format!("{name} can't be unpacked: {error}"))?;
    if copied != length {
        return Err(format!("it is incomplete: it ends within {name}"));
    }
    Ok(entry.sha256())
}

/// Reads the content of a small entry.
fn text(mut entry: tar::Entry<'_, impl Read>) -> Result<String, String> {
    let length = entry.size();
    if length > MAX_LENGTH {
        return Err("it is no backup of Latchkey: a file in it is too long".to_owned());
    }
    let mut text = String::new();
    let read = entry.read_to_string(&mut text);
    let read = read.map_err(|error| format!("it is damaged: {error}"))?;
    if read as u64 != length {
        return Err("it is incomplete".to_owned());
    }
    Ok(text)
}

/// A reader that computes a hash of what is read.
struct Hashed<R> {
    input: R,
    hash: Sha256,
}

impl<R> Hashed<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            hash: Sha256::new(),
        }
    }

    fn sha256(self) -> String {
        let bytes = self.hash.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
