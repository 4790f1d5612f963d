//! Endpoints below `/api/token`.

mod forward_auth;
mod introspect;
mod revocations;
mod revoke;
