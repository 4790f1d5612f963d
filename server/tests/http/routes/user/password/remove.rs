//! `/api/user/password` and `/api/user/password/remove`: accounts without a password.

use serde_json::{Value, json};

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, soft_passkey::SoftPasskey,
};

const PATH: &str = "/api/user/password/remove";

const REMOVED: &str = "Your password was removed";

const NEEDS_PASSKEYS: &str =
    "To do without a password, you need two passkeys, or one and recovery codes.";

const REAUTHENTICATION: &str = "reauthentication_required";

fn remove(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

fn remove_with_password(server: &Server, token: &str) -> Response {
    remove(server, token, json!({"current_password": PASSWORD}))
}

fn login(server: &Server, password: &str) -> Response {
    let body = json!({"email": "ada@example.com", "password": password});
    server.post("/api/user/login").json(body).send()
}

fn state(server: &Server, token: &str) -> Value {
    let response = server.get("/api/user/password").token(token).send();
    assert_eq!(response.status, 200, "{response}");
    response.json()
}

/// Signs a user up who has no password, and two passkeys.
fn without_password(server: &Server) -> (TokenPair, [SoftPasskey; 2]) {
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkeys = [1, 2].map(SoftPasskey::new);
    for passkey in &mut passkeys {
        server.add_passkey(&pair.token, passkey);
    }
    let pair = TokenPair::from(&remove_with_password(server, &pair.token));
    (pair, passkeys)
}

#[test]
fn two_passkeys_replace_the_password() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let other = server.sign_in("ada@example.com");
    let mut passkeys = [1, 2].map(SoftPasskey::new);
    for passkey in &mut passkeys {
        remove_with_password(&server, &pair.token)
            .assert_json(409, json!({"detail": NEEDS_PASSKEYS, "code": "conflict"}));
        assert_eq!(
            state(&server, &pair.token),
            json!({"is_set": true, "can_be_removed": false})
        );
        server.add_passkey(&pair.token, passkey);
    }
    assert_eq!(
        state(&server, &pair.token),
        json!({"is_set": true, "can_be_removed": true})
    );
    server.assert_valid(&other);
    server.take_all_emails();
    let removed = TokenPair::from(&remove_with_password(&server, &pair.token));
    server.assert_valid(&removed);
    server.assert_revoked(&other);
    server.take_email("ada@example.com", REMOVED);
    assert_eq!(
        state(&server, &removed.token),
        json!({"is_set": false, "can_be_removed": false})
    );
    let (status, again) = (
        login(&server, PASSWORD),
        remove_with_password(&server, &removed.token),
    );
    status.assert_error(401, "invalid_credentials");
    again.assert_json(
        409,
        json!({"detail": "Your account has no password.", "code": "conflict"}),
    );
    server.sign_in_with_passkey(&passkeys[1]);
    let events = "event = 'password_removed'";
    assert_eq!(server.database().count("audit_events", events), 1);
}

#[test]
fn one_passkey_and_recovery_codes_replace_it_too() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    server.add_passkey(&pair.token, &mut SoftPasskey::new(1));
    let factor = server.enable_totp(&pair);
    let removed = remove_with_password(&server, &factor.pair.token);
    server.assert_mfa_passed(&TokenPair::from(&removed));
}

#[test]
fn needs_the_password() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    remove(&server, &pair.token, json!({})).assert_field_errors(&["current_password"]);
    remove(&server, &pair.token, json!({"current_password": "wrong"}))
        .assert_json(400, json!({"current_password": ["Incorrect password."]}));
    server.assert_valid(&pair);
    server.sign_in("ada@example.com");
}

#[test]
fn without_one_a_recent_sign_in_confirms_changes() {
    let server = Server::start_for_passkeys();
    let (pair, passkeys) = without_password(&server);
    let create_app = |token: &str| {
        server
            .post("/api/totp/create")
            .token(token)
            .json(json!({}))
            .send()
    };
    assert_eq!(create_app(&pair.token).status, 201);
    server.age_sessions();
    let pair = TokenPair::from(&server.refresh(&pair.refresh_token));
    create_app(&pair.token).assert_error(403, REAUTHENTICATION);
    for (path, body) in [
        ("/api/user/delete", json!({})),
        (
            "/api/user/email/change",
            json!({"new_email": "grace@example.com"}),
        ),
        (
            "/api/user/password/change",
            json!({"new_password": OTHER_PASSWORD}),
        ),
        ("/api/recovery/create", json!({})),
        ("/api/passkey/create", json!({})),
        // An old password is none.
        ("/api/user/delete", json!({"current_password": PASSWORD})),
        ("/api/user/delete", json!({"current_password": "!"})),
    ] {
        let response = server.post(path).token(&pair.token).json(body).send();
        response.assert_error(403, REAUTHENTICATION);
    }
    // A passkey with the token of the session counts as a sign-in.
    let pair = TokenPair::from(&server.passkey_login_with(&pair.token, &passkeys[0]));
    assert_eq!(create_app(&pair.token).status, 201);
}

/// A recent sign-in must not make itself last for ever.
#[test]
fn nothing_but_a_sign_in_reauthenticates_without_one() {
    let server = Server::start_for_passkeys();
    let (pair, _) = without_password(&server);
    let reauthenticate = server.post("/api/user/reauthenticate").token(&pair.token);
    reauthenticate
        .json(json!({"current_password": ""}))
        .send()
        .assert_error(403, REAUTHENTICATION);
}

#[test]
fn a_new_password_can_be_chosen_at_any_time() {
    let server = Server::start_for_passkeys();
    let (pair, _) = without_password(&server);
    let change = server.post("/api/user/password/change").token(&pair.token);
    let changed = change.json(json!({"new_password": OTHER_PASSWORD})).send();
    let pair = TokenPair::from(&changed);
    assert_eq!(
        state(&server, &pair.token),
        json!({"is_set": true, "can_be_removed": true})
    );
    assert_eq!(login(&server, OTHER_PASSWORD).status, 200);
}

#[test]
fn the_last_way_to_sign_in_stays() {
    let server = Server::start_for_passkeys();
    let (pair, _) = without_password(&server);
    let list = server.get("/api/passkey").token(&pair.token).send().json();
    let delete = |index: usize| {
        let body = json!({"id": list[index]["id"]});
        server
            .post("/api/passkey/delete")
            .token(&pair.token)
            .json(body)
            .send()
    };
    delete(0).assert_no_content();
    delete(1).assert_json(
        409,
        json!({
            "detail": "This is your only way to sign in. Choose a password first, or add another passkey.",
            "code": "conflict",
        }),
    );
    assert_eq!(server.database().count("passkeys", "true"), 1);
}

/// Of a removal of the password and one of a passkey, one comes second, and sees what the first has left.
#[test]
fn concurrent_removals_leave_a_way_to_sign_in() {
    let server = &Server::start_for_passkeys();
    let pair = &server.sign_up_verified("ada@example.com");
    let ids = [1, 2].map(|seed| server.add_passkey(&pair.token, &mut SoftPasskey::new(seed)));
    std::thread::scope(|scope| {
        scope.spawn(move || remove_with_password(server, &pair.token));
        for id in ids {
            scope.spawn(move || {
                let body = json!({"id": id, "current_password": PASSWORD});
                server
                    .post("/api/passkey/delete")
                    .token(&pair.token)
                    .json(body)
                    .send()
            });
        }
    });
    let has_password = login(server, PASSWORD).status == 200;
    let passkeys = server.database().count("passkeys", "true");
    assert!(has_password || passkeys > 0, "{has_password} {passkeys}");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
    Server::start().assert_needs_access_token("GET", "/api/user/password");
}
