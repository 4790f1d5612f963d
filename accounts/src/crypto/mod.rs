//! Secrets and what is derived from them: keys, tokens, password hashes, one-time codes.

pub(crate) mod browser_secret;
pub(crate) mod device_token;
pub(crate) mod email_token;
pub(crate) mod encryption;
pub(crate) mod generation;
pub(crate) mod jwt_secret;
pub(crate) mod master_secrets;
pub(crate) mod passkey_challenge;
pub(crate) mod passkeys;
pub(crate) mod password;
pub(crate) mod recovery_codes;
pub(crate) mod server_keys;
pub(crate) mod service_key;
pub(crate) mod token;
pub(crate) mod token_keys;
pub(crate) mod totp;
pub(crate) mod webhook_secret;
