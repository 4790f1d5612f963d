//! `latchkey user …` beside a running server.

use crate::support::{
    OTHER_PASSWORD, Output, PASSWORD, Server, TokenPair,
    email::{OTP_DISABLED, PASSWORD_CHANGED},
};

fn user(server: &Server, command: &str, email: &str) -> Output {
    let output = server.env().run(&["user", command, "--email", email]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
    output
}

fn set_password(server: &Server, email: &str, input: &str) -> Output {
    let mut command = server.env().command(&[]);
    command.args(["user", "password", "--email", email]);
    server.env().run_command(command, input)
}

/// Returns the lines of `latchkey user list` without IDs and times.
fn list(server: &Server) -> Vec<Vec<String>> {
    let output = server.env().run(&["user", "list"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let mut lines = output.stdout.lines();
    assert_eq!(
        lines.next(),
        Some("EMAIL\tID\tSTATE\tADMIN\tVERIFIED\tOTP\tJOINED\tLAST LOGIN")
    );
    lines
        .map(|line| {
            let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
            assert_eq!(columns.len(), 8, "{line}");
            assert!(columns[1].parse::<uuid::Uuid>().is_ok(), "{line}");
            let shown = [0, 2, 3, 4, 5];
            shown.map(|index| columns[index].clone()).to_vec()
        })
        .collect()
}

#[test]
fn lists_users() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    assert_eq!(list(&server), Vec::<Vec<String>>::new());
    server.register("Grace@example.com");
    server.register("ada@example.com");
    let mut command = server.env().command(&[]);
    command.args(["user", "create", "--email", "root@example.com", "--admin"]);
    server.env().run_command(command, PASSWORD);
    let token = server.activation_token("ada@example.com");
    server.activate(&token).assert_no_content();
    // This verifies all addresses.
    server.enable_totp(&server.sign_in("ada@example.com"));
    user(&server, "deactivate", "root@example.com");
    assert_eq!(
        list(&server),
        [
            ["ada@example.com", "active", "no", "yes", "yes"],
            // Grace has not opened the link yet, and is no user.
            ["root@example.com", "deactivated", "yes", "yes", "no"],
        ]
    );
}

#[test]
fn lists_many_users_once_each() {
    let server = Server::start();
    let rows: Vec<_> = (0..1100)
        .map(|number| {
            format!(
                "('{}', 'Number-{number}@example.com', 'x', true, false, '{}', \
                 '2026-01-01T00:00:00.000Z')",
                uuid::Uuid::new_v4(),
                uuid::Uuid::new_v4()
            )
        })
        .collect();
    server.database().execute(&format!(
        "INSERT INTO users (id, email, password_hash, is_active, is_admin, jwt_secret, \
         date_joined) VALUES {}",
        rows.join(", ")
    ));
    let mut users: Vec<_> = list(&server)
        .into_iter()
        .map(|columns| columns[0].clone())
        .collect();
    assert_eq!(users.len(), 1100);
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 1100);
}

#[test]
fn deactivates_and_activates_an_account() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    user(&server, "deactivate", "ADA@example.com");
    server.assert_revoked(&pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(403, "inactive_account");
    server.assert_valid(&grace);

    user(&server, "activate", "ada@example.com");
    // Ended sessions stay ended.
    server.assert_revoked(&pair);
    server.assert_valid(&server.sign_in("ada@example.com"));
    // Repeating it changes nothing.
    user(&server, "activate", "ada@example.com");
    user(&server, "deactivate", "ada@example.com");
    user(&server, "deactivate", "ada@example.com");
}

#[test]
fn activates_an_account_whose_email_is_not_verified() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("ada@example.com");
    user(&server, "activate", "ada@example.com");
    server.assert_valid(&server.sign_in("ada@example.com"));
}

#[test]
fn verifies_an_email_address() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    user(&server, "verify", "ADA@example.com");
    assert_eq!(server.view(&pair.token).json()["email_verified"], true);
    server.assert_valid(&pair);
    // Repeating it changes nothing.
    user(&server, "verify", "ada@example.com");
}

#[test]
fn accepts_a_registration_that_awaits_activation() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("ada@example.com");
    user(&server, "verify", "ada@example.com");
    let pair = server.sign_in("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["email_verified"], true);
    // Of several, none is known to be the owner's.
    server.register("grace@example.com");
    server.register("grace@example.com");
    let output = server
        .env()
        .run(&["user", "verify", "--email", "grace@example.com"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("Several registrations"), "{line}");
}

#[test]
fn signs_a_user_out_everywhere() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    user(&server, "sign-out", "ada@example.com");
    server.assert_revoked(&pair);
    server.assert_revoked(&other_device);
    server.assert_valid(&grace);
    server.assert_valid(&server.sign_in("ada@example.com"));
}

#[test]
fn removes_a_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server.take_all_emails();
    user(&server, "reset-otp", "ada@example.com");
    server.assert_revoked(&factor.pair);
    server.assert_revoked(&pending);
    let pair = server.sign_in("ada@example.com");
    server.assert_valid(&pair);
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    server
        .pass_recovery(&pair.token, &factor.recovery_codes[0])
        .assert_error(403, "permission_denied");
    server
        .take_email("ada@example.com", OTP_DISABLED)
        .assert_no_link();
    // Without a second factor, there is nothing to notify about.
    user(&server, "reset-otp", "ada@example.com");
    server.assert_emails(&[]);
}

#[test]
fn sets_a_password() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    let output = set_password(&server, "ada@example.com", &format!("{OTHER_PASSWORD}\n"));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        !format!("{output:?}").contains(OTHER_PASSWORD),
        "{output:?}"
    );
    server.assert_revoked(&factor.pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    // The second factor is kept.
    let pending = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_mfa_pending(&pending);
    server.activate(&activation).assert_field_errors(&["token"]);
    server
        .take_email("ada@example.com", PASSWORD_CHANGED)
        .assert_no_link();
}

#[test]
fn rejects_an_unacceptable_password() {
    let server = Server::start();
    server.register("ada@example.com");
    for bad in ["short", "iloveyou", "", "ada@example.com"] {
        let output = set_password(&server, "ada@example.com", bad);
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("password"), "{line}");
    }
    server.sign_in("ada@example.com");
}

#[test]
fn fails_for_an_unknown_user() {
    let server = Server::start();
    server.register("ada@example.com");
    for command in ["deactivate", "activate", "verify", "sign-out", "reset-otp"] {
        for email in ["nobody@example.com", "not an address", ""] {
            let output = server.env().run(&["user", command, "--email", email]);
            output.assert_fails_with_one_line();
        }
        let output = server.env().run(&["user", command]);
        assert_eq!(output.code, Some(2), "{output:?}");
    }
    let output = set_password(&server, "nobody@example.com", PASSWORD);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("nobody@example.com"), "{line}");
    server.sign_in("ada@example.com");
}
