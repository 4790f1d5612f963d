//! Rate limits: clients that exceed a limit receive 429, and no others.

use http::header::{COOKIE, SET_COOKIE};
use serde_json::json;

use crate::support::{
    NO_LIMITS, OTHER_PASSWORD, PASSWORD, Response, Server, TestEnv, concurrently,
};

const LOGIN: &str = "/api/user/login";
const FORWARDED: &str = "x-forwarded-for";

/// Starts a server that trusts a proxy on this machine.
fn behind_a_proxy() -> Server {
    Server::start_with(&[("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8, ::1")])
}

/// Signs in through a proxy.
fn sign_in(server: &Server, forwarded: &str, email: &str, password: &str) -> Response {
    server
        .post(LOGIN)
        .header(FORWARDED, forwarded)
        .json(json!({"email": email, "password": password}))
        .send()
}

/// Asserts that the request was throttled, and returns the delay in seconds.
#[track_caller]
fn wait(response: Response) -> u64 {
    let seconds = response.header("retry-after").parse().expect("seconds");
    response.assert_error(429, "throttled");
    seconds
}

/// Returns the number of requests that were not rejected with 429.
fn answered(count: usize, request: impl Fn() -> Response) -> usize {
    (0..count).filter(|_| request().status != 429).count()
}

#[test]
fn client_that_exceeds_the_limit_receives_429() {
    let server = Server::start();
    // Without fields: requests are counted whether they are valid or not.
    let reset = || server.post("/api/user/password/reset").send();
    assert_eq!(answered(60, reset), 60);
    let seconds = wait(reset());
    assert!((1..=10).contains(&seconds), "{seconds}");
    reset().assert_json(
        429,
        json!({
            "detail": "Too many attempts. Try again in a few seconds.",
            "code": "throttled",
        }),
    );
    // The limit is shared with the path with a trailing slash, and applies before the body is read.
    wait(server.post("/api/user/password/reset/").send());
    let bad = server.post("/api/user/activation").body("text/csv", "x");
    wait(bad.send());
    // Other groups have their own limits, and some endpoints have none.
    server
        .post(LOGIN)
        .send()
        .assert_field_errors(&["email", "password"]);
    let pair = server.sign_up("ada@example.com");
    assert_eq!(answered(110, || server.view(&pair.token)), 110);
}

#[test]
fn clients_behind_a_trusted_proxy_are_limited_separately() {
    let server = behind_a_proxy();
    let create = |forwarded: &str| {
        server
            .post("/api/user/create")
            .header(FORWARDED, forwarded)
            .send()
    };
    assert_eq!(answered(60, || create("203.0.113.9")), 60);
    wait(create("203.0.113.9"));
    // What the client itself writes into the header makes no difference.
    wait(create("198.51.100.1, 203.0.113.9"));
    create("203.0.113.10").assert_field_errors(&["email", "password"]);
    // IPv6 addresses count by their first 64 bits.
    assert_eq!(answered(60, || create("2001:db8::1")), 60);
    wait(create("[2001:db8::ffff:2]:4711"));
    create("2001:db8:0:1::1").assert_field_errors(&["email", "password"]);
}

#[test]
fn forwarded_address_of_an_untrusted_peer_is_ignored() {
    let server = Server::start();
    let mut number = 0;
    let mut create = || {
        number += 1;
        server
            .post("/api/user/create")
            .header(FORWARDED, format!("203.0.113.{number}"))
            .send()
            .status
    };
    let statuses: Vec<_> = (0..62).map(|_| create()).collect();
    assert_eq!(&statuses[58..], [400, 400, 429, 429]);
    let warnings = server.log().matches("LATCHKEY_TRUSTED_PROXIES").count();
    assert_eq!(warnings, 1, "{}", server.log());
}

#[test]
fn session_shows_the_client_and_not_the_proxy() {
    let server = behind_a_proxy();
    server.register("ada@example.com");
    let response = sign_in(&server, "1.1.1.1, 203.0.113.9", "ada@example.com", PASSWORD);
    let token = response.json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let sessions = server.get("/api/user/sessions").token(&token).send();
    assert_eq!(sessions.json()[0]["ip"], "203.0.113.9");
    assert!(
        server.log().contains("client=203.0.113.9"),
        "{}",
        server.log()
    );

    let plain = Server::start();
    plain.register("ada@example.com");
    let response = sign_in(&plain, "203.0.113.9", "ada@example.com", PASSWORD);
    let token = response.json()["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let sessions = plain.get("/api/user/sessions").token(&token).send();
    assert_eq!(sessions.json()[0]["ip"], "127.0.0.1");
}

/// Failures are counted across servers, in the same way whether or not the account exists.
#[test]
fn unknown_clients_are_throttled_on_every_server_and_the_owner_is_not() {
    let env = TestEnv::new();
    let secret = (
        "LATCHKEY_SECRET",
        "a master secret that several servers share",
    );
    let proxies = ("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1");
    let first = env.start(&[secret, proxies]);
    let other_env = TestEnv::new();
    let database = env.database.address();
    let second = other_env.start(&[secret, proxies, ("DATABASE_URL", &database)]);

    first.register("ada@example.com");
    let owner = sign_in(&first, "198.51.100.1", "ada@example.com", PASSWORD);
    let cookie = owner.header(SET_COOKIE.as_str()).to_owned();
    let kept = cookie.split(';').next().expect("a cookie").to_owned();
    assert!(kept.starts_with("latchkey_device="), "{cookie}");
    for rule in [
        "HttpOnly",
        "SameSite=Strict",
        "Path=/api;",
        // 180 days.
        "Max-Age=15552000",
    ] {
        assert!(cookie.contains(rule), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");

    let mut responses = Vec::new();
    for email in ["ada@example.com", "nobody@example.com"] {
        for number in 0..10 {
            let server = [&first, &second][number % 2];
            sign_in(
                server,
                &format!("203.0.113.{number}"),
                email,
                OTHER_PASSWORD,
            )
            .assert_error(401, "invalid_credentials");
        }
        // Add four failures, and end the delay.
        first.database().execute(
            "UPDATE sign_in_failures
            SET guesses = 14, blocked_until = '2020-01-01T00:00:00.000Z' WHERE guesses = 10",
        );
        sign_in(&second, "203.0.113.9", email, OTHER_PASSWORD)
            .assert_error(401, "invalid_credentials");
        for server in [&first, &second] {
            let response = sign_in(server, "203.0.113.77", email, PASSWORD);
            responses.push((response.status, response.body.clone()));
            let seconds = wait(response);
            assert!((10..=32).contains(&seconds), "{seconds}");
        }
    }
    assert!(
        responses.iter().all(|response| *response == responses[0]),
        "{responses:?}"
    );

    // From a network with a session in use, even without the cookie.
    let response = sign_in(&second, "198.51.100.1", "ada@example.com", PASSWORD);
    assert_eq!(response.status, 200, "{response}");
    first.database().execute("DELETE FROM sessions");
    // From anywhere, with the cookie.
    let with_cookie = |email: &str| {
        second
            .post(LOGIN)
            .header(FORWARDED, "192.0.2.200")
            .header(COOKIE.as_str(), format!("theme=dark; {kept}"))
            .json(json!({"email": email, "password": PASSWORD}))
            .send()
    };
    assert_eq!(with_cookie("ada@example.com").status, 200);
    wait(with_cookie("nobody@example.com"));
}

#[test]
fn throttled_sign_ins_are_counted() {
    let server = behind_a_proxy();
    server.register("ada@example.com");
    for number in 0..10 {
        let from = format!("203.0.113.{number}");
        sign_in(&server, &from, "ada@example.com", OTHER_PASSWORD)
            .assert_error(401, "invalid_credentials");
    }
    wait(sign_in(
        &server,
        "203.0.113.77",
        "ada@example.com",
        PASSWORD,
    ));
    let metrics = server.metrics();
    for (result, count) in [
        ("invalid_credentials", 10),
        ("throttled", 1),
        ("success", 0),
    ] {
        let line = format!("latchkey_sign_ins_total{{result=\"{result}\"}} {count}\n");
        assert!(metrics.text().contains(&line), "{metrics}");
    }
}

#[test]
fn device_cookie_is_secure_with_an_https_public_url() {
    let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "https://accounts.example.com")]);
    server.register("ada@example.com");
    let response = server.try_sign_in("ada@example.com", PASSWORD);
    let cookie = response.header(SET_COOKIE.as_str());
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    let wrong = server.try_sign_in("ada@example.com", OTHER_PASSWORD);
    assert_eq!(wrong.header(SET_COOKIE.as_str()), "");
}

#[test]
fn twenty_devices_of_one_user_sign_in_concurrently() {
    let server = Server::start();
    server.register("ada@example.com");
    for _ in 0..3 {
        let responses = concurrently(20, |_| server.try_sign_in("ada@example.com", PASSWORD));
        assert!(responses.iter().all(|response| response.status == 200));
    }
    assert_eq!(server.database().count("sign_in_failures", "true"), 0);
}

#[test]
fn rate_limits_can_be_turned_off() {
    let server = Server::start_with(&[NO_LIMITS]);
    server.register("ada@example.com");
    let wrong = || server.try_sign_in("ada@example.com", OTHER_PASSWORD);
    assert_eq!(answered(110, wrong), 110);
    let response = server.try_sign_in("ada@example.com", PASSWORD);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header(SET_COOKIE.as_str()), "");
    assert_eq!(server.database().count("sign_in_failures", "true"), 0);
}

/// Proofs use up no allowance.
#[test]
fn right_tokens_and_passwords_are_not_limited_like_guesses() {
    let server = Server::start();
    let mut pair = server.sign_up("ada@example.com");
    let verify = |token: &str| {
        server
            .post("/api/user/login/verify")
            .json(json!({"token": token}))
            .send()
    };
    for number in 0..700 {
        assert_eq!(verify(&pair.token).status, 200, "{number}");
    }
    for number in 0..700 {
        let response = server
            .post("/api/user/login/refresh")
            .json(json!({"refresh_token": pair.refresh_token}))
            .send();
        assert_eq!(response.status, 200, "{number}");
        pair = (&response).into();
    }
    for number in 0..150 {
        let response = server.try_sign_in("ada@example.com", PASSWORD);
        assert_eq!(response.status, 200, "{number}");
    }
    // Guesses are: 600, and one more in each tenth of a second that this takes.
    let guesses = answered(1_500, || verify("no token"));
    assert!((600..1_500).contains(&guesses), "{guesses}");
    let refused = (0..100).any(|_| {
        verify("no token");
        verify(&pair.token).status == 429
    });
    assert!(refused);
}

#[test]
fn every_endpoint_limits_what_is_wrong() {
    let server = behind_a_proxy();
    let endpoints = crate::support::ENDPOINTS.iter().enumerate();
    // Nothing can be wrong about this one, which has no fields and needs no token.
    let endpoints = endpoints.filter(|(_, endpoint)| endpoint.path != "/api/social/providers");
    for (number, endpoint) in endpoints {
        let send = || {
            server
                .request(endpoint.method, endpoint.path)
                .header(FORWARDED, format!("203.0.113.{number}"))
                .send()
        };
        let answered = (0..2_000).take_while(|_| send().status != 429).count();
        assert!(
            (60..2_000).contains(&answered),
            "{}: {answered}",
            endpoint.path
        );
    }
}

/// A client may have a /64, a /56 or a /48 for itself.
#[test]
fn wider_networks_of_a_client_are_limited_too() {
    let server = behind_a_proxy();
    let create = |forwarded: &str| {
        server
            .post("/api/user/create")
            .header(FORWARDED, forwarded)
            .send()
    };
    let mut served = 0;
    for subnet in 0..30 {
        let forwarded = format!("2001:db8:1:{subnet:x}::1");
        served += answered(10, || create(&forwarded));
    }
    // Four times as many as a /64, and what has become free in the meantime.
    assert!((240..300).contains(&served), "{served}");
    create("2001:db8:1:100::1").assert_field_errors(&["email", "password"]);
    // Behind NAT64, IPv4 clients are told apart.
    for number in 0..65 {
        let forwarded = format!("64:ff9b::192.0.2.{number}");
        create(&forwarded).assert_field_errors(&["email", "password"]);
    }
    answered(60, || create("64:ff9b::192.0.2.1"));
    wait(create("192.0.2.1"));
}

/// The cookie of a reset works like that of a sign-in, and keeps those of other accounts.
#[test]
fn a_reset_makes_the_browser_a_known_device() {
    let server = behind_a_proxy();
    server.register("ada@example.com");
    server.register("grace@example.com");
    let cookie_of = |response: &Response| {
        let cookie = response.header(SET_COOKIE.as_str());
        cookie.split(';').next().expect("a cookie").to_owned()
    };
    let grace = sign_in(&server, "198.51.100.1", "grace@example.com", PASSWORD);
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send();
    let token = server.reset_token("ada@example.com");
    let response = server
        .post("/api/user/password/reset/confirm")
        .header(COOKIE.as_str(), cookie_of(&grace))
        .json(json!({"token": token, "new_password": OTHER_PASSWORD}))
        .send();
    assert_eq!(response.status, 204, "{response}");
    let cookie = cookie_of(&response);
    server.database().execute("DELETE FROM sessions");
    for (email, password) in [
        ("ada@example.com", OTHER_PASSWORD),
        ("grace@example.com", PASSWORD),
    ] {
        for number in 0..10 {
            let forwarded = format!("203.0.113.{number}");
            sign_in(&server, &forwarded, email, "not the password");
        }
        wait(sign_in(&server, "203.0.113.1", email, password));
        let known = server
            .post(LOGIN)
            .header(FORWARDED, "203.0.113.1")
            .header(COOKIE.as_str(), &cookie)
            .json(json!({"email": email, "password": password}))
            .send();
        assert_eq!(known.status, 200, "{email}: {known}");
    }
}
