//! What happens to every request on its way in and out.

mod limit_time;
mod log_request;
mod security_headers;

pub use limit_time::limit_time;
pub use log_request::log_request;
pub use security_headers::{SecurityHeaders, security_headers};

use std::net::{IpAddr, Ipv4Addr};

/// The address at the other end of the connection (a request extension).
#[derive(Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

impl Default for PeerAddress {
    /// The unspecified address: a request that came by no connection.
    fn default() -> Self {
        Self(Ipv4Addr::UNSPECIFIED.into())
    }
}
