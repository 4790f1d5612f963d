//! Listing users and changing them.

#![allow(
    clippy::too_many_arguments,
    reason = "each field of a request is an argument of its server function"
)]

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, administrator},
    text::text_fields,
    user::session,
};
use crate::{
    api::{ApiError, Delete, Patch, PostTo, Query, Text, user::Session},
    browser::SignedIn,
};

/// A user as administrators see it. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedUser {
    /// The user's id, a UUID.
    pub id: String,
    /// The email address.
    pub email: String,
    /// The name; empty if there is none.
    pub name: String,
    /// The names of the user's roles, in alphabetical order.
    pub roles: Vec<String>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the user is an administrator of this server.
    pub is_admin: bool,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// Whether signing in requires a second factor.
    pub otp_enabled: bool,
    /// When the account was created.
    pub date_joined: String,
    /// When the user last signed in.
    pub last_login: Option<String>,
    /// A JSON object that the user may change, too.
    pub metadata: Value,
    /// A JSON object that only administrators may change.
    pub app_metadata: Value,
    /// Changes with everything above that can be changed. Sent back with a change, it makes sure that
    /// nobody else has changed the user in the meantime.
    pub version: String,
}

/// A page of a list of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// The users.
    pub users: Vec<ManagedUser>,
    /// The `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// `GET /api/admin/users`: returns a page of the users for whom all filters hold. Needs an administrator, or
/// a service key with `users:read`.
///
/// # Errors
/// Field errors; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/users", client = SignedIn)]
pub async fn users(
    #[server(default)] search: Text,
    #[server(default)] is_active: Text,
    #[server(default)] is_admin: Text,
    #[server(default)] role: Text,
    #[server(default)] email_verified: Text,
    #[server(default)] otp_enabled: Text,
    #[server(default)] order: Text,
    #[server(default)] limit: Text,
    #[server(default)] cursor: Text,
) -> Result<UserPage, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let [
        search,
        is_active,
        is_admin,
        role,
        email_verified,
        otp_enabled,
        order,
        limit,
        cursor,
    ] = text_fields([
        ("search", &search),
        ("is_active", &is_active),
        ("is_admin", &is_admin),
        ("role", &role),
        ("email_verified", &email_verified),
        ("otp_enabled", &otp_enabled),
        ("order", &order),
        ("limit", &limit),
        ("cursor", &cursor),
    ])?;
    let fields = accounts::UserListFields {
        search,
        is_active,
        is_admin,
        role,
        email_verified,
        otp_enabled,
        order,
        limit,
        cursor,
    };
    let page = accounts().list_users(&administrator, &fields).await?;
    Ok(UserPage {
        users: page.users.iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Users>("List users", Access::Administrator("users:read"))
}

/// `POST /api/admin/users`: creates an account, whose email address counts as verified, or sends an
/// invitation, which creates it when it is accepted. Needs an administrator, or a service key with
/// `users:write`.
///
/// # Errors
/// Field errors, `conflict` for an invitation while registration is closed, `throttled` for one that follows
/// another too soon, `reauthentication_required`, and the errors of missing or insufficient credentials.
#[server(protocol = PostTo<201>, prefix = "/api", endpoint = "admin/users", client = SignedIn)]
pub async fn create_user(
    #[server(default)] email: Value,
    #[server(default)] password: Text,
    #[server(default)] invite: Value,
    #[server(default)] name: Value,
    #[server(default)] roles: Value,
    #[server(default)] is_admin: Value,
    #[server(default)] metadata: Value,
    #[server(default)] app_metadata: Value,
) -> Result<ManagedUser, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let fields = accounts::NewUserFields {
        password: password.into(),
        invite,
        user: accounts::UserFields {
            email,
            name,
            roles,
            is_admin,
            metadata,
            app_metadata,
            ..accounts::UserFields::default()
        },
    };
    let accounts = accounts();
    let created = accounts.create_managed_user(&administrator, &fields);
    Ok((&created.await?).into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<CreateUser>("Create or invite a user", Access::Administrator("users:write"))
        .created()
        .required(&["email"])
        .errors(&[Code::ReauthenticationRequired, Code::Conflict])
}

/// `GET /api/admin/users/{id}`: returns a user. Needs an administrator, or a service key with `users:read`.
///
/// # Errors
/// `not_found`; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/users/{id}", client = SignedIn)]
pub async fn user(#[server(default)] id: Text) -> Result<ManagedUser, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let user = accounts().managed_user(&administrator, id.as_str()).await?;
    Ok((&user).into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<User>("Get a user", Access::Administrator("users:read"))
}

/// `PATCH /api/admin/users/{id}`: changes a user, as far as fields are given. Needs an administrator, or a
/// service key with `users:write`.
///
/// # Errors
/// Field errors, `not_found`, `conflict` for another version and for the last administrator,
/// `reauthentication_required`; the errors of missing or insufficient credentials.
#[server(protocol = Patch, prefix = "/api", endpoint = "admin/users/{id}", client = SignedIn)]
pub async fn update_user(
    #[server(default)] id: Text,
    #[server(default)] email: Value,
    #[server(default)] name: Value,
    #[server(default)] roles: Value,
    #[server(default)] is_active: Value,
    #[server(default)] is_admin: Value,
    #[server(default)] metadata: Value,
    #[server(default)] app_metadata: Value,
    #[server(default)] version: Value,
) -> Result<ManagedUser, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let fields = accounts::UserFields {
        email,
        name,
        roles,
        is_active,
        is_admin,
        metadata,
        app_metadata,
        version,
    };
    let accounts = accounts();
    let changed = accounts.change_user(&administrator, id.as_str(), &fields);
    Ok((&changed.await?).into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<UpdateUser>("Change a user", Access::Administrator("users:write"))
        .errors(&[Code::ReauthenticationRequired, Code::Conflict])
}

/// `DELETE /api/admin/users/{id}`: deletes a user and everything that belongs to it. Needs an administrator,
/// or a service key with `users:write`.
///
/// # Errors
/// `not_found`, `conflict` for the last administrator, `reauthentication_required`; the errors of missing or
/// insufficient credentials.
#[server(protocol = Delete, prefix = "/api", endpoint = "admin/users/{id}", client = SignedIn)]
pub async fn delete_user(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let deleted = accounts.delete_managed_user(&administrator, id.as_str());
    Ok(deleted.await.map(drop)?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<DeleteUser>("Delete a user", Access::Administrator("users:write"))
        .errors(&[Code::ReauthenticationRequired, Code::Conflict])
}

/// `POST /api/admin/users/{id}/sign-out`: ends every session of a user. Needs an administrator, or a service
/// key with `users:write`.
///
/// # Errors
/// `not_found`; the errors of missing or insufficient credentials.
#[server(protocol = PostTo<204>, prefix = "/api", endpoint = "admin/users/{id}/sign-out", client = SignedIn)]
pub async fn sign_out_user(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let signed_out = accounts.sign_out_managed_user(&administrator, id.as_str());
    Ok(signed_out.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<SignOutUser>("End every session of a user", Access::Administrator("users:write"))
}

/// `POST /api/admin/users/{id}/reset-otp`: removes the second factor of a user, and ends every session. Needs
/// an administrator, or a service key with `users:write`.
///
/// # Errors
/// `not_found`, `reauthentication_required`; the errors of missing or insufficient credentials.
#[server(protocol = PostTo<204>, prefix = "/api", endpoint = "admin/users/{id}/reset-otp", client = SignedIn)]
pub async fn reset_otp(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let reset = accounts.reset_otp_of_managed_user(&administrator, id.as_str());
    Ok(reset.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ResetOtp>("Remove the second factor of a user", Access::Administrator("users:write"))
        .errors(&[Code::ReauthenticationRequired])
}

/// `POST /api/admin/users/{id}/password-reset`: emails a user a link to choose a new password. Needs an
/// administrator, or a service key with `users:write`.
///
/// # Errors
/// `not_found`; the errors of missing or insufficient credentials.
#[server(protocol = PostTo<204>, prefix = "/api", endpoint = "admin/users/{id}/password-reset", client = SignedIn)]
pub async fn email_reset(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let requested = accounts.email_reset_to_managed_user(&administrator, id.as_str());
    Ok(requested.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<EmailReset>("Email a user a link to choose a new password", Access::Administrator("users:write"))
}

/// `GET /api/admin/users/{id}/sessions`: returns the signed-in devices of a user, newest first. Needs an
/// administrator, or a service key with `users:read`.
///
/// # Errors
/// `not_found`; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/users/{id}/sessions", client = SignedIn)]
pub async fn user_sessions(#[server(default)] id: Text) -> Result<Vec<Session>, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let current = administrator.user().map(|caller| caller.session_id);
    let sessions = accounts().sessions_of(&administrator, id.as_str()).await?;
    let sessions = sessions.into_iter();
    Ok(sessions.map(|listed| session(listed, current)).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<UserSessions>("List the signed-in devices of a user", Access::Administrator("users:read"))
}

#[cfg(feature = "ssr")]
impl From<&accounts::ManagedUser> for ManagedUser {
    fn from(managed: &accounts::ManagedUser) -> Self {
        let user = &managed.user;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            roles: user.roles.to_vec(),
            is_active: user.is_active,
            is_admin: user.is_admin,
            email_verified: user.email_verified,
            otp_enabled: user.otp_enabled,
            date_joined: user.date_joined.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            metadata: managed.metadata_value(),
            app_metadata: managed.app_metadata_value(),
            version: managed.version(),
        }
    }
}
