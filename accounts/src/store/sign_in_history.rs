//! What is known about a user's earlier sign-ins, from the tables `users` and `audit_events`.

use sqlx::FromRow;

use crate::{
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement},
};

/// How many of a user's last sign-ins are looked at.
const LIMIT: i64 = 100;

/// A user's earlier sign-ins.
pub(crate) struct SignInHistory {
    pub email: String,
    pub email_verified: bool,
    /// The language of the emails until now, if it is known.
    pub language: Option<String>,
    /// Whether the user has ever signed in.
    pub has_signed_in: bool,
    /// The IP addresses of the last sign-ins that the audit log still has.
    pub ips: Vec<String>,
}

impl SignInHistory {
    /// Looks up a user's earlier sign-ins.
    pub async fn find(database: &Database, user_id: Id) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT email, email_verified, language, last_login IS NOT NULL AS has_signed_in, ip
            FROM users LEFT JOIN audit_events
                ON user_id = users.id AND event IN
                    ('registered', 'signed_in', 'second_factor_passed', 'recovery_code_used')
            WHERE users.id = $1 ORDER BY at DESC LIMIT $2";
        #[derive(FromRow)]
        struct Row {
            email: String,
            email_verified: bool,
            language: Option<String>,
            has_signed_in: bool,
            ip: Option<String>,
        }
        let statement = Statement::new(SQL).bind(user_id).bind(LIMIT);
        let mut rows: Vec<Row> = database.fetch_all(statement).await?;
        let ips = rows.iter_mut().filter_map(|row| row.ip.take()).collect();
        Ok(rows.into_iter().next().map(|row| Self {
            email: row.email,
            email_verified: row.email_verified,
            language: row.language,
            has_signed_in: row.has_signed_in,
            ips,
        }))
    }
}
