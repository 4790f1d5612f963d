//! What happens to a verifier, for metrics and logs.

use crate::error::VerifyError;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifierEvent {
    /// A token was checked without a request.
    Verified(Result<(), VerifyError>),
    /// A token was checked by a request to Latchkey.
    Introspected(Result<(), VerifyError>),
    /// The stream of revocations counts: tokens are checked without requests from now on. With the number
    /// of entries that it began with.
    Connected(usize),
    /// The stream has ended, or can't be opened. It is tried again. What was known holds until the lease
    /// ends.
    Disconnected(String),
    /// The key set can't be fetched. It is tried again.
    KeysFailed(String),
}

/// Receives events, on whatever thread they happen. It must not block.
pub type OnEvent = dyn Fn(&VerifierEvent) + Send + Sync;
