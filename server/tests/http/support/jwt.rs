//! JSON Web Tokens: parsing and forging.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// The three parts of a token (RFC 7515, section 7.1).
#[derive(Clone)]
pub struct Jwt {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// The encoded signature.
    pub signature: String,
}

impl Jwt {
    /// Parses a token without verifying its signature.
    pub fn parse(token: &str) -> Option<Self> {
        let parts: Vec<_> = token.split('.').collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return None;
        };
        URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self {
            header: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?,
            signature: signature.to_owned(),
        })
    }

    /// The algorithm that the header names, or an empty string.
    pub fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    /// Changes one claim and keeps the signature.
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Replaces the header and keeps the signature.
    pub fn with_header(mut self, header: Value) -> Self {
        self.header = header;
        self
    }

    /// Removes the signature.
    pub fn unsigned(mut self) -> Self {
        self.signature.clear();
        self
    }

    /// Signs the token with this key and the HMAC algorithm that its header names, or HMAC with
    /// SHA-256 if it names another one.
    pub fn signed(mut self, key: &[u8]) -> Self {
        let text = self.signed_part();
        self.signature = URL_SAFE_NO_PAD.encode(match self.header["alg"].as_str() {
            Some("HS384") => mac::<Hmac<Sha384>>(key, &text),
            Some("HS512") => mac::<Hmac<Sha512>>(key, &text),
            _ => mac::<Hmac<Sha256>>(key, &text),
        });
        self
    }

    /// Returns the token in its compact form.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.signed_part(), self.signature)
    }

    fn signed_part(&self) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }
}

/// Returns the claims of a token.
#[track_caller]
pub fn claims(token: &str) -> Value {
    parse(token).claims
}

/// Parses a token, and panics if it is not a JWT.
#[track_caller]
pub fn parse(token: &str) -> Jwt {
    Jwt::parse(token).unwrap_or_else(|| panic!("not a JWT: {token}"))
}

/// Encodes text as Base64url.
pub fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
