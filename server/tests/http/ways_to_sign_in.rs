//! Every way to sign in, with and without a second factor, where accounts require activation and where they
//! don't: a table of what each leads to.

use serde_json::{Value, json};

use crate::support::{
    PASSWORD, Response, Server, TokenPair, amr,
    identity_provider::{Account, IdentityProvider},
    social::{Browser, trusting},
    soft_passkey::SoftPasskey,
    text_of,
};

const EMAIL: &str = "ada@example.com";

/// The origin of the pages, where passkeys work.
const ORIGIN: &str = "http://localhost:3000";

#[derive(Clone, Copy, Debug)]
enum Way {
    Password,
    Code,
    Passkey,
    Provider,
}

/// Each way, the methods in its token, and those with a second factor on; pending means that a code is asked for.
const TABLE: [(Way, &[&str], Outcome); 4] = [
    (Way::Password, &["pwd"], Outcome::Pending),
    (Way::Code, &["mca"], Outcome::Pending),
    (Way::Passkey, &["hwk", "user"], Outcome::Complete),
    (Way::Provider, &["fed"], Outcome::Pending),
];

/// What a sign-in leads to where a second factor is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Complete,
    Pending,
}

/// A server with a user who can sign in every way.
struct Scene {
    provider: IdentityProvider,
    server: Server,
    passkey: SoftPasskey,
}

impl Scene {
    fn new(requires_activation: bool, second_factor: bool) -> Self {
        let provider = IdentityProvider::start();
        let server = trusting(
            &provider,
            &[
                ("LATCHKEY_PUBLIC_URL", ORIGIN),
                (
                    "LATCHKEY_REQUIRE_ACTIVATION",
                    if requires_activation { "true" } else { "false" },
                ),
            ],
        );
        let pair = if requires_activation {
            server.register(EMAIL);
            let email = server.take_email(EMAIL, "Confirm your email address");
            let link = email.text.split("#token=").nth(1).expect("a link");
            let token = link.split_whitespace().next().expect("a token");
            let response = server.activate(token);
            assert_eq!(response.status, 204, "{response}");
            server.sign_in(EMAIL)
        } else {
            server.sign_up_verified(EMAIL)
        };
        let mut passkey = SoftPasskey {
            origin: ORIGIN.to_owned(),
            rp_id: "localhost".to_owned(),
            ..SoftPasskey::new(1)
        };
        server.add_passkey(&pair.token, &mut passkey);
        if second_factor {
            server.enable_totp(&pair);
        }
        Self {
            provider,
            server,
            passkey,
        }
    }

    fn sign_in(&self, way: Way) -> Response {
        let server = &self.server;
        match way {
            Way::Password => server.try_sign_in(EMAIL, PASSWORD),
            Way::Passkey => server.passkey_login(&self.passkey),
            Way::Provider => {
                let account = Account::verified("1", EMAIL);
                Browser::new(server).sign_in(&self.provider, &account)
            }
            Way::Code => {
                let path = "/api/user/login/code";
                let response = server.post(path).json(json!({"email": EMAIL})).send();
                let flow = text_of(&response.json(), "flow");
                let email = server.take_email(EMAIL, "Your code to sign in");
                let body = json!({"flow": flow, "email": EMAIL, "code": email.sign_in_code()});
                server.post(&format!("{path}/confirm")).json(body).send()
            }
        }
    }
}

#[test]
fn each_leads_to_what_the_table_says() {
    for requires_activation in [false, true] {
        for second_factor in [false, true] {
            let scene = Scene::new(requires_activation, second_factor);
            for (way, methods, outcome) in TABLE {
                let case = format!("{way:?}, {requires_activation}, {second_factor}");
                let response = scene.sign_in(way);
                assert_eq!(response.status, 200, "{case}: {response}");
                let is_pending = second_factor && outcome == Outcome::Pending;
                let body = response.json();
                let expected = if is_pending { json!(true) } else { Value::Null };
                assert_eq!(body["otp_required"], expected, "{case}");
                let pair = TokenPair::from(&response);
                assert_eq!(amr(&pair.token), json!(methods), "{case}");
                let view = scene.server.view(&pair.token);
                if is_pending {
                    view.assert_error(403, "otp_required");
                } else {
                    assert_eq!(view.json()["email"], EMAIL, "{case}");
                }
            }
        }
    }
}

/// Nobody signs in to an account that its owner has not proved to have, by a way that stands for the address.
#[test]
fn an_account_that_was_never_verified_loses_what_somebody_set_up() {
    for way in [Way::Code, Way::Provider] {
        let provider = IdentityProvider::start();
        let server = trusting(&provider, &[("LATCHKEY_PUBLIC_URL", ORIGIN)]);
        let registrant = server.sign_up(EMAIL);
        let scene = Scene {
            provider,
            server,
            passkey: SoftPasskey::new(1),
        };
        let response = scene.sign_in(way);
        assert_eq!(response.status, 200, "{way:?}: {response}");
        let owner = TokenPair::from(&response);
        let view = scene.server.view(&owner.token).json();
        assert_eq!(view["email_verified"], true, "{way:?}");
        scene
            .server
            .view(&registrant.token)
            .assert_error(401, "token_invalid");
        scene
            .sign_in(Way::Password)
            .assert_error(401, "invalid_credentials");
    }
}
