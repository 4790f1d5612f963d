//! `/.well-known/jwks.json`.

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{JwkSet, ThumbprintHash},
};
use serde_json::{Value, json};

use crate::support::{Server, TestEnv, jwt};

const PATH: &str = "/.well-known/jwks.json";

const OLD: &str = "the first master secret of this test and long enough";
const NEW: &str = "the second master secret of this test and long enough";

fn keys(server: &Server) -> Vec<Value> {
    let response = server.get(PATH).send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "public, max-age=300");
    response.json()["keys"].as_array().expect("a list").clone()
}

/// Verifies a token as another service does: with the published keys, and nothing else.
#[track_caller]
fn verify_elsewhere(server: &Server, token: &str, algorithm: Algorithm) -> Value {
    let set: JwkSet = serde_json::from_value(json!({"keys": keys(server)})).expect("a key set");
    let header = decode_header(token).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = set.find(&header.kid.expect("a key ID")).expect("the key");
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[server.url()]);
    validation.set_audience(&[server.url()]);
    let key = DecodingKey::from_jwk(key).expect("a supported key");
    let token = decode::<Value>(token, &key, &validation);
    token.expect("the token is valid").claims
}

#[test]
fn has_no_keys_where_only_the_server_can_verify_tokens() {
    let server = Server::start();
    assert_eq!(server.get(PATH).send().json(), json!({"keys": []}));
    assert_eq!(server.request("HEAD", PATH).send().status, 200);
}

#[test]
fn verifies_access_tokens_elsewhere() {
    for (name, algorithm) in [("EdDSA", Algorithm::EdDSA), ("ES256", Algorithm::ES256)] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", name)]);
        let pair = server.sign_up("ada@example.com");
        let claims = verify_elsewhere(&server, &pair.token, algorithm);
        assert_eq!(claims, jwt::claims(&pair.token));
        let generation = claims["gen"].as_str().expect("a generation");
        assert_eq!(generation.len(), 16);
        // The refresh token is the server's business alone.
        let refresh = jwt::parse(&pair.refresh_token);
        assert_eq!(refresh.header["alg"], "HS256");
        assert_eq!(refresh.claims.get("gen"), None);

        let keys = keys(&server);
        assert_eq!(keys[0]["alg"], name);
        for key in keys {
            assert_eq!(key["use"], "sig");
            // Nothing private is published.
            assert_eq!(key.get("d"), None);
            let parsed: jsonwebtoken::jwk::Jwk =
                serde_json::from_value(key.clone()).expect("a key");
            let thumbprint = parsed.thumbprint(ThumbprintHash::SHA256);
            assert_eq!(key["kid"], thumbprint.expect("a thumbprint"));
        }
        server.assert_valid(&pair);
    }
}

#[test]
fn has_the_keys_of_all_master_secrets() {
    let env = TestEnv::new();
    let start = |secrets: &str| {
        env.start(&[
            ("LATCHKEY_SECRET", secrets),
            ("LATCHKEY_TOKEN_ALG", "EdDSA"),
        ])
    };
    let old = keys(&start(OLD));
    let announced = keys(&start(&format!("{OLD},{NEW}")));
    let rotated = keys(&start(&format!("{NEW},{OLD}")));
    let new = keys(&start(NEW));
    assert_eq!(
        [old.len(), announced.len(), rotated.len(), new.len()],
        [2, 4, 4, 2]
    );
    for key in old {
        assert!(announced.contains(&key) && rotated.contains(&key) && !new.contains(&key));
    }
    for key in new {
        assert!(announced.contains(&key) && rotated.contains(&key));
    }
}
