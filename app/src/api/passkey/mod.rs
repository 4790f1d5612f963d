//! `/api/passkey`: passkeys, which sign in without a password.

mod confirm;
mod create;
mod delete;
mod list;
mod login;
mod rename;

pub use confirm::{AddedPasskey, confirm};
pub use create::create;
pub use delete::delete;
pub use list::{Passkey, passkeys};
pub use login::{begin_login, login};
pub use rename::rename;

/// Says of a response that it is an object which the browser understands.
#[cfg(feature = "ssr")]
fn options(_: &mut crate::api::describe::Schemas) -> serde_json::Value {
    serde_json::json!({ "type": "object" })
}
