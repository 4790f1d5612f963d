//! The database tables: what they contain, and what happens when an operator changes them.

use serde_json::json;

use crate::support::{OTHER_PASSWORD, PASSWORD, Server, TestEnv, TokenPair, text_of};

/// The statement that signs a user out everywhere.
const NEW_KEY: &str = "UPDATE users SET jwt_secret = '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32' \
                       WHERE email = 'ada@example.com'";

const DEACTIVATE: &str = "UPDATE users SET is_active = false WHERE email = 'ada@example.com'";

#[test]
fn stores_the_user() {
    let server = Server::start();
    let user = server.register("Ada@example.com");
    let column = |name: &str| {
        server
            .database()
            .text(&format!("SELECT CAST({name} AS TEXT) FROM users"))
    };
    assert_eq!(column("id"), user.id);
    assert_eq!(column("email"), "Ada@example.com");
    assert!(["1", "true"].contains(&column("is_active").as_str()));
    assert!(["0", "false"].contains(&column("is_admin").as_str()));
    assert_eq!(server.database().count("users", "last_login IS NULL"), 1);
    assert_ne!(column("date_joined"), "");

    let key: uuid::Uuid = column("jwt_secret").parse().unwrap();
    assert_eq!(key.get_version_num(), 4);

    server.sign_in("ada@example.com");
    assert_eq!(server.database().count("users", "last_login IS NULL"), 0);
    assert_eq!(column("jwt_secret"), key.to_string());
}

#[test]
fn stores_a_session_per_device() {
    let server = Server::start();
    let user = server.register("ada@example.com");
    server.register("grace@example.com");
    let of_ada = format!("user_id = '{}'", user.id);
    let pair = server.sign_in("ada@example.com");
    server.sign_in("ada@example.com");
    server.refresh(&pair.refresh_token);
    assert_eq!(server.database().count("sessions", &of_ada), 2);
    assert_eq!(server.database().count("sessions", "true"), 2);
}

#[test]
fn stores_a_hash_of_the_password() {
    let server = Server::start();
    server.register("ada@example.com");
    let hash = server.database().text("SELECT password_hash FROM users");
    assert!(hash.starts_with("$argon2id$v=19$m=256,t=1,p=1$"), "{hash}");
    assert!(!hash.contains(PASSWORD));
    server.register("grace@example.com");
    let salted = format!("password_hash = '{hash}'");
    assert_eq!(server.database().count("users", &salted), 1);
}

#[test]
fn rehashes_when_the_cost_is_raised() {
    let env = TestEnv::new();
    let hash = || env.database.text("SELECT password_hash FROM users");
    env.start(&[]).register("ada@example.com");
    let weaker = hash();

    let server = env.start(&[("LATCHKEY_ARGON2", "m=512,t=2,p=1")]);
    server
        .try_sign_in("ada@example.com", OTHER_PASSWORD)
        .assert_error(401, "invalid_credentials");
    assert_eq!(hash(), weaker);
    let pair = server.sign_in("ada@example.com");
    let stronger = hash();
    assert!(
        stronger.starts_with("$argon2id$v=19$m=512,t=2,p=1$"),
        "{stronger}"
    );
    server.assert_valid(&pair);
    server.sign_in("ada@example.com");
    assert_eq!(hash(), stronger);
}

#[test]
fn hashes_with_the_documented_cost_by_default() {
    let env = TestEnv::new();
    let mut command = env.command(&[]);
    command
        .env_remove("LATCHKEY_ARGON2")
        .args(["user", "create", "--email", "ada@example.com"]);
    let output = env.run_command(command, PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    let hash = env.database.text("SELECT password_hash FROM users");
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
}

#[test]
fn changing_the_key_revokes_every_token_at_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    // The tokens have been used, so that the server may have cached something about them.
    for token in [&pair.token, &other_device.token] {
        assert_eq!(server.view(token).status, 200);
        assert_eq!(server.verify(token).status, 200);
    }
    assert_eq!(server.database().execute(NEW_KEY), 1);

    server.assert_revoked(&pair);
    server.assert_revoked(&other_device);
    server.assert_valid(&grace);
    server.assert_valid(&server.sign_in("ada@example.com"));
}

#[test]
fn inactive_user_is_locked_out() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).status, 200);
    assert_eq!(server.database().execute(DEACTIVATE), 1);

    server.assert_revoked(&pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(403, "inactive_account");
    server
        .try_sign_in("ada@example.com", OTHER_PASSWORD)
        .assert_error(401, "invalid_credentials");
    server
        .post("/api/user/create")
        .json(json!({"email": "ADA@example.com", "password": PASSWORD}))
        .send()
        .assert_json(
            400,
            json!({"email": ["A user with that email already exists."]}),
        );
}

#[test]
fn becoming_an_administrator_takes_effect_at_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["is_admin"], json!(false));
    server
        .database()
        .execute("UPDATE users SET is_admin = true");
    assert_eq!(server.view(&pair.token).json()["is_admin"], json!(true));
}

#[test]
fn deletion_removes_all_data_of_a_user() {
    let server = Server::start();
    let ada = server.register("ada@example.com");
    let pair = server.sign_in("ada@example.com");
    server.sign_in("ada@example.com");
    server.refresh(&pair.refresh_token);
    let grace = server.sign_up("grace@example.com");
    server
        .post("/api/user/delete")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_no_content();

    let database = server.database();
    assert_eq!(database.count("users", &format!("id = '{}'", ada.id)), 0);
    let sessions = format!("user_id = '{}'", ada.id);
    assert_eq!(database.count("sessions", &sessions), 0);
    assert_eq!(database.count("users", "true"), 1);
    assert_eq!(database.count("sessions", "true"), 1);
    server.assert_valid(&grace);
}

#[test]
fn manual_deletion_removes_all_data_of_a_user() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .database()
        .execute("DELETE FROM users WHERE email = 'ada@example.com'");
    assert_eq!(server.database().count("sessions", "true"), 0);
    server.assert_revoked(&pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
}

#[test]
fn distinguishes_email_addresses_with_wildcard_characters() {
    let server = Server::start();
    server.register("ada_lovelace@example.com");
    server.register("adaxlovelace@example.com");
    server.register("ada%@example.com");
    server.sign_in("ADA_LOVELACE@example.com");
    assert_eq!(server.database().count("users", "last_login IS NULL"), 2);
}

#[test]
fn internal_error_reveals_no_reason() {
    let server = Server::start();
    server.register("ada@example.com");
    server
        .database()
        .execute("ALTER TABLE sessions RENAME TO elsewhere");
    let response = server.try_sign_in("ada@example.com", PASSWORD);
    let request_id = response.header("x-request-id").to_owned();
    let body = response.text().to_lowercase();
    for word in ["sql", "table", "session", "relation", "column"] {
        assert!(!body.contains(word), "{response}");
    }
    response.assert_error(500, "internal_error");

    let log = server.log();
    let reason = log
        .lines()
        .find(|line| line.contains(&request_id) && line.contains("sessions"));
    assert!(reason.is_some(), "no reason under {request_id} in {log}");

    server
        .database()
        .execute("ALTER TABLE elsewhere RENAME TO sessions");
    server.sign_in("ada@example.com");
}

#[test]
fn stores_the_totp_secret_encrypted() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let response = server
        .post("/api/totp/create")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    let secret = text_of(&response.json(), "secret");
    let app = crate::support::Authenticator::new(&*secret);
    let hex: String = base32(&secret).iter().map(|b| format!("{b:02x}")).collect();
    let stored = |column: &str| server.database().hex("second_factors", column);
    let is_hidden = |stored: &str| {
        let as_text: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        assert!(stored.len() > hex.len(), "{stored}");
        assert!(!stored.contains(&hex), "{stored}");
        assert!(!stored.contains(&as_text), "{stored}");
    };
    is_hidden(&stored("new_seed"));
    assert_eq!(stored("seed"), "");
    let confirmed = server.confirm_totp(&pair.token, &app.code());
    assert_eq!(confirmed.status, 200, "{confirmed}");
    is_hidden(&stored("seed"));
    assert_eq!(stored("new_seed"), "");
    assert!(!server.log().contains(&secret));
}

/// Decodes Base32 without padding (RFC 4648, section 6).
fn base32(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut value, mut bytes) = (0, 0_u32, Vec::new());
    for digit in text.chars() {
        let digit = DIGITS.find(digit).expect("a digit of base 32");
        value = (value << 5 | u32::try_from(digit).expect("less than 32")) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(value >> bits & 0xff).expect("a byte"));
        }
    }
    bytes
}

/// A secret that is copied into another user's row can't be decrypted there.
#[test]
fn totp_secret_of_another_user_is_rejected() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    let eve = server.sign_up("eve@example.com");
    server.enable_totp(&ada);
    let eves = server.enable_totp(&eve);
    server.database().execute(
        "UPDATE second_factors SET seed = (SELECT seed FROM second_factors WHERE user_id = \
         (SELECT id FROM users WHERE email = 'eve@example.com'))",
    );
    let pending = server.sign_in("ada@example.com");
    server
        .pass_totp(&pending.token, &eves.app.code())
        .assert_error(500, "internal_error");
    server.assert_mfa_pending(&pending);
}

#[test]
fn rotates_the_master_secret_of_totp_secrets() {
    const OLD: &str = "the-old-master-secret-of-this-test";
    const NEW: &str = "the-new-master-secret-of-this-test";
    let env = TestEnv::new();
    let start = |secrets: &str| env.start(&[("LATCHKEY_SECRET", secrets)]);
    let server = start(OLD);
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    // A secret that is not confirmed yet is re-encrypted as well. There are too few here to need
    // several batches.
    let grace = server.sign_up("grace@example.com");
    let being_set_up = server.set_up_totp(&grace);
    server.take_all_emails();
    drop(server);

    let server = start(&format!("{NEW},{OLD}"));
    let pending = server.sign_in("ada@example.com");
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_passed(&passed);
    server.take_all_emails();
    drop(server);

    let server = start(NEW);
    let pending = server.sign_in("ada@example.com");
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_passed(&passed);
    let pending = server.sign_in("ada@example.com");
    let code = &factor.recovery_codes[0];
    assert_eq!(server.pass_recovery(&pending.token, code).status, 200);
    let grace = server.sign_in("grace@example.com");
    let confirmed = server.confirm_totp(&grace.token, &being_set_up.code());
    assert_eq!(confirmed.status, 200, "{confirmed}");
}

/// Emails queued before a rotation are sent while the old secret is still listed.
#[test]
fn rotates_the_master_secret_of_the_outbox() {
    const OLD: &str = "the-old-master-secret-of-this-test";
    const NEW: &str = "the-new-master-secret-of-this-test";
    let env = TestEnv::new();
    let down = ("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1");
    let server = env.start(&[("LATCHKEY_SECRET", OLD), down]);
    server.register("ada@example.com");
    drop(server);
    env.database
        .execute("UPDATE outbox SET due_at = created_at");
    let server = env.start(&[("LATCHKEY_SECRET", &format!("{NEW},{OLD}"))]);
    server.activation_token("ada@example.com");
}

#[test]
fn deletes_links_codes_and_emails_with_the_user() {
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1")]);
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let tables = [
        "mailed_tokens",
        "outbox",
        "recovery_codes",
        "second_factors",
        "used_totp_steps",
    ];
    for table in tables {
        assert_ne!(server.database().count(table, "true"), 0, "{table}");
    }
    server
        .post("/api/user/delete")
        .token(&factor.pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_no_content();
    for table in tables {
        // Only the email about the deletion is left.
        let left = usize::from(table == "outbox");
        assert_eq!(server.database().count(table, "true"), left, "{table}");
    }
}
