//! `/api/recovery`: codes for when the authenticator app is lost.

mod create;
mod login;

pub use create::{RecoveryCodes, create};
pub use login::login;
