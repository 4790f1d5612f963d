//! The public keys of access tokens, and what is checked with them (RFC 7515, RFC 7519).

use std::{collections::HashMap, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet},
};

use crate::{claims::Claims, error::VerifyError};

/// How long keys are used at most, so that a service drops a key that is no longer published.
const LONGEST_AGE: Duration = Duration::from_secs(5 * 60);

/// The maximum length of a token in bytes.
const MAX_TOKEN: usize = 4096;

/// How many keys are taken from a key set.
const MAX_KEYS: usize = 64;

/// How far in the future a token may have been issued, in seconds.
const CLOCK_SKEW: i64 = 60;

/// The type of access tokens.
const ACCESS: &str = "access";

/// The keys, and until when to use them.
#[derive(Default)]
pub(crate) struct Keys {
    by_id: HashMap<String, Key>,
    expires: Duration,
}

struct Key {
    key: DecodingKey,
    /// What a token that is signed with it must be like.
    rules: Validation,
}

/// Why a token can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    Error(VerifyError),
    /// The key that it names is not known. A newer key set may have it.
    UnknownKey,
    /// There are no keys, or they are too old.
    NoKeys,
}

impl Keys {
    /// The keys of a key set that are for tokens of this issuer. Others than those of EdDSA with Ed25519
    /// and of ES256 are left out.
    pub fn new(set: &JwkSet, issuer: &str, uptime: Duration, max_age: Option<Duration>) -> Self {
        let keys = set.keys.iter().take(MAX_KEYS).filter_map(|jwk| {
            let id = jwk.common.key_id.clone()?;
            Some((id, Key::new(jwk, issuer)?))
        });
        Self {
            by_id: keys.collect(),
            expires: uptime + max_age.unwrap_or(LONGEST_AGE).min(LONGEST_AGE),
        }
    }

    /// Whether there is a key.
    pub fn are_some(&self) -> bool {
        !self.by_id.is_empty()
    }

    /// How much longer the keys may be used.
    pub fn left(&self, uptime: Duration) -> Duration {
        self.expires.saturating_sub(uptime)
    }

    /// Checks the signature of a token and its claims.
    pub fn read(&self, token: &str, uptime: Duration, now: i64) -> Result<Claims, Unread> {
        let invalid = Unread::Error(VerifyError::Invalid);
        if token.len() > MAX_TOKEN {
            return Err(invalid);
        }
        if !self.are_some() || uptime >= self.expires {
            return Err(Unread::NoKeys);
        }
        let header = decode_header(token).map_err(|_| Unread::Error(VerifyError::Invalid))?;
        // RFC 7515, 4.1.11: an extension that must be understood is not.
        let is_known = matches!(header.alg, Algorithm::EdDSA | Algorithm::ES256);
        if !is_known || header.crit.is_some() {
            return Err(invalid);
        }
        // The key decides which algorithm it is for, whatever the header says.
        let id = header.kid.ok_or(Unread::Error(VerifyError::Invalid))?;
        let key = self.by_id.get(&id).ok_or(Unread::UnknownKey)?;
        let Ok(token) = decode::<Claims>(token, &key.key, &key.rules) else {
            return Err(invalid);
        };
        let claims = token.claims;
        if claims.token_type != ACCESS {
            return Err(invalid);
        }
        if now >= claims.exp || claims.iat > now.saturating_add(CLOCK_SKEW) {
            return Err(Unread::Error(VerifyError::Expired));
        }
        Ok(claims)
    }
}

impl Key {
    fn new(jwk: &Jwk, issuer: &str) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Algorithm::EdDSA
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                Algorithm::ES256
            }
            _ => return None,
        };
        let mut rules = Validation::new(algorithm);
        rules.set_required_spec_claims(&["iss", "aud"]);
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[issuer]);
        // By the clock that was passed in.
        rules.validate_exp = false;
        Some(Self {
            key: DecodingKey::from_jwk(jwk).ok()?,
            rules,
        })
    }
}
