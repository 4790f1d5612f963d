//! `/api/social/confirm`.

use serde_json::json;

use crate::support::{
    NO_LIMITS, TokenPair, amr, concurrently,
    identity_provider::{Account, IdentityProvider},
    social::{Browser, code_in, trusting},
};

const PATH: &str = "/api/social/confirm";

fn ada() -> Account {
    Account::verified("1", "ada@example.com")
}

fn expired() -> serde_json::Value {
    json!({"code": ["This sign-in has expired. Start it again."]})
}

#[test]
fn returns_a_pair() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let response = Browser::new(&server).sign_in(&provider, &ada());
    let pair = TokenPair::from(&response);
    response.assert_json(
        200,
        json!({"token": "<jwt>", "refresh_token": "<jwt>", "token_type": "Bearer", "expires_in": 900}),
    );
    assert_eq!(amr(&pair.token), json!(["fed"]));
    assert_eq!(amr(&pair.refresh_token), json!(["fed"]));
    let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_eq!(amr(&renewed.token), json!(["fed"]));
    let events = server
        .get("/api/user/activity")
        .token(&renewed.token)
        .send();
    let signed_in = &events.json()[0];
    assert_eq!(signed_in["event"], "signed_in");
    assert_eq!(signed_in["provider"], "my-idp");
}

#[test]
fn a_code_works_once_in_its_browser() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let code = code_in(&browser.come_back(&provider, &ada()));
    let mut other = Browser::new(&server);
    other.confirm(&code).assert_json(400, expired());
    other.start();
    other.confirm(&code).assert_json(400, expired());
    assert_eq!(browser.confirm(&code).status, 200);
    browser.confirm(&code).assert_json(400, expired());
    browser.confirm("nonsense").assert_json(400, expired());
    server.post(PATH).send().assert_field_errors(&["code"]);
}

#[test]
fn a_code_expires() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let code = code_in(&browser.come_back(&provider, &ada()));
    let past = "UPDATE social_tickets SET expires_at = '2020-01-01T00:00:00.000Z'";
    server.database().execute(past);
    browser.confirm(&code).assert_json(400, expired());
}

#[test]
fn of_concurrent_requests_one_gets_the_pair() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[NO_LIMITS]);
    let mut browser = Browser::new(&server);
    let code = code_in(&browser.come_back(&provider, &ada()));
    let cookie = browser.cookie.expect("a cookie");
    let statuses = concurrently(6, |_| {
        let request = server.post(PATH).header("cookie", &cookie);
        request.json(json!({"code": code})).send().status
    });
    let signed_in = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(signed_in, 1, "{statuses:?}");
}

#[test]
fn the_second_factor_is_still_needed() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = server.sign_up_verified("ada@example.com");
    let factor = server.enable_totp(&pair);
    let response = Browser::new(&server).sign_in(&provider, &ada());
    assert_eq!(response.json()["otp_required"], true, "{response}");
    let pending = TokenPair::from(&response);
    assert_eq!(amr(&pending.token), json!(["fed"]));
    server
        .view(&pending.token)
        .assert_error(403, "otp_required");
    let passed = server.pass_totp(&pending.token, &factor.app.code());
    let passed = TokenPair::from(&passed);
    assert_eq!(amr(&passed.token), json!(["fed", "otp"]));
    server.assert_valid(&passed);
}

#[test]
fn an_inactive_account_stays_out() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    Browser::new(&server).signed_in(&provider, &ada());
    let deactivate = "UPDATE users SET is_active = false";
    server.database().execute(deactivate);
    let response = Browser::new(&server).sign_in(&provider, &ada());
    response.assert_error(403, "inactive_account");
}
