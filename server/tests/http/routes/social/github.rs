//! GitHub, whose endpoints are as its documentation describes them.

use url::Url;

use crate::support::{
    Server,
    identity_provider::{Account, CLIENT_ID, CLIENT_SECRET, IdentityProvider},
    social::{Browser, location},
};

/// GitHub verifies email addresses as carefully as this server.
const TRUSTED: (&str, &str) = ("LATCHKEY_GITHUB_TRUST_EMAIL", "true");

const PATH: &str = "/api/social/github/start";

fn with_github(provider: &IdentityProvider, settings: &[(&str, &str)]) -> Server {
    let url = provider.url();
    let own = [
        ("LATCHKEY_GITHUB_CLIENT_ID", CLIENT_ID),
        ("LATCHKEY_GITHUB_CLIENT_SECRET", CLIENT_SECRET),
        ("LATCHKEY_GITHUB_URL", url.as_str()),
    ];
    Server::start_with(&[&own, settings].concat())
}

fn ada() -> Account {
    Account {
        name: Some("Ada".to_owned()),
        ..Account::verified("583231", "ada@example.com")
    }
}

#[test]
fn github_itself_is_the_default() {
    let server = Server::start_with(&[
        ("LATCHKEY_GITHUB_CLIENT_ID", "Iv1.abc"),
        ("LATCHKEY_GITHUB_CLIENT_SECRET", "secret"),
    ]);
    let url = Url::parse(&location(&server.get(PATH).send())).expect("a URL");
    let asked = url.as_str().split('?').next();
    assert_eq!(asked, Some("https://github.com/login/oauth/authorize"));
    let scope = url.query_pairs().find(|(name, _)| name == "scope");
    assert_eq!(scope.expect("a scope").1, "user:email");
}

#[test]
fn signs_in_with_the_primary_email_address() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[TRUSTED]);
    let pair = Browser::with(&server, "github").signed_in(&provider, &ada());
    let view = server.view(&pair.token).json();
    assert_eq!(view["email"], "ada@example.com");
    assert_eq!(view["name"], "Ada");
    assert_eq!(view["email_verified"], true);
    Browser::with(&server, "github").signed_in(&provider, &ada());
    assert_eq!(server.database().count("users", "true"), 1);
    let subject = server.database().text("SELECT subject FROM identities");
    assert_eq!(subject, "583231");
}

#[test]
fn an_address_that_is_not_verified_takes_over_nothing() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[TRUSTED]);
    server.sign_up_verified("ada@example.com");
    let unproven = Account::unverified("1", "ada@example.com");
    let ended = Browser::with(&server, "github").come_back(&provider, &unproven);
    assert_eq!(ended, "/login#social_error=account_exists");
}

#[test]
fn its_word_counts_only_if_the_operator_says_so() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[]);
    server.sign_up_verified("ada@example.com");
    let ended = Browser::with(&server, "github").come_back(&provider, &ada());
    assert_eq!(ended, "/login#social_error=account_exists");
}

#[test]
fn without_an_address_nobody_is_created() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[]);
    let hidden = Account {
        email: None,
        ..ada()
    };
    let ended = Browser::with(&server, "github").come_back(&provider, &hidden);
    assert_eq!(ended, "/login#social_error=no_email");
}

#[test]
fn a_refused_code_has_status_200_there() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[]);
    let mut browser = Browser::with(&server, "github");
    let back = provider.agree(&browser.start(), &ada());
    let other = back.replace("code=code-1", "code=code-9");
    let ended = location(&browser.get(&other));
    assert_eq!(ended, "/login#social_error=refused");
}

#[test]
fn a_response_that_names_another_issuer_is_refused() {
    let provider = IdentityProvider::start();
    let server = with_github(&provider, &[]);
    let mut browser = Browser::with(&server, "github");
    let back = provider.agree(&browser.start(), &ada());
    let (kept, _) = back.split_once("&iss=").expect("an issuer");
    let other = format!("{kept}&iss=https%3A%2F%2Fother.example.com");
    let ended = location(&browser.get(&other));
    assert_eq!(ended, "/login#social_error=refused");
}
