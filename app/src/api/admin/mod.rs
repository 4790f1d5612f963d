//! `/api/admin`: for administrators, and for services with a key.

mod activity;
mod bulk;
mod invitations;
mod keys;
mod users;
mod webhooks;

pub use activity::{ActivityPage, Actor, AdminEvent, activity, user_activity};
pub use bulk::{BulkResult, BulkResults, change_users};
pub use invitations::{Invitation, InvitationPage, Inviter, invitations, revoke_invitation};
pub use keys::{ServiceKey, ServiceKeys, create_key, keys, revoke_key};
pub use users::{
    ManagedUser, UserPage, create_user, delete_user, email_reset, reset_otp, sign_out_user,
    update_user, user, user_sessions, users,
};
pub use webhooks::{
    DeliveryPage, Webhook, WebhookDelivery, WebhookList, create_webhook, delete_webhook,
    redeliver_webhook, update_webhook, webhook_deliveries, webhooks,
};
