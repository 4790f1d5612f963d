//! Access and refresh tokens: JWTs (RFC 7519), signed with HS256 and a key of their user. Access tokens
//! can be signed with a key of the server instead (`server_keys.rs`).

use std::fmt;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, dangerous::insecure_decode_claims,
    decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
};

/// The maximum length of a token, in bytes. Ours have about 500.
pub(super) const MAX_LENGTH: usize = 4096;

/// The maximum length of an encoded header, in bytes: 128 decoded. Ours have 49 or 82 decoded.
pub(super) const MAX_HEADER_LENGTH: usize = 171;

/// The response to a sign-in or a refresh.
pub struct TokenPair {
    /// Authorizes requests until it expires.
    pub access_token: String,
    /// Can be exchanged once for the next pair.
    pub refresh_token: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in: u64,
    /// Whether the second factor is still to be completed.
    pub otp_required: bool,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// Authorizes requests.
    Access,
    /// Is exchanged for a new pair.
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

/// How a user has signed in: an authentication method reference (RFC 8176).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// With the password.
    Pwd,
    /// With a code that was emailed: over another channel than the browser's. It is one factor.
    Mca,
    /// With a one-time code as the second factor.
    Otp,
    /// With a passkey that does not leave its device.
    Hwk,
    /// With a passkey that can be copied to other devices.
    Swk,
    /// With the presence of the user, whom the authenticator of the passkey has verified.
    User,
    /// On a device where the second factor was completed lately, and which is trusted since. So no code was asked for
    /// (risk-based authentication).
    Rba,
    /// With an account at a provider. RFC 8176 registers no value for it; this one is in wide use.
    Fed,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pwd => "pwd",
            Self::Mca => "mca",
            Self::Otp => "otp",
            Self::Hwk => "hwk",
            Self::Swk => "swk",
            Self::User => "user",
            Self::Rba => "rba",
            Self::Fed => "fed",
        })
    }
}

/// The claims of a token. The order of the fields is their order in the token.
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
    /// How the user has signed in.
    pub amr: Vec<Method>,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The id of the token.
    pub jti: Id,
    /// The generation of the user's tokens that it belongs to, where the server's key has signed it.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// The roles that the user had when an access token was issued. Tokens of earlier versions name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// When the user last proved who they are in the session of an access token, in seconds since 1970
    /// (OpenID Connect Core, 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

impl Claims {
    /// Whether the second factor was completed, or the device is trusted. A passkey completes it: it takes the
    /// device, and what unlocks it.
    pub(crate) fn has_second_factor(&self) -> bool {
        let completes =
            |method: &Method| matches!(method, Method::Otp | Method::Rba | Method::User);
        self.amr.iter().any(completes)
    }

    /// Whether a passkey was used.
    pub(crate) fn has_passkey(&self) -> bool {
        self.amr.contains(&Method::User)
    }

    /// When the token expires.
    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.exp)
    }

    /// Checks that the token has not expired.
    ///
    /// # Errors
    /// `TokenExpired`.
    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        // An access token that was issued while the clock was ahead would live too long. A refresh
        // token is judged by its session's row.
        let is_from_the_future =
            self.token_type == TokenType::Access && self.iat > now.plus(CLOCK_SKEW).unix_seconds();
        if now.unix_seconds() >= self.exp || is_from_the_future {
            return Err(Error::TokenExpired);
        }
        Ok(())
    }

    /// Signs these claims with the user's key that has this id.
    pub(crate) fn sign(&self, key: &EncodingKey, key_id: &str) -> Result<String, Error> {
        let header = Header {
            kid: Some(key_id.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        self.sign_with(&header, key)
    }

    /// Signs these claims under this header.
    pub(super) fn sign_with(&self, header: &Header, key: &EncodingKey) -> Result<String, Error> {
        encode(header, self, key).map_err(|error| Error::internal("can't sign a token", error))
    }
}

/// The rules for tokens of this issuer: one algorithm, the right `iss` and `aud`. The time is checked by
/// [`Claims::check_time`], because the clock is a parameter here.
pub(crate) fn validation(algorithm: Algorithm, issuer: &str) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[issuer]);
    validation.validate_exp = false;
    validation
}

/// A token that claims to belong to a user. The claim is enough to look up the user's keys, by which it
/// is verified with HS256 and nothing else.
pub(crate) struct UnverifiedToken<'a> {
    text: &'a str,
    user_id: Id,
    issued_at: i64,
}

impl<'a> UnverifiedToken<'a> {
    /// Reads the user id of a token.
    ///
    /// # Errors
    /// `TokenInvalid` if there is none, or the token is too long.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Subject {
            sub: Id,
            #[serde(default)]
            iat: i64,
        }
        let header_length = text.find('.').unwrap_or(text.len());
        if text.len() > MAX_LENGTH || header_length > MAX_HEADER_LENGTH {
            return Err(Error::TokenInvalid);
        }
        let Subject { sub, iat } = insecure_decode_claims(text).map_err(|_| Error::TokenInvalid)?;
        Ok(Self {
            text,
            user_id: sub,
            issued_at: iat,
        })
    }

    /// The id of the user that the token claims to belong to.
    pub fn user_id(&self) -> Id {
        self.user_id
    }

    /// When the token claims to have been issued, in seconds since 1970.
    pub fn issued_at(&self) -> i64 {
        self.issued_at
    }

    /// The id of the key that the token claims to be signed with.
    ///
    /// # Errors
    /// `TokenInvalid` if the header can't be read or has no `kid`.
    pub fn key_id(&self) -> Result<String, Error> {
        let header = decode_header(self.text).map_err(|_| Error::TokenInvalid)?;
        header.kid.ok_or(Error::TokenInvalid)
    }

    /// Checks the signature against each of the keys, in constant time, then the fixed claims.
    ///
    /// # Errors
    /// `TokenInvalid`.
    pub fn claims(&self, keys: &[DecodingKey], validation: &Validation) -> Result<Claims, Error> {
        keys.iter()
            .find_map(|key| decode::<Claims>(self.text, key, validation).ok())
            .map(|token| token.claims)
            .ok_or(Error::TokenInvalid)
    }

    /// Checks the signature and the claims, then the type and the time.
    ///
    /// # Errors
    /// `TokenExpired` if nothing is wrong but the time, `TokenInvalid` otherwise.
    pub fn verify(
        &self,
        keys: &[DecodingKey],
        validation: &Validation,
        token_type: TokenType,
        now: Timestamp,
    ) -> Result<Claims, Error> {
        let claims = self.claims(keys, validation)?;
        if claims.token_type != token_type {
            return Err(Error::TokenInvalid);
        }
        claims.check_time(now)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    use jsonwebtoken::crypto;
    use time::OffsetDateTime;

    use super::*;

    const ISSUER: &str = "https://id.example";
    const KEY: [u8; 32] = [7; 32];
    const KEY_ID: &str = "AAECAwQFBgcICQoL";
    const ISSUED: i64 = 1_795_600_000;

    /// Created by another implementation from the claims below.
    const TOKEN: &str = "\
        eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IkFBRUNBd1FGQmdjSUNRb0wifQ.eyJpc\
        3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiO\
        iIwMTAxMDEwMS0wMTAxLTQxMDEtODEwMS0wMTAxMDEwMTAxMDEiLCJzaWQiOiIwMjAyMDIwMi0wM\
        jAyLTQyMDItODIwMi0wMjAyMDIwMjAyMDIiLCJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiYW1yIjpbI\
        nB3ZCIsIm90cCJdLCJpYXQiOjE3OTU2MDAwMDAsImV4cCI6MTc5NTYwMDkwMCwianRpIjoiMDMwM\
        zAzMDMtMDMwMy00MzAzLTgzMDMtMDMwMzAzMDMwMzAzIn0.w9AO6PPtPuuho59APYuqpOUYJIrri\
        no8LAUR985ia9s";

    fn sign(claims: &Claims) -> String {
        let key = EncodingKey::from_secret(&KEY);
        claims.sign(&key, KEY_ID).unwrap()
    }

    fn key(byte: u8) -> DecodingKey {
        DecodingKey::from_secret(&[byte; 32])
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
            generation: None,
            roles: None,
            auth_time: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(OffsetDateTime::from_unix_timestamp(seconds).unwrap())
    }

    /// Reads a token with this header and these claims and a valid signature, as it is done for a
    /// user who is not cached.
    fn read(header: &str, claims: &str) -> Result<Claims, Error> {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(header), encode(claims));
        let signing_key = EncodingKey::from_secret(&KEY);
        let signature = crypto::sign(message.as_bytes(), &signing_key, Algorithm::HS256).unwrap();
        let text = format!("{message}.{signature}");
        let token = UnverifiedToken::parse(&text)?;
        if token.key_id()? != KEY_ID {
            return Err(Error::TokenInvalid);
        }
        token.verify(
            &[key(7)],
            &validation(Algorithm::HS256, ISSUER),
            TokenType::Access,
            at(ISSUED),
        )
    }

    #[test]
    fn a_token_is_what_another_implementation_makes_of_it() {
        assert_eq!(sign(&claims()), TOKEN);
        let token = UnverifiedToken::parse(TOKEN).unwrap();
        assert_eq!(token.user_id(), claims().sub);
        assert_eq!(token.key_id().unwrap(), KEY_ID);
        let ours = validation(Algorithm::HS256, ISSUER);
        let verify = |byte: u8, token_type, seconds| {
            token.verify(&[key(8), key(byte)], &ours, token_type, at(seconds))
        };
        assert_eq!(verify(7, TokenType::Access, ISSUED).unwrap(), claims());
        assert_eq!(
            verify(7, TokenType::Access, ISSUED + 899).unwrap(),
            claims()
        );
        let late = verify(7, TokenType::Access, ISSUED + 900);
        assert!(matches!(late, Err(Error::TokenExpired)));
        // It was issued while the clock was ahead.
        assert!(verify(7, TokenType::Access, ISSUED - 60).is_ok());
        let early = verify(7, TokenType::Access, ISSUED - 61);
        assert!(matches!(early, Err(Error::TokenExpired)));
        let other_type = verify(7, TokenType::Refresh, ISSUED);
        assert!(matches!(other_type, Err(Error::TokenInvalid)));
        // Without the key, not even the expiry is revealed.
        let other_key = verify(9, TokenType::Access, ISSUED + 900);
        assert!(matches!(other_key, Err(Error::TokenInvalid)));
        let elsewhere = validation(Algorithm::HS256, "https://elsewhere.example");
        let other_issuer = token.verify(&[key(7)], &elsewhere, TokenType::Access, at(ISSUED));
        assert!(matches!(other_issuer, Err(Error::TokenInvalid)));
    }

    #[test]
    fn only_our_own_spelling_is_read_however_well_it_is_signed() {
        let kid = KEY_ID;
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
            assert!(UnverifiedToken::parse(text).is_err(), "{text}");
        }
    }
}
