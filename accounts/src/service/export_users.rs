//! Exports all users, to be imported elsewhere.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::accounts::Accounts;
use crate::{
    crypto::password::NO_PASSWORD, error::Error, id::Id, store::user_transfers::ExportedUser,
};

impl Accounts {
    /// Returns up to `limit` users with the hashes of their passwords, in the order of their ids: those
    /// that follow `after`, or the first ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn exported_users(
        &self,
        after: Option<Id>,
        limit: u32,
    ) -> Result<Vec<ExportedUser>, Error> {
        ExportedUser::list(&self.0.database, after, limit).await
    }
}

/// The fields of a user as an import reads them.
#[derive(Serialize)]
struct Fields<'a> {
    email: &'a str,
    id: Id,
    password_hash: Option<&'a str>,
    name: &'a str,
    roles: Vec<String>,
    is_active: bool,
    is_admin: bool,
    email_verified: bool,
    date_joined: String,
    last_login: Option<String>,
    metadata: Value,
    app_metadata: Value,
}

impl Serialize for ExportedUser {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let user = &self.user;
        let hash = Some(&*self.password_hash);
        let fields = Fields {
            email: &user.email,
            id: user.id,
            password_hash: hash.filter(|hash| *hash != NO_PASSWORD),
            name: &user.name,
            roles: user.roles.to_vec(),
            is_active: user.is_active,
            is_admin: user.is_admin,
            email_verified: user.email_verified,
            date_joined: user.date_joined.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            metadata: user.metadata_value(),
            app_metadata: user.app_metadata_value(),
        };
        fields.serialize(serializer)
    }
}
