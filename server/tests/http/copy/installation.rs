//! An installation that has been used: a server on SQLite with rows in all tables.

use std::sync::Arc;

use serde_json::{Value, json};

use super::wait_for;
use crate::support::{Database, NO_LIMITS, Response, SecondFactor, Server, TestEnv, TokenPair};

/// Text that is not the same in all encodings.
const NAME: &str = "Ada \\N \"Łovelace\" 😀";

/// What is rare, and would be removed by the tasks of a running server.
const RARE: &str = r"
    INSERT INTO sign_in_failures (key, guesses, blocked_until, updated_at) VALUES
        (x'00ff0a5c09', 3, NULL, '2026-01-31T08:15:30.250Z'),
        (x'', 1, '2026-01-31T08:15:30.251Z', '9999-12-31T23:59:59.999Z');
    INSERT INTO code_attempts (key, attempts, updated_at) VALUES (x'01', 9223372036854775807, '2026-01-31T08:15:30.250Z');
    INSERT INTO mail_requests (id, purpose, email, created_at, is_own, language)
        VALUES ('5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', 'later', 'a@example.com', '2026-01-31T08:15:30.250Z', TRUE, 'de');
    INSERT INTO outbox (id, content, created_at, due_at, language)
        VALUES ('5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', x'ff00', '2026-01-31T08:15:30.250Z', '9999-01-31T08:15:30.250Z', 'de');
    INSERT INTO registrations (id, email, address, slot, password_hash, ip, user_agent, created_at, expires_at,
            language)
        VALUES ('5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', 'a@example.com', 'a@example.com', 1, '', '', 'a'||char(9,10,13)||'b',
            '2026-01-31T08:15:30.250Z', '9999-01-31T08:15:30.250Z', 'de');
    INSERT INTO passkeys (id, user_id, credential_id, credential, name, sign_count, backup_eligible, backed_up, created_at)
        SELECT '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', id, x'00ff', '{}', 'Phone', 4294967295, TRUE, FALSE,
            '2026-01-31T08:15:30.250Z' FROM users WHERE email = 'root@example.com';
    INSERT INTO authenticator_apps (id, user_id, name, seed, created_at)
        SELECT '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', id, NULL, x'00ff', '2026-01-31T08:15:30.250Z' FROM users
            WHERE email = 'root@example.com';
    INSERT INTO used_passkey_challenges (challenge, forgotten_at) VALUES (x'00ff0a', '9999-01-31T08:15:30.250Z');
    INSERT INTO sign_in_codes (user_id, flow_hash, code_hash, address, expires_at)
        SELECT id, x'00ff', x'ff00', 'root@example.com', '9999-01-31T08:15:30.250Z' FROM users WHERE email = 'root@example.com';
    INSERT INTO trusted_devices (hash, user_id, session_id, created_at, expires_at)
        SELECT x'00ff', id, '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2026-01-31T08:15:30.250Z', '9999-01-31T08:15:30.250Z'
        FROM users WHERE email = 'root@example.com';
    INSERT INTO identities (id, user_id, provider, issuer, subject, email, created_at, last_used_at)
        SELECT '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', id, 'my-idp', 'https://idp.example', '1', NULL,
            '2026-01-31T08:15:30.250Z', '2026-01-31T08:15:30.250Z' FROM users WHERE email = 'root@example.com';
    INSERT INTO social_tickets (hash, kind, browser, provider, user_id, session_id, identity_id, expires_at)
        SELECT x'00ff', 'code', x'ff00', 'my-idp', id, NULL, '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32',
            '9999-01-31T08:15:30.250Z' FROM users WHERE email = 'root@example.com';
    UPDATE users SET language = 'de' WHERE email = 'grace@example.com'";

/// What clients of an installation have.
pub struct Installation {
    url: String,
    ada: TokenPair,
    profile: Value,
    activity: Value,
    users: Value,
    /// The secret of Grace's authenticator app, and her recovery codes.
    grace: SecondFactor,
    root: TokenPair,
    key: String,
    webhooks: Value,
}

#[track_caller]
fn get(server: &Server, path: &str, token: &str) -> Value {
    let response = server.get(path).token(token).send();
    assert_eq!(response.status, 200, "{response}");
    response.json()
}

#[track_caller]
fn send(server: &Server, token: &str, path: &str, body: Value) -> Response {
    let response = server.post(path).token(token).json(body).send();
    assert!((200..300).contains(&response.status), "{response}");
    response
}

impl Installation {
    /// Fills the tables, most of them through the API, and stops the server.
    #[track_caller]
    pub fn create(env: &Arc<TestEnv>) -> Self {
        let server = env.start(&[NO_LIMITS, ("LATCHKEY_WEBHOOK_ALLOW_PRIVATE", "true")]);
        let root = server.administrator("root@example.com");
        let ada = server.sign_up_verified("ada@example.com");
        let grace = server.enable_totp(&server.sign_up_verified("grace@example.com"));
        server.register("linus@example.com");
        let events = ["user.created", "session.created", "user.updated"];
        // Nothing listens there, so that all events wait.
        let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": events});
        send(&server, &root.token, "/api/admin/webhooks", webhook);
        let id = server.id_of("ada@example.com");
        for roles in [json!(["author", "editor"]), json!(["editor"])] {
            let fields =
                json!({"name": NAME, "roles": roles, "metadata": {"a": ["\t\\", null, 1.5]}});
            let changed = server.change_user(&root.token, &id, fields);
            assert_eq!(changed.status, 200, "{changed}");
        }
        let body = json!({"email": "new@example.com", "invite": true, "roles": "editor"});
        send(&server, &root.token, "/api/admin/users", body);
        let deleted = env.run(&["user", "delete", "--email", "linus@example.com"]);
        assert_eq!(deleted.code, Some(0), "{deleted:?}");
        assert_eq!(server.reset("ada@example.com").status, 204);
        let links = "SELECT CAST(count(*) > 0 AS TEXT) FROM mailed_tokens";
        wait_for(&env.database, links, "1");
        let key = server.service_key("users:read");
        let ada = TokenPair::from(&server.refresh(&ada.refresh_token));
        let installation = Self {
            url: server.url(),
            profile: server.view(&ada.token).json(),
            activity: get(&server, "/api/user/activity", &ada.token),
            users: get(&server, "/api/admin/users", &root.token),
            webhooks: get(&server, "/api/admin/webhooks", &root.token),
            ada,
            grace,
            root,
            key,
        };
        drop(server);
        env.database.execute(RARE);
        installation
    }

    /// A server on a copy, with the same master secret, continues where the first one has stopped.
    #[track_caller]
    pub fn assert_works_in(&self, env: &Arc<TestEnv>) {
        let server = env.start(&[
            NO_LIMITS,
            ("LATCHKEY_PUBLIC_URL", &self.url),
            ("LATCHKEY_WEBHOOK_ALLOW_PRIVATE", "true"),
        ]);
        assert_eq!(server.view(&self.ada.token).json(), self.profile);
        assert_eq!(self.profile["name"], NAME);
        let activity = get(&server, "/api/user/activity", &self.ada.token);
        assert_eq!(activity, self.activity);
        assert_eq!(
            get(&server, "/api/admin/users", &self.root.token),
            self.users
        );
        let webhooks = get(&server, "/api/admin/webhooks", &self.root.token);
        assert_eq!(webhooks, self.webhooks);
        server.assert_valid(&self.ada);
        server.sign_in("ada@example.com");
        self.assert_second_factor_works(&server);
        let found = get(&server, "/api/admin/users?search=grace", &self.key);
        assert_eq!(found["users"][0]["email"], "grace@example.com");
        self.assert_triggers_work(&server);
    }

    #[track_caller]
    fn assert_second_factor_works(&self, server: &Server) {
        server.assert_valid(&self.grace.pair);
        let pending = server.sign_in("grace@example.com");
        server.assert_mfa_pending(&pending);
        let passed = server.pass_totp(&pending.token, &self.grace.app.code());
        server.assert_mfa_passed(&TokenPair::from(&passed));
        let pending = server.sign_in("grace@example.com");
        let code = &self.grace.recovery_codes[0];
        let passed = server.pass_recovery(&pending.token, code);
        server.assert_mfa_passed(&TokenPair::from(&passed));
        server
            .pass_recovery(&server.sign_in("grace@example.com").token, code)
            .assert_field_errors(&["code"]);
    }

    /// The texts that are searched, the lists of roles, the events of webhooks and the revocations follow the
    /// users, with new numbers.
    #[track_caller]
    fn assert_triggers_work(&self, server: &Server) {
        let database: &Database = server.database();
        let last = |table: &str| -> i64 {
            let sql = format!("SELECT CAST(max(seq) AS TEXT) FROM {table}");
            database.text(&sql).parse().expect("a number")
        };
        let before = (last("revocations"), last("webhook_deliveries"));
        let id = server.id_of("ada@example.com");
        let fields = json!({"name": "Augusta", "roles": ["author"]});
        let changed = server.change_user(&self.root.token, &id, fields);
        assert_eq!(changed.status, 200, "{changed}");
        assert!(last("revocations") > before.0 && last("webhook_deliveries") > before.1);
        for (query, count) in [
            ("search=augusta", 1),
            ("search=%C5%81ovelace", 0),
            ("role=author", 1),
            ("role=editor", 0),
        ] {
            let found = get(
                server,
                &format!("/api/admin/users?{query}"),
                &self.root.token,
            );
            assert_eq!(
                found["users"].as_array().map(Vec::len),
                Some(count),
                "{query}"
            );
        }
    }
}
