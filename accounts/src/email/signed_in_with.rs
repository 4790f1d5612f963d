//! What somebody has signed in with, as an email says it.

use serde::{Deserialize, Serialize};

/// What somebody has signed in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignedInWith {
    /// The password, or a passkey.
    Secret,
    /// An emailed code.
    Code,
    /// An account at this provider.
    Provider(String),
}
