//! The device that a request comes from, and its name.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use languages::{tr, tr_with};
use woothee::parser::Parser;

use crate::text;

/// The device that a request comes from.
#[derive(Clone, Debug)]
pub struct Device {
    /// The IP address. An IPv4-mapped IPv6 address is stored as IPv4.
    pub(crate) ip: IpAddr,
    /// The `User-Agent` header, up to [`Device::USER_AGENT_LIMIT`] characters, with a space for each
    /// control character.
    pub(crate) user_agent: String,
    pub(crate) network: ClientNetwork,
    /// The device tokens of earlier sign-ins, as they were sent.
    pub(crate) device_tokens: Option<String>,
}

impl Device {
    /// The maximum length of a stored user agent, in characters.
    pub const USER_AGENT_LIMIT: usize = 512;

    /// Creates a device from its IP address and its `User-Agent` header.
    #[must_use]
    pub fn new(ip: IpAddr, user_agent: &str) -> Self {
        Self {
            ip: ip.to_canonical(),
            user_agent: text::one_line(start(user_agent, Self::USER_AGENT_LIMIT)).into_owned(),
            network: ip.into(),
            device_tokens: None,
        }
    }

    /// Adds the device tokens of earlier sign-ins.
    #[must_use]
    pub fn with_device_tokens(self, device_tokens: Option<String>) -> Self {
        Self {
            device_tokens,
            ..self
        }
    }
}

/// Returns the first `limit` characters of a text. The common case, a text with no more bytes than
/// that, takes no look at the characters.
fn start(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    text.char_indices()
        .nth(limit)
        .map_or(text, |(end, _)| &text[..end])
}

/// The network that a client can choose its IP address from: a single IPv4 address, or the first 64
/// bits of an IPv6 address, because every site gets at least a /64 (RFC 6177). Some sites get a /56 or
/// a /48: see [`Self::widening`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The lengths of the prefixes of IPv6 addresses that sites get, in bits.
    pub const PREFIXES: [u32; 3] = [64, 56, 48];

    /// Returns the networks that a client may have for itself, from the narrowest to the widest: one
    /// for each of [`Self::PREFIXES`], or the IPv4 address alone.
    pub fn widening(address: IpAddr) -> impl Iterator<Item = Self> {
        let address = client_address(address);
        let lengths = match address {
            IpAddr::V4(_) => 1,
            IpAddr::V6(_) => Self::PREFIXES.len(),
        };
        Self::PREFIXES
            .into_iter()
            .take(lengths)
            .map(move |bits| Self::with_prefix(address, bits))
    }

    fn with_prefix(address: IpAddr, bits: u32) -> Self {
        Self(match address {
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or_default();
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
            address => address,
        })
    }
}

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        Self::with_prefix(client_address(address), 64)
    }
}

/// Returns the IPv4 address of a client that comes through a translator from IPv4 to IPv6, and any
/// other address as it is.
fn client_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => translated(address).map_or(address.into(), IpAddr::V4),
        address => address,
    }
}

/// Returns the IPv4 address in an address of NAT64: in its last 32 bits under 64:ff9b::/96 (RFC 6052),
/// and under 64:ff9b:1::/48 (RFC 8215), of which operators use a /96. Where they use the /48 itself,
/// the IPv4 address is around the bits 64 to 71, and the last 24 bits are zero (RFC 6052, 2.2).
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    match (address.segments(), address.octets()) {
        ([0x64, 0xff9b, 0, 0, 0, 0, ..], _) => Some([a, b, c, d].into()),
        ([0x64, 0xff9b, 1, ..], [.., a, b, 0, c, d, _, _, 0, 0, 0]) => Some([a, b, c, d].into()),
        ([0x64, 0xff9b, 1, ..], _) => Some([a, b, c, d].into()),
        _ => None,
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The maximum length of a device name, in characters: a client could send any name.
const NAME_LIMIT: usize = 40;

/// Browsers that woothee takes for the browser whose name they also send.
const MORE_BROWSERS: [(&str, &str); 8] = [
    ("OPT/", "Opera"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Ddg/", "DuckDuckGo"),
    ("Brave/", "Brave"),
    ("Focus/", "Firefox Focus"),
    ("Chromium/", "Chromium"),
    ("GSA/", "Google app"),
    ("CriOS/", "Chrome"),
];

/// Operating systems that woothee does not know, or not in every version.
const MORE_SYSTEMS: [(&str, &str); 3] = [
    ("Windows NT", "Windows"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
];

/// Returns the name that a user knows a device by: `Chrome on Windows`, `Safari on iPhone`, `curl`,
/// or `Unknown device`, in the current language.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    let parsed = Parser::new().parse(user_agent).unwrap_or_default();
    let find = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let browser = find(&MORE_BROWSERS).or_else(|| browser(parsed.name, parsed.category));
    let system = find(&MORE_SYSTEMS).or_else(|| system(parsed.os));
    match (browser, system) {
        (Some(browser), Some(system)) if browser != system => tr_with(
            "{browser} on {system}",
            &[("browser", browser), ("system", system)],
        ),
        (Some(name), _) | (None, Some(name)) => name.to_owned(),
        (None, None) => program(user_agent),
    }
}

/// A browser as woothee names it. Programs and crawlers are named by [`program`].
fn browser<'a>(name: &'a str, category: &str) -> Option<&'a str> {
    match (name, category) {
        ("" | "UNKNOWN" | "Webview", _) | (_, "crawler" | "misc") => None,
        ("SamsungBrowser", _) => Some("Samsung Internet"),
        _ => Some(name),
    }
}

/// An operating system as woothee names it, without the version: browsers don't send the real one.
fn system(name: &str) -> Option<&str> {
    match name {
        // woothee takes every Apple library for iOS, also a Mac's.
        "" | "UNKNOWN" | "iOS" => None,
        "Mac OSX" | "Mac OS Classic" => Some("Mac"),
        "Windows Phone OS" => Some("Windows Phone"),
        _ if name.starts_with("Windows ") => Some("Windows"),
        _ => Some(name),
    }
}

/// The name of the first product (RFC 9110, 10.1.5), such as `curl`.
fn program(user_agent: &str) -> String {
    match user_agent.split(['/', ' ', '(', ';']).next() {
        None | Some("" | "Mozilla") => tr("Unknown device").to_owned(),
        Some(name) => text::one_line(start(name, NAME_LIMIT)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientNetwork, Device, device_name, start};

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
            ("64:ff9b::192.0.2.7", "192.0.2.7"),
            ("64:ff9b:1::192.0.2.7", "192.0.2.7"),
            ("64:ff9b:1:abcd:12::c000:207", "192.0.2.7"),
            // RFC 6052, 2.2, with a prefix of 48 bits.
            ("64:ff9b:1:c000:2:700::", "192.0.2.7"),
            // Not NAT64.
            ("64:ff9b:2::192.0.2.7", "64:ff9b:2::"),
            ("64:ff9b:0:1::192.0.2.7", "64:ff9b:0:1::"),
        ];
        for (address, expected) in cases {
            assert_eq!(network(address), expected, "{address}");
        }
    }

    #[test]
    fn networks_widen_with_ipv6_only() {
        let widening = |address: &str| {
            ClientNetwork::widening(address.parse().unwrap())
                .map(|network| network.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            widening("2001:db8:1:f203:4:5:6:7"),
            ["2001:db8:1:f203::", "2001:db8:1:f200::", "2001:db8:1::"]
        );
        for one in ["192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::192.0.2.7"] {
            assert_eq!(widening(one), ["192.0.2.7"]);
        }
    }

    #[test]
    fn devices_have_the_names_that_users_know() {
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) CriOS/142.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPad",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 \
                 Firefox/145.0",
                "Firefox on Mac",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 HeadlessChrome/142.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36 OPR/126.0.0.0",
                "Opera on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) FxiOS/145.0 Mobile/15E148 Safari/605.1.15",
                "Firefox on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.6 EdgiOS/142.0 Mobile/15E148 Safari/604.1",
                "Edge on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) GSA/390.0 Mobile/15E148 Safari/604.1",
                "Google app on iPhone",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) Version/18.6 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
                "DuckDuckGo on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
                "Firefox on Android",
            ),
            (
                "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (X11; OpenBSD amd64; rv:145.0) Gecko/20100101 Firefox/145.0",
                "Firefox on OpenBSD",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
                "Internet Explorer on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 12.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            ("Dalvik/2.1.0 (Linux; U; Android 10)", "Android"),
            ("Notes/1.0 CFNetwork/1490.0.4 Darwin/23.2.0", "Notes"),
            ("Go-http-client/2.0", "Go-http-client"),
            ("Wget/1.21.3", "Wget"),
            ("okhttp/4.12.0", "okhttp"),
            ("inventory-bot/1.0", "inventory-bot"),
            ("curl/8.14.1", "curl"),
            ("python-requests/2.32.3", "python-requests"),
            ("Mozilla/5.0", "Unknown device"),
            ("", "Unknown device"),
        ] {
            assert_eq!(device_name(user_agent), name, "{user_agent}");
        }
    }

    #[test]
    fn a_user_agent_has_no_control_characters() {
        let device = Device::new(
            std::net::Ipv4Addr::LOCALHOST.into(),
            "bot\t\x1b[2J\u{9b}A\u{202e}/1",
        );
        assert_eq!(device.user_agent, "bot  [2J A /1");
        // As an earlier version has stored one.
        assert_eq!(device_name("b\x1b\u{202e}t/1"), "b  t");
    }

    #[test]
    fn a_device_name_is_short() {
        let name = device_name(&"ä".repeat(512));
        assert_eq!(name, "ä".repeat(40));
    }
}
