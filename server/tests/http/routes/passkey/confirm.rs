//! `/api/passkey/confirm`.

use serde_json::{Value, json};

use crate::support::{
    NO_LIMITS, Server, concurrently,
    passkeys::PASSKEY_SITE,
    soft_passkey::{SoftPasskey, USER_PRESENT, USER_VERIFIED, encode},
};

const PATH: &str = "/api/passkey/confirm";

const ADDED: &str = "A passkey was added to your account";

fn expired() -> Value {
    json!({"credential": ["This took too long, or was already used. Try again."]})
}

fn not_verified() -> Value {
    json!({"credential": ["This passkey could not be verified. Try again."]})
}

#[test]
fn adds_a_passkey() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    server.take_all_emails();
    let mut passkey = SoftPasskey::new(1);
    let credential = passkey.create(&server.begin_passkey(&pair.token));
    server
        .confirm_passkey(&pair.token, &credential, " My laptop ")
        .assert_json(
            201,
            json!({"id": "<uuid>", "name": "My laptop", "created_at": "<time>"}),
        );
    let email = server.take_email("ada@example.com", ADDED);
    assert!(email.text.contains("\"My laptop\""), "{email:?}");
    let events = server
        .database()
        .count("audit_events", "event = 'passkey_added'");
    assert_eq!(events, 1);
    server.assert_valid(&pair);
    server.assert_valid(&server.sign_in_with_passkey(&passkey));
}

#[test]
fn an_account_can_have_several_and_an_authenticator_several_accounts() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let mut passkeys = [1, 2, 3].map(SoftPasskey::new);
    for (passkey, pair) in passkeys.iter_mut().zip([&ada, &ada, &grace]) {
        server.add_passkey(&pair.token, passkey);
    }
    for (passkey, email) in
        passkeys
            .iter()
            .zip(["ada@example.com", "ada@example.com", "grace@example.com"])
    {
        let pair = server.sign_in_with_passkey(passkey);
        assert_eq!(server.view(&pair.token).json()["email"], email);
    }
}

#[test]
fn the_name_is_that_of_the_device_or_up_to_100_characters() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey::new(1);
    let credential = passkey.create(&server.begin_passkey(&pair.token));
    for (name, message) in [
        ("x".repeat(101), "A name has at most 100 characters."),
        ("a\nb".to_owned(), "A name has no control characters."),
        (" ".to_owned(), "This field is required."),
    ] {
        server
            .confirm_passkey(&pair.token, &credential, &name)
            .assert_json(400, json!({"name": [message]}));
    }
    let response = server
        .post(PATH)
        .token(&pair.token)
        .header("user-agent", "curl/8")
        .json(json!({"credential": credential}))
        .send();
    assert_eq!(response.json()["name"], "curl", "{response}");
}

#[test]
fn a_form_holds_the_credential_as_json() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let credential = SoftPasskey::new(1).create(&server.begin_passkey(&pair.token));
    server
        .post(PATH)
        .token(&pair.token)
        .form(&[("credential", &credential.to_string()), ("name", "Laptop")])
        .send()
        .assert_json(
            201,
            json!({"id": "<uuid>", "name": "Laptop", "created_at": "<time>"}),
        );
}

#[test]
fn needs_a_credential() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    for body in [
        json!({}),
        json!({"credential": null}),
        json!({"credential": ""}),
    ] {
        server
            .post(PATH)
            .token(&pair.token)
            .json(body)
            .send()
            .assert_json(400, json!({"credential": ["This field is required."]}));
    }
}

/// Whatever an authenticator or an attacker sends instead of what was asked for.
#[test]
fn refuses_what_is_not_as_asked_for() {
    let server = Server::start_with(&[PASSKEY_SITE, NO_LIMITS]);
    let pair = server.sign_up_verified("ada@example.com");
    let genuine = SoftPasskey::new(1);
    let variants = [
        SoftPasskey {
            origin: "https://elsewhere.example".into(),
            ..genuine.clone()
        },
        SoftPasskey {
            origin: "https://sub.accounts.example".into(),
            ..genuine.clone()
        },
        SoftPasskey {
            origin: "https://accounts.example:8443".into(),
            ..genuine.clone()
        },
        SoftPasskey {
            origin: "http://accounts.example".into(),
            ..genuine.clone()
        },
        SoftPasskey {
            rp_id: "example".into(),
            ..genuine.clone()
        },
        SoftPasskey {
            flags: USER_PRESENT,
            ..genuine.clone()
        },
        SoftPasskey {
            flags: USER_VERIFIED,
            ..genuine.clone()
        },
        SoftPasskey {
            cross_origin: true,
            ..genuine.clone()
        },
        SoftPasskey {
            id: vec![1; 1024],
            ..genuine.clone()
        },
        SoftPasskey {
            id: vec![],
            ..genuine.clone()
        },
    ];
    for (number, mut variant) in variants.into_iter().enumerate() {
        let credential = variant.create(&server.begin_passkey(&pair.token));
        let refused = server.confirm_passkey(&pair.token, &credential, "Laptop");
        assert_eq!(refused.status, 400, "{number}: {refused}");
        refused.assert_json(400, not_verified());
    }
    let options = server.begin_passkey(&pair.token);
    let credential = genuine.clone().create(&options);
    let mut broken = vec![
        json!([]),
        json!({}),
        json!("x"),
        json!(7),
        // What a sign-in returns.
        genuine.sign(&options),
    ];
    for (field, value) in [
        ("attestationObject", json!("")),
        ("attestationObject", json!("_w")),
        ("attestationObject", json!(encode(&[0x9f; 6000]))),
        ("attestationObject", json!(encode(&[0x81; 6000]))),
        // A map that says to have billions of entries.
        (
            "attestationObject",
            json!(encode(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff")),
        ),
        ("attestationObject", json!(7)),
        ("clientDataJSON", json!("")),
        ("clientDataJSON", json!(encode(b"{}"))),
        ("clientDataJSON", json!(encode(&[b'['; 6000]))),
    ] {
        let mut changed = credential.clone();
        changed["response"][field] = value;
        broken.push(changed);
    }
    let object = credential["response"]["attestationObject"].as_str();
    let object = object.unwrap_or_default();
    for length in (0..object.len()).step_by(16) {
        let mut changed = credential.clone();
        changed["response"]["attestationObject"] = json!(object[..length]);
        broken.push(changed);
    }
    for credential in broken {
        let refused = server.confirm_passkey(&pair.token, &credential, "Laptop");
        assert_eq!(refused.status, 400, "{credential}: {refused}");
        refused.assert_json(400, not_verified());
    }
    let mut long = credential.clone();
    long["response"]["attestationObject"] = json!("A".repeat(16 * 1024));
    server
        .confirm_passkey(&pair.token, &long, "Laptop")
        .assert_error(413, "request_too_large");
    // None of it has used up the challenge.
    assert_eq!(
        server
            .confirm_passkey(&pair.token, &credential, "Laptop")
            .status,
        201
    );
}

#[test]
fn a_challenge_works_once_and_in_the_session_that_has_asked_for_it() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let elsewhere = server.sign_in("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let options = server.begin_passkey(&ada.token);
    let credential = SoftPasskey::new(1).create(&options);
    for pair in [&elsewhere, &grace] {
        server
            .confirm_passkey(&pair.token, &credential, "Laptop")
            .assert_json(400, expired());
    }
    let sign_in = SoftPasskey::new(1).create(&json!({
        "challenge": server.begin_passkey_login()["challenge"],
        "user": options["user"],
    }));
    server
        .confirm_passkey(&ada.token, &sign_in, "Laptop")
        .assert_json(400, expired());
    assert_eq!(
        server
            .confirm_passkey(&ada.token, &credential, "Laptop")
            .status,
        201
    );
    let second = SoftPasskey::new(2).create(&options);
    server
        .confirm_passkey(&ada.token, &second, "Laptop")
        .assert_json(400, expired());
}

#[test]
fn of_concurrent_confirmations_one_succeeds() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let options = server.begin_passkey(&pair.token);
    let mut statuses = concurrently(6, |number| {
        let seed = u8::try_from(number + 1).expect("a small number");
        let credential = SoftPasskey::new(seed).create(&options);
        server
            .confirm_passkey(&pair.token, &credential, "Laptop")
            .status
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400]);
    assert_eq!(server.database().count("passkeys", "true"), 1);
}

#[test]
fn a_passkey_belongs_to_one_user() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let mut passkey = SoftPasskey::new(1);
    server.add_passkey(&ada.token, &mut passkey);
    for pair in [&ada, &grace] {
        let mut copy = passkey.clone();
        let credential = copy.create(&server.begin_passkey(&pair.token));
        server
            .confirm_passkey(&pair.token, &credential, "Laptop")
            .assert_json(
                400,
                json!({"credential": ["This passkey is already in use."]}),
            );
    }
    let pair = server.sign_in_with_passkey(&passkey);
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
