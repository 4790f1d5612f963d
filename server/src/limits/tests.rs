//! Tests of the rate limits.

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
    let mut served: BTreeSet<_> = endpoints.into_iter().map(ServerFnTraitObj::path).collect();
    served.extend(crate::api::OTHER_PATHS);
    let named: BTreeSet<_> = ENDPOINTS.iter().map(|(path, _)| *path).collect();
    assert_eq!(named, served);
    assert_eq!(limit("/api/something/new").group, Group::Proof);
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
        // A /56 has four times the allowance of a /64.
        ("2001:db8:1:4::1", 100),
        ("2001:db8:1:ff::1", 100),
        ("2001:db8:1:fe::1", 0),
        ("2001:db8:1:100::1", 100),
        ("2001:db8:2:2::1", 100),
        // Behind NAT64, the IPv4 address counts.
        ("64:ff9b::192.0.2.3", 100),
        ("192.0.2.3", 0),
        ("64:ff9b:1::192.0.2.3", 0),
        ("64:ff9b::192.0.2.4", 100),
    ];
    for (client, free) in cases {
        assert_eq!(exhaust(client), free, "{client}");
    }
}

#[test]
fn a_48_has_sixteen_times_the_allowance_and_its_neighbours_keep_theirs() {
    let (limits, clock) = limits();
    let (burst, period) = Group::SignIn.allowance();
    let mut counted = 0;
    for network in 0..2_000 {
        // Each has an allowance of its own, and each /56 has one.
        let client = address(&format!("2001:db8:1:{:x}::1", network * 32));
        counted += (0..2)
            .filter(|_| limits.count(Group::SignIn, client).is_ok())
            .count();
    }
    assert_eq!(counted, 16 * burst as usize);
    let fresh = address("2001:db8:1:abcd::1");
    assert_eq!(limits.count(Group::SignIn, fresh), Err(period / 16));
    clock.advance(period);
    // Refused requests have used up nothing.
    let free = (0..20).filter(|_| limits.count(Group::SignIn, fresh).is_ok());
    assert_eq!(free.count(), 16);
    // A network that uses up its own allowance leaves the others theirs.
    let greedy = address("2001:db8:2:1::1");
    for _ in 0..10_000 {
        let _ = limits.count(Group::SignIn, greedy);
    }
    let neighbour = address("2001:db8:2:2::1");
    let free = (0..burst).filter(|_| limits.count(Group::SignIn, neighbour).is_ok());
    assert_eq!(free.count(), burst as usize);
}

#[test]
fn what_is_given_back_was_not_used() {
    let (limits, clock) = limits();
    let mut runner = TestRunner::new(Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    });
    let steps = vec((proptest::bool::ANY, 0..3_000_u64), 1..400);
    let run = |(client, steps): (&str, Vec<(bool, u64)>)| {
        let client = address(client);
        clock.advance(Duration::from_secs(1_000));
        let mut bucket = Bucket::full(Group::SignIn);
        let mut now = 0;
        for (is_right, pause) in steps {
            clock.advance(Duration::from_millis(pause / 4));
            now += u128::from(pause / 4) * 1_000_000;
            let before = bucket.take(Group::SignIn, now);
            let counted = limits.count(Group::SignIn, client);
            prop_assert_eq!(counted.map_err(|wait| wait.as_nanos()), before);
            if is_right && counted.is_ok() {
                limits.give_back(Group::SignIn, client);
                bucket.content += Group::SignIn.allowance().1.as_nanos();
            }
        }
        Ok(())
    };
    let clients = select(&["192.0.2.1", "2001:db8::1"][..]);
    runner.run(&(clients, steps), run).unwrap();
}

#[test]
fn only_wrong_guesses_use_up_an_allowance() {
    let cases = [
        (ApiError::from(Code::InvalidCredentials), true),
        (Code::TokenInvalid.into(), true),
        (Code::NotAuthenticated.into(), true),
        (Code::NotFound.into(), true),
        (Code::Throttled.into(), true),
        (ApiError::field("code", "Wrong."), true),
        (Code::TokenExpired.into(), false),
        (Code::OtpRequired.into(), false),
        (Code::SecondFactorSetupRequired.into(), false),
        (Code::InactiveAccount.into(), false),
        (Code::Overloaded.into(), false),
        (Code::InternalError.into(), false),
    ];
    for (error, is_guess) in cases {
        let shown = format!("{error:?}");
        assert_eq!(may_be_guess(&error.into_response()), is_guess, "{shown}");
    }
    assert!(!may_be_guess(&StatusCode::NO_CONTENT.into_response()));
}

#[test]
fn work_is_limited_even_when_it_is_right() {
    let (limits, _) = limits();
    let client = address("192.0.2.1");
    let login = limit("/api/user/login");
    let served = (0..5_000).filter(|_| {
        let admitted = limits.admit(login, client).is_ok();
        if admitted {
            limits.give_back(login.group, client);
        }
        admitted
    });
    assert_eq!(served.count(), 2_000);
    // What was refused as work has used up no guesses.
    let guesses = (0..200).filter(|_| limits.count(Group::SignIn, client).is_ok());
    assert_eq!(guesses.count(), 100);
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
        prop_oneof![1..4_u32, 50..130_u32, 550..650_u32, 1_900..2_100_u32],
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
    for number in 0..5 * NETWORKS {
        let crowd = format!("10.{}.{}.{}", number >> 16, number >> 8 & 255, number & 255);
        assert_eq!(limits.count(Group::SignIn, address(&crowd)), Ok(()));
        free += usize::from(limits.count(Group::SignIn, active).is_ok());
    }
    assert_eq!(free, 100);
    let [[(_, networks), ..], ..] = limits.limiters;
    assert!(networks.0.len() <= NETWORKS);
}
