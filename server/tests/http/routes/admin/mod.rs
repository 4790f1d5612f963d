//! Endpoints below `/api/admin`.

mod activity;
mod bulk;
mod invitations;
mod keys;
mod permissions;
mod user;
mod users;
mod webhooks;

use serde_json::Value;

use crate::support::{PASSWORD, Response, Server, TokenPair};

impl Server {
    /// Creates an administrator, and signs in.
    #[track_caller]
    pub fn administrator(&self, email: &str) -> TokenPair {
        let mut command = self.env().command(&[]);
        command.args(["user", "create", "--email", email, "--admin"]);
        let output = self.env().run_command(command, PASSWORD);
        assert_eq!(output.code, Some(0), "{output:?}");
        self.sign_in(email)
    }

    /// Changes a user.
    #[track_caller]
    pub fn change_user(&self, token: &str, id: &str, fields: Value) -> Response {
        let path = format!("/api/admin/users/{id}");
        self.request("PATCH", &path)
            .token(token)
            .json(fields)
            .send()
    }

    /// Deletes a user.
    #[track_caller]
    pub fn delete_user(&self, token: &str, id: &str) -> Response {
        let path = format!("/api/admin/users/{id}");
        self.request("DELETE", &path).token(token).send()
    }

    /// The ID of the user with this email address.
    #[track_caller]
    pub fn id_of(&self, email: &str) -> String {
        let condition = format!("lower(email) = lower('{email}')");
        let sql = format!("SELECT CAST(id AS TEXT) FROM users WHERE {condition}");
        self.database().text(&sql)
    }

    /// The last sign-in of all sessions was long ago. Tokens say so from the next refresh on.
    pub fn age_sessions(&self) {
        self.database()
            .execute("UPDATE sessions SET created_at = '2026-01-01T00:00:00.000Z'");
    }
}
