//! How many connections there may be, in all and from one client network.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use accounts::ClientNetwork;

use crate::middleware::TrustedProxies;

/// The maximum number of open connections.
pub const MAX_CONNECTIONS: usize = 20_000;

/// Which part of all connections a network of each of [`ClientNetwork::PREFIXES`] may have, an IPv4
/// address like the first: a tenth, a fifth, two fifths. So there is room for others whatever one does.
const PARTS: [(usize, usize); ClientNetwork::PREFIXES.len()] = [(1, 10), (1, 5), (2, 5)];

/// Where there may be few connections in all, one network may still have this many, or half of all.
const ENOUGH: usize = 256;

/// The limits, and the connections that count against them.
pub struct ConnectionLimits {
    total: usize,
    proxies: TrustedProxies,
    open: Arc<Mutex<HashMap<Counted, usize>>>,
}

/// A network, with the index of its length in [`ClientNetwork::PREFIXES`].
type Counted = (usize, ClientNetwork);

/// An open connection, until it is dropped.
pub struct Place {
    /// `None` for a trusted proxy, which speaks for many clients.
    peer: Option<IpAddr>,
    open: Arc<Mutex<HashMap<Counted, usize>>>,
}

impl ConnectionLimits {
    /// Limits the connections to `total`, and those of one network to a part of that. Trusted proxies
    /// are counted in the total only.
    pub fn new(total: usize, proxies: TrustedProxies) -> Self {
        Self {
            total,
            proxies,
            open: Arc::default(),
        }
    }

    /// The maximum number of connections.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Counts a connection, unless a network of its peer has all that it may have.
    pub fn admit(&self, peer: IpAddr) -> Option<Place> {
        if self.proxies.trusts(peer.to_canonical()) {
            return Some(Place {
                peer: None,
                open: self.open.clone(),
            });
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let networks = || ClientNetwork::widening(peer).enumerate();
        let has_room = |counted: Counted| {
            open.get(&counted).copied().unwrap_or_default() < self.limit(counted.0)
        };
        if !networks().all(has_room) {
            return None;
        }
        for counted in networks() {
            *open.entry(counted).or_default() += 1;
        }
        Some(Place {
            peer: Some(peer),
            open: self.open.clone(),
        })
    }

    fn limit(&self, index: usize) -> usize {
        let (part, of) = PARTS[index];
        (self.total * part / of)
            .max(ENOUGH.min(self.total / 2))
            .max(1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for counted in ClientNetwork::widening(peer).enumerate() {
            if let Some(count) = open.get_mut(&counted) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&counted);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limits: &ConnectionLimits, peer: &str) -> Vec<Place> {
        let peer = peer.parse().unwrap();
        std::iter::from_fn(|| limits.admit(peer))
            .take(MAX_CONNECTIONS)
            .collect()
    }

    #[test]
    fn one_network_has_a_part_of_all_connections() {
        let limits = ConnectionLimits::new(10_000, TrustedProxies::default());
        let first = admitted(&limits, "192.0.2.1");
        assert_eq!(first.len(), 1_000);
        assert_eq!(admitted(&limits, "::ffff:192.0.2.1").len(), 0);
        assert_eq!(admitted(&limits, "192.0.2.2").len(), 1_000);
        let mut all = Vec::new();
        let mut count = |peer: &str| {
            let places = admitted(&limits, peer);
            let count = places.len();
            all.extend(places);
            count
        };
        // Two /64 of one /56, and a third. Two /56 of one /48, and a third.
        assert_eq!(count("2001:db8:1:1::1"), 1_000);
        assert_eq!(count("2001:db8:1:2::1"), 1_000);
        assert_eq!(count("2001:db8:1:3::1"), 0);
        assert_eq!(count("2001:db8:1:101::1"), 1_000);
        assert_eq!(count("2001:db8:1:201::1"), 1_000);
        assert_eq!(count("2001:db8:1:301::1"), 0);
        assert_eq!(count("2001:db8:2::1"), 1_000);
        drop((all, first));
        // Nothing is kept of connections that have ended.
        assert!(limits.open.lock().unwrap().is_empty());
        assert_eq!(admitted(&limits, "192.0.2.1").len(), 1_000);
    }

    #[test]
    fn trusted_proxies_are_exempt() {
        let limits = ConnectionLimits::new(10_000, "192.0.2.1".parse().unwrap());
        assert_eq!(admitted(&limits, "::ffff:192.0.2.1").len(), MAX_CONNECTIONS);
        assert_eq!(admitted(&limits, "192.0.2.2").len(), 1_000);
    }

    #[test]
    fn a_low_limit_of_the_system_leaves_enough_for_each() {
        for (total, each) in [
            (1, 1),
            (2, 1),
            (100, 50),
            (512, 256),
            (2_000, 256),
            (4_000, 400),
        ] {
            let limits = ConnectionLimits::new(total, TrustedProxies::default());
            assert_eq!(admitted(&limits, "192.0.2.1").len(), each, "{total}");
        }
    }
}
