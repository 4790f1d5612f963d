//! The parts of a user's profile that the user may change.

use crate::{
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        statement::Statement,
        users::User,
    },
};

/// Changes to a profile by its user. What is `None` stays as it is.
pub(crate) struct ProfileUpdate<'a> {
    pub user: &'a User,
    pub name: Option<&'a str>,
    /// A JSON object.
    pub metadata: Option<&'a str>,
    pub event: &'a NewEvent,
}

impl ProfileUpdate<'_> {
    /// Makes the changes. Returns `None` if the user was deleted or signed out everywhere.
    pub async fn apply(&self, database: &Database) -> Result<Option<User>, Error> {
        const SQL: &str = concat!(
            "UPDATE users SET name = COALESCE($3, name), metadata = COALESCE($4, metadata)
            WHERE id = $1 AND jwt_secret = $2
            RETURNING ",
            user_columns!("id")
        );
        let mut transaction = database.begin().await?;
        let statement = Statement::new(SQL)
            .bind(self.user.id)
            .bind(&self.user.jwt_secret)
            .bind(self.name)
            .bind(self.metadata);
        let user = transaction.fetch_optional(statement).await?;
        if user.is_some() {
            audit_events::record(&mut transaction, self.event).await?;
        }
        transaction.commit().await?;
        Ok(user)
    }
}

/// Returns the metadata of a user, a JSON object; `None` if there is no such user.
pub(crate) async fn metadata(database: &Database, user_id: Id) -> Result<Option<String>, Error> {
    const SQL: &str = "SELECT metadata FROM users WHERE id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    let row: Option<(String,)> = database.fetch_optional(statement).await?;
    Ok(row.map(|(metadata,)| metadata))
}
