//! `/api/passkey/login` and `/api/passkey/login/begin`.

use serde_json::{Value, json};

use crate::support::{
    NO_LIMITS, Server, TokenPair, amr, concurrently, jwt,
    passkeys::PASSKEY_SITE,
    soft_passkey::{BACKED_UP, BACKUP_ELIGIBLE, SoftPasskey, USER_PRESENT, USER_VERIFIED, encode},
};

const PATH: &str = "/api/passkey/login";

/// The response to every passkey that is refused.
fn refused() -> Value {
    json!({
        "detail": "This passkey could not be verified. Try again, or sign in in another way.",
        "code": "invalid_credentials",
    })
}

/// A server with an account that has a passkey.
fn with_passkey() -> (Server, TokenPair, SoftPasskey) {
    let server = Server::start_with(&[PASSKEY_SITE, NO_LIMITS]);
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey::new(1);
    server.add_passkey(&pair.token, &mut passkey);
    (server, pair, passkey)
}

#[test]
fn begin_returns_what_a_browser_takes() {
    let server = Server::start_for_passkeys();
    let mut options = server.begin_passkey_login();
    let challenge = options["challenge"].take();
    assert_eq!(challenge.as_str().map(str::len), Some(75), "56 bytes");
    assert_eq!(
        options,
        json!({
            "challenge": null,
            "timeout": 300_000,
            "rpId": "accounts.example",
            "allowCredentials": [],
            "userVerification": "required",
            "extensions": {"uvm": true},
        })
    );
    assert_ne!(server.begin_passkey_login()["challenge"], challenge);
}

#[test]
fn signs_in_without_the_password() {
    let (server, _, passkey) = with_passkey();
    let response = server.passkey_login(&passkey);
    let pair = TokenPair::from(&response);
    response.assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    for token in [&pair.token, &pair.refresh_token] {
        assert_eq!(amr(token), json!(["hwk", "user"]));
    }
    let claims = jwt::claims(&pair.token);
    assert_eq!(claims["auth_time"], claims["iat"]);
    let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_eq!(amr(&renewed.token), json!(["hwk", "user"]));
    server.assert_valid(&renewed);
    let sessions = server
        .get("/api/user/sessions")
        .token(&renewed.token)
        .send();
    assert_eq!(sessions.json().as_array().map(Vec::len), Some(2));
    let signed_in = server
        .database()
        .count("audit_events", "event = 'signed_in'");
    assert_eq!(signed_in, 2);
}

#[test]
fn a_passkey_that_is_copied_to_other_devices_is_a_software_key() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey {
        flags: USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE,
        ..SoftPasskey::new(1)
    };
    server.add_passkey(&pair.token, &mut passkey);
    passkey.flags |= BACKED_UP;
    let pair = server.sign_in_with_passkey(&passkey);
    assert_eq!(amr(&pair.token), json!(["swk", "user"]));
    let list = server.get("/api/passkey").token(&pair.token).send();
    assert_eq!(list.json()[0]["backed_up"], true);
}

#[test]
fn completes_both_factors() {
    let (server, pair, passkey) = with_passkey();
    let factor = server.enable_totp(&pair);
    let signed_in = server.sign_in_with_passkey(&passkey);
    assert_eq!(amr(&signed_in.token), json!(["hwk", "user"]));
    server.assert_valid(&signed_in);
    // A code still works, too.
    let pending = server.sign_in("ada@example.com");
    let code = factor.app.code();
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &code));
    server.assert_mfa_passed(&passed);
}

#[test]
fn completes_the_second_factor_of_a_session() {
    let (server, pair, passkey) = with_passkey();
    server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server.assert_mfa_pending(&pending);
    let response = server.passkey_login_with(&pending.token, &passkey);
    let passed = TokenPair::from(&response);
    assert_eq!(amr(&passed.token), json!(["hwk", "user"]));
    let claims = jwt::claims(&passed.token);
    assert_eq!(claims["sid"], jwt::claims(&pending.token)["sid"]);
    assert_eq!(claims["auth_time"], claims["iat"]);
    // The token from before still lacks it, and so does its successor.
    server
        .view(&pending.token)
        .assert_error(403, "otp_required");
    let late = TokenPair::from(&server.refresh(&pending.refresh_token));
    server.assert_mfa_pending(&late);
    server.assert_valid(&passed);
    for event in ["second_factor_passed", "sign_in_pending"] {
        let condition = format!("event = '{event}'");
        assert_eq!(server.database().count("audit_events", &condition), 1);
    }
}

/// Someone has the password of an account, and a passkey of another.
#[test]
fn completes_no_session_of_another_user() {
    let (server, pair, _) = with_passkey();
    server.enable_totp(&pair);
    let grace = server.sign_up_verified("grace@example.com");
    let mut passkey = SoftPasskey::new(2);
    server.add_passkey(&grace.token, &mut passkey);
    let pending = server.sign_in("ada@example.com");
    server
        .passkey_login_with(&pending.token, &passkey)
        .assert_json(401, refused());
    server.assert_mfa_pending(&pending);
    // Not even when the authenticator says that it belongs to the other one.
    let mut renamed = passkey.clone();
    let options = json!({"user": {"id": "AAAAAAAAAAAAAAAAAAAAAA"}, "challenge": ""});
    renamed.create(&options);
    server.passkey_login(&renamed).assert_json(401, refused());
    server
        .passkey_login_with("x", &passkey)
        .assert_error(401, "token_invalid");
}

#[test]
fn proves_a_user_again() {
    let (server, pair, passkey) = with_passkey();
    server
        .database()
        .execute("UPDATE sessions SET created_at = '2026-01-01T00:00:00.000Z'");
    let response = server.passkey_login_with(&pair.token, &passkey);
    let again = TokenPair::from(&response);
    let claims = jwt::claims(&again.token);
    assert_eq!(claims["sid"], jwt::claims(&pair.token)["sid"]);
    assert_eq!(claims["auth_time"], claims["iat"]);
    let database = server.database();
    assert_eq!(database.count("sessions", "true"), 1);
    assert_eq!(
        database.count("audit_events", "event = 'reauthenticated'"),
        1
    );
    assert_eq!(database.count("audit_events", "event = 'signed_in'"), 1);
}

#[test]
fn refuses_what_is_not_as_asked_for() {
    let (server, pair, genuine) = with_passkey();
    let with = |change: &dyn Fn(&mut SoftPasskey)| {
        let mut passkey = genuine.clone();
        change(&mut passkey);
        passkey
    };
    for (number, variant) in [
        with(&|passkey| passkey.origin = "https://elsewhere.example".into()),
        with(&|passkey| passkey.origin = "https://sub.accounts.example".into()),
        with(&|passkey| passkey.origin = "http://accounts.example".into()),
        with(&|passkey| passkey.rp_id = "elsewhere.example".into()),
        with(&|passkey| passkey.flags = USER_PRESENT),
        with(&|passkey| passkey.flags = USER_VERIFIED),
        // Whether it can be copied never changes.
        with(&|passkey| passkey.flags |= BACKUP_ELIGIBLE),
        with(&|passkey| passkey.cross_origin = true),
        with(&|passkey| passkey.user_handle = String::new()),
        with(&|passkey| passkey.user_handle = encode(&[1; 16])),
        // A passkey that was never added, and one with the id of another.
        with(&|passkey| {
            let user_handle = passkey.user_handle.clone();
            *passkey = SoftPasskey::new(2);
            passkey.user_handle = user_handle;
        }),
        with(&|passkey| {
            let genuine = passkey.clone();
            *passkey = SoftPasskey::new(2);
            passkey.user_handle = genuine.user_handle;
            passkey.id = genuine.id;
        }),
    ]
    .into_iter()
    .enumerate()
    {
        let response = server.passkey_login(&variant);
        assert_eq!(response.status, 401, "{number}: {response}");
        response.assert_json(401, refused());
    }
    let options = server.begin_passkey_login();
    let credential = genuine.sign(&options);
    // A challenge of another kind, and one that this server has not issued.
    for challenge in [
        server.begin_passkey(&pair.token)["challenge"].clone(),
        json!(encode(&[7; 56])),
        json!(encode(&[7; 32])),
        json!(""),
    ] {
        let signed = genuine.sign(&json!({ "challenge": challenge }));
        server.send_assertion(&signed).assert_json(401, refused());
    }
    for (field, value) in [
        ("signature", json!("")),
        ("signature", json!(encode(&[0x30; 70]))),
        ("authenticatorData", json!("")),
        ("authenticatorData", json!(encode(&[0xff; 6000]))),
        ("clientDataJSON", json!(encode(b"{}"))),
        ("clientDataJSON", json!(encode(&[b'['; 6000]))),
        ("userHandle", json!(null)),
        ("userHandle", json!(7)),
    ] {
        let mut changed = credential.clone();
        changed["response"][field] = value;
        server.send_assertion(&changed).assert_json(401, refused());
    }
    for credential in [json!([]), json!({}), json!("x"), json!(7)] {
        server
            .send_assertion(&credential)
            .assert_json(401, refused());
    }
    for body in [json!({}), json!({"credential": null})] {
        server
            .post(PATH)
            .json(body)
            .send()
            .assert_json(400, json!({"credential": ["This field is required."]}));
    }
    let _ = TokenPair::from(&server.send_assertion(&credential));
}

#[test]
fn what_was_signed_works_once() {
    let (server, _, passkey) = with_passkey();
    let options = server.begin_passkey_login();
    let credential = passkey.sign(&options);
    let mut statuses = concurrently(6, |_| server.send_assertion(&credential).status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401]);
    server
        .send_assertion(&credential)
        .assert_json(401, refused());
    server
        .send_assertion(&passkey.sign(&options))
        .assert_json(401, refused());
    assert_eq!(
        server.database().count("used_passkey_challenges", "true"),
        2
    );
}

/// A count that does not grow tells of a copy.
#[test]
fn refuses_a_passkey_that_counts_less_than_before() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey {
        sign_count: 5,
        ..SoftPasskey::new(1)
    };
    server.add_passkey(&pair.token, &mut passkey);
    let counted = |sign_count| SoftPasskey {
        sign_count,
        ..passkey.clone()
    };
    server.sign_in_with_passkey(&counted(6));
    for count in [6, 5, 1, 0] {
        server
            .passkey_login(&counted(count))
            .assert_json(401, refused());
    }
    let pair = server.sign_in_with_passkey(&counted(7));
    let activity = server.get("/api/user/activity").token(&pair.token).send();
    let activity = activity.json();
    let events = activity.as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = events
        .iter()
        .find(|event| event["event"] == "passkey_refused");
    assert_eq!(refused.map(|event| &event["count"]), Some(&json!(4)));
}

#[test]
fn a_deactivated_account_stays_closed() {
    let (server, _, passkey) = with_passkey();
    server
        .env()
        .run(&["user", "deactivate", "--email", "ada@example.com"]);
    server
        .passkey_login(&passkey)
        .assert_error(403, "inactive_account");
    server
        .env()
        .run(&["user", "activate", "--email", "ada@example.com"]);
    server.sign_in_with_passkey(&passkey);
}

#[test]
fn a_passkey_survives_a_new_password_but_not_the_account() {
    let (server, _, passkey) = with_passkey();
    let reset = server.reset("ada@example.com");
    assert_eq!(reset.status, 204);
    let token = server
        .take_email("ada@example.com", crate::support::email::RESET)
        .token("https://accounts.example/reset");
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": token, "new_password": crate::support::OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    let pair = server.sign_in_with_passkey(&passkey);
    server
        .post("/api/user/delete")
        .token(&pair.token)
        .json(json!({"current_password": crate::support::OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    server.passkey_login(&passkey).assert_json(401, refused());
    assert_eq!(server.database().count("passkeys", "true"), 0);
}

/// Someone who has registered with the address of another can't have prepared a passkey; but whatever is
/// there is gone with the first proof.
#[test]
fn the_first_proof_of_an_email_address_removes_passkeys() {
    let (server, _, passkey) = with_passkey();
    server
        .database()
        .execute("UPDATE users SET email_verified = false");
    server.reset("ada@example.com").assert_no_content();
    let token = server
        .take_email("ada@example.com", crate::support::email::RESET)
        .token("https://accounts.example/reset");
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": token, "new_password": crate::support::OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    server.passkey_login(&passkey).assert_json(401, refused());
}

/// With the passkey that was there before the change, the owner signs in again.
#[test]
fn taking_a_change_of_the_address_back_removes_passkeys_that_were_added_since() {
    use crate::support::{PASSWORD, email::EMAIL_CHANGED};
    let (server, pair, before) = with_passkey();
    // A passkey is no reason to do without the link.
    let pair = TokenPair::from(&server.passkey_login_with(&pair.token, &before));
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "evil@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let token = server
        .take_email("evil@example.com", "Confirm your new email address")
        .token("https://accounts.example/email");
    server
        .post("/api/user/email/change/confirm")
        .json(json!({"token": token, "password": PASSWORD}))
        .send()
        .assert_no_content();
    let undo = server
        .take_email("ada@example.com", EMAIL_CHANGED)
        .token("https://accounts.example/email/undo");
    let mut since = SoftPasskey::new(2);
    server.add_passkey(&server.sign_in("evil@example.com").token, &mut since);
    server
        .post("/api/user/email/change/undo")
        .json(json!({"token": undo}))
        .send()
        .assert_no_content();
    server.passkey_login(&since).assert_json(401, refused());
    let pair = server.sign_in_with_passkey(&before);
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
}

/// Sessions without TOTP have completed it when TOTP is turned on or off elsewhere.
#[test]
fn a_session_with_a_passkey_is_complete_whatever_happens_to_codes() {
    let (server, pair, passkey) = with_passkey();
    let signed_in = server.sign_in_with_passkey(&passkey);
    let factor = server.enable_totp(&pair);
    server.assert_valid(&signed_in);
    let signed_in = server.sign_in_with_passkey(&passkey);
    let off = server
        .post("/api/totp/delete")
        .token(&signed_in.token)
        .json(json!({"current_password": crate::support::PASSWORD}))
        .send();
    let off = TokenPair::from(&off);
    server.assert_revoked(&factor.pair);
    // The new app may show its first code in the same step of time.
    server.database().execute("DELETE FROM used_totp_steps");
    server.enable_totp(&server.sign_in("ada@example.com"));
    assert_eq!(amr(&off.token), json!(["hwk", "user"]));
    server.assert_valid(&off);
    let renewed = TokenPair::from(&server.refresh(&off.refresh_token));
    server.assert_valid(&renewed);
}

/// Nobody learns from the response which passkeys there are, or whose they are.
#[test]
fn failed_attempts_use_up_the_allowance_of_their_network() {
    let server = Server::start_for_passkeys();
    let mut refused = 0;
    let throttled = (0..1_000).find_map(|_| {
        let response = server.send_assertion(&json!({}));
        refused += 1;
        (response.status == 429).then_some(response)
    });
    throttled
        .expect("the allowance is used up")
        .assert_error(429, "throttled");
    assert!(refused > 100, "{refused}");
    // A client that begins has proved nothing, and is counted elsewhere.
    server.begin_passkey_login();
}
