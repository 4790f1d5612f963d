//! `/api/social/{provider}/start`.

use url::Url;

use crate::support::{
    identity_provider::{Fault, IdentityProvider},
    social::{Browser, location, with_missing_provider, with_provider},
};

const PATH: &str = "/api/social/my-idp/start";

#[test]
fn leads_to_the_provider() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let response = server.get(PATH).send();
    let url = Url::parse(&location(&response)).expect("a URL");
    assert!(url.as_str().starts_with(&provider.url()), "{url}");
    assert_eq!(url.path(), "/authorize");
    let value = |name: &str| {
        let mut pairs = url.query_pairs().filter(|(other, _)| other == name);
        let (_, value) = pairs.next().expect("a parameter");
        assert!(pairs.next().is_none(), "{url}");
        value.into_owned()
    };
    assert_eq!(value("response_type"), "code");
    assert_eq!(value("client_id"), "latchkey");
    assert_eq!(value("scope"), "openid email profile");
    assert_eq!(value("code_challenge_method"), "S256");
    let callback = format!("{}/api/social/my-idp/callback", server.url());
    assert_eq!(value("redirect_uri"), callback);
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(value(name).len(), 43, "{url}");
    }
    let cookie = response.header("set-cookie");
    let (secret, attributes) = cookie.split_once("; ").expect("attributes");
    assert_eq!(
        attributes, "Path=/; Max-Age=600; HttpOnly; SameSite=Lax",
        "{cookie}"
    );
    let secret = secret.strip_prefix("latchkey_social=").expect("a secret");
    assert_eq!(secret.len(), 43, "{cookie}");
    assert!(!url.as_str().contains(secret), "{url}");
}

#[test]
fn the_cookie_belongs_to_one_host_where_there_is_https() {
    let provider = IdentityProvider::start();
    let public = ("LATCHKEY_PUBLIC_URL", "https://accounts.example.com");
    let server = with_provider(&provider, &[public]);
    let response = server.get(PATH).send();
    let cookie = response.header("set-cookie");
    assert!(cookie.starts_with("__Host-latchkey_social="), "{cookie}");
    assert!(cookie.ends_with("; SameSite=Lax; Secure"), "{cookie}");
    assert!(!cookie.contains("Domain"), "{cookie}");
    let location = location(&response);
    let callback =
        "redirect_uri=https%3A%2F%2Faccounts.example.com%2Fapi%2Fsocial%2Fmy-idp%2Fcallback";
    assert!(location.contains(callback), "{location}");
}

#[test]
fn a_browser_keeps_its_secret() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let mut browser = Browser::new(&server);
    let first = browser.start();
    let cookie = browser.cookie.clone();
    let second = browser.start();
    assert_eq!(browser.cookie, cookie);
    assert_ne!(first, second);
    browser.cookie = Some("latchkey_social=nonsense".to_owned());
    browser.start();
    assert_ne!(browser.cookie.as_deref(), Some("latchkey_social=nonsense"));
}

#[test]
fn discovery_is_read_once() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    for _ in 0..3 {
        location(&server.get(PATH).send());
    }
    assert_eq!(provider.requests("/.well-known/openid-configuration"), 1);
    assert_eq!(provider.requests("/keys"), 1);
}

#[test]
fn an_unknown_provider_is_not_found() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    for path in [
        "/api/social/other/start",
        "/api/social/my_idp/start",
        "/api/social/MY-IDP/start",
    ] {
        server.get(path).send().assert_error(404, "not_found");
    }
    server
        .post(PATH)
        .send()
        .assert_error(405, "method_not_allowed");
}

#[test]
fn a_provider_that_does_not_run_is_reported_to_the_user() {
    let server = with_missing_provider();
    for _ in 0..2 {
        let response = server.get(PATH).send();
        assert_eq!(location(&response), "/login#social_error=unavailable");
    }
    assert_eq!(server.get("/readyz").send().status, 200);
}

#[test]
fn a_discovery_that_goes_wrong_is_reported_to_the_user() {
    for fault in [
        Fault::Status(500),
        Fault::Status(404),
        Fault::Redirect,
        Fault::Endless,
        Fault::Silent,
    ] {
        let provider = IdentityProvider::start();
        provider.set_fault(fault);
        let server = with_provider(&provider, &[]);
        let response = server.get(PATH).send();
        let reported = location(&response);
        assert_eq!(reported, "/login#social_error=unavailable", "{fault:?}");
        // A redirect is not followed.
        assert_eq!(provider.requests("/.well-known/openid-configuration"), 1);
    }
}

#[test]
fn another_issuer_than_the_configured_one_is_refused() {
    let provider = IdentityProvider::start();
    let other = format!("{}/", provider.url());
    let setting = ("LATCHKEY_OIDC_MY_IDP_ISSUER", other.as_str());
    let server = with_provider(&provider, &[setting]);
    let response = server.get(PATH).send();
    assert_eq!(location(&response), "/login#social_error=unavailable");
}

#[test]
fn a_ticket_that_is_none_is_refused() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let mut browser = Browser::new(&server);
    browser.start();
    let response = browser.get("/api/social/my-idp/start?ticket=none");
    let expected = "/account/security#social_error=expired";
    assert_eq!(location(&response), expected);
}
