//! The least that a request with a token can cost: a bare axum handler that checks an HS256 signature
//! (RFC 7515) and the time, and answers with the claims. `GET /api/user/view` is measured against it.
//!
//! `cargo run --release -p server --example floor -- 127.0.0.1:0` prints the address and a token.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const KEY: &[u8] = b"one key for all users, 32 bytes..";

#[tokio::main]
#[allow(clippy::print_stdout)] // its answer
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_default();
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("{} {}", listener.local_addr()?, token());
    axum::serve(listener, Router::new().route("/view", get(view))).await
}

async fn view(headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    let claims = verified(token).ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(claims))
}

fn verified(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    mac(signed).verify_slice(&signature).ok()?;
    let (_, claims) = signed.split_once('.')?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    (claims["exp"].as_u64()? > now()).then_some(claims)
}

fn mac(signed: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any key will do");
    mac.update(signed.as_bytes());
    mac
}

/// A token with the claims of one of ours.
fn token() -> String {
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let id = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6";
    let claims = json!({
        "iss": "http://127.0.0.1:3000", "aud": "http://127.0.0.1:3000", "sub": id, "sid": id,
        "token_type": "access", "amr": ["pwd"], "iat": now(), "exp": now() + 3600, "jti": id,
    });
    let signed = format!(
        "{}.{}",
        encode(json!({"alg": "HS256", "typ": "JWT"})),
        encode(claims)
    );
    let signature = BASE64_URL_SAFE_NO_PAD.encode(mac(&signed).finalize().into_bytes());
    format!("{signed}.{signature}")
}

#[allow(clippy::disallowed_methods)] // it is not the program
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs()
}
