//! How often one client may ask: a generic cell rate algorithm (GCRA) for each client and group of
//! endpoints. A client is an IPv4 address, or 64 bits of an IPv6 address.
//!
//! The counts are in memory, and each server has its own; what holds across servers is counted for
//! each account, by the domain.

use std::{convert::Infallible, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use accounts::ClientNetwork;
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use quick_cache::sync::Cache;

/// How many clients are remembered in each group, about 100 bytes each. Past that, who asks least
/// is forgotten, and has its full allowance again.
const CLIENTS: usize = 20_000;

/// Endpoints that share what a client is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Signing in.
    SignIn,
    /// Making accounts.
    Registration,
    /// Asking for mails, and using what they hold.
    Mail,
    /// Renewing and checking tokens.
    Tokens,
    /// Codes, and the present password: for who is signed in.
    Proof,
}

impl Group {
    const ALL: [Self; 5] = [
        Self::SignIn,
        Self::Registration,
        Self::Mail,
        Self::Tokens,
        Self::Proof,
    ];

    /// So many requests at once, and then one in each such time.
    const fn allowance(self) -> (u32, Duration) {
        match self {
            Self::SignIn | Self::Proof => (100, Duration::from_secs(1)),
            Self::Registration | Self::Mail => (60, Duration::from_secs(10)),
            Self::Tokens => (600, Duration::from_millis(100)),
        }
    }

    fn quota(self) -> Quota {
        let (burst, period) = self.allowance();
        Quota::with_period(period)
            .zip(NonZeroU32::new(burst))
            .map(|(quota, burst)| quota.allow_burst(burst))
            .expect("no allowance is zero")
    }
}

/// The group of each endpoint. Those without one need a good token, and neither hash nor mail.
const ENDPOINTS: [(&str, Option<Group>); 24] = [
    ("/api/user/create", Some(Group::Registration)),
    ("/api/user/login", Some(Group::SignIn)),
    ("/api/user/login/refresh", Some(Group::Tokens)),
    ("/api/user/login/verify", Some(Group::Tokens)),
    ("/api/user/view", None),
    ("/api/user/activity", None),
    ("/api/user/delete", Some(Group::Proof)),
    ("/api/user/logout", None),
    ("/api/user/logout/all", None),
    ("/api/user/sessions", None),
    ("/api/user/sessions/revoke", None),
    ("/api/user/activation", Some(Group::Mail)),
    ("/api/user/activation/resend", Some(Group::Mail)),
    ("/api/user/password/change", Some(Group::Proof)),
    ("/api/user/password/reset", Some(Group::Mail)),
    ("/api/user/password/reset/confirm", Some(Group::Mail)),
    ("/api/user/email/change", Some(Group::Mail)),
    ("/api/user/email/change/confirm", Some(Group::Mail)),
    ("/api/totp/create", Some(Group::Proof)),
    ("/api/totp/confirm", Some(Group::Proof)),
    ("/api/totp/login", Some(Group::Proof)),
    ("/api/totp/delete", Some(Group::Proof)),
    ("/api/recovery/create", Some(Group::Proof)),
    ("/api/recovery/login", Some(Group::Proof)),
];

/// The group of an endpoint; one that was forgotten above is limited all the same.
pub fn group(path: &str) -> Option<Group> {
    let known = ENDPOINTS.iter().find(|(known, _)| *known == path);
    known.map_or(Some(Group::Proof), |(_, group)| *group)
}

type Limiter<C> = RateLimiter<ClientNetwork, Clients, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// What clients have asked for.
pub struct RateLimits<C: Clock = MonotonicClock> {
    limiters: [Limiter<C>; Group::ALL.len()],
    clock: C,
}

impl<C: Clock + Clone> RateLimits<C> {
    /// Nobody has asked for anything yet.
    pub fn new(clock: C) -> Self {
        Self {
            limiters: Group::ALL
                .map(|group| RateLimiter::new(group.quota(), Clients::new(), clock.clone())),
            clock,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait, where it is one too many.
    pub fn count(&self, group: Group, client: IpAddr) -> Result<(), Duration> {
        let refused = |until: NotUntil<C::Instant>| until.wait_time_from(self.clock.now());
        self.limiters[group as usize]
            .check_key(&client.into())
            .map_err(refused)
    }
}

/// What is remembered of the clients: governor's own stores grow without a bound.
struct Clients(Cache<ClientNetwork, Arc<InMemoryState>>);

impl Clients {
    fn new() -> Self {
        Self(Cache::new(CLIENTS))
    }
}

impl StateStore for Clients {
    type Key = ClientNetwork;

    fn measure_and_replace<T, F, E>(&self, client: &ClientNetwork, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Ok::<_, Infallible>(state) = self.0.get_or_insert_with(client, || Ok(Arc::default()));
        state.measure_and_replace(&NotKeyed::NonKey, measure)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        collections::{BTreeSet, HashMap},
    };

    use app::api::ApiError;
    use axum::{body::Body, response::Response};
    use governor::clock::FakeRelativeClock;
    use http::Request;
    use proptest::{
        collection::vec,
        prelude::*,
        sample::select,
        test_runner::{Config, TestRunner},
    };
    use server_fn::ServerFnTraitObj;

    use super::*;

    fn limits() -> (RateLimits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (RateLimits::new(clock.clone()), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_endpoint_is_in_the_table() {
        let endpoints = server_fn::inventory::iter::<ServerFnTraitObj<Request<Body>, Response>>;
        let served: BTreeSet<_> = endpoints.into_iter().map(ServerFnTraitObj::path).collect();
        let named: BTreeSet<_> = ENDPOINTS.iter().map(|(path, _)| *path).collect();
        assert_eq!(named, served);
        assert_eq!(group("/api/something/new"), Some(Group::Proof));
    }

    #[test]
    fn a_burst_is_free_and_the_rest_comes_one_by_one() {
        let (limits, clock) = limits();
        let client = address("192.0.2.1");
        for group in Group::ALL {
            let (burst, period) = group.allowance();
            for number in 0..burst {
                assert_eq!(limits.count(group, client), Ok(()), "{group:?} {number}");
            }
            for _ in 0..3 {
                assert_eq!(limits.count(group, client), Err(period), "{group:?}");
                clock.advance(period / 2);
                assert_eq!(limits.count(group, client), Err(period / 2), "{group:?}");
                clock.advance(period / 2);
                assert_eq!(limits.count(group, client), Ok(()), "{group:?}");
            }
            // In the time that it takes to fill up, not more than the burst comes together.
            clock.advance(period * burst * 2);
            let free = (0..burst * 2).filter(|_| limits.count(group, client).is_ok());
            assert_eq!(free.count(), burst as usize, "{group:?}");
        }
    }

    #[test]
    fn clients_are_counted_each_by_itself() {
        let (limits, _) = limits();
        let (burst, _) = Group::SignIn.allowance();
        let exhaust = |client: &str| {
            (0..burst + 1)
                .filter(|_| limits.count(Group::SignIn, address(client)).is_ok())
                .count()
        };
        let cases = [
            ("192.0.2.1", 100),
            ("192.0.2.2", 100),
            ("::ffff:192.0.2.2", 0),
            ("2001:db8:1:2::1", 100),
            // Of the same 64 bits, and of others.
            ("2001:db8:1:2:ffff::", 0),
            ("2001:db8:1:3::1", 100),
        ];
        for (client, free) in cases {
            assert_eq!(exhaust(client), free, "{client}");
        }
    }

    /// A bucket that is full of tokens at first and gains one in each period: the same limit in other
    /// words. It is counted in nanoseconds, of which a token is worth a period.
    struct Bucket {
        content: u128,
        at: u128,
    }

    impl Bucket {
        /// How long to wait, where it is too empty.
        fn take(&mut self, group: Group, now: u128) -> Result<(), u128> {
            let (burst, period) = group.allowance();
            let period = period.as_nanos();
            let full = u128::from(burst) * period;
            self.content = full.min(self.content + (now - self.at));
            self.at = now;
            if self.content < period {
                return Err(period - self.content);
            }
            self.content -= period;
            Ok(())
        }

        fn full(group: Group) -> Self {
            let (burst, period) = group.allowance();
            Self {
                content: u128::from(burst) * period.as_nanos(),
                at: 0,
            }
        }
    }

    /// Some of them are the same client.
    const ADDRESSES: [(&str, u8); 6] = [
        ("192.0.2.1", 0),
        ("::ffff:192.0.2.1", 0),
        ("192.0.2.2", 1),
        ("2001:db8:1:2::1", 2),
        ("2001:db8:1:2:ffff::7", 2),
        ("2001:db8:1:3::1", 3),
    ];

    /// So many requests of somebody for something, so long after the ones before.
    fn requests() -> impl Strategy<Value = ((&'static str, u8), Group, u32, Duration)> {
        let pause = prop_oneof![
            Just(0),
            0..3_000_000_000_u64,
            (0..30_u64).prop_map(|seconds| seconds * 1_000_000_000),
            0..2_000_000_000_000_u64,
        ];
        (
            select(&ADDRESSES[..]),
            select(&Group::ALL[..]),
            prop_oneof![1..4_u32, 50..130_u32, 550..650_u32],
            pause.prop_map(Duration::from_nanos),
        )
    }

    #[test]
    fn requests_in_any_order_are_limited_as_by_buckets_of_tokens() {
        let mut runner = TestRunner::new(Config {
            cases: 64,
            failure_persistence: None,
            ..Config::default()
        });
        let (refused, allowed) = (Cell::new(0), Cell::new(0));
        runner
            .run(&vec(requests(), 1..60), |sequence| {
                let (limits, clock) = limits();
                let mut buckets = HashMap::new();
                let mut now = 0;
                for ((client, name), group, times, pause) in sequence {
                    clock.advance(pause);
                    now += pause.as_nanos();
                    let bucket = buckets
                        .entry((name, group as u8))
                        .or_insert_with(|| Bucket::full(group));
                    for _ in 0..times {
                        let expected = bucket.take(group, now);
                        let counted = limits.count(group, address(client));
                        prop_assert_eq!(counted.map_err(|wait| wait.as_nanos()), expected);
                        match (counted.map_err(ApiError::throttled), expected) {
                            (Err(ApiError::Detail { retry_after, .. }), Err(wait)) => {
                                let seconds = u128::from(retry_after.unwrap());
                                // Whole seconds, after which a request is let in.
                                prop_assert!(seconds * 1_000_000_000 >= wait);
                                prop_assert!((seconds - 1) * 1_000_000_000 < wait);
                                refused.set(refused.get() + 1);
                            }
                            (counted, _) => {
                                prop_assert!(counted.is_ok());
                                allowed.set(allowed.get() + 1);
                            }
                        }
                    }
                }
                Ok(())
            })
            .unwrap();
        // Both have been looked at.
        assert!(refused.get() > 1000 && allowed.get() > 1000);
    }

    #[test]
    fn a_crowd_takes_no_more_memory_and_hides_nobody_who_keeps_asking() {
        let (limits, _) = limits();
        let stubborn = address("192.0.2.1");
        let mut free = 0;
        for number in 0..5 * CLIENTS {
            let crowd = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            assert_eq!(limits.count(Group::SignIn, address(&crowd)), Ok(()));
            free += usize::from(limits.count(Group::SignIn, stubborn).is_ok());
        }
        assert_eq!(free, 100);
        let [sign_in, ..] = limits.limiters;
        assert!(sign_in.into_state_store().0.len() <= CLIENTS);
    }
}
