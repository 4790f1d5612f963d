//! `/api/user`: accounts and their sessions.

mod activation;
mod activity;
mod check_password;
mod create;
mod delete;
mod email;
mod export;
mod link;
mod login;
mod login_code;
mod logout;
mod password;
mod password_removal;
mod reauthenticate;
mod sessions;
mod update;
mod view;

pub use activation::{activation, reject_activation, resend_activation};
pub use activity::{Event, activity};
pub use check_password::{PasswordRating, Strength, check_password};
pub use create::{Created, create};
pub use delete::delete;
pub use email::{change_email, confirm_email_change, undo_email_change};
pub use export::{
    ExportedIdentity, ExportedUser, SentLink, TrustedDevice, UserExport, export, export_json,
};
pub use link::{EmailedLink, LinkPurpose, link};
pub use login::{Claims, TokenPair, login, refresh, verify};
pub use login_code::{LoginFlow, confirm_login_code, request_login_code};
pub use logout::{logout, logout_all};
pub use password::{change_password, confirm_reset, reset_password};
pub use password_removal::{PasswordState, password, remove_password};
pub use reauthenticate::reauthenticate;
#[cfg(feature = "ssr")]
pub(super) use sessions::session;
pub use sessions::{Session, reject_session, revoke, revoke_trusted_devices, sessions};
pub use update::update;
pub use view::{Profile, view};
