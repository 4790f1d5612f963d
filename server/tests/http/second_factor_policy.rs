//! `LATCHKEY_REQUIRE_SECOND_FACTOR`: who must have a second factor, and what they can do before they have.

use serde_json::json;

use crate::{
    mfa_pending::call,
    support::{
        ENDPOINTS, NO_LIMITS, PASSWORD, RequiredToken, Response, Server, TestEnv, TokenPair, jwt,
        passkeys::PASSKEY_SITE, soft_passkey::SoftPasskey,
    },
};

const ALL: (&str, &str) = ("LATCHKEY_REQUIRE_SECOND_FACTOR", "all");
const ADMINS: (&str, &str) = ("LATCHKEY_REQUIRE_SECOND_FACTOR", "admins");

fn sessions(server: &Server, pair: &TokenPair) -> Response {
    server.get("/api/user/sessions").token(&pair.token).send()
}

#[track_caller]
fn assert_must_set_up(response: Response) {
    response.assert_json(
        403,
        json!({
            "detail": "Turn on two-factor authentication first.",
            "code": "second_factor_setup_required",
        }),
    );
}

#[test]
fn before_it_is_set_up_nothing_else_is_possible() {
    let server = Server::start_with(&[ALL, NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
    for endpoint in ENDPOINTS {
        let required = [RequiredToken::Access, RequiredToken::Administrator];
        if required.contains(&endpoint.required_token) {
            for pair in [&pair, &renewed] {
                let response = call(&server, endpoint.method, endpoint.path, &pair.token, "JWT");
                assert_must_set_up(response);
            }
        }
    }
    assert_must_set_up(server.verify(&pair.token));
    let key = server.service_key("tokens:verify");
    server
        .post("/api/token/introspect")
        .token(&key)
        .json(json!({"token": pair.token}))
        .send()
        .assert_json(200, json!({"active": false}));
    assert_eq!(server.database().count("users", "true"), 1);
}

#[test]
fn a_user_sets_it_up_and_then_can_do_everything() {
    let server = Server::start_with(&[ALL]);
    let pair = server.sign_up("ada@example.com");
    let view = server.view(&pair.token);
    assert_eq!(
        (view.status, &view.json()["otp_enabled"]),
        (200, &json!(false))
    );
    // The address must be verified first, which needs no token.
    server
        .post("/api/totp/create")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_error(403, "email_unverified");
    let factor = server.enable_totp(&pair);
    assert_eq!(sessions(&server, &factor.pair).status, 200);
    server.assert_mfa_passed(&factor.pair);
    // From now on it is pending after a sign-in, as for anyone who has one.
    let pending = server.sign_in("ada@example.com");
    sessions(&server, &pending).assert_error(403, "otp_required");
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    assert_eq!(sessions(&server, &passed).status, 200);
}

#[test]
fn a_user_who_has_not_set_it_up_can_sign_out() {
    let server = Server::start_with(&[ALL]);
    let pair = server.sign_up("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&pair.token)
        .send()
        .assert_no_content();
    server.assert_revoked(&pair);
}

#[test]
fn it_can_not_be_turned_off_where_it_is_required() {
    let env = TestEnv::new();
    let server = env.start(&[ALL]);
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let turn_off = |server: &Server| {
        server
            .post("/api/totp/delete")
            .token(&factor.pair.token)
            .json(json!({"current_password": PASSWORD}))
            .send()
    };
    turn_off(&server).assert_json(
        409,
        json!({
            "detail": "Your account must have two-factor authentication, so it can't be turned off.",
            "code": "conflict",
        }),
    );
    server.assert_mfa_passed(&factor.pair);
    drop(server);
    let server = env.start(&[ADMINS]);
    assert_eq!(turn_off(&server).status, 200);
}

#[test]
fn only_administrators_may_have_to_and_those_who_become_one() {
    let server = Server::start_with(&[ADMINS]);
    let pair = server.sign_up("ada@example.com");
    assert_eq!(sessions(&server, &pair).status, 200);
    let change_user = |command, email| {
        let output = server.env().run(&["user", command, "--email", email]);
        assert_eq!(output.code, Some(0), "{output:?}");
    };
    let change = |command| change_user(command, "ada@example.com");
    // The last administrator can't be demoted.
    server.register("grace@example.com");
    change_user("grant-admin", "grace@example.com");
    change("grant-admin");
    assert_must_set_up(sessions(&server, &pair));
    assert_must_set_up(server.get("/api/admin/users").token(&pair.token).send());
    assert_must_set_up(sessions(&server, &server.sign_in("ada@example.com")));
    change("revoke-admin");
    assert_eq!(sessions(&server, &pair).status, 200);
    change("grant-admin");
    let factor = server.enable_totp(&pair);
    let list = server.get("/api/admin/users").token(&factor.pair.token);
    assert_eq!(list.send().status, 200);
    // A user who has lost the app sets up another one.
    change("reset-otp");
    assert_must_set_up(sessions(&server, &server.sign_in("ada@example.com")));
}

/// A session that began before the setting was changed has no more rights than a new one.
#[test]
fn sessions_that_exist_are_covered_at_once() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    let pair = server.sign_up("ada@example.com");
    drop(server);
    let server = env.start(&[ALL]);
    assert_must_set_up(sessions(&server, &pair));
    drop(server);
    let server = env.start(&[]);
    assert_eq!(sessions(&server, &pair).status, 200);
}

/// Other services can't tell such a token from one of a user who needs no second factor.
#[test]
fn other_services_can_not_verify_a_token_before_it_is_set_up() {
    let server = Server::start_with(&[ALL, ("LATCHKEY_TOKEN_ALG", "EdDSA")]);
    let pair = server.sign_up("ada@example.com");
    let algorithm = |pair: &TokenPair| jwt::parse(&pair.token).algorithm().to_owned();
    assert_eq!(algorithm(&pair), "HS256");
    let factor = server.enable_totp(&pair);
    assert_eq!(algorithm(&factor.pair), "EdDSA");
}

/// Otherwise a thief of the password could set up another second factor beside the user's.
#[test]
fn who_has_a_passkey_uses_it_and_sets_up_nothing() {
    let env = TestEnv::new();
    let server = env.start(&[PASSKEY_SITE]);
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey::new(1);
    server.add_passkey(&pair.token, &mut passkey);
    drop(server);
    let server = env.start(&[ALL, PASSKEY_SITE]);
    let pair = server.sign_in("ada@example.com");
    assert_must_set_up(sessions(&server, &pair));
    for path in [
        "/api/totp/create",
        "/api/totp/confirm",
        "/api/passkey/create",
    ] {
        let body = json!({"current_password": PASSWORD, "code": "123456"});
        let response = server.post(path).token(&pair.token).json(body).send();
        response.assert_error(403, "otp_required");
    }
    let pair = TokenPair::from(&server.passkey_login_with(&pair.token, &passkey));
    assert_eq!(sessions(&server, &pair).status, 200);
    server.enable_totp(&pair);
}

#[test]
fn the_only_second_factor_stays_where_one_is_required() {
    let env = TestEnv::new();
    let server = env.start(&[ALL, PASSKEY_SITE]);
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey::new(1);
    let id = server.add_passkey(&pair.token, &mut passkey);
    let pair = server.sign_in_with_passkey(&passkey);
    let delete = |pair: &TokenPair| {
        let body = json!({"id": id, "current_password": PASSWORD});
        server
            .post("/api/passkey/delete")
            .token(&pair.token)
            .json(body)
            .send()
    };
    delete(&pair).assert_json(
        409,
        json!({
            "detail": "Your account must have two-factor authentication, and this is your only second factor.",
            "code": "conflict",
        }),
    );
    let factor = server.enable_totp(&pair);
    delete(&factor.pair).assert_no_content();
}

/// An administrator helps a user whose passkeys are lost, and so the second factor.
#[test]
fn a_reset_removes_passkeys_where_they_are_the_second_factor() {
    let env = TestEnv::new();
    let server = env.start(&[ALL, PASSKEY_SITE]);
    let pair = server.sign_up_verified("ada@example.com");
    server.add_passkey(&pair.token, &mut SoftPasskey::new(1));
    let mut command = env.command(&[ALL]);
    command.args(["user", "reset-otp", "--email", "ada@example.com"]);
    let output = env.run_command(command, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(server.database().count("passkeys", "true"), 0);
    let pair = server.sign_in("ada@example.com");
    let factor = server.enable_totp(&pair);
    assert_eq!(sessions(&server, &factor.pair).status, 200);
}

/// The emailed link takes the password, or a session of the account: also one that can do little else.
#[test]
fn a_session_that_must_set_it_up_verifies_the_address() {
    let server = Server::start_with(&[ALL]);
    let pair = server.sign_up("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server
        .post("/api/user/activation")
        .token(&pair.token)
        .json(json!({"token": token}))
        .send()
        .assert_no_content();
    assert_eq!(server.view(&pair.token).json()["email_verified"], true);
}
