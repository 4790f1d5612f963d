//! `X-Forwarded-For`: nobody is taken for somebody else by what he writes himself.
//!
//! The first line of the input is the address at the other end of the connection, each further one a
//! header field. Trusted are 10.0.0.0/8 and 2001:db8:ff::/48.

#![no_main]

use std::{net::IpAddr, sync::LazyLock};

use http::{HeaderMap, HeaderName, HeaderValue};
use latchkey::TrustedProxies;
use libfuzzer_sys::fuzz_target;

static PROXIES: LazyLock<TrustedProxies> =
    LazyLock::new(|| "10.0.0.0/8, 2001:db8:ff::/48".parse().expect("networks"));

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 10,
        IpAddr::V6(address) => address.segments()[..3] == [0x2001, 0xdb8, 0xff],
    }
}

fn client(peer: IpAddr, fields: &[&[u8]]) -> Option<IpAddr> {
    let name = HeaderName::from_static("x-forwarded-for");
    let mut headers = HeaderMap::new();
    for field in fields {
        headers.append(&name, HeaderValue::from_bytes(field).ok()?);
    }
    Some(PROXIES.client(peer, &headers))
}

fuzz_target!(|input: &[u8]| {
    // Lists of proxies come from the operator, but a bad one must not stop the program either.
    if let Ok(list) = std::str::from_utf8(input) {
        let _ = list.parse::<TrustedProxies>();
    }
    let mut lines = input.split(|byte| *byte == b'\n');
    let peer = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let Some(peer) = peer.and_then(|text| text.parse::<IpAddr>().ok()) else {
        return;
    };
    let peer = peer.to_canonical();
    let fields: Vec<_> = lines.collect();
    let Some(found) = client(peer, &fields) else {
        return;
    };
    assert_eq!(found, found.to_canonical());
    if !is_trusted(peer) {
        assert_eq!(found, peer);
    }
    // One field with a list, or several fields: the same.
    let joined = fields.join(&b","[..]);
    assert_eq!(client(peer, &[&joined]), Some(found));
    // What a client writes in front of what proxies have added changes nothing, once one of those
    // whom they name is not trusted.
    if !is_trusted(found) {
        for forged in [&b"198.51.100.1"[..], b"10.0.0.1", b"unknown", b""] {
            let with_forged = [forged, b",", &joined].concat();
            assert_eq!(client(peer, &[&with_forged]), Some(found));
        }
    }
    // A trusted proxy that adds an address has it believed.
    for added in ["203.0.113.9", "2001:db8:1::7"] {
        let passed_on = [&joined[..], b",", added.as_bytes()].concat();
        let peer = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(client(peer, &[&passed_on]), added.parse().ok());
    }
});
