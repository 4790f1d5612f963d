//! `/api/user/login/verify`.

use std::{thread, time::Duration};

use serde_json::json;

use crate::support::{Server, jwt};

const PATH: &str = "/api/user/login/verify";

#[test]
fn returns_the_claims() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let json = server
        .post(PATH)
        .json(json!({"token": pair.token}))
        .send()
        .assert_json(
            200,
            json!({
                "iss": server.url(),
                "aud": server.url(),
                "sub": "<uuid>",
                "sid": "<uuid>",
                "token_type": "access",
                "amr": ["pwd"],
                "iat": jwt::claims(&pair.token)["iat"],
                "exp": jwt::claims(&pair.token)["exp"],
                "jti": "<uuid>",
                "roles": [],
                "auth_time": jwt::claims(&pair.token)["iat"],
            }),
        );
    let form = server.post(PATH).form(&[("token", &pair.token)]).send();
    assert_eq!(json.json(), jwt::claims(&pair.token));
    assert_eq!(form.json(), jwt::claims(&pair.token));
}

#[test]
fn requires_the_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let required = json!({"token": ["This field is required."]});
    for body in [json!({}), json!({"token": null}), json!({"token": ""})] {
        server
            .post(PATH)
            .token(&pair.token)
            .json(body)
            .send()
            .assert_json(400, required.clone());
    }
    server.post(PATH).send().assert_json(400, required);
    for value in [json!(1), json!([&pair.token]), json!({}), json!(true)] {
        server
            .post(PATH)
            .json(json!({"token": value}))
            .send()
            .assert_json(400, json!({"token": ["This must be text."]}));
    }
}

#[test]
fn rejects_a_refresh_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .verify(&pair.refresh_token)
        .assert_error(401, "token_invalid");
    server.assert_valid(&pair);
}

#[test]
fn rejects_a_token_of_an_ended_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&pair.token)
        .send()
        .assert_no_content();
    server
        .verify(&pair.token)
        .assert_error(401, "token_invalid");
    assert_eq!(server.verify(&other_device.token).status, 200);
}

#[test]
fn distinguishes_an_expired_token_from_an_invalid_one() {
    let server = Server::start_with(&[("LATCHKEY_ACCESS_TTL", "1s")]);
    server.register("ada@example.com");
    let sign_in = server.try_sign_in("ada@example.com", crate::support::PASSWORD);
    assert_eq!(sign_in.json()["expires_in"], json!(1));
    let token = crate::support::TokenPair::from(&sign_in).token;
    thread::sleep(Duration::from_millis(2100));

    server.verify(&token).assert_error(401, "token_expired");
    server.view(&token).assert_error(401, "token_expired");
    let expired = jwt::parse(&token);
    for bad in [
        expired.clone().with_claim("exp", 4_000_000_000_u64),
        expired.clone().with_claim("amr", json!(["pwd", "otp"])),
        expired.signed(b"a key of somebody else's"),
    ] {
        server
            .verify(&bad.encode())
            .assert_error(401, "token_invalid");
        server
            .view(&bad.encode())
            .assert_error(401, "token_invalid");
    }
}
