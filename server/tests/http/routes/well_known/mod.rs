//! Documents below `/.well-known`.

mod jwks;
mod oauth_authorization_server;
