//! JSON Web Tokens, taken apart and forged.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// A token in its three parts (RFC 7515, 7.1).
#[derive(Clone)]
pub struct Jwt {
    /// The header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
    /// The signature, still encoded.
    pub signature: String,
}

impl Jwt {
    /// Takes a token apart without a look at its signature.
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

    /// The same token with one claim changed, and the signature that it had.
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// The same token with another header, and the signature that it had.
    pub fn with_header(mut self, header: Value) -> Self {
        self.header = header;
        self
    }

    /// The same token without a signature.
    pub fn unsigned(mut self) -> Self {
        self.signature.clear();
        self
    }

    /// The same token, signed with this key by the algorithm that its header names. Where that is
    /// not one of the HMAC family, the signature is an HMAC with SHA-256 all the same.
    pub fn signed(mut self, key: &[u8]) -> Self {
        let text = self.signed_part();
        self.signature = URL_SAFE_NO_PAD.encode(match self.header["alg"].as_str() {
            Some("HS384") => mac::<Hmac<Sha384>>(key, &text),
            Some("HS512") => mac::<Hmac<Sha512>>(key, &text),
            _ => mac::<Hmac<Sha256>>(key, &text),
        });
        self
    }

    /// The token in its compact form.
    pub fn encode(&self) -> String {
        format!("{}.{}", self.signed_part(), self.signature)
    }

    fn signed_part(&self) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }
}

/// The claims of a token.
#[track_caller]
pub fn claims(token: &str) -> Value {
    parse(token).claims
}

/// A token that is one, in its parts.
#[track_caller]
pub fn parse(token: &str) -> Jwt {
    Jwt::parse(token).unwrap_or_else(|| panic!("not a JWT: {token}"))
}

/// Text as it stands in a token.
pub fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
