//! `/api/social/unlink`.

use serde_json::{Value, json};

use crate::support::{
    NO_LIMITS, OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, concurrently,
    identity_provider::{Account, CLIENT_ID, CLIENT_SECRET, IdentityProvider},
    social::{Browser, trusting},
    text_of,
};

const PATH: &str = "/api/social/unlink";

fn ada() -> Account {
    Account::verified("1", "ada@example.com")
}

fn identities(server: &Server, token: &str) -> Vec<String> {
    let response = server.get("/api/social").token(token).send();
    let identities = response.json();
    let identities = identities.as_array().into_iter().flatten();
    identities.map(|identity| text_of(identity, "id")).collect()
}

fn unlink(server: &Server, token: &str, id: &str, password: &str) -> Response {
    let body = json!({"id": id, "current_password": password});
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn an_unlinked_account_signs_nobody_in() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = server.sign_up_verified("ada@example.com");
    let linked = Browser::new(&server).signed_in(&provider, &ada());
    let ids = identities(&server, &pair.token);
    server.wait_until_emails_are_sent();
    server.take_all_emails();
    unlink(&server, &pair.token, &ids[0], PASSWORD).assert_no_content();
    server.wait_until_emails_are_sent();
    server.assert_emails(&[("ada@example.com", "A way to sign in was removed")]);
    // Its sessions have ended, and no others.
    server.assert_revoked(&linked);
    server.assert_valid(&pair);
    assert_eq!(server.database().count("identities", "true"), 0);
    let again = unlink(&server, &pair.token, &ids[0], PASSWORD);
    again.assert_error(404, "not_found");
}

#[test]
fn a_code_that_waits_is_worth_nothing_after_that() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = server.sign_up_verified("ada@example.com");
    let mut browser = Browser::new(&server);
    let ended = browser.come_back(&provider, &ada());
    let ids = identities(&server, &pair.token);
    unlink(&server, &pair.token, &ids[0], PASSWORD).assert_no_content();
    let response = browser.confirm(&crate::support::social::code_in(&ended));
    response.assert_field_errors(&["code"]);
}

#[test]
fn the_last_way_to_sign_in_stays() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    let ids = identities(&server, &pair.token);
    let refused = unlink(&server, &pair.token, &ids[0], "");
    let detail =
        "This is your only way to sign in. Choose a password first, or link another account.";
    refused.assert_json(409, json!({"detail": detail, "code": "conflict"}));
    assert_eq!(identities(&server, &pair.token), ids);
    server.assert_valid(&pair);
    // With a password, it is not the last one any more.
    server.reset("ada@example.com").assert_no_content();
    let token = server.reset_token("ada@example.com");
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": token, "new_password": OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    let pair = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    unlink(&server, &pair.token, &ids[0], OTHER_PASSWORD).assert_no_content();
}

#[test]
fn of_two_at_once_one_stays() {
    let (first, second) = (IdentityProvider::start(), IdentityProvider::start());
    let url = second.url();
    let server = trusting(
        &first,
        &[
            NO_LIMITS,
            ("LATCHKEY_OIDC_OTHER_ISSUER", url.as_str()),
            ("LATCHKEY_OIDC_OTHER_CLIENT_ID", CLIENT_ID),
            ("LATCHKEY_OIDC_OTHER_CLIENT_SECRET", CLIENT_SECRET),
        ],
    );
    let pair = Browser::new(&server).signed_in(&first, &ada());
    let mut browser = Browser::with(&server, "other");
    let ended = browser.link(&second, &pair.token, "", &ada());
    assert_eq!(ended, "/account/security#linked=other");
    let ids = identities(&server, &pair.token);
    assert_eq!(ids.len(), 2);
    let mut statuses = concurrently(2, |index| {
        unlink(&server, &pair.token, &ids[index], "").status
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(identities(&server, &pair.token).len(), 1);
}

#[test]
fn only_own_identities_are_unlinked_and_with_the_password() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = server.sign_up_verified("ada@example.com");
    let other = server.sign_up("grace@example.com");
    Browser::new(&server).signed_in(&provider, &ada());
    let ids = identities(&server, &pair.token);
    let foreign = unlink(&server, &other.token, &ids[0], PASSWORD);
    foreign.assert_error(404, "not_found");
    let nonsense = unlink(&server, &pair.token, "nonsense", PASSWORD);
    nonsense.assert_error(404, "not_found");
    let wrong = unlink(&server, &pair.token, &ids[0], "wrong");
    wrong.assert_json(400, json!({"current_password": ["Incorrect password."]}));
    let empty: Value = json!({});
    let missing = server.post(PATH).token(&pair.token).json(empty).send();
    missing.assert_field_errors(&["id"]);
    assert_eq!(identities(&server, &pair.token), ids);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
