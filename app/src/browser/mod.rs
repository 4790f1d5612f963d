//! The browser's session: signing in, storing and renewing it, and sending requests with it.
//!
//! [`LazyRequest::SignIn`] starts a session, [`session`] stores it, [`keep_fresh()`] renews it, and
//! [`SignedIn`] adds its token to requests, [`MaybeSignedIn`] if there is one. None of this runs on the server, which does not know
//! the session.

mod claims;
mod client;
pub mod confirmed;
pub mod identity;
mod json;
mod keep_fresh;
mod lazy_requests;
mod limit;
mod lock;
mod lost_response;
pub mod next;
pub mod passkeys;
pub mod pending_account;
pub mod renewal;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod social;
pub mod unsaved_codes;

pub use client::{MaybeSignedIn, SignedIn};
pub use keep_fresh::keep_fresh;
pub use lazy_requests::LazyRequest;
pub use limit::{LOADING_LIMIT, with_limit, with_timeout};
pub use lost_response::{Fate, find_fate};
pub use session::{AuthState, EndReason};
