//! What the readers of all formats have in common.

use std::collections::BTreeSet;

use accounts::ImportedFields;
use serde_json::{Map, Value, error::Category};

/// The maximum length of a line, an object or a row, in bytes.
pub const MAX_LENGTH: usize = 256 * 1024;

/// How many names of ignored fields are remembered.
const IGNORED: usize = 20;

/// A user in a file.
pub struct Record {
    /// The number of the line where it begins.
    pub line: u64,
    /// The email address; empty if it can't be read.
    pub email: String,
    /// The user's fields, or why they can't be read.
    pub user: Result<ImportedFields, String>,
}

impl Record {
    pub fn new(line: u64, user: Result<ImportedFields, String>) -> Self {
        let email = user.as_ref().map_or("", |user| user.email()).to_owned();
        Self { line, email, user }
    }
}

/// The users in a file.
pub trait Records {
    /// Reads the next one. The error is a sentence that says why nothing more can be read.
    fn next(&mut self) -> Result<Option<Record>, String>;

    /// The names of fields that are unknown.
    fn ignored(&self) -> Vec<String>;
}

/// Collects the names of fields that are unknown.
#[derive(Default)]
pub struct Ignored(BTreeSet<String>);

impl Ignored {
    pub fn add(&mut self, name: &str) {
        if self.0.len() < IGNORED && !self.0.contains(name) {
            self.0.insert(name.chars().take(40).collect());
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// The reason why a record of this length is rejected.
pub fn too_long() -> String {
    format!("it has more than {MAX_LENGTH} bytes")
}

/// Reads a JSON object. The reason does not repeat what is in it.
pub fn read_object(text: &[u8]) -> Result<Map<String, Value>, String> {
    if std::str::from_utf8(text).is_err() {
        return Err("it is not valid UTF-8".to_owned());
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) if error.classify() == Category::Eof => {
            Err("it ends in the middle of a JSON object".to_owned())
        }
        Err(error) => Err(format!("it is not JSON, from column {} on", error.column())),
    }
}
