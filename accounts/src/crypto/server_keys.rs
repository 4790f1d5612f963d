//! The server's own keys for access tokens: with their public halves, any service can verify a token.
//!
//! They are derived from the master secrets, so that all servers have the same ones and a list of secrets
//! rotates them. For each secret there is an Ed25519 key (`EdDSA`, RFC 8037) and a P-256 key (`ES256`,
//! RFC 7518), named by their thumbprints (RFC 7638). Tokens of either are accepted whichever algorithm is
//! configured, so a change of it signs nobody out. The labels are part of issued tokens: they never
//! change.

use std::{str::FromStr, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use quick_cache::sync::Cache;

use super::{
    master_secrets::{MasterSecret, MasterSecrets},
    token::{self, Claims, MAX_HEADER_LENGTH, MAX_LENGTH, TokenType},
};
use crate::{clock::Timestamp, error::Error};

/// The type of access tokens (RFC 9068, 2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";

/// The minimum length of an encoded header with an algorithm and a thumbprint. A shorter one, as tokens
/// that are signed with a user's key have it, names none of these keys and is not parsed twice.
const MIN_HEADER_LENGTH: usize = 90;

/// How many tokens are remembered whose signature is valid. Each takes about 1 KiB.
const VERIFIED_LIMIT: usize = 10_000;

/// How access tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// With the user's own key, HMAC with SHA-256: only Latchkey can verify them.
    #[default]
    Hs256,
    /// With an Ed25519 key of the server.
    EdDsa,
    /// With a P-256 key of the server, ECDSA with SHA-256.
    Es256,
}

/// The error of a text that names no [`TokenAlgorithm`].
#[derive(Debug, thiserror::Error)]
#[error("write it as HS256, EdDSA or ES256")]
pub struct InvalidTokenAlgorithm;

impl FromStr for TokenAlgorithm {
    type Err = InvalidTokenAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "HS256" => Ok(Self::Hs256),
            "EdDSA" => Ok(Self::EdDsa),
            "ES256" => Ok(Self::Es256),
            _ => Err(InvalidTokenAlgorithm),
        }
    }
}

/// The keys of a server.
pub(crate) struct ServerKeys {
    /// The key that signs, and the header of its tokens. None with HS256.
    signing: Option<(EncodingKey, Header)>,
    verifying: Vec<VerifyingKey>,
    /// The public keys as JSON (RFC 7517).
    published: String,
    /// Tokens whose signature and fixed claims are known to be valid, as it takes long to find out. Keys
    /// and issuer stay the same while the server runs, so this never becomes wrong. Everything that
    /// can change is checked each time.
    verified: Cache<Box<str>, Arc<Claims>>,
}

/// A key pair for one algorithm, derived from one master secret.
struct KeyPair {
    algorithm: Algorithm,
    private: EncodingKey,
    public: Jwk,
    id: String,
}

/// A public key, and the only rules by which it verifies.
struct VerifyingKey {
    id: String,
    key: DecodingKey,
    /// Allows one algorithm: the header never chooses.
    validation: Validation,
}

impl ServerKeys {
    /// Derives the keys from the master secrets.
    ///
    /// # Errors
    /// When the cryptographic library rejects a key, which never happens.
    pub fn derive(
        masters: &MasterSecrets,
        algorithm: TokenAlgorithm,
        issuer: &str,
    ) -> Result<Self, Error> {
        let mut pairs = Vec::new();
        // The algorithm in use comes first, for clients that look at the first key only.
        let order = match algorithm {
            TokenAlgorithm::Es256 => [Algorithm::ES256, Algorithm::EdDSA],
            TokenAlgorithm::Hs256 | TokenAlgorithm::EdDsa => [Algorithm::EdDSA, Algorithm::ES256],
        };
        for algorithm in order {
            for master in masters.iter() {
                pairs.push(KeyPair::derive(master, algorithm)?);
            }
        }
        let is_published = algorithm != TokenAlgorithm::Hs256;
        let signing = pairs.first().filter(|_| is_published).map(KeyPair::signing);
        let keys = pairs.iter().filter(|_| is_published);
        let published = JwkSet {
            keys: keys.map(|pair| pair.public.clone()).collect(),
        };
        let published = serde_json::to_string(&published)
            .map_err(|error| Error::internal("can't write the public keys", error))?;
        let verifying = pairs.into_iter().map(|pair| pair.verifying(issuer));
        Ok(Self {
            signing,
            verifying: verifying.collect::<Result<_, _>>()?,
            published,
            verified: Cache::new(VERIFIED_LIMIT),
        })
    }

    /// Signs the claims of an access token, or returns `None` if these keys are not used.
    pub fn sign(&self, claims: &Claims) -> Option<Result<String, Error>> {
        let (key, header) = self.signing.as_ref()?;
        Some(claims.sign_with(header, key))
    }

    /// Whether these keys sign access tokens.
    pub fn is_used(&self) -> bool {
        self.signing.is_some()
    }

    /// The public keys as a JSON Web Key Set (RFC 7517); without any if these keys are not used.
    pub fn published(&self) -> &str {
        &self.published
    }

    /// Returns the claims of an access token that one of these keys has signed, or `None` for a token that
    /// names none of them. Neither the time nor anything about the user has been checked.
    ///
    /// # Errors
    /// `TokenInvalid` if the token names one of the keys and was not signed with it.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Option<Arc<Claims>>, Error> {
        // The whole token is compared, including its signature.
        if let Some(claims) = self.verified.get(token) {
            return Ok(Some(claims));
        }
        let Some(key) = self.named_by(token) else {
            return Ok(None);
        };
        let claims = Arc::new(key.verify(token)?);
        if claims.expires_at() > now {
            self.verified.insert(token.into(), claims.clone());
        }
        Ok(Some(claims))
    }

    /// Finds the key whose id is in the header of a token.
    fn named_by(&self, token: &str) -> Option<&VerifyingKey> {
        let header_length = token.find('.')?;
        let is_plausible = (MIN_HEADER_LENGTH..=MAX_HEADER_LENGTH).contains(&header_length);
        if !is_plausible || token.len() > MAX_LENGTH {
            return None;
        }
        let id = decode_header(token).ok()?.kid?;
        self.verifying.iter().find(|key| key.id == id)
    }
}

impl VerifyingKey {
    fn verify(&self, token: &str) -> Result<Claims, Error> {
        let token = decode::<Claims>(token, &self.key, &self.validation);
        let token = token.map_err(|_| Error::TokenInvalid)?;
        // These keys sign nothing else, but a token says what it is (RFC 8725, 3.11 and 3.12).
        let is_access_token = token.header.typ.as_deref() == Some(ACCESS_TOKEN_TYPE)
            && token.claims.token_type == TokenType::Access
            && token.claims.generation.is_some();
        if is_access_token {
            Ok(token.claims)
        } else {
            Err(Error::TokenInvalid)
        }
    }
}

impl KeyPair {
    fn derive(master: &MasterSecret, algorithm: Algorithm) -> Result<Self, Error> {
        match algorithm {
            Algorithm::EdDSA => {
                let key = ed25519(master.derive(&[b"server key Ed25519 1"]));
                Self::new(key, algorithm)
            }
            _ => first_valid(|attempt| {
                let key = p256(master.derive(&[b"server key P-256 1", &[attempt]]));
                Self::new(key, Algorithm::ES256)
            }),
        }
    }

    fn new(private: EncodingKey, algorithm: Algorithm) -> Result<Self, Error> {
        let invalid = |error| Error::internal("can't derive a key", error);
        let mut public = Jwk::from_encoding_key(&private, algorithm).map_err(invalid)?;
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(invalid)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            algorithm,
            private,
            public,
            id,
        })
    }

    fn signing(&self) -> (EncodingKey, Header) {
        let header = Header {
            typ: Some(ACCESS_TOKEN_TYPE.to_owned()),
            kid: Some(self.id.clone()),
            ..Header::new(self.algorithm)
        };
        (self.private.clone(), header)
    }

    fn verifying(self, issuer: &str) -> Result<VerifyingKey, Error> {
        let key = DecodingKey::from_jwk(&self.public)
            .map_err(|error| Error::internal("can't derive a key", error))?;
        Ok(VerifyingKey {
            id: self.id,
            key,
            validation: token::validation(self.algorithm, issuer),
        })
    }
}

/// Rejection sampling: the bytes of a P-256 key are a number from 1 to the order of the group minus one.
/// Any other is rejected by the library, one in 2^32, and the next one is tried. So every key is equally
/// likely.
fn first_valid<T>(mut attempt: impl FnMut(u8) -> Result<T, Error>) -> Result<T, Error> {
    let mut result = attempt(0);
    for number in 1..=u8::MAX {
        if result.is_ok() {
            break;
        }
        result = attempt(number);
    }
    result
}

/// An Ed25519 private key in PKCS #8 (RFC 8410, 7).
fn ed25519(seed: [u8; 32]) -> EncodingKey {
    const HEAD: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    EncodingKey::from_ed_der(&[&HEAD[..], &seed].concat())
}

/// A P-256 private key in PKCS #8 (RFC 5208, RFC 5915), without its public key.
fn p256(scalar: [u8; 32]) -> EncodingKey {
    const HEAD: [u8; 35] = [
        0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25,
        0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    EncodingKey::from_ec_der(&[&HEAD[..], &scalar].concat())
}

#[cfg(test)]
mod tests;
