//! `/api/user/login`.

mod code;
mod refresh;
mod verify;

use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::json;

use crate::support::{OTHER_PASSWORD, PASSWORD, Response, Server, jwt};

const PATH: &str = "/api/user/login";
const REQUIRED: &str = "This field is required.";

#[test]
fn returns_a_token_pair() {
    let server = Server::start();
    server.register("ada@example.com");
    let pair = json!({
        "token": "<jwt>",
        "refresh_token": "<jwt>",
        "token_type": "Bearer",
        "expires_in": 900,
    });
    server
        .post(PATH)
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send()
        .assert_json(200, pair.clone());
    server
        .post(PATH)
        .form(&[("email", "ada@example.com"), ("password", PASSWORD)])
        .send()
        .assert_json(200, pair);
}

#[test]
fn signs_the_claims_of_the_user_and_the_session() {
    let server = Server::start();
    let user = server.register("ada@example.com");
    let pair = server.sign_in("ada@example.com");
    let sessions = server.get("/api/user/sessions").token(&pair.token).send();

    let access = jwt::parse(&pair.token);
    assert_eq!(access.header["alg"], "HS256");
    let issued_at = access.claims["iat"].as_u64().expect("iat is a number");
    let token_id = access.claims["jti"].as_str().expect("jti is text");
    assert_eq!(
        access.claims,
        json!({
            "iss": server.url(),
            "aud": server.url(),
            "sub": user.id,
            "sid": sessions.json()[0]["id"],
            "token_type": "access",
            "amr": ["pwd"],
            "iat": issued_at,
            "exp": issued_at + 900,
            "jti": token_id,
            "roles": [],
            "auth_time": issued_at,
        })
    );
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(issued_at.abs_diff(now) < 60, "{issued_at}, now {now}");

    let refresh = jwt::parse(&pair.refresh_token);
    assert_eq!(refresh.header["alg"], "HS256");
    assert_eq!(refresh.claims["token_type"], "refresh");
    assert!(refresh.claims.get("roles").is_none());
    assert_eq!(refresh.claims["sub"], access.claims["sub"]);
    assert_ne!(refresh.claims["jti"], access.claims["jti"]);
    assert_eq!(
        refresh.claims["exp"],
        json!(issued_at + 30 * 24 * 60 * 60),
        "30 days"
    );
}

#[test]
fn starts_a_session_each_time() {
    let server = Server::start();
    let first = jwt::claims(&server.sign_up("ada@example.com").token);
    let second = jwt::claims(&server.sign_in("ada@example.com").token);
    assert_ne!(first["sid"], second["sid"]);
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(first["sub"], second["sub"]);
}

#[test]
fn compares_the_email_address_without_case_and_trimmed() {
    let server = Server::start();
    let user = server.register("Ada.Lovelace@example.com");
    for same in [
        "ada.lovelace@example.com",
        "ADA.LOVELACE@EXAMPLE.COM",
        " Ada.Lovelace@Example.com\n",
    ] {
        let pair = server.sign_in(same);
        assert_eq!(jwt::claims(&pair.token)["sub"], user.id);
    }
}

#[test]
fn requires_both_fields() {
    let server = Server::start();
    let both = json!({"email": [REQUIRED], "password": [REQUIRED]});
    server.post(PATH).send().assert_json(400, both.clone());
    server
        .post(PATH)
        .json(json!({}))
        .send()
        .assert_json(400, both);
    server
        .post(PATH)
        .json(json!({"email": "ada@example.com", "password": null}))
        .send()
        .assert_json(400, json!({"password": [REQUIRED]}));
    server
        .post(PATH)
        .form(&[("email", ""), ("password", PASSWORD)])
        .send()
        .assert_json(400, json!({"email": [REQUIRED]}));
}

#[test]
fn requires_strings() {
    let server = Server::start();
    server.register("ada@example.com");
    for value in [json!(1), json!(false), json!([PASSWORD]), json!({})] {
        server
            .post(PATH)
            .json(json!({"email": value, "password": PASSWORD}))
            .send()
            .assert_json(400, json!({"email": ["This must be text."]}));
        server
            .post(PATH)
            .json(json!({"email": "ada@example.com", "password": value}))
            .send()
            .assert_json(400, json!({"password": ["This must be text."]}));
    }
}

#[test]
fn rejects_wrong_credentials() {
    let server = Server::start();
    server.register("ada@example.com");
    let long = "x".repeat(8000);
    for (email, password) in [
        ("ada@example.com", OTHER_PASSWORD),
        ("grace@example.com", PASSWORD),
        ("ada@example.com", "short"),
        ("ada@example.com", long.as_str()),
        ("ada@example.com", &PASSWORD.to_uppercase()),
        ("ada", PASSWORD),
        ("ada@example.com' OR '1'='1", PASSWORD),
        ("%@example.com", PASSWORD),
        ("ada@example.co_", PASSWORD),
        (long.as_str(), PASSWORD),
        ("ada@example.com\u{0}", PASSWORD),
    ] {
        server
            .try_sign_in(email, password)
            .assert_error(401, "invalid_credentials");
    }
}

#[test]
fn does_not_distinguish_a_wrong_password_from_an_unknown_email_address() {
    let server = Server::start();
    server.register("ada@example.com");
    let response_of = |response: Response| {
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        (response.status, names, response.body)
    };
    assert_eq!(
        response_of(server.try_sign_in("ada@example.com", OTHER_PASSWORD)),
        response_of(server.try_sign_in("grace@example.com", OTHER_PASSWORD)),
    );
}

/// Both take the time of one password hash. The bound is wide because other tests run concurrently;
/// a response without hashing would take a hundredth of the time.
#[test]
fn takes_equally_long_for_an_unknown_email_address_and_a_wrong_password() {
    let server = Server::start_with(&[("LATCHKEY_ARGON2", "m=19456,t=4,p=1")]);
    server.register("ada@example.com");
    let time = |email: &str| {
        let start = Instant::now();
        server
            .try_sign_in(email, OTHER_PASSWORD)
            .assert_error(401, "invalid_credentials");
        start.elapsed()
    };
    let (mut wrong, mut unknown): (Vec<Duration>, Vec<Duration>) = (0..9)
        .map(|_| (time("ada@example.com"), time("grace@example.com")))
        .unzip();
    wrong.sort();
    unknown.sort();
    let (wrong, unknown) = (wrong[4], unknown[4]);
    assert!(
        unknown > wrong / 2 && wrong > unknown / 2,
        "unknown address {unknown:?}, wrong password {wrong:?}"
    );
}

#[test]
fn records_the_time() {
    let server = Server::start();
    server.register("ada@example.com");
    let last_login = |token: &str| server.view(token).json()["last_login"].clone();
    let first = last_login(&server.sign_in("ada@example.com").token);
    std::thread::sleep(Duration::from_millis(20));
    let pair = server.sign_in("ada@example.com");
    let second = last_login(&pair.token);
    assert!(first.as_str() < second.as_str(), "{first} {second}");
    server.try_sign_in("ada@example.com", OTHER_PASSWORD);
    assert_eq!(last_login(&pair.token), second);
}
