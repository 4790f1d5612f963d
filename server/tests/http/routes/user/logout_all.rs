//! `/api/user/logout/all`.

use crate::support::{Server, TokenPair, concurrently};

const PATH: &str = "/api/user/logout/all";

#[test]
fn ends_every_session_of_the_user_and_no_other() {
    let server = Server::start();
    let first = server.sign_up("ada@example.com");
    let renewed = TokenPair::from(&server.refresh(&first.refresh_token));
    let second = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    server
        .post(PATH)
        .token(&second.token)
        .send()
        .assert_no_content();

    for pair in [&first, &renewed, &second] {
        server.assert_revoked(pair);
    }
    server.assert_valid(&grace);
    server.assert_valid(&server.sign_in("ada@example.com"));
}

#[test]
fn accepts_a_token_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let mut statuses: Vec<_> = concurrently(4, |_| {
        let sign_out = server.post(PATH).token(&pair.token);
        sign_out.send().status
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401, 401, 401]);
    let again = server.post(PATH).token(&pair.token).send();
    again.assert_error(401, "token_invalid");
}

#[test]
fn forgets_the_devices() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.sign_in("ada@example.com");
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_no_content();
    let pair = server.sign_in("ada@example.com");
    let sessions = server.get("/api/user/sessions").token(&pair.token).send();
    assert_eq!(
        sessions.json().as_array().map(Vec::len),
        Some(1),
        "{sessions}"
    );
}

#[test]
fn requires_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
