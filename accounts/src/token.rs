//! The tokens that clients keep: JWTs (RFC 7519), HS256 only, signed with their user's own key.

use std::{fmt, sync::Once};

use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::ErrorKind,
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use signature::{Signer, Verifier};

use crate::{Error, Id, Timestamp, secret::TokenKey};

/// The longest token that is looked at, in bytes; ours have about 500.
const MAX_LENGTH: usize = 4096;

/// What a client is given when it signs in or renews.
pub struct TokenPair {
    /// Authorizes requests until it runs out.
    pub access_token: String,
    /// Buys the next pair, once.
    pub refresh_token: String,
    /// The access token's life in seconds.
    pub expires_in: u64,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// It authorizes requests.
    Access,
    /// It buys a new pair.
    Refresh,
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        })
    }
}

/// A way in which a user has proved to be it: an authentication method reference (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By password.
    Pwd,
    /// By a one-time code: the second factor.
    Otp,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
        })
    }
}

/// The claims of a token whose signature has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: the server's public URL.
    pub iss: String,
    /// Audience: the server's public URL.
    pub aud: String,
    /// Subject: the user.
    pub sub: Id,
    /// The session.
    pub sid: Id,
    /// What the token is for.
    pub token_type: TokenType,
    /// How the user proved to be it.
    pub amr: Vec<Method>,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: Id,
}

impl Claims {
    /// Whether the token has passed the second factor.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.amr.contains(&Method::Otp)
    }

    /// Signs these claims with the key of this name.
    pub(crate) fn sign(&self, key: &TokenKey, key_name: &str) -> Result<String, Error> {
        use_hs256_only();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_name.to_owned());
        jsonwebtoken::encode(&header, self, &EncodingKey::from_secret(key.as_bytes()))
            .map_err(|error| Error::Internal(error.to_string().into()))
    }
}

/// A token that names its user and session but has proved nothing yet: enough to look up the key
/// that can prove it.
pub(crate) struct UnverifiedToken<'a> {
    signed: &'a str,
    signature: &'a str,
    key_name: String,
    claims: Claims,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            return Err(Error::TokenInvalid);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Error::TokenInvalid)?;
        let token = jsonwebtoken::dangerous::insecure_decode::<Claims>(text)
            .map_err(|_| Error::TokenInvalid)?;
        if token.header.alg != Algorithm::HS256 {
            return Err(Error::TokenInvalid);
        }
        Ok(Self {
            signed,
            signature,
            key_name: token.header.kid.ok_or(Error::TokenInvalid)?,
            claims: token.claims,
        })
    }

    /// The name of the key that it claims to be signed with.
    pub fn key_name(&self) -> &str {
        &self.key_name
    }

    /// The user that it claims to belong to.
    pub fn user_id(&self) -> Id {
        self.claims.sub
    }

    /// Checks the signature, issuer, audience, type and time.
    ///
    /// # Errors
    /// `TokenExpired` if all is right but the time, `TokenInvalid` otherwise.
    pub fn verify<'k>(
        self,
        keys: impl IntoIterator<Item = &'k TokenKey>,
        token_type: TokenType,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Claims, Error> {
        use_hs256_only();
        let is_signed = keys.into_iter().any(|key| {
            let key = DecodingKey::from_secret(key.as_bytes());
            let (signature, signed) = (self.signature, self.signed.as_bytes());
            jsonwebtoken::crypto::verify(signature, signed, &key, Algorithm::HS256)
                .is_ok_and(|is_right| is_right)
        });
        if !is_signed {
            return Err(Error::TokenInvalid);
        }
        // What the signature covers is the text that the claims were read from.
        let claims = self.claims;
        if claims.iss != issuer || claims.aud != issuer || claims.token_type != token_type {
            return Err(Error::TokenInvalid);
        }
        if now.unix_seconds() >= claims.exp {
            return Err(Error::TokenExpired);
        }
        Ok(claims)
    }
}

/// Tells jsonwebtoken to know HS256 and nothing else: no other algorithm is compiled in, so none
/// can be talked into.
fn use_hs256_only() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| {
            check_hs256(*algorithm, key.family())?;
            Ok(Box::new(Hs256::new(key.as_bytes())?))
        },
        verifier_factory: |algorithm, key| {
            check_hs256(*algorithm, key.family())?;
            Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)?))
        },
        key_utils: KeyUtils::new_unimplemented(),
    };
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        PROVIDER
            .install_default()
            .expect("nothing else in this program installs a JWT provider");
    });
}

fn check_hs256(
    algorithm: Algorithm,
    family: AlgorithmFamily,
) -> Result<(), jsonwebtoken::errors::Error> {
    if algorithm == Algorithm::HS256 && family == AlgorithmFamily::Hmac {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}

/// HMAC with SHA-256 (RFC 7518, 3.2).
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(key: &[u8]) -> Result<Self, jsonwebtoken::errors::Error> {
        Hmac::new_from_slice(key)
            .map(Self)
            .map_err(|_| ErrorKind::InvalidKeyFormat.into())
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let tag = self.0.clone().chain_update(message).finalize();
        Ok(tag.into_bytes().to_vec())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    /// Compares in constant time.
    fn verify(&self, message: &[u8], tag: &Vec<u8>) -> Result<(), signature::Error> {
        self.0
            .clone()
            .chain_update(message)
            .verify_slice(tag)
            .map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}
