//! Secrets and what is made of them: keys, tokens, password hashes, one-time codes.

pub(crate) mod device_token;
pub(crate) mod email_token;
pub(crate) mod master_secrets;
pub(crate) mod password;
pub(crate) mod recovery_codes;
pub(crate) mod token;
pub(crate) mod totp;
