//! The error with which the program exits: one line and an exit code.

use std::{fmt, process::ExitCode};

use accounts::printable;

/// The reason why the program fails, printed as one line.
#[derive(Debug)]
pub enum Failure {
    /// An invalid command line: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Other(String),
}

impl Failure {
    /// Creates a failure with exit code 1.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self::Other(reason.to_string())
    }

    /// The exit code of the program.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::from(1),
        }
    }
}

impl std::error::Error for Failure {}

/// Writes one line, whatever text from elsewhere is in it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(reason) | Self::Other(reason)) = self;
        let mut words = reason.split_whitespace().map(printable);
        if let Some(first) = words.next() {
            f.write_str(&first)?;
        }
        words.try_for_each(|word| write!(f, " {word}"))
    }
}
