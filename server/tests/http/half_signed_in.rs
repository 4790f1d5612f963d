//! A token that has the second factor still to pass opens what the contract allows, and no more.

use serde_json::json;

use crate::support::{Answer, ENDPOINTS, Needs, PASSWORD, Pair, Server, amr};

/// Whatever an endpoint may ask for: what is refused here is refused for the token alone.
fn call(server: &Server, method: &str, path: &str, token: &str, scheme: &str) -> Answer {
    let call = server
        .call(method, path)
        .header("authorization", format!("{scheme} {token}"));
    match method {
        "GET" => call,
        _ => call.json(json!({
            "email": "ada@example.com",
            "new_email": "new@example.com",
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": "another-password-5",
            "code": "not a code",
            "token": token,
            "refresh_token": token,
            "id": "00000000-0000-4000-8000-000000000000",
        })),
    }
    .send()
}

#[test]
fn nothing_is_open_but_what_passes_the_second_factor_or_signs_out() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    server.take_all_mails();
    // From a new sign-in, and from before the second factor was turned on.
    for half in [&server.sign_in("ada@example.com"), &pair] {
        for endpoint in ENDPOINTS {
            if endpoint.needs != Needs::Token {
                continue;
            }
            for (path, scheme) in [
                (endpoint.path.to_owned(), "Bearer"),
                (format!("{}/", endpoint.path), "JWT"),
            ] {
                call(&server, endpoint.method, &path, &half.token, scheme).assert_json(
                    403,
                    json!({
                        "detail": "Two-factor authentication is required.",
                        "code": "otp_required",
                    }),
                );
            }
        }
    }
    // Nothing has happened.
    server.assert_mails(&[]);
    server.assert_passed(&factor.pair);
    server.sign_in("ada@example.com");
    assert_eq!(server.database().count("recovery_codes", "true"), 10);
    assert_eq!(
        server
            .database()
            .count("second_factors", "new_seed IS NOT NULL"),
        0
    );
}

#[test]
fn the_way_on_and_the_way_out_are_open() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.turn_on_totp(&pair);
    let mut open = Vec::new();
    for endpoint in ENDPOINTS {
        if endpoint.needs != Needs::HalfToken {
            continue;
        }
        let half = server.sign_in("ada@example.com");
        let answer = call(
            &server,
            endpoint.method,
            endpoint.path,
            &half.token,
            "Bearer",
        );
        open.push((endpoint.path, answer.status));
        match endpoint.path {
            "/api/user/logout" => server.assert_dead(&half),
            _ => {
                answer.assert_field_errors(&["code"]);
            }
        }
    }
    assert_eq!(
        open,
        [
            ("/api/user/logout", 204),
            ("/api/totp/login", 400),
            ("/api/recovery/login", 400),
        ]
    );
}

#[test]
fn it_is_not_good_for_other_services() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.verify(&pair.token).status, 200);
    let factor = server.turn_on_totp(&pair);
    server.verify(&pair.token).assert_error(403, "otp_required");
    let half = server.sign_in("ada@example.com");
    server.verify(&half.token).assert_error(403, "otp_required");
    let claims = server.verify(&factor.pair.token);
    assert_eq!(claims.json()["amr"], json!(["pwd", "otp"]));
}

#[test]
fn it_is_renewed_as_what_it_is() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    let mut half = server.sign_in("ada@example.com");
    for _ in 0..3 {
        half = Pair::from(&server.refresh(&half.refresh_token));
        server.assert_half(&half);
    }
    let passed = Pair::from(&server.pass_totp(&half.token, &factor.app.code()));
    server.assert_passed(&passed);
}

/// A device that was signed in when another one turned the second factor on.
#[test]
fn another_device_can_pass_it_and_go_on() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    let renewed = Pair::from(&server.refresh(&other_device.refresh_token));
    server.assert_half(&renewed);
    let passed = Pair::from(&server.pass_totp(&renewed.token, &factor.app.code()));
    assert_eq!(amr(&passed.token), json!(["pwd", "otp"]));
    server.assert_passed(&passed);
}
