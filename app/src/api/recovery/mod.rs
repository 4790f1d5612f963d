//! `/api/recovery`: recovery codes, for users who have lost their authenticator app.

mod create;
mod login;

pub use create::{RecoveryCodes, create};
pub use login::login;
