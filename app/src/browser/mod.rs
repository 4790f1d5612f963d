//! What the browser keeps and does on the person's behalf.
//!
//! [`Errand::SignIn`] begins a session, [`session`] is what is stored of it, [`renewal`] keeps it fresh, and
//! [`SignedIn`] puts it on requests. Nothing here runs on the server: the session lives in the browser only.

mod claims;
mod client;
mod errand;
mod json;
mod limit;
mod lock;
pub mod next;
pub mod renewal;
pub mod session;
mod sign_in;

pub use client::SignedIn;
pub use errand::Errand;
pub use limit::within_limit;
pub use session::{AuthState, EndReason};
