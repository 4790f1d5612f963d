//! Access tokens that are signed with a key of the server: forged ones, other algorithms, and rotation.

use std::{sync::Arc, thread, time::Duration};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, PublicKeyUse},
};
use serde_json::{Value, json};

use crate::support::{
    Server, TestEnv, TokenPair,
    jwt::{self, Jwt},
};

const EDDSA: (&str, &str) = ("LATCHKEY_TOKEN_ALG", "EdDSA");
const URL: (&str, &str) = ("LATCHKEY_PUBLIC_URL", "https://accounts.example");
const OLD: &str = "the first master secret of this test and long enough";
const NEW: &str = "the second master secret of this test and long enough";

/// The token is accepted nowhere.
#[track_caller]
fn assert_invalid(server: &Server, token: &str) {
    server.view(token).assert_error(401, "token_invalid");
    server.verify(token).assert_error(401, "token_invalid");
    server.refresh(token).assert_error(401, "token_invalid");
}

fn published(server: &Server) -> Vec<Value> {
    let set = server.get("/.well-known/jwks.json").send().json();
    set["keys"].as_array().expect("a list").clone()
}

/// An Ed25519 key of somebody else's (RFC 8410).
fn own_key() -> EncodingKey {
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    EncodingKey::from_ed_der(&[&head[..], &[9; 32]].concat())
}

/// Signs the claims of a token with another key, under its own header with these changes.
fn signed(token: &Jwt, key: &EncodingKey, change: impl Fn(&mut Header)) -> String {
    let mut header: Header = serde_json::from_value(token.header.clone()).expect("a header");
    change(&mut header);
    encode(&header, &token.claims, key).expect("a token")
}

#[test]
fn the_public_key_is_no_secret_of_an_hmac() {
    for algorithm in ["EdDSA", "ES256"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let pair = server.sign_up("ada@example.com");
        let token = jwt::parse(&pair.token);
        for key in published(&server) {
            let bytes = |name: &str| {
                let text = key[name].as_str().unwrap_or_default();
                [text.as_bytes().to_vec(), base64_decoded(text)]
            };
            let [x_text, x] = bytes("x");
            let [_, y] = bytes("y");
            // As libraries write public keys in DER and PEM.
            let der = match key["kty"].as_str() {
                Some("OKP") => [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &x].concat(),
                _ => [
                    &b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
                       \x03\x01\x07\x03\x42\x00\x04"[..],
                    &x,
                    &y,
                ]
                .concat(),
            };
            let pem = format!(
                "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
                BASE64_STANDARD.encode(&der)
            );
            let forms = [
                x_text,
                x,
                der,
                pem.into_bytes(),
                key.to_string().into_bytes(),
            ];
            for secret in forms {
                for kid in [&token.header["kid"], &key["kid"]] {
                    for alg in ["HS256", "HS384", "HS512", algorithm] {
                        let header = json!({"typ": "at+jwt", "alg": alg, "kid": kid});
                        let forged = token.clone().with_header(header).signed(&secret);
                        assert_invalid(&server, &forged.encode());
                    }
                }
            }
        }
        server.assert_valid(&pair);
    }
}

fn base64_decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

#[test]
fn no_header_chooses_the_algorithm_or_the_key() {
    let server = Server::start_with(&[EDDSA]);
    let pair = server.sign_up("ada@example.com");
    let token = jwt::parse(&pair.token);
    let kid = token.header["kid"].as_str().expect("a key ID").to_owned();
    for algorithm in [
        "none", "None", "NONE", "", "ES256", "HS256", "RS256", "eddsa", "Ed25519",
    ] {
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": kid});
        let other = token.clone().with_header(header);
        assert_invalid(&server, &other.encode());
        assert_invalid(&server, &other.unsigned().encode());
    }
    assert_invalid(&server, &token.clone().unsigned().encode());
    let key = own_key();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).expect("a key");
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let changes: [&dyn Fn(&mut Header); 8] = [
        &|_| {},
        &|header| header.kid = None,
        &|header| header.kid = Some("AAECAwQFBgcICQoL".to_owned()),
        &|header| header.kid = Some(kid.to_lowercase()),
        &|header| header.jwk = Some(jwk.clone()),
        &|header| header.jku = Some("http://127.0.0.1:9/jwks.json".to_owned()),
        &|header| header.x5u = Some("http://127.0.0.1:9/key.pem".to_owned()),
        &|header| header.x5c = Some(vec!["AAAA".to_owned()]),
    ];
    for change in changes {
        assert_invalid(&server, &signed(&token, &key, change));
    }
    // The ID of a key of the other algorithm, and that of the user's own key.
    let refresh = jwt::parse(&pair.refresh_token).header["kid"].clone();
    for kid in [&published(&server)[1]["kid"], &refresh] {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid});
        assert_invalid(&server, &token.clone().with_header(header).encode());
    }
    server.assert_valid(&pair);
}

#[test]
fn nothing_signed_can_be_changed() {
    for algorithm in ["EdDSA", "ES256"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let grace = server.register("grace@example.com").id;
        let pair = server.sign_up("ada@example.com");
        let other = server.sign_in("ada@example.com");
        let token = jwt::parse(&pair.token);
        for valid in [&pair, &other] {
            assert_eq!(server.view(&valid.token).status, 200);
        }
        for (claim, value) in [
            ("sub", grace.into()),
            ("sid", jwt::claims(&other.token)["sid"].clone()),
            ("token_type", "refresh".into()),
            ("exp", 4_000_000_000_u64.into()),
            ("amr", json!(["pwd", "otp"])),
            ("gen", "AAAAAAAAAAAAAAAA".into()),
            ("gen", Value::Null),
            ("aud", "https://elsewhere.example".into()),
        ] {
            let forged = token.clone().with_claim(claim, value);
            assert_invalid(&server, &forged.encode());
        }
        let (message, signature) = pair.token.rsplit_once('.').expect("a signature");
        let (_, foreign) = other.token.rsplit_once('.').expect("a signature");
        let last = signature.len() - 1;
        for signature in [
            foreign.to_owned(),
            signature[..last].to_owned(),
            format!("{signature}A"),
            signature.replacen(
                &signature[..1],
                if signature.starts_with('A') { "B" } else { "A" },
                1,
            ),
            "A".repeat(signature.len()),
            String::new(),
        ] {
            assert_invalid(&server, &format!("{message}.{signature}"));
        }
        for pair in [&pair, &other] {
            server.assert_valid(pair);
        }
    }
}

#[test]
fn tokens_of_another_server_or_for_another_url_are_invalid() {
    let env = TestEnv::new();
    let secret = ("LATCHKEY_SECRET", OLD);
    let server = env.start(&[EDDSA, URL, secret]);
    let pair = server.sign_up("ada@example.com");
    let other = Server::start_with(&[EDDSA, URL]);
    let foreign = other.sign_up("ada@example.com");
    assert_invalid(&server, &foreign.token);
    assert_invalid(&other, &pair.token);
    server.assert_valid(&pair);
    let pair = server.sign_in("ada@example.com");
    drop(server);
    // The same keys, users and sessions.
    let server = env.start(&[
        EDDSA,
        ("LATCHKEY_PUBLIC_URL", "https://two.example"),
        secret,
    ]);
    assert_invalid(&server, &pair.token);
}

#[test]
fn a_new_secret_of_the_user_ends_all_tokens_at_once() {
    let server = Server::start_with(&[EDDSA]);
    let first = server.sign_up("ada@example.com");
    let second = server.sign_in("ada@example.com");
    let generation = |pair: &TokenPair| jwt::claims(&pair.token)["gen"].clone();
    assert_eq!(generation(&first), generation(&second));
    for pair in [&first, &second] {
        assert_eq!(server.view(&pair.token).status, 200);
    }
    server
        .post("/api/user/logout/all")
        .token(&first.token)
        .send()
        .assert_no_content();
    for pair in [&first, &second] {
        server.assert_revoked(pair);
    }
    let third = server.sign_in("ada@example.com");
    assert_ne!(generation(&third), generation(&first));
    // By hand, which counts as well: each session is still there.
    let secret = "UPDATE users SET jwt_secret = '0e6c8a52-9d3b-4b61-a0f4-5f7d1c2b3a49'";
    assert_eq!(server.view(&third.token).status, 200);
    server.database().execute(secret);
    crate::support::wait_until("invalid", Duration::from_secs(5), || {
        server.view(&third.token).status == 401
    });
    server.assert_revoked(&third);
}

#[test]
fn one_session_ends_alone_and_a_deactivated_user_has_none() {
    let server = Server::start_with(&[EDDSA]);
    let first = server.sign_up("ada@example.com");
    let second = server.sign_in("ada@example.com");
    for pair in [&first, &second] {
        assert_eq!(server.view(&pair.token).status, 200);
    }
    server
        .post("/api/user/logout")
        .token(&first.token)
        .send()
        .assert_no_content();
    server.assert_revoked(&first);
    assert_eq!(server.view(&second.token).status, 200);
    server
        .database()
        .execute("UPDATE users SET is_active = FALSE");
    crate::support::wait_until("invalid", Duration::from_secs(5), || {
        server.view(&second.token).status == 401
    });
    server.assert_revoked(&second);
}

#[test]
fn an_expired_token_says_so() {
    let server = Server::start_with(&[EDDSA, ("LATCHKEY_ACCESS_TTL", "1s")]);
    let pair = server.sign_up("ada@example.com");
    thread::sleep(Duration::from_millis(2100));
    server.view(&pair.token).assert_error(401, "token_expired");
    server
        .verify(&pair.token)
        .assert_error(401, "token_expired");
    let later = jwt::parse(&pair.token).with_claim("exp", 4_000_000_000_u64);
    assert_invalid(&server, &later.encode());
    // The refresh token gets the next pair.
    let next = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_ne!(next.token, pair.token);
}

#[test]
fn a_pending_second_factor_is_required() {
    let server = Server::start_with(&[EDDSA]);
    let pair = server.sign_up("ada@example.com");
    server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    // Other services could not tell it from a token of a user without a second factor.
    assert_eq!(jwt::parse(&pending.token).algorithm(), "HS256");
    server
        .view(&pending.token)
        .assert_error(403, "otp_required");
    server
        .post("/api/user/logout")
        .token(&pending.token)
        .send()
        .assert_no_content();
}

#[test]
fn another_algorithm_signs_nobody_out() {
    let env = TestEnv::new();
    let mut earlier: Vec<(String, TokenPair)> = Vec::new();
    for algorithm in ["HS256", "EdDSA", "ES256", "HS256"] {
        let server = env.start(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        if earlier.is_empty() {
            server.register("ada@example.com");
        }
        for (former, pair) in &mut earlier {
            for _ in 0..2 {
                assert_eq!(server.view(&pair.token).status, 200, "{former} {algorithm}");
            }
            let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
            assert_eq!(jwt::parse(&renewed.token).algorithm(), algorithm);
            assert_eq!(server.view(&pair.token).status, 200, "{former} {algorithm}");
            pair.refresh_token = renewed.refresh_token;
        }
        let pair = server.sign_in("ada@example.com");
        assert_eq!(jwt::parse(&pair.token).algorithm(), algorithm);
        assert_eq!(jwt::parse(&pair.refresh_token).algorithm(), "HS256");
        earlier.push((algorithm.to_owned(), pair));
    }
    let server = env.start(&[EDDSA]);
    let first = &earlier[0].1;
    server
        .post("/api/user/logout/all")
        .token(&first.token)
        .send()
        .assert_no_content();
    for (_, pair) in &earlier {
        server.assert_revoked(pair);
    }
}

/// As docs/operations.md says: first `old,new`, one server after the other, then `new,old`, then `new`.
#[test]
fn rotating_the_master_secret_refuses_no_token_on_two_servers() {
    let [one, two] = [TestEnv::new(), TestEnv::new()];
    let database = one.database.address();
    let start = |env: &Arc<TestEnv>, secrets: &str| {
        let mut settings = vec![EDDSA, URL, ("LATCHKEY_SECRET", secrets)];
        if Arc::ptr_eq(env, &two) {
            settings.push(("DATABASE_URL", &database));
        }
        env.start(&settings)
    };
    let mut servers = [start(&one, OLD), start(&two, OLD)];
    servers[0].register("ada@example.com");
    let mut pairs = Vec::new();
    let mut last = Vec::new();
    let (announced, rotated) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    for secrets in [&announced, &rotated] {
        for (number, env) in [&one, &two].into_iter().enumerate() {
            servers[number].signal("TERM");
            servers[number].wait();
            servers[number] = start(env, secrets);
            last = servers
                .iter()
                .map(|server| server.sign_in("ada@example.com"))
                .collect();
            pairs.extend(last.iter().cloned());
            for server in &servers {
                let keys: Vec<_> = published(server)
                    .iter()
                    .map(|key| key["kid"].clone())
                    .collect();
                for pair in &pairs {
                    let view = server.view(&pair.token);
                    assert_eq!(view.status, 200, "{secrets} {number} {view}");
                }
                // A service that has the keys of either server can verify every token.
                for pair in &last {
                    assert!(keys.contains(&jwt::parse(&pair.token).header["kid"]));
                }
            }
        }
    }
    for pair in &pairs {
        assert_eq!(servers[1].refresh(&pair.refresh_token).status, 200);
    }
    drop(servers);
    // Without the old secret, its tokens are refused: the way out after a leak.
    let server = start(&one, NEW);
    assert_invalid(&server, &pairs[0].token);
    for pair in &last {
        assert_eq!(server.view(&pair.token).status, 200);
    }
}
