//! `/api/social/link`, and what the redirects do with it.

use serde_json::json;

use crate::support::{
    PASSWORD, Server, TokenPair,
    identity_provider::{Account, IdentityProvider},
    social::{Browser, location, with_provider},
    text_of,
};

const PATH: &str = "/api/social/link";
const LINKED: &str = "/account/security#linked=my-idp";

/// Its address is not that of the account.
fn account() -> Account {
    Account::unverified("1", "elsewhere@example.com")
}

fn signed_up(server: &Server) -> TokenPair {
    let pair = server.sign_up_verified("ada@example.com");
    server.wait_until_emails_are_sent();
    server.take_all_emails();
    pair
}

#[test]
fn a_linked_account_signs_in() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = signed_up(&server);
    let mut browser = Browser::new(&server);
    let ended = browser.link(&provider, &pair.token, PASSWORD, &account());
    assert_eq!(ended, LINKED);
    server.wait_until_emails_are_sent();
    server.assert_emails(&[("ada@example.com", "A way to sign in was added")]);
    let other = Browser::new(&server).signed_in(&provider, &account());
    let view = server.view(&other.token).json();
    assert_eq!(view["email"], "ada@example.com");
    server.assert_valid(&pair);
    // Again is no error.
    let pair = server.sign_in("ada@example.com");
    let ended = browser.link(&provider, &pair.token, PASSWORD, &account());
    assert_eq!(ended, LINKED);
}

#[test]
fn an_account_is_linked_to_one_user_and_a_user_to_one_account() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let ada = signed_up(&server);
    let grace = server.sign_up_verified("grace@example.com");
    let mut browser = Browser::new(&server);
    browser.link(&provider, &ada.token, PASSWORD, &account());
    let ended = browser.link(&provider, &grace.token, PASSWORD, &account());
    assert_eq!(ended, "/account/security#social_error=linked_elsewhere");
    let another = Account::unverified("2", "elsewhere@example.com");
    let ended = browser.link(&provider, &ada.token, PASSWORD, &another);
    assert_eq!(ended, "/account/security#social_error=already_linked");
    assert_eq!(server.database().count("identities", "true"), 1);
}

#[test]
fn a_ticket_works_once_and_in_its_browser() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = signed_up(&server);
    let mut browser = Browser::new(&server);
    let begun = browser.begin_link(&pair.token, PASSWORD);
    let url = text_of(&begun.json(), "url");
    let path = url.strip_prefix(&server.url()).expect("our own URL");
    let expired = "/account/security#social_error=expired";
    // Somebody who is lured to the URL of another user links nothing.
    let mut lured = Browser::new(&server);
    assert_eq!(location(&lured.get(path)), expired);
    lured.start();
    assert_eq!(location(&lured.get(path)), expired);
    let asked = location(&browser.get(path));
    assert!(asked.starts_with(&provider.url()), "{asked}");
    assert_eq!(location(&browser.get(path)), expired);
}

#[test]
fn the_session_must_be_alive_in_the_end() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = signed_up(&server);
    let mut browser = Browser::new(&server);
    let begun = browser.begin_link(&pair.token, PASSWORD);
    let url = text_of(&begun.json(), "url");
    let path = url.strip_prefix(&server.url()).expect("our own URL");
    let asked = location(&browser.get(path));
    server
        .post("/api/user/logout")
        .token(&pair.token)
        .send()
        .assert_no_content();
    let ended = location(&browser.get(&provider.agree(&asked, &account())));
    assert_eq!(ended, "/account/security#social_error=signed_out");
    assert_eq!(server.database().count("identities", "true"), 0);
}

#[test]
fn it_takes_the_password_and_a_verified_address() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = server.sign_up("ada@example.com");
    let mut browser = Browser::new(&server);
    browser
        .begin_link(&pair.token, PASSWORD)
        .assert_error(403, "email_unverified");
    server.verify_users();
    let pair = server.sign_in("ada@example.com");
    browser
        .begin_link(&pair.token, "wrong")
        .assert_json(400, json!({"current_password": ["Incorrect password."]}));
    let unknown = json!({"provider": "other", "current_password": PASSWORD});
    let request = server.post(PATH).token(&pair.token).json(unknown);
    request
        .send()
        .assert_json(400, json!({"provider": ["There is no such provider."]}));
    let request = server.post(PATH).token(&pair.token);
    request.send().assert_field_errors(&["provider"]);
}

#[test]
fn without_a_password_it_takes_a_recent_sign_in() {
    let provider = IdentityProvider::start();
    let trust = ("LATCHKEY_OIDC_MY_IDP_TRUST_EMAIL", "true");
    let server = with_provider(&provider, &[trust]);
    let ada = Account::verified("1", "ada@example.com");
    let mut browser = Browser::new(&server);
    let pair = browser.signed_in(&provider, &ada);
    assert_eq!(browser.begin_link(&pair.token, "").status, 200);
    let earlier = "UPDATE sessions SET created_at = '2020-01-01T00:00:00.000Z'";
    server.database().execute(earlier);
    let pair = TokenPair::from(&server.refresh(&pair.refresh_token));
    browser
        .begin_link(&pair.token, "")
        .assert_error(403, "reauthentication_required");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
