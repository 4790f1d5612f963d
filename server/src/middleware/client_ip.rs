//! The IP address of the client, behind trusted proxies or not.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The length of the prefix of IPv4-mapped IPv6 addresses (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The proxies whose `X-Forwarded-For` header is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    has_warned: Arc<AtomicBool>,
}

/// The list of proxies contains something other than addresses and networks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is neither an address nor a network; write them as 10.0.0.7,192.168.0.0/16,fd00::/8")]
pub struct InvalidProxies(String);

impl FromStr for TrustedProxies {
    type Err = InvalidProxies;

    /// Parses a comma-separated list of addresses and networks (CIDR).
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries = list
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        let networks = entries
            .map(|text| network(text).ok_or_else(|| InvalidProxies(text.to_owned())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            networks,
            has_warned: Arc::default(),
        })
    }
}

fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical().into());
    }
    let network: IpNet = text.parse().ok()?;
    match network.addr().to_canonical() {
        IpAddr::V4(address) if network.prefix_len() >= MAPPED_BITS => {
            Ipv4Net::new(address, network.prefix_len() - MAPPED_BITS)
                .ok()
                .map(IpNet::V4)
        }
        _ => Some(network),
    }
}

impl TrustedProxies {
    /// Whether no proxy is trusted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Returns the client of a request, and warns once about a proxy that is likely to be missing
    /// from the list.
    pub fn find_client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.warn_of_untrusted(peer, headers);
        self.client(peer, headers)
    }

    /// Returns the client of a request: the peer, or the address that trusted proxies forward.
    ///
    /// Each proxy appends the address of its peer to the header. So the header is read from the
    /// right, and only as long as the addresses are trusted proxies: clients can write anything
    /// further to the left.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = headers
            .get_all(X_FORWARDED_FOR)
            .iter()
            .rev()
            .flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            // Empty list elements are ignored (RFC 9110, 5.6.1.2).
            .filter(|hop| !hop.is_empty());
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = address(hop) else { break };
            client = address;
        }
        client
    }

    /// Whether the address, which is not an IPv4-mapped one, is that of a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Behind a proxy that is not trusted, all clients look like one. A proxy with a private
    /// address is most likely the operator's own.
    fn warn_of_untrusted(&self, peer: IpAddr, headers: &HeaderMap) {
        let peer = peer.to_canonical();
        if headers.contains_key(X_FORWARDED_FOR)
            && is_private(peer)
            && !self.trusts(peer)
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%peer,
                "X-Forwarded-For ignored: the peer is not a trusted proxy; if it is yours, add it to \
                 LATCHKEY_TRUSTED_PROXIES");
        }
    }
}

/// Parses the address in an entry of `X-Forwarded-For`. Some proxies add the port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?;
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(entry);
    let with_port = || entry.parse().map(|address: SocketAddr| address.ip()).ok();
    let address = bare.parse().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXIES: &str = "10.0.0.1, 192.168.0.0/16,2001:db8:ff::/48";

    fn client(proxies: &str, peer: &str, headers: &[&str]) -> String {
        let proxies: TrustedProxies = proxies.parse().unwrap();
        let headers = headers
            .iter()
            .map(|value| {
                (
                    X_FORWARDED_FOR,
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect();
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn an_untrusted_peer_is_the_client_whatever_it_says() {
        for headers in [
            &[][..],
            &["1.1.1.1"],
            &["10.0.0.1"],
            &["1.1.1.1, 10.0.0.1", "x"],
        ] {
            assert_eq!(client(PROXIES, "203.0.113.9", headers), "203.0.113.9");
            assert_eq!(client("", "127.0.0.1", headers), "127.0.0.1");
        }
        assert_eq!(
            client("", "::ffff:203.0.113.9", &["1.1.1.1"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_first_untrusted_address_from_the_right_is_the_client() {
        let cases: [(&[&str], &str); 13] = [
            (&[], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1,203.0.113.9 , 192.168.3.4"], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9", "192.168.3.4"], "203.0.113.9"),
            (&["1.1.1.1, 203.0.113.9,, "], "203.0.113.9"),
            // All of them are trusted: the leftmost is the client.
            (&["192.168.3.4, 192.168.5.6"], "192.168.3.4"),
            (&["2001:db8:1::7, 2001:db8:ff::1"], "2001:db8:1::7"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8:1::7]:4711, [2001:db8:ff::1]"], "2001:db8:1::7"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["203.0.113.9, [::ffff:192.168.3.4]:80"], "203.0.113.9"),
        ];
        for (headers, expected) in cases {
            assert_eq!(
                client(PROXIES, "10.0.0.1", headers),
                expected,
                "{headers:?}"
            );
            assert_eq!(client(PROXIES, "::ffff:10.0.0.1", headers), expected);
        }
    }

    #[test]
    fn an_invalid_address_ends_the_search_at_the_last_valid_hop() {
        for bad in [
            "unknown",
            "_hidden",
            "203.0.113",
            "203.0.113.9.",
            "fe80::1%eth0",
            "[203.0.113.9",
            "203.0.113.9:99999",
            "for=203.0.113.9",
            "\u{e9}",
        ] {
            let header = format!("1.1.1.1, {bad}, 192.168.3.4");
            assert_eq!(
                client(PROXIES, "10.0.0.1", &[&header]),
                "192.168.3.4",
                "{bad}"
            );
            assert_eq!(
                client(PROXIES, "10.0.0.1", &["1.1.1.1", bad]),
                "10.0.0.1",
                "{bad}"
            );
        }
    }

    #[test]
    fn proxies_are_addresses_and_networks() {
        let cases = [
            ("", 0),
            (" , ", 0),
            ("::1", 1),
            ("127.0.0.1,::1, 10.1.2.3/8", 3),
        ];
        for (list, count) in cases {
            let proxies: TrustedProxies = list.parse().unwrap();
            assert_eq!(proxies.networks.len(), count, "{list}");
        }
        assert_eq!(client("10.1.2.3/8", "10.9.9.9", &["1.1.1.1"]), "1.1.1.1");
        assert_eq!(
            client("::ffff:10.0.0.0/104", "10.9.9.9", &["1.1.1.1"]),
            "1.1.1.1"
        );
        assert_eq!(client("::/0", "10.9.9.9", &["1.1.1.1"]), "10.9.9.9");
        for bad in [
            "proxy.example.com",
            "10.0.0.0/33",
            "10.0.0.1:80",
            "10.0.0.1;::1",
            "*",
        ] {
            let error = bad.parse::<TrustedProxies>().err();
            assert_eq!(error, Some(InvalidProxies(bad.into())));
        }
    }
}
