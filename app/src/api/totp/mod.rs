//! `/api/totp`: the second factor with authenticator apps.

mod add;
mod confirm;
mod create;
mod delete;
mod list;
mod login;
mod remove;
mod rename;

pub use add::add;
pub use confirm::{TurnedOn, confirm};
pub use create::{Setup, create};
pub use delete::delete;
pub use list::{AuthenticatorApp, apps};
pub use login::login;
pub use remove::remove;
pub use rename::rename;
