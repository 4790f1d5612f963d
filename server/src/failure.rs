//! Why the program ends: one line, and an exit code.

use std::{fmt, process::ExitCode};

/// A reason to end, in one line.
#[derive(Debug)]
pub enum Failure {
    /// A bad option: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Other(String),
}

impl Failure {
    /// Something failed.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self::Other(reason.to_string())
    }

    /// The exit code that goes with it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(reason) | Self::Other(reason)) = self;
        let mut words = reason.split_whitespace();
        if let Some(first) = words.next() {
            f.write_str(first)?;
        }
        words.try_for_each(|word| write!(f, " {word}"))
    }
}
