//! Tests of the server's keys, against examples of the standards and another implementation.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{crypto, encode};
use serde_json::{Value, json};

use super::*;
use crate::{crypto::token::Method, id::Id};

const ISSUER: &str = "https://id.example";
const OLD: &str = "an old master secret of 32 bytes or more";
const NEW: &str = "a new master secret with 32 bytes or more";
const ISSUED: i64 = 1_795_600_000;

/// Created by another implementation from the claims below and the key that OLD makes.
const TOKEN: &str = "\
    eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IndjRnRXeDgtaWZHLUlCYTFBemY2\
    eFZGWllyOVRJVVRCQnpXcVVoQXFDV28ifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhd\
    WQiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiIwMTAxMDEwMS0wMTAxLTQxMDEtODEwMS0wM\
    TAxMDEwMTAxMDEiLCJzaWQiOiIwMjAyMDIwMi0wMjAyLTQyMDItODIwMi0wMjAyMDIwMjAyMDIiL\
    CJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiYW1yIjpbInB3ZCIsIm90cCJdLCJpYXQiOjE3OTU2MDAwM\
    DAsImV4cCI6MTc5NTYwMDkwMCwianRpIjoiMDMwMzAzMDMtMDMwMy00MzAzLTgzMDMtMDMwMzAzM\
    DMwMzAzIiwiZ2VuIjoiQUNkcEFOQTFhZU1INjVaWSJ9.utFcLdooTAetkwPyB7nrOmXuLFRLoybu\
    sc-AqzfAkY-e4NuCL1Otx5E3x86NGlhx_ThryJGxsQ59m-YrUpH8Dw";

fn keys(masters: &str, algorithm: TokenAlgorithm) -> ServerKeys {
    let masters = MasterSecrets::parse(masters).unwrap();
    ServerKeys::derive(&masters, algorithm, ISSUER).unwrap()
}

fn published(keys: &ServerKeys) -> Vec<Value> {
    let set: Value = serde_json::from_str(keys.published()).unwrap();
    assert_eq!(set.as_object().unwrap().len(), 1);
    set["keys"].as_array().unwrap().clone()
}

fn claims() -> Claims {
    let id = |byte| Id::from_random([byte; 16]);
    Claims {
        iss: ISSUER.to_owned(),
        aud: ISSUER.to_owned(),
        sub: id(1),
        sid: id(2),
        token_type: TokenType::Access,
        amr: vec![Method::Pwd, Method::Otp],
        iat: ISSUED,
        exp: ISSUED + 900,
        jti: id(3),
        generation: Some("ACdpANA1aeMH65ZY".to_owned()),
        roles: None,
        auth_time: None,
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(ISSUED)
}

/// Whether the token is accepted, which no other kind of token may be.
fn accepts(keys: &ServerKeys, token: &str) -> bool {
    matches!(keys.verify(token, now()), Ok(Some(_)))
}

fn bytes<const N: usize>(base64: &str) -> [u8; N] {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(base64).unwrap();
    bytes.try_into().unwrap()
}

#[test]
fn keys_are_those_of_the_standards_examples() {
    // RFC 8037, A.1 to A.3.
    let seed = bytes("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let pair = KeyPair::new(ed25519(seed), Algorithm::EdDSA).unwrap();
    assert_eq!(
        serde_json::to_value(&pair.public).unwrap(),
        json!({
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        })
    );
    // RFC 7515, A.3.
    let scalar = bytes("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    let pair = KeyPair::new(p256(scalar), Algorithm::ES256).unwrap();
    let public = serde_json::to_value(&pair.public).unwrap();
    assert_eq!(public["x"], "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    assert_eq!(public["y"], "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    assert_eq!(
        (&public["kty"], &public["crv"]),
        (&json!("EC"), &json!("P-256"))
    );
}

#[test]
fn numbers_that_are_no_p256_key_are_skipped() {
    // The order of the group, and one less.
    let order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    let last = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVA";
    let tried = [[0; 32], [0xff; 32], bytes(order), bytes(last), [1; 32]];
    let mut attempts = Vec::new();
    let found = first_valid(|attempt| {
        attempts.push(attempt);
        KeyPair::new(p256(tried[usize::from(attempt)]), Algorithm::ES256)
    });
    let expected = KeyPair::new(p256(bytes(last)), Algorithm::ES256);
    assert_eq!(found.unwrap().id, expected.unwrap().id);
    assert_eq!(attempts, [0, 1, 2, 3]);
    let none = first_valid(|_| KeyPair::new(p256([0; 32]), Algorithm::ES256));
    assert!(none.is_err());
}

/// Released servers have issued tokens with these keys.
#[test]
fn issued_tokens_stay_valid() {
    let keys = keys(OLD, TokenAlgorithm::EdDsa);
    assert_eq!(keys.sign(&claims()).unwrap().unwrap(), TOKEN);
    let published = published(&keys);
    assert_eq!(
        published[0]["kid"],
        "wcFtWx8-ifG-IBa1Azf6xVFZYr9TIUTBBzWqUhAqCWo"
    );
    assert_eq!(
        published[0]["x"],
        "P7EU8Prfhbk67IfWvwI0NaaiCYJi_Ylj4gKgk9ZZOvo"
    );
    assert_eq!(
        published[1]["kid"],
        "SI3hvt_KOgTCWrOsHlOYjVoLJmdWMdokFc4OvjKcU1M"
    );
    assert_eq!(
        published[1]["x"],
        "JPW0i6x4ZBXjhlrJMgLqrTJ3eZohA008ITwHxEJ04Cs"
    );
    assert_eq!(
        published[1]["y"],
        "mxs98ALqR0t6nfBkqGdtaevHMQftEPatLFEis7zLawM"
    );
}

#[test]
fn tokens_of_either_algorithm_are_accepted_whichever_is_configured() {
    use TokenAlgorithm::{EdDsa, Es256, Hs256};
    assert!(keys(OLD, Hs256).sign(&claims()).is_none());
    assert_eq!(keys(OLD, Hs256).published(), r#"{"keys":[]}"#);
    for signing in [EdDsa, Es256] {
        let token = keys(OLD, signing).sign(&claims()).unwrap().unwrap();
        for verifying in [Hs256, EdDsa, Es256] {
            let keys = keys(OLD, verifying);
            for _ in 0..2 {
                let read = keys.verify(&token, now()).unwrap().unwrap();
                assert_eq!(*read, claims());
            }
        }
    }
}

#[test]
fn the_first_master_secret_signs_and_all_are_published_and_accepted() {
    for algorithm in [TokenAlgorithm::EdDsa, TokenAlgorithm::Es256] {
        let [old, new] = [OLD, NEW].map(|secret| keys(secret, algorithm));
        let both = keys(&format!("{NEW},{OLD}"), algorithm);
        let [by_old, by_new, by_both] =
            [&old, &new, &both].map(|keys| keys.sign(&claims()).unwrap().unwrap());
        // ECDSA is deterministic here, too (RFC 6979).
        assert_eq!(by_both, by_new);
        for token in [&by_old, &by_new] {
            assert!(accepts(&both, token));
        }
        assert!(!accepts(&old, &by_new) && !accepts(&new, &by_old));
        let all = published(&both);
        assert_eq!(all.len(), 4);
        assert_eq!(all[0], published(&new)[0]);
        assert_eq!(all[1], published(&old)[0]);
    }
}

#[test]
fn only_the_named_key_verifies_and_only_with_its_algorithm() {
    let keys = keys(&format!("{OLD},{NEW}"), TokenAlgorithm::EdDsa);
    let (private, header) = keys.signing.clone().unwrap();
    let sign = |header: &Header, claims: &Claims| encode(header, claims, &private).unwrap();
    assert!(accepts(&keys, &sign(&header, &claims())));
    for kid in published(&keys)[1..].iter().map(|key| &key["kid"]) {
        let kid = kid.as_str().map(str::to_owned);
        let other = Header {
            kid,
            ..header.clone()
        };
        assert!(!accepts(&keys, &sign(&other, &claims())));
    }
    for typ in [None, Some("JWT".to_owned())] {
        let other = Header {
            typ,
            ..header.clone()
        };
        assert!(!accepts(&keys, &sign(&other, &claims())));
    }
    let changes: [fn(&mut Claims); 5] = [
        |claims| claims.token_type = TokenType::Refresh,
        |claims| claims.generation = None,
        |claims| claims.iss = "https://elsewhere.example".to_owned(),
        |claims| claims.aud = "https://elsewhere.example".to_owned(),
        |claims| claims.iss.push('/'),
    ];
    for change in changes {
        let mut changed = claims();
        change(&mut changed);
        assert!(!accepts(&keys, &sign(&header, &changed)), "{changed:?}");
    }
    // The public key as the secret of an HMAC, in each form that a library may take it for.
    let public = published(&keys)[0].clone();
    let x = public["x"].as_str().unwrap();
    for secret in [x.as_bytes(), &bytes::<32>(x), public.to_string().as_bytes()] {
        let header = Header {
            alg: Algorithm::HS256,
            ..header.clone()
        };
        let token = encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap();
        assert!(keys.verify(&token, now()).is_err());
        // Under the header of the real algorithm.
        let (message, _) = TOKEN.rsplit_once('.').unwrap();
        let key = EncodingKey::from_secret(secret);
        let code = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        assert!(!accepts(&keys, &format!("{message}.{code}")));
    }
    // A key that the token brings along.
    let own = KeyPair::new(ed25519([7; 32]), Algorithm::EdDSA).unwrap();
    let brought = Header {
        jwk: Some(own.public.clone()),
        ..header.clone()
    };
    let token = encode(&brought, &claims(), &own.private).unwrap();
    assert!(!accepts(&keys, &token));
}

#[test]
fn a_token_is_remembered_only_as_a_whole_and_until_it_expires() {
    let keys = keys(OLD, TokenAlgorithm::EdDsa);
    assert!(
        keys.verify(TOKEN, Timestamp::from_unix_seconds(ISSUED + 900))
            .is_ok()
    );
    assert_eq!(keys.verified.len(), 0);
    assert!(accepts(&keys, TOKEN));
    assert_eq!(keys.verified.len(), 1);
    let (message, signature) = TOKEN.rsplit_once('.').unwrap();
    for forged in [
        format!("{message}.{}", signature.replacen('u', "v", 1)),
        format!("{message}."),
        message.to_owned(),
        format!("{TOKEN}A"),
        format!("{TOKEN}."),
        format!("{TOKEN} "),
    ] {
        assert!(!accepts(&keys, &forged), "{forged}");
    }
    assert_eq!(keys.verified.len(), 1);
}
