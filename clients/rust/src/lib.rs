//! Verifies Latchkey's access tokens in any service, offline: by public keys, and by a stream of
//! revocations that arrive in milliseconds. A service that hears nothing trusts nothing longer than the
//! lease, one second by default; then it asks Latchkey about each token, or refuses.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = latchkey_verify::Verifier::connect("https://id.example.com", "lk_…").await?;
//! let claims = verifier.check("eyJ0eXAi…").await?;
//! println!("{} is signed in", claims.sub);
//! # Ok(())
//! # }
//! ```
//!
//! [`Verifier::verify`] is the same without a request in any case, and without `await`. The features `axum`
//! and `tower` add an extractor and a layer. The protocol, and why it holds, is in
//! `docs/verifying-tokens.md` of Latchkey's repository.

mod claims;
mod clock;
mod error;
mod events;
mod follow;
mod http;
mod keys;
mod rejection;
mod revoked;
mod sse;
mod trust;
mod verifier;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "axum")]
pub use self::axum::Verified;
#[cfg(feature = "tower")]
pub use self::tower::{Verify, VerifyLayer};
pub use self::{
    claims::Claims,
    clock::{Clock, SystemClock},
    error::{ConnectError, VerifyError},
    events::{OnEvent, VerifierEvent},
    rejection::{Rejection, bearer_token},
    verifier::{Builder, Verifier, WithoutLease},
};
