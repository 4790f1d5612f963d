//! The floor that `make bench` compares `GET /api/user/view` with: a bare axum handler that verifies
//! a token with `jsonwebtoken` and responds with the claims as JSON.
//!
//! `cargo run --release -p server --example floor -- 127.0.0.1:0 EdDSA` prints the address and a token.
//! Without an algorithm it is HS256.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, get_current_timestamp,
    jwk::Jwk,
};
use serde::{Deserialize, Serialize};

const KEY: &[u8] = b"one key for all users, 32 bytes..";

/// An Ed25519 key in PKCS #8 (RFC 8410).
const ED25519: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20\
    one key of the server, 32 bytes.";

const ISSUER: &str = "http://127.0.0.1:3000";

/// The claims of Latchkey's access tokens.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    token_type: String,
    amr: Vec<String>,
    iat: u64,
    exp: u64,
    jti: String,
}

struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

#[tokio::main]
#[allow(clippy::print_stdout)] // The address and the token are the program's output.
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (algorithm, encoding_key, key) = match std::env::args().nth(2).as_deref() {
        Some("EdDSA") => {
            let key = EncodingKey::from_ed_der(ED25519);
            let public = Jwk::from_encoding_key(&key, Algorithm::EdDSA)?;
            (Algorithm::EdDSA, key, DecodingKey::from_jwk(&public)?)
        }
        _ => (
            Algorithm::HS256,
            EncodingKey::from_secret(KEY),
            DecodingKey::from_secret(KEY),
        ),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    let verifier = Verifier { key, validation };
    let router = Router::new()
        .route("/view", get(view))
        .with_state(Arc::new(verifier));

    let address = std::env::args().nth(1).unwrap_or_default();
    let listener = tokio::net::TcpListener::bind(address).await?;
    let token = token(&Header::new(algorithm), &encoding_key)?;
    println!("{} {token}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn view(
    State(verifier): State<Arc<Verifier>>,
    headers: HeaderMap,
) -> Result<Json<Claims>, StatusCode> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    let token =
        decode(token, &verifier.key, &verifier.validation).map_err(|_| StatusCode::UNAUTHORIZED)?;
    Ok(Json(token.claims))
}

/// Creates a token with the claims of one of Latchkey's.
fn token(header: &Header, key: &EncodingKey) -> jsonwebtoken::errors::Result<String> {
    let id = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6";
    let now = get_current_timestamp();
    let claims = Claims {
        iss: ISSUER.into(),
        aud: ISSUER.into(),
        sub: id.into(),
        sid: id.into(),
        token_type: "access".into(),
        amr: vec!["pwd".into()],
        iat: now,
        exp: now + 3600,
        jti: id.into(),
    };
    encode(header, &claims, key)
}
