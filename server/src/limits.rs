//! Rate limits: a generic cell rate algorithm (GCRA) for each client and group of endpoints. A
//! client is an IPv4 address, or the first 64 bits of an IPv6 address.
//!
//! Each server counts in its own memory. Limits that hold across servers are per account, and are
//! part of the domain.

use std::{convert::Infallible, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use accounts::ClientNetwork;
use app::api::{ApiError, ClientIp};
use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};
use quick_cache::sync::Cache;

/// The number of clients that each group remembers, about 100 bytes each. Beyond it, the least
/// active client is forgotten and has its full allowance again.
const CLIENTS: usize = 20_000;

/// Endpoints that share one allowance per client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Signing in.
    SignIn,
    /// Creating accounts.
    Registration,
    /// Requesting emails, and using the links in them.
    Email,
    /// Renewing and verifying tokens.
    Tokens,
    /// One-time codes and current passwords of signed-in users.
    Proof,
}

impl Group {
    const ALL: [Self; 5] = [
        Self::SignIn,
        Self::Registration,
        Self::Email,
        Self::Tokens,
        Self::Proof,
    ];

    /// Returns the number of requests in a burst, and the time after which one more is allowed.
    const fn allowance(self) -> (u32, Duration) {
        match self {
            Self::SignIn | Self::Proof => (100, Duration::from_secs(1)),
            Self::Registration | Self::Email => (60, Duration::from_secs(10)),
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

/// The group of each endpoint. Endpoints without one need a valid token, and neither hash a
/// password nor send an email.
const ENDPOINTS: [(&str, Option<Group>); 27] = [
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
    ("/api/user/activation", Some(Group::Email)),
    ("/api/user/activation/reject", Some(Group::Email)),
    ("/api/user/activation/resend", Some(Group::Email)),
    ("/api/user/link", Some(Group::Email)),
    ("/api/user/password/change", Some(Group::Proof)),
    ("/api/user/password/reset", Some(Group::Email)),
    ("/api/user/password/reset/confirm", Some(Group::Email)),
    ("/api/user/email/change", Some(Group::Email)),
    ("/api/user/email/change/confirm", Some(Group::Email)),
    ("/api/user/email/change/undo", Some(Group::Email)),
    ("/api/totp/create", Some(Group::Proof)),
    ("/api/totp/confirm", Some(Group::Proof)),
    ("/api/totp/login", Some(Group::Proof)),
    ("/api/totp/delete", Some(Group::Proof)),
    ("/api/recovery/create", Some(Group::Proof)),
    ("/api/recovery/login", Some(Group::Proof)),
];

/// Returns the group of an endpoint. An endpoint that is missing from the table is limited, too.
pub fn group(path: &str) -> Option<Group> {
    let known = ENDPOINTS.iter().find(|(known, _)| *known == path);
    known.map_or(Some(Group::Proof), |(_, group)| *group)
}

/// Middleware that responds with 429 to requests that exceed the limit of their group.
pub async fn limit_rate(
    State((limits, group)): State<(Arc<RateLimits>, Group)>,
    Extension(ClientIp(client)): Extension<ClientIp>,
    request: Request,
    next: Next,
) -> Response {
    match limits.count(group, client) {
        Ok(()) => next.run(request).await,
        Err(wait) => ApiError::throttled(wait).into_response(),
    }
}

type Limiter<C> = RateLimiter<ClientNetwork, Clients, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The requests of all clients so far.
pub struct RateLimits<C: Clock = MonotonicClock> {
    limiters: [Limiter<C>; Group::ALL.len()],
    clock: C,
}

impl<C: Clock + Clone> RateLimits<C> {
    /// Starts with the full allowance for every client.
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
    /// Returns the time to wait if the request exceeds the limit.
    pub fn count(&self, group: Group, client: IpAddr) -> Result<(), Duration> {
        let refused = |until: NotUntil<C::Instant>| until.wait_time_from(self.clock.now());
        self.limiters[group as usize]
            .check_key(&client.into())
            .map_err(refused)
    }
}

/// The state of each client. The stores of governor itself grow without a bound.
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

    use axum::body::Body;
    use governor::clock::FakeRelativeClock;
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
    fn a_burst_is_allowed_and_then_one_request_per_period() {
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
            // However long the client waits, the allowance does not exceed the burst.
            clock.advance(period * burst * 2);
            let free = (0..burst * 2).filter(|_| limits.count(group, client).is_ok());
            assert_eq!(free.count(), burst as usize, "{group:?}");
        }
    }

    #[test]
    fn clients_are_counted_separately() {
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
            // The same 64 bits, and different ones.
            ("2001:db8:1:2:ffff::", 0),
            ("2001:db8:1:3::1", 100),
        ];
        for (client, free) in cases {
            assert_eq!(exhaust(client), free, "{client}");
        }
    }

    /// A token bucket, which is the same limit defined differently. It starts full and gains one
    /// token per period. Its content is in nanoseconds: a token is worth one period.
    struct Bucket {
        content: u128,
        at: u128,
    }

    impl Bucket {
        /// Takes a token, or returns the time to wait for one.
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

    /// Addresses with the number of their client: some addresses are the same client.
    const ADDRESSES: [(&str, u8); 6] = [
        ("192.0.2.1", 0),
        ("::ffff:192.0.2.1", 0),
        ("192.0.2.2", 1),
        ("2001:db8:1:2::1", 2),
        ("2001:db8:1:2:ffff::7", 2),
        ("2001:db8:1:3::1", 3),
    ];

    /// A client, a group, a number of requests, and the pause before them.
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
                                // Whole seconds, after which a request is allowed.
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
        // Both outcomes have been tested.
        assert!(refused.get() > 1000 && allowed.get() > 1000);
    }

    #[test]
    fn many_clients_use_bounded_memory_and_do_not_reset_an_active_one() {
        let (limits, _) = limits();
        let active = address("192.0.2.1");
        let mut free = 0;
        for number in 0..5 * CLIENTS {
            let crowd = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
            assert_eq!(limits.count(Group::SignIn, address(&crowd)), Ok(()));
            free += usize::from(limits.count(Group::SignIn, active).is_ok());
        }
        assert_eq!(free, 100);
        let [sign_in, ..] = limits.limiters;
        assert!(sign_in.into_state_store().0.len() <= CLIENTS);
    }
}
