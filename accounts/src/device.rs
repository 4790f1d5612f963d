//! The device that a request comes from.

use std::net::IpAddr;

/// What is known of the device that a request comes from.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its address; an IPv4 address in IPv6 clothes is shown as IPv4.
    pub(crate) ip: String,
    /// What it calls itself, at most [`Device::USER_AGENT_LIMIT`] characters.
    pub(crate) user_agent: String,
}

impl Device {
    /// How many characters of a user agent are kept.
    pub const USER_AGENT_LIMIT: usize = 512;

    /// A device by its address and its `User-Agent`.
    #[must_use]
    pub fn new(ip: IpAddr, user_agent: &str) -> Self {
        Self {
            ip: ip.to_canonical().to_string(),
            user_agent: user_agent.chars().take(Self::USER_AGENT_LIMIT).collect(),
        }
    }
}
