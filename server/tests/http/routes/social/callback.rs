//! `/api/social/{provider}/callback`.

use crate::support::{
    identity_provider::{Account, CLIENT_SECRET, Fault, IdentityProvider},
    social::{Browser, code_in, location, trusting, with_provider},
};

const EXPIRED: &str = "/login#social_error=expired";
const REFUSED: &str = "/login#social_error=refused";
const UNAVAILABLE: &str = "/login#social_error=unavailable";

fn ada() -> Account {
    Account::verified("1", "ada@example.com")
}

#[test]
fn a_code_leads_back_to_the_page_in_the_fragment() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let asked = browser.start();
    let back = provider.agree(&asked, &ada());
    let response = browser.get(&back);
    let code = code_in(&location(&response));
    assert_eq!(code.len(), 43, "{response}");
    assert_eq!(response.header("set-cookie"), "");
    let state = back.split("state=").nth(1).expect("a state");
    let state = state.split('&').next().expect("a state");
    let log = server.log();
    for secret in [&code, state, "code-1", "token-1", CLIENT_SECRET] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn what_an_id_token_says_must_be_right() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    for fault in [
        Fault::OtherIssuer,
        Fault::OtherAudience,
        Fault::OtherNonce,
        Fault::Expired,
        Fault::OtherKey,
        Fault::Unsigned,
        Fault::Symmetric,
        Fault::NoIdToken,
    ] {
        provider.set_fault(fault);
        let ended = Browser::new(&server).come_back(&provider, &ada());
        assert_eq!(ended, REFUSED, "{fault:?}");
    }
    assert_eq!(server.database().count("users", "true"), 0);
    provider.set_fault(Fault::None);
    Browser::new(&server).signed_in(&provider, &ada());
}

#[test]
fn a_provider_that_fails_on_the_way_back_is_reported() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    for (fault, reported) in [
        (Fault::Status(500), REFUSED),
        (Fault::Redirect, REFUSED),
        (Fault::Endless, UNAVAILABLE),
        (Fault::Silent, UNAVAILABLE),
    ] {
        provider.set_fault(Fault::None);
        let mut browser = Browser::new(&server);
        let back = provider.agree(&browser.start(), &ada());
        provider.set_fault(fault);
        assert_eq!(location(&browser.get(&back)), reported, "{fault:?}");
    }
}

#[test]
fn a_state_works_once_and_in_its_browser() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let back = provider.agree(&browser.start(), &ada());
    let mut other = Browser::new(&server);
    assert_eq!(location(&other.get(&back)), EXPIRED);
    other.start();
    assert_eq!(location(&other.get(&back)), EXPIRED);
    // The right one can still finish.
    code_in(&location(&browser.get(&back)));
    assert_eq!(location(&browser.get(&back)), EXPIRED);
    assert_eq!(provider.requests("/token"), 1);
}

#[test]
fn a_state_expires() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let back = provider.agree(&browser.start(), &ada());
    let past = "UPDATE social_tickets SET expires_at = '2020-01-01T00:00:00.000Z'";
    server.database().execute(past);
    assert_eq!(location(&browser.get(&back)), EXPIRED);
}

#[test]
fn a_response_without_a_state_or_a_code_is_refused() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let path = "/api/social/my-idp/callback";
    for query in ["", "?", "?code=x", "?code=x&state=", "?code=x&state=y"] {
        let response = browser.get(&format!("{path}{query}"));
        assert_eq!(location(&response), EXPIRED, "{query}");
    }
    let back = provider.agree(&browser.start(), &ada());
    let (_, state) = back.split_once("state=").expect("a state");
    let twice = format!("{path}?state={state}&state={state}&code=x");
    assert_eq!(location(&browser.get(&twice)), EXPIRED);
    let without = format!("{path}?state={state}");
    assert_eq!(location(&browser.get(&without)), REFUSED);
    // That has used up the state.
    assert_eq!(location(&browser.get(&back)), EXPIRED);
}

#[test]
fn the_provider_can_send_an_error() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    for (error, reported) in [
        ("access_denied", "/login#social_error=canceled"),
        ("temporarily_unavailable", UNAVAILABLE),
        ("invalid_scope", REFUSED),
    ] {
        let mut browser = Browser::new(&server);
        let back = provider.agree(&browser.start(), &ada());
        let back = back.replace("code=code", &format!("error={error}&error_description=x"));
        assert_eq!(location(&browser.get(&back)), reported, "{error}");
    }
}

#[test]
fn a_code_works_once() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let first = provider.agree(&browser.start(), &ada());
    code_in(&location(&browser.get(&first)));
    let second = provider.agree(&browser.start(), &ada());
    let replayed = second.replace("code=code-2", "code=code-1");
    assert_eq!(location(&browser.get(&replayed)), REFUSED);
}

#[test]
fn a_response_of_another_issuer_is_refused() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let back = provider.agree(&browser.start(), &ada());
    let (kept, _) = back.split_once("&iss=").expect("an issuer");
    let other = format!("{kept}&iss=https%3A%2F%2Fother.example.com");
    assert_eq!(location(&browser.get(&other)), REFUSED);
    // One that announces that it names itself has to.
    let back = provider.agree(&browser.start(), &ada());
    let (kept, _) = back.split_once("&iss=").expect("an issuer");
    assert_eq!(location(&browser.get(kept)), REFUSED);
    assert_eq!(provider.requests("/token"), 0);
}

#[test]
fn an_issuer_need_not_name_itself() {
    let provider = IdentityProvider::start();
    provider.be_nameless();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    let back = provider.agree(&browser.start(), &ada());
    let other = format!("{back}&iss=https%3A%2F%2Fother.example.com");
    assert_eq!(location(&browser.get(&other)), REFUSED);
    browser.signed_in(&provider, &ada());
}

#[test]
fn the_path_of_another_provider_is_none_of_the_flow() {
    let provider = IdentityProvider::start();
    let url = provider.url();
    let server = trusting(
        &provider,
        &[
            ("LATCHKEY_OIDC_OTHER_ISSUER", url.as_str()),
            ("LATCHKEY_OIDC_OTHER_CLIENT_ID", "latchkey"),
            ("LATCHKEY_OIDC_OTHER_CLIENT_SECRET", CLIENT_SECRET),
        ],
    );
    let mut browser = Browser::new(&server);
    let back = provider.agree(&browser.start(), &ada());
    let other = back.replace("/my-idp/", "/other/");
    assert_eq!(location(&browser.get(&other)), EXPIRED);
    let unknown = back.replace("/my-idp/", "/unknown/");
    browser.get(&unknown).assert_error(404, "not_found");
}

#[test]
fn keys_are_read_again_when_a_token_names_an_unknown_one() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let mut browser = Browser::new(&server);
    browser.signed_in(&provider, &ada());
    provider.rotate_key();
    browser.signed_in(&provider, &ada());
    assert_eq!(provider.requests("/keys"), 2);
    browser.signed_in(&provider, &ada());
    assert_eq!(provider.requests("/keys"), 2);
}

#[test]
fn the_email_address_may_be_at_the_userinfo_endpoint() {
    let provider = IdentityProvider::start();
    provider.hide_email();
    let server = trusting(&provider, &[]);
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    let view = server.view(&pair.token);
    assert_eq!(view.json()["email"], "ada@example.com");
    assert_eq!(view.json()["email_verified"], true);
    assert_eq!(provider.requests("/userinfo"), 1);
}

#[test]
fn an_untrusted_provider_is_one_by_default() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    assert_eq!(server.view(&pair.token).json()["email_verified"], false);
}
