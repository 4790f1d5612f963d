//! `/api/token`: checking and ending tokens, for other services and their clients.

mod introspect;
mod revoke;

pub use introspect::{Introspection, introspect};
pub use revoke::{Revoked, revoke};
