//! Invalid and forged tokens, each tried wherever a token is accepted.

use serde_json::{Value, json};

use crate::support::{
    Server, TestEnv, TokenPair,
    jwt::{self, Jwt},
    text_of,
};

const SECRET: &str = "the master secret of this test: 32 bytes or more";

/// The token is invalid both as an access token and as a refresh token, in the header and in a
/// body.
#[track_caller]
fn assert_invalid(server: &Server, token: &str) {
    server.verify(token).assert_error(401, "token_invalid");
    server.refresh(token).assert_error(401, "token_invalid");
    if can_stand_in_a_header(token) {
        for scheme in ["Bearer", "JWT"] {
            server
                .get("/api/user/view")
                .header("authorization", format!("{scheme} {token}"))
                .send()
                .assert_error(401, "token_invalid");
        }
    }
}

fn can_stand_in_a_header(token: &str) -> bool {
    token
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !token.trim().is_empty()
}

/// The two tokens of a pair, each with the claims of the other one.
fn both(pair: &TokenPair) -> [Jwt; 2] {
    [jwt::parse(&pair.token), jwt::parse(&pair.refresh_token)]
}

#[test]
fn without_a_signature() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for token in both(&pair) {
        for algorithm in ["none", "None", "NONE", "nOnE", ""] {
            let header = json!({"typ": "JWT", "alg": algorithm});
            let unsigned = token.clone().with_header(header).unsigned();
            assert_invalid(&server, &unsigned.encode());
            let signed = token.clone().with_header(unsigned.header);
            assert_invalid(&server, &signed.encode());
        }
        assert_invalid(&server, &token.clone().unsigned().encode());
        let cut = token.encode();
        assert_invalid(&server, cut.rsplit_once('.').unwrap().0);
    }
    server.assert_valid(&pair);
}

#[test]
fn with_another_algorithm() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for token in both(&pair) {
        for algorithm in [
            json!("HS384"),
            json!("HS512"),
            json!("RS256"),
            json!("RS512"),
            json!("PS256"),
            json!("ES256"),
            json!("EdDSA"),
            json!("hs256"),
            json!("A128KW"),
            json!("x"),
            json!(256),
            json!(null),
            json!(["HS256"]),
            json!({"HS256": true}),
        ] {
            let other = token.clone().with_header(json!({"alg": algorithm}));
            assert_invalid(&server, &other.encode());
            assert_invalid(&server, &other.signed(b"").encode());
        }
        let nameless = token.clone().with_header(json!({"typ": "JWT"}));
        assert_invalid(&server, &nameless.encode());
    }
    server.assert_valid(&pair);
}

#[test]
fn signed_with_values_known_from_the_database_or_in_public() {
    let server = Server::start_with(&[("LATCHKEY_SECRET", SECRET)]);
    let pair = server.sign_up("ada@example.com");
    let column = |name: &str| {
        server
            .database()
            .text(&format!("SELECT CAST({name} AS TEXT) FROM users"))
    };
    let jwt_secret = column("jwt_secret");
    let jwt_secret_bytes = jwt_secret.parse::<uuid::Uuid>().unwrap().into_bytes();
    let keys = [
        b"".to_vec(),
        b"secret".to_vec(),
        jwt_secret_bytes.to_vec(),
        jwt_secret.replace('-', "").into_bytes(),
        jwt_secret.to_uppercase().into_bytes(),
        jwt_secret.into_bytes(),
        column("id").into_bytes(),
        column("password_hash").into_bytes(),
        SECRET.as_bytes().to_vec(),
        server.url().into_bytes(),
        pair.token.clone().into_bytes(),
    ];
    for key in &keys {
        for token in both(&pair) {
            for algorithm in ["HS256", "HS384", "HS512", "RS256", "none"] {
                let header = json!({"typ": "JWT", "alg": algorithm});
                let forged = token.clone().with_header(header).signed(key);
                assert_invalid(&server, &forged.encode());
            }
        }
    }
    server.assert_valid(&pair);
}

#[test]
fn with_an_embedded_key() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let key = b"0123456789abcdef0123456789abcdef";
    let jwk =
        json!({"kty": "oct", "alg": "HS256", "k": jwt::base64("0123456789abcdef0123456789abcdef")});
    for header in [
        json!({"alg": "HS256", "jwk": jwk}),
        json!({"alg": "HS256", "jku": "http://127.0.0.1:9/jwks.json"}),
        json!({"alg": "HS256", "x5u": "http://127.0.0.1:9/key.pem"}),
        json!({"alg": "HS256", "x5c": [jwt::base64("a certificate")]}),
        json!({"alg": "HS256", "x5t": "x", "x5t#S256": "x"}),
        json!({"alg": "HS256", "kid": "../../../../dev/null"}),
        json!({"alg": "HS256", "kid": "' UNION SELECT 'x"}),
        json!({"alg": "HS256", "kid": 7}),
        json!({"alg": "HS256", "crit": ["exp"], "exp": 1}),
        json!({"alg": "HS256", "b64": false, "crit": ["b64"]}),
        json!({"alg": "HS256", "zip": "DEF"}),
        json!({"alg": "HS256", "cty": "JWT", "typ": 1}),
    ] {
        for token in both(&pair) {
            let forged = token.with_header(header.clone());
            assert_invalid(&server, &forged.encode());
            assert_invalid(&server, &forged.clone().signed(key).encode());
            assert_invalid(&server, &forged.signed(b"").encode());
        }
    }
    server.assert_valid(&pair);
}

#[test]
fn with_changed_claims() {
    let server = Server::start();
    let grace = server.register("grace@example.com");
    let grace_pair = server.sign_in("grace@example.com");
    let grace_session = text_of(&jwt::claims(&grace_pair.token), "sid");
    let pair = server.sign_up("ada@example.com");
    let changes: [(&str, Value); 14] = [
        ("sub", grace.id.into()),
        ("sid", grace_session.into()),
        ("sub", "00000000-0000-4000-8000-000000000000".into()),
        ("sub", "not an id".into()),
        ("sub", "\u{0}".into()),
        ("sub", Value::Null),
        ("sub", 1.into()),
        ("token_type", "access".into()),
        ("token_type", "refresh".into()),
        ("exp", 4_000_000_000_u64.into()),
        ("exp", u64::MAX.into()),
        ("exp", 0.into()),
        ("amr", json!(["pwd", "otp"])),
        ("iss", "https://elsewhere.example".into()),
    ];
    for token in both(&pair) {
        for (claim, value) in &changes {
            let forged = token.clone().with_claim(claim, value.clone());
            if forged.claims != token.claims {
                assert_invalid(&server, &forged.encode());
            }
        }
        for claims in [json!({}), json!([]), json!(null), json!("x"), json!(1)] {
            let mut forged = token.clone();
            forged.claims = claims;
            assert_invalid(&server, &forged.encode());
            assert_invalid(&server, &forged.signed(b"key").encode());
        }
    }
    server.assert_valid(&pair);
    server.assert_valid(&grace_pair);
}

#[test]
fn with_a_damaged_signature() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for token in [&pair.token, &pair.refresh_token] {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = |old: char| if old == 'A' { 'B' } else { 'A' };
        for position in [0, 1, 20, signature.len() - 2, signature.len() - 1] {
            let damaged: String = signature
                .char_indices()
                .map(
                    |(index, char)| {
                        if index == position { other(char) } else { char }
                    },
                )
                .collect();
            assert_invalid(&server, &format!("{signed}.{damaged}"));
        }
        // The last character has two unused bits, which must be zero.
        let last = signature.chars().last().unwrap();
        let next = char::from(last as u8 + 1);
        let signature = signature.strip_suffix(last).unwrap();
        assert_invalid(&server, &format!("{signed}.{signature}{next}"));
        assert_invalid(&server, &format!("{signed}.{signature}"));
    }
    // The two signatures are swapped.
    let [access, refresh] = both(&pair);
    for (mut token, signature) in [
        (access.clone(), &refresh.signature),
        (refresh.clone(), &access.signature),
    ] {
        token.signature.clone_from(signature);
        assert_invalid(&server, &token.encode());
    }
    server.assert_valid(&pair);
}

#[test]
fn that_are_garbage() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = &pair.token;
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let base64 = jwt::base64;
    for garbage in [
        "x".to_owned(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a.b.c".into(),
        "null".into(),
        "undefined".into(),
        "{}".into(),
        "💥.💥.💥".into(),
        "\u{0}".into(),
        "\u{0}.\u{0}.\u{0}".into(),
        "%00".into(),
        " ".into(),
        "\n".into(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{token}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\u{0}"),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("Bearer {token}"),
        format!("\"{token}\""),
        format!("{head}.{claims}"),
        format!("{head}.{claims}."),
        format!("{head}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{claims}.{head}.{signature}"),
        format!("{head}\n.{claims}.{signature}"),
        format!("{head}=.{claims}=.{signature}="),
        format!("{head}.{claims}.{}", signature.to_uppercase()),
        token.to_lowercase(),
        token.chars().rev().collect(),
        token[..token.len() - 1].to_owned(),
        token[..token.len() / 2].to_owned(),
        token[1..].to_owned(),
        format!("{}.{claims}.{signature}", base64("{}")),
        format!("{}.{claims}.{signature}", base64("not json")),
        format!("{}.{claims}.{signature}", base64("[\"HS256\"]")),
        format!("{head}.{}.{signature}", base64("not json")),
        format!("{head}.{}.{signature}", base64("\u{0}")),
        format!("{head}.{}.{signature}", base64(&"[".repeat(5000))),
        format!("{}.{claims}.{signature}", base64(&"{\"a\":".repeat(1500))),
        format!("{head}.{}.{signature}", "A".repeat(8000)),
        "A".repeat(8000),
        ".".repeat(8000),
    ] {
        assert_invalid(&server, &garbage);
    }
    server.assert_valid(&pair);
}

#[test]
fn of_bytes_that_are_not_utf8() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for value in [
        b"Bearer \xff\xfe".to_vec(),
        b"Bearer caf\xe9".to_vec(),
        [b"Bearer ", pair.token.as_bytes(), b"\xff"].concat(),
    ] {
        let mut connection = server.raw_connection();
        connection
            .send("GET /api/user/view HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ");
        connection.send(&value).send("\r\n\r\n");
        assert_eq!(connection.status(), Some(401), "{value:?}");
    }
}

#[test]
fn of_another_server() {
    let url = ("LATCHKEY_PUBLIC_URL", "https://accounts.example");
    let server = Server::start_with(&[url]);
    let other = Server::start_with(&[url]);
    let pair = server.sign_up("ada@example.com");
    let foreign = other.sign_up("ada@example.com");
    assert_invalid(&server, &foreign.token);
    assert_invalid(&server, &foreign.refresh_token);
    assert_invalid(&other, &pair.token);
    assert_invalid(&other, &pair.refresh_token);
    server.assert_valid(&pair);
    other.assert_valid(&foreign);
}

/// The users and keys are the same, but the tokens are for another public URL.
#[test]
fn of_another_issuer() {
    let env = TestEnv::new();
    let secret = ("LATCHKEY_SECRET", SECRET);
    let server = env.start(&[secret, ("LATCHKEY_PUBLIC_URL", "https://one.example")]);
    let pair = server.sign_up("ada@example.com");
    assert_eq!(jwt::claims(&pair.token)["iss"], "https://one.example");
    assert_eq!(jwt::claims(&pair.token)["aud"], "https://one.example");
    drop(server);
    let server = env.start(&[secret, ("LATCHKEY_PUBLIC_URL", "https://two.example")]);
    assert_invalid(&server, &pair.token);
    assert_invalid(&server, &pair.refresh_token);
}

#[test]
fn of_the_other_kind() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .refresh(&pair.token)
        .assert_error(401, "token_invalid");
    server
        .verify(&pair.refresh_token)
        .assert_error(401, "token_invalid");
    for (method, path) in [
        ("GET", "/api/user/view"),
        ("GET", "/api/user/sessions"),
        ("POST", "/api/user/delete"),
        ("POST", "/api/user/logout"),
        ("POST", "/api/user/logout/all"),
        ("POST", "/api/user/sessions/revoke"),
    ] {
        server
            .request(method, path)
            .token(&pair.refresh_token)
            .send()
            .assert_error(401, "token_invalid");
    }
    server.assert_valid(&pair);
}

#[test]
fn signed_with_a_secret_that_was_rotated_out() {
    let env = TestEnv::new();
    let secrets = ["a", "b", "c"].map(|letter| letter.repeat(32));
    let [old, new, newest] = &secrets;

    let server = env.start(&[("LATCHKEY_SECRET", old)]);
    let before = server.sign_up("ada@example.com");
    let kept = server.sign_in("ada@example.com");
    drop(server);

    let server = env.start(&[("LATCHKEY_SECRET", &format!("{new},{old}"))]);
    assert_eq!(server.view(&before.token).status, 200);
    assert_eq!(server.verify(&before.token).status, 200);
    let renewed = TokenPair::from(&server.refresh(&before.refresh_token));
    let after = server.sign_in("ada@example.com");
    drop(server);

    // Tokens issued after the rotation don't need the old secret; earlier ones do.
    let server = env.start(&[("LATCHKEY_SECRET", new)]);
    assert_invalid(&server, &kept.token);
    assert_invalid(&server, &kept.refresh_token);
    server.assert_valid(&renewed);
    server.assert_valid(&after);
    drop(server);

    // A secret that was never used with this data does not fit it, unless the data is said to have lost
    // its own.
    env.database
        .execute("DELETE FROM server_checks WHERE name = 'master_secret'");
    let server = env.start(&[("LATCHKEY_SECRET", newest)]);
    for pair in [&before, &kept, &renewed, &after] {
        assert_invalid(&server, &pair.token);
        assert_invalid(&server, &pair.refresh_token);
    }
    server.assert_valid(&server.sign_in("ada@example.com"));
}

#[test]
fn stay_valid_after_a_restart() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    let pair = server.sign_up("ada@example.com");
    drop(server);
    env.start(&[]).assert_valid(&pair);
}
