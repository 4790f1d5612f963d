//! `/api/passkey/create`.

use serde_json::{Value, json};

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server,
    soft_passkey::{SoftPasskey, encode},
};

const PATH: &str = "/api/passkey/create";

fn create(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn returns_what_a_browser_takes() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let mut other = SoftPasskey::new(1);
    server.add_passkey(&pair.token, &mut other);
    let mut options = server.begin_passkey(&pair.token);
    let challenge = options["challenge"].take();
    assert_eq!(challenge.as_str().map(str::len), Some(75), "56 bytes");
    let id: Vec<u8> = server
        .database()
        .text("SELECT CAST(id AS TEXT) FROM users")
        .split('-')
        .flat_map(|part| part.as_bytes().chunks(2))
        .map(|digits| {
            let digits = std::str::from_utf8(digits).expect("digits");
            u8::from_str_radix(digits, 16).expect("hexadecimal digits")
        })
        .collect();
    assert_eq!(
        options,
        json!({
            "rp": {"id": "accounts.example", "name": "accounts.example"},
            "user": {
                "id": encode(&id),
                "name": "ada@example.com",
                "displayName": "ada@example.com",
            },
            "challenge": null,
            "pubKeyCredParams": [
                {"type": "public-key", "alg": -7},
                {"type": "public-key", "alg": -35},
                {"type": "public-key", "alg": -257},
            ],
            "timeout": 300_000,
            "attestation": "none",
            "excludeCredentials": [{"type": "public-key", "id": encode(&other.id)}],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "extensions": {
                "credentialProtectionPolicy": "userVerificationRequired",
                "enforceCredentialProtectionPolicy": false,
                "credProps": true,
                "uvm": true,
            },
        })
    );
}

#[test]
fn needs_the_password_or_a_passkey_of_the_last_minutes() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    create(&server, &pair.token, json!({})).assert_json(
        400,
        json!({"current_password": ["This field is required."]}),
    );
    create(
        &server,
        &pair.token,
        json!({"current_password": OTHER_PASSWORD}),
    )
    .assert_json(400, json!({"current_password": ["Incorrect password."]}));
    let mut passkey = SoftPasskey::new(1);
    server.add_passkey(&pair.token, &mut passkey);
    // This session was started with the password.
    create(&server, &pair.token, json!({})).assert_field_errors(&["current_password"]);
    let with_passkey = server.sign_in_with_passkey(&passkey);
    assert_eq!(create(&server, &with_passkey.token, json!({})).status, 201);
    create(
        &server,
        &with_passkey.token,
        json!({"current_password": OTHER_PASSWORD}),
    )
    .assert_field_errors(&["current_password"]);
    // Or proved again with a passkey.
    let again = server.passkey_login_with(&pair.token, &passkey);
    let again = crate::support::TokenPair::from(&again);
    assert_eq!(create(&server, &again.token, json!({})).status, 201);
}

#[test]
fn needs_a_verified_email_address() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up("ada@example.com");
    let refused =
        json!({"detail": "Confirm your email address first.", "code": "email_unverified"});
    create(&server, &pair.token, json!({"current_password": PASSWORD}))
        .assert_json(403, refused.clone());
    server
        .confirm_passkey(&pair.token, &json!({}), "Laptop")
        .assert_json(403, refused);
}

#[test]
fn a_user_has_at_most_20_passkeys() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let options = server.begin_passkey(&pair.token);
    for seed in 1..=20 {
        server.add_passkey(&pair.token, &mut SoftPasskey::new(seed));
    }
    let conflict = json!({"detail": "You have 20 passkeys. Remove one first.", "code": "conflict"});
    create(&server, &pair.token, json!({"current_password": PASSWORD}))
        .assert_json(409, conflict.clone());
    // It was begun before.
    let credential = SoftPasskey::new(21).create(&options);
    server
        .confirm_passkey(&pair.token, &credential, "One more")
        .assert_json(409, conflict);
    assert_eq!(server.database().count("passkeys", "true"), 20);
}

#[test]
fn says_why_the_address_of_the_server_allows_no_passkeys() {
    for (url, detail) in [
        (
            "https://192.0.2.7",
            "Passkeys need a host name in the address of this server, which has an IP address there.",
        ),
        (
            "http://accounts.example",
            "Passkeys need HTTPS in the address of this server.",
        ),
    ] {
        let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", url)]);
        let refused = json!({"detail": detail, "code": "permission_denied"});
        let pair = server.sign_up_verified("ada@example.com");
        create(&server, &pair.token, json!({"current_password": PASSWORD}))
            .assert_json(403, refused.clone());
        server
            .confirm_passkey(&pair.token, &json!({}), "Laptop")
            .assert_json(403, refused.clone());
        for path in ["/api/passkey/login/begin", "/api/passkey/login"] {
            server.post(path).send().assert_json(403, refused.clone());
        }
        let log = server.log();
        let warning = format!("LATCHKEY_PUBLIC_URL: browsers refuse passkeys at {url}");
        assert!(log.contains(&warning), "{log}");
        let check = server.env().run_command(
            {
                let mut command = server.env().command(&[("LATCHKEY_PUBLIC_URL", url)]);
                command.arg("check");
                command
            },
            "",
        );
        assert!(check.stdout.contains(&warning), "{}", check.stdout);
    }
    let local = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "http://localhost:3000")]);
    assert_eq!(local.begin_passkey_login()["rpId"], "localhost");
    assert!(!local.log().contains("passkeys"), "{}", local.log());
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
