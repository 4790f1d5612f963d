//! The device that a request comes from.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// What is known of the device that a request comes from.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its address, without IPv6 clothes where it is an IPv4 address.
    pub(crate) ip: IpAddr,
    /// What it calls itself, at most [`Device::USER_AGENT_LIMIT`] characters.
    pub(crate) user_agent: String,
    pub(crate) network: ClientNetwork,
    /// The device tokens that it has kept, as they came.
    pub(crate) device_tokens: Option<String>,
}

impl Device {
    /// How many characters of a user agent are kept.
    pub const USER_AGENT_LIMIT: usize = 512;

    /// A device by its address and its `User-Agent`.
    #[must_use]
    pub fn new(ip: IpAddr, user_agent: &str) -> Self {
        Self {
            ip: ip.to_canonical(),
            user_agent: start(user_agent, Self::USER_AGENT_LIMIT).to_owned(),
            network: ip.into(),
            device_tokens: None,
        }
    }

    /// The same device, with what an earlier sign-in had it keep.
    #[must_use]
    pub fn with_device_tokens(self, device_tokens: Option<String>) -> Self {
        Self {
            device_tokens,
            ..self
        }
    }
}

/// The first characters of a text, so many at most. Every request has a user agent, and next to none
/// is longer than that even in bytes.
fn start(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    text.char_indices()
        .nth(limit)
        .map_or(text, |(end, _)| &text[..end])
}

/// What one client can choose its address from: an IPv4 address is a network of its own, and of an
/// IPv6 address the first 64 bits are, as every home has all the rest (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address => address,
        })
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientNetwork, start};

    #[test]
    fn a_text_is_cut_between_characters() {
        let cases = [
            ("", ""),
            ("abc", "abc"),
            ("abcd", "abc"),
            ("äöü", "äöü"),
            ("äöüx", "äöü"),
            ("日本語", "日本語"),
            ("日本語で", "日本語"),
        ];
        for (text, expected) in cases {
            assert_eq!(start(text, 3), expected, "{text}");
        }
    }

    fn network(address: &str) -> String {
        ClientNetwork::from(address.parse::<std::net::IpAddr>().unwrap()).to_string()
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_64_bits_of_an_ipv6_address() {
        let cases = [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3:3:4:5:6", "2001:db8:1:3::"),
            ("::1", "::"),
        ];
        for (address, expected) in cases {
            assert_eq!(network(address), expected, "{address}");
        }
    }
}
