//! `/api/user`: accounts and their sessions.

mod create;
mod delete;
mod login;
mod logout;
mod sessions;
mod view;

pub use create::{Created, create};
pub use delete::delete;
pub use login::{Claims, TokenPair, login, refresh, verify};
pub use logout::{logout, logout_all};
pub use sessions::{Session, revoke, sessions};
pub use view::{Profile, view};
