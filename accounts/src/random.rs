//! Randomness, as the domain takes it: from a source that the caller passes in.

use crate::Id;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Random + '_ {
    /// A new random id (UUID version 4, RFC 9562).
    #[must_use]
    pub fn id(&self) -> Id {
        Id::from_random(self.bytes())
    }

    /// An array of unpredictable bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The operating system's source.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    /// # Panics
    /// When the operating system has no randomness to give; nothing safe can be done then.
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives random bytes");
    }
}
