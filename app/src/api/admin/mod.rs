//! `/api/admin`: for administrators, and for services with a key.

mod activity;
mod bulk;
mod keys;
mod users;

pub use activity::{ActivityPage, Actor, AdminEvent, activity, user_activity};
pub use bulk::{BulkResult, BulkResults, change_users};
pub use keys::{ServiceKey, ServiceKeys, create_key, keys, revoke_key};
pub use users::{
    ManagedUser, UserPage, create_user, delete_user, email_reset, reset_otp, sign_out_user,
    update_user, user, user_sessions, users,
};
