//! Whom an account at a provider signs in: linked, found by its address, or created.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Server, TokenPair, amr,
    identity_provider::{Account, IdentityProvider},
    social::{Browser, trusting, with_provider},
};

const EXISTS: &str = "/login#social_error=account_exists";
const UNVERIFIED: &str = "/login#social_error=email_unverified";
const CLOSED: &str = "/login#social_error=registration_closed";

fn ada() -> Account {
    Account::verified("1", "ada@example.com")
}

fn events(server: &Server, token: &str) -> Vec<String> {
    let response = server.get("/api/user/activity").token(token).send();
    let events = response.json();
    let events = events.as_array().into_iter().flatten();
    let names = events.map(|event| event["event"].as_str().expect("a name").to_owned());
    names.collect()
}

#[test]
fn a_trusted_provider_creates_verified_accounts() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let account = Account {
        name: Some("Ada Lovelace".to_owned()),
        ..ada()
    };
    let pair = Browser::new(&server).signed_in(&provider, &account);
    let view = server.view(&pair.token).json();
    assert_eq!(view["email"], "ada@example.com");
    assert_eq!(view["name"], "Ada Lovelace");
    assert_eq!(view["email_verified"], true);
    assert_eq!(events(&server, &pair.token), ["signed_in", "registered"]);
    server.wait_until_emails_are_sent();
    server.assert_emails(&[]);
    // Without a password, there is none to sign in with.
    for password in [PASSWORD, "!", ""] {
        let response = server.try_sign_in("ada@example.com", password);
        assert_ne!(response.status, 200, "{response}");
    }
    // The identity decides from now on, and not the address.
    let moved = Account::verified("1", "moved@example.com");
    let again = Browser::new(&server).signed_in(&provider, &moved);
    let view = server.view(&again.token).json();
    assert_eq!(view["email"], "ada@example.com");
    let grace = Account::verified("2", "grace@example.com");
    let other = Browser::new(&server).signed_in(&provider, &grace);
    assert_ne!(server.view(&other.token).json()["id"], view["id"]);
}

#[test]
fn a_trusted_provider_links_a_verified_account() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let pair = server.sign_up_verified("ada@example.com");
    server.wait_until_emails_are_sent();
    server.take_all_emails();
    let account = Account::verified("1", "ADA@Example.com");
    let linked = Browser::new(&server).signed_in(&provider, &account);
    assert_eq!(
        server.view(&linked.token).json()["id"],
        server.view(&pair.token).json()["id"]
    );
    // Nothing else changes.
    server.assert_valid(&pair);
    server.sign_in("ada@example.com");
    server.wait_until_emails_are_sent();
    server.assert_emails(&[("ada@example.com", "A way to sign in was added")]);
    let names = events(&server, &linked.token);
    assert!(names.contains(&"identity_linked".to_owned()), "{names:?}");
    // Another account of the provider with the same address is somebody else's.
    let recycled = Account::verified("2", "ada@example.com");
    let ended = Browser::new(&server).come_back(&provider, &recycled);
    assert_eq!(ended, "/login#social_error=already_linked");
}

#[test]
fn the_first_proof_of_an_address_ends_what_was_there_before() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    // Somebody else has registered the address, and waits.
    let squatter = server.sign_up_verified("ada@example.com");
    let factor = server.enable_totp(&squatter);
    server
        .database()
        .execute("UPDATE users SET email_verified = false");
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    assert_eq!(amr(&pair.token), json!(["fed"]));
    let view = server.view(&pair.token).json();
    assert_eq!(view["email_verified"], true);
    assert_eq!(view["otp_enabled"], false);
    server.assert_revoked(&squatter);
    server.assert_revoked(&factor.pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    assert_eq!(server.database().count("users", "true"), 1);
}

#[test]
fn an_untrusted_address_takes_over_nothing() {
    let provider = IdentityProvider::start();
    for (server, account) in [
        (with_provider(&provider, &[]), ada()),
        (
            trusting(&provider, &[]),
            Account::unverified("1", "ada@example.com"),
        ),
    ] {
        let pair = server.sign_up("ada@example.com");
        assert_eq!(Browser::new(&server).come_back(&provider, &account), EXISTS);
        server.verify_users();
        assert_eq!(Browser::new(&server).come_back(&provider, &account), EXISTS);
        server.assert_valid(&pair);
        assert_eq!(server.database().count("identities", "true"), 0);
    }
}

#[test]
fn an_untrusted_provider_creates_accounts_that_are_still_to_be_verified() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    assert_eq!(server.view(&pair.token).json()["email_verified"], false);
    // The link takes a session or a password, as after a registration.
    let token = server.activation_token("ada@example.com");
    let activation = server.post("/api/user/activation").token(&pair.token);
    activation
        .json(json!({"token": token}))
        .send()
        .assert_no_content();
    assert_eq!(server.view(&pair.token).json()["email_verified"], true);
    Browser::new(&server).signed_in(&provider, &ada());
}

#[test]
fn the_owner_of_an_address_unlinks_the_provider_of_somebody_else_by_a_reset() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[]);
    let squatter = Browser::new(&server).signed_in(&provider, &ada());
    server.reset("ada@example.com").assert_no_content();
    let token = server.reset_token("ada@example.com");
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": token, "new_password": OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    server.assert_revoked(&squatter);
    assert_eq!(server.database().count("identities", "true"), 0);
    assert_eq!(Browser::new(&server).come_back(&provider, &ada()), EXISTS);
}

#[test]
fn with_activation_an_untrusted_address_says_nothing_about_accounts() {
    let provider = IdentityProvider::start();
    let server = with_provider(&provider, &[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    let known = ["user", "create", "--email", "ada@example.com"];
    let mut command = server.env().command(&[]);
    command.args(known);
    let output = server.env().run_command(command, PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    for account in [ada(), Account::verified("2", "unknown@example.com")] {
        let ended = Browser::new(&server).come_back(&provider, &account);
        assert_eq!(ended, UNVERIFIED);
    }
    assert_eq!(server.database().count("users", "true"), 1);
}

#[test]
fn with_activation_a_trusted_provider_verifies() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    // A registration that waits for the same address loses.
    server.register("ada@example.com");
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    assert_eq!(server.view(&pair.token).json()["email_verified"], true);
    assert_eq!(server.database().count("registrations", "true"), 0);
}

#[test]
fn a_provider_without_an_email_address_is_not_enough() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let nameless = Account {
        email: None,
        ..ada()
    };
    let ended = Browser::new(&server).come_back(&provider, &nameless);
    assert_eq!(ended, "/login#social_error=no_email");
    let odd = Account::verified("1", "\"a b\"@example.com");
    let ended = Browser::new(&server).come_back(&provider, &odd);
    assert_eq!(ended, "/login#social_error=no_email");
    // Once it is linked, the address does not matter.
    Browser::new(&server).signed_in(&provider, &ada());
    Browser::new(&server).signed_in(&provider, &nameless);
}

#[test]
fn the_policy_of_registration_holds() {
    let provider = IdentityProvider::start();
    for policy in ["invite", "closed"] {
        let server = trusting(&provider, &[("LATCHKEY_REGISTRATION", policy)]);
        assert_eq!(Browser::new(&server).come_back(&provider, &ada()), CLOSED);
        assert_eq!(server.database().count("users", "true"), 0);
    }
    let server = trusting(&provider, &[("LATCHKEY_REGISTRATION", "invite")]);
    let invite = [
        "user",
        "invite",
        "--email",
        "ada@example.com",
        "--role",
        "editor",
    ];
    let output = server.env().run(&invite);
    assert_eq!(output.code, Some(0), "{output:?}");
    let unproven = Account::unverified("1", "ada@example.com");
    let ended = Browser::new(&server).come_back(&provider, &unproven);
    assert_eq!(ended, CLOSED);
    let pair = Browser::new(&server).signed_in(&provider, &ada());
    assert_eq!(server.view(&pair.token).json()["roles"], json!(["editor"]));
    assert_eq!(server.database().count("invitations", "true"), 0);
}

#[test]
fn a_subject_that_can_not_be_stored_is_refused() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    for subject in ["", "a\u{0}b", &"x".repeat(256)] {
        let account = Account::verified(subject, "ada@example.com");
        let ended = Browser::new(&server).come_back(&provider, &account);
        assert_eq!(ended, "/login#social_error=refused", "{subject:?}");
    }
    let longest = Account::verified(&"x".repeat(255), "ada@example.com");
    let pair: TokenPair = Browser::new(&server).signed_in(&provider, &longest);
    server.assert_valid(&pair);
}
