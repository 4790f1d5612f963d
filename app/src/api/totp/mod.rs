//! `/api/totp`: the second factor with an authenticator app.

mod confirm;
mod create;
mod delete;
mod login;

pub use confirm::{TurnedOn, confirm};
pub use create::{Setup, create};
pub use delete::delete;
pub use login::login;
