//! `/api/recovery`: recovery codes, for users who have lost their authenticator app.

mod create;
mod login;
mod view;

pub use create::{RecoveryCodes, create};
pub use login::login;
pub use view::{CodesLeft, view};
