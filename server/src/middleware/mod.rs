//! What happens to every request on its way in and out.

mod client_address;
mod limit_time;
mod log_request;
mod security_headers;

pub use client_address::{ClientAddress, TrustedProxies, find_client};
pub use limit_time::limit_time;
pub use log_request::log_request;
pub use security_headers::{SecurityHeaders, security_headers};

use std::net::IpAddr;

/// The address at the other end of the connection (a request extension). Whom it speaks for is the
/// [`ClientAddress`].
#[derive(Clone, Copy)]
pub struct PeerAddress(pub IpAddr);
