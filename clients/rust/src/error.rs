//! Why a token is not accepted.

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It has expired, or was issued in the future. The client should renew it.
    #[error("the token has expired")]
    Expired,
    /// Anything else is wrong with it: its form, signature, issuer, audience or type.
    #[error("the token is not valid")]
    Invalid,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Whether it was revoked is not known at the moment, and it can't be or shall not be asked.
    #[error("whether the token was revoked is not known at the moment")]
    Unknown,
}

/// Why a verifier can't be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL has no host, or is neither `http` nor `https`.
    #[error("the URL of Latchkey must be http://… or https://… with a host")]
    Url,
    /// The service key has characters that can't be sent.
    #[error("the service key can't be sent in a header")]
    Key,
    /// The system's certificates can't be read.
    #[error("the system's certificates can't be read: {0}")]
    Certificates(#[source] std::io::Error),
}
