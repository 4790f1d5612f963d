//! The tokens that clients keep: JWTs (RFC 7519), HS256 only, signed with their user's own key.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    Error, Id, Timestamp,
    crypto::master_secrets::{KeyName, TokenKey},
};

/// The longest token that is looked at, in bytes; ours have about 500.
const MAX_LENGTH: usize = 4096;

/// The longest header that is looked at, in bytes; ours have 49.
const MAX_HEADER: usize = 128;

/// The one algorithm there is (RFC 7518, 3.2): none other can be talked into.
const ALGORITHM: &str = "HS256";

/// The length of a signature, in bytes.
const SIGNATURE: usize = 32;

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
pub struct Claims<'a> {
    /// Issuer: the server's public URL.
    pub iss: &'a str,
    /// Audience: the server's public URL.
    pub aud: &'a str,
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

impl Claims<'_> {
    /// Whether the token has passed the second factor.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.amr.contains(&Method::Otp)
    }

    /// Signs these claims with the key of this name (RFC 7515, 7.1).
    pub(crate) fn sign(&self, key: &TokenKey, key_name: KeyName) -> Result<String, Error> {
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let kid = encode(&key_name);
        let header = format!(r#"{{"typ":"JWT","alg":"{ALGORITHM}","kid":"{kid}"}}"#);
        let claims =
            serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string().into()))?;
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(&claims));
        let signature = encode(&mac(key, signed.as_bytes()).finalize().into_bytes());
        Ok(format!("{signed}.{signature}"))
    }
}

/// A token that names its user and session but has proved nothing yet: enough to look up the key
/// that can prove it.
pub(crate) struct UnverifiedToken<'a> {
    signed: &'a str,
    signature: [u8; SIGNATURE],
    key_name: KeyName,
    claims: Claims<'a>,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads a token of this issuer.
    ///
    /// # Errors
    /// `TokenInvalid` for what is none.
    pub fn parse(text: &'a str, issuer: &'a str) -> Result<Self, Error> {
        Self::read(text, issuer).ok_or(Error::TokenInvalid)
    }

    /// Reads the three parts (RFC 7515, 7.1). Each has one spelling only, ours: what is spelled in
    /// another way has not been signed here.
    fn read(text: &'a str, issuer: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Header<'a> {
            alg: &'a str,
            kid: &'a str,
        }
        if text.len() > MAX_LENGTH {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let mut buffer = [0; MAX_HEADER];
        let header: Header<'_> = read_json(decode(header, &mut buffer)?)?;
        if header.alg != ALGORITHM {
            return None;
        }
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Claims<'_> = read_json(&claims)?;
        if claims.iss != issuer || claims.aud != issuer {
            return None;
        }
        Some(Self {
            signed,
            signature: exactly(signature)?,
            key_name: exactly(header.kid)?,
            claims: Claims {
                iss: issuer,
                aud: issuer,
                sub: claims.sub,
                sid: claims.sid,
                token_type: claims.token_type,
                amr: claims.amr,
                iat: claims.iat,
                exp: claims.exp,
                jti: claims.jti,
            },
        })
    }

    /// The name of the key that it claims to be signed with.
    pub fn key_name(&self) -> KeyName {
        self.key_name
    }

    /// The user that it claims to belong to.
    pub fn user_id(&self) -> Id {
        self.claims.sub
    }

    /// Validator the signature, in constant time, and the type and time.
    ///
    /// # Errors
    /// `TokenExpired` if all is right but the time, `TokenInvalid` otherwise.
    pub fn verify<'k>(
        self,
        keys: impl IntoIterator<Item = &'k TokenKey>,
        token_type: TokenType,
        now: Timestamp,
    ) -> Result<Claims<'a>, Error> {
        let is_signed = keys.into_iter().any(|key| {
            mac(key, self.signed.as_bytes())
                .verify_slice(&self.signature)
                .is_ok()
        });
        // What the signature covers is the text that the claims were read from.
        let claims = self.claims;
        if !is_signed || claims.token_type != token_type {
            return Err(Error::TokenInvalid);
        }
        if now.unix_seconds() >= claims.exp {
            return Err(Error::TokenExpired);
        }
        Ok(claims)
    }
}

/// HMAC with SHA-256 (RFC 7518, 3.2).
fn mac(key: &TokenKey, signed: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key.as_bytes())
        .expect("HMAC takes a key of any length")
        .chain_update(signed)
}

/// Reads JSON; its letters are checked all at once here, which is faster than one text at a time.
fn read_json<'b, T: Deserialize<'b>>(json: &'b [u8]) -> Option<T> {
    serde_json::from_str(str::from_utf8(json).ok()?).ok()
}

/// Decodes into a buffer; nothing, where that is too small.
fn decode<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = BASE64_URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// Decodes so many bytes, neither more nor less.
fn exactly<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The decoder wants room for whole groups of three bytes.
    let mut buffer = [0; 64];
    decode(text, &mut buffer)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    const ISSUER: &str = "https://id.example";
    const KEY_NAME: KeyName = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    const ISSUED: i64 = 1_795_600_000;

    /// Made by another implementation, from the claims below.
    const TOKEN: &str = "\
        eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IkFBRUNBd1FGQmdjSUNRb0wifQ.eyJpc\
        3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiO\
        iIwMTAxMDEwMS0wMTAxLTQxMDEtODEwMS0wMTAxMDEwMTAxMDEiLCJzaWQiOiIwMjAyMDIwMi0wM\
        jAyLTQyMDItODIwMi0wMjAyMDIwMjAyMDIiLCJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiYW1yIjpbI\
        nB3ZCIsIm90cCJdLCJpYXQiOjE3OTU2MDAwMDAsImV4cCI6MTc5NTYwMDkwMCwianRpIjoiMDMwM\
        zAzMDMtMDMwMy00MzAzLTgzMDMtMDMwMzAzMDMwMzAzIn0.w9AO6PPtPuuho59APYuqpOUYJIrri\
        no8LAUR985ia9s";

    fn key() -> TokenKey {
        TokenKey::new([7; 32])
    }

    fn claims() -> Claims<'static> {
        let id = |byte| Id::from_random([byte; 16]);
        Claims {
            iss: ISSUER,
            aud: ISSUER,
            sub: id(1),
            sid: id(2),
            token_type: TokenType::Access,
            amr: vec![Method::Pwd, Method::Otp],
            iat: ISSUED,
            exp: ISSUED + 900,
            jti: id(3),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(OffsetDateTime::from_unix_timestamp(seconds).unwrap())
    }

    /// What comes of a token with this header and these claims, rightly signed.
    fn read(header: &str, claims: &str) -> Result<Claims<'static>, Error> {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = mac(&key(), signed.as_bytes()).finalize().into_bytes();
        let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        let token = UnverifiedToken::parse(token.leak(), ISSUER)?;
        assert_eq!(token.key_name(), KEY_NAME);
        token.verify([&key()], TokenType::Access, at(ISSUED))
    }

    #[test]
    fn a_token_is_what_another_implementation_makes_of_it() {
        assert_eq!(claims().sign(&key(), KEY_NAME).unwrap(), TOKEN);
        let parse = || UnverifiedToken::parse(TOKEN, ISSUER).unwrap();
        assert_eq!(
            (parse().user_id(), parse().key_name()),
            (claims().sub, KEY_NAME)
        );
        let verify = |key: &TokenKey, token_type, seconds| {
            parse().verify([&TokenKey::new([8; 32]), key], token_type, at(seconds))
        };
        assert_eq!(verify(&key(), TokenType::Access, ISSUED).unwrap(), claims());
        assert_eq!(
            verify(&key(), TokenType::Access, ISSUED + 899).unwrap(),
            claims()
        );
        let late = verify(&key(), TokenType::Access, ISSUED + 900);
        assert!(matches!(late, Err(Error::TokenExpired)));
        let other_type = verify(&key(), TokenType::Refresh, ISSUED);
        assert!(matches!(other_type, Err(Error::TokenInvalid)));
        // Without the key it is not even told that the time is over.
        let other_key = verify(&TokenKey::new([9; 32]), TokenType::Access, ISSUED + 900);
        assert!(matches!(other_key, Err(Error::TokenInvalid)));
        assert!(UnverifiedToken::parse(TOKEN, "https://elsewhere.example").is_err());
    }

    #[test]
    fn only_our_own_spelling_is_read_however_well_it_is_signed() {
        let kid = BASE64_URL_SAFE_NO_PAD.encode(KEY_NAME);
        let header = |alg: &str| format!(r#"{{"typ":"JWT","alg":"{alg}","kid":"{kid}"}}"#);
        let ours = serde_json::to_string(&claims()).unwrap();
        assert_eq!(read(&header("HS256"), &ours).unwrap(), claims());
        for algorithm in [
            "none", "None", "hs256", "HS384", "HS512", "RS256", "ES256", "",
        ] {
            let seen = read(&header(algorithm), &ours);
            assert!(matches!(seen, Err(Error::TokenInvalid)), "{algorithm}");
        }
        let short = &kid[1..];
        for header in [
            r#"{"alg":"HS256"}"#.to_owned(),
            format!(r#"{{"kid":"{kid}"}}"#),
            format!(r#"{{"alg":"HS256","kid":"{short}"}}"#),
            format!(r#"{{"alg":"HS256","kid":"{kid}A"}}"#),
            format!(r#"{{"alg":"HS256","kid":"{kid}AAAA"}}"#),
            format!(
                r#"{{"alg":"HS256","kid":"{kid}","x":"{}"}}"#,
                "x".repeat(128)
            ),
        ] {
            let seen = read(&header, &ours);
            assert!(matches!(seen, Err(Error::TokenInvalid)), "{header}");
        }
        for (from, to) in [
            (ISSUER, "https://elsewhere.example"),
            ("pwd", "pin"),
            ("1795600900", "1795600900.0"),
            ("1795600900", "-1e99"),
            ("access", "refresh"),
            (r#""iss""#, r#""sub""#),
        ] {
            let seen = read(&header("HS256"), &ours.replacen(from, to, 1));
            assert!(matches!(seen, Err(Error::TokenInvalid)), "{to}");
        }
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            "a.b.c.d",
            &TOKEN.replace('.', ".."),
            &"x".repeat(5000),
        ] {
            assert!(UnverifiedToken::parse(text, ISSUER).is_err(), "{text}");
        }
    }
}
