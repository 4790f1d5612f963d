//! A model: whatever happens between Latchkey's servers and a service, no token is accepted for longer
//! than the lease after it was revoked.

use std::{collections::VecDeque, time::Duration};

use proptest::{collection::vec, prelude::*};

use crate::{
    claims::Claims,
    revoked::Entry,
    sse::{Event, Snapshot},
    trust::{Connection, Head, Trust, Verdict},
};

const LEASE: u64 = 1_000_000;

/// What happens, with times in microseconds.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    SignIn,
    /// Ends a session, or all of its user's tokens.
    Revoke(usize, bool),
    /// A server receives everything that was committed, and tells it.
    CatchUp(usize),
    /// What is on its way arrives, up to a number of events.
    Deliver(usize),
    Disconnect,
    /// Connects to a server; how long the request takes, and the response.
    Connect(usize, u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..400_000_u64).prop_map(Step::Wait),
        1 => Just(Step::SignIn),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, all)| Step::Revoke(which, all)),
        6 => (0..2_usize).prop_map(Step::CatchUp),
        6 => (1..6_usize).prop_map(Step::Deliver),
        1 => Just(Step::Disconnect),
        2 => (0..2_usize, 0..700_000_u64, 0..700_000_u64)
            .prop_map(|(server, there, back)| Step::Connect(server, there, back)),
    ]
}

struct Session {
    claims: Claims,
    revoked_at: Option<u64>,
}

struct Server {
    /// How far its clock is ahead of the true time, by up to 5 seconds more than that of the others.
    ahead: u64,
    /// Up to when it has received what was committed, and how much that is.
    seen_until: u64,
    seen: usize,
}

struct World {
    now: u64,
    /// In the order of their commits.
    log: Vec<Entry>,
    sessions: Vec<Session>,
    servers: [Server; 2],
    /// The server, what is on its way from there, and what the service makes of it.
    line: Option<(usize, VecDeque<Event>, Connection)>,
    trust: Trust,
    accepted: usize,
}

impl Server {
    fn time(&self, now: u64) -> u64 {
        (now + self.ahead) / 1000
    }
}

fn uptime(now: u64) -> Duration {
    Duration::from_micros(now)
}

fn entry(value: serde_json::Value) -> Entry {
    serde_json::from_value(value).unwrap()
}

impl World {
    fn new(ahead: [u64; 2]) -> Self {
        Self {
            now: 10_000_000,
            log: vec![],
            sessions: vec![],
            servers: ahead.map(|ahead| Server {
                ahead,
                seen_until: 0,
                seen: 0,
            }),
            line: None,
            trust: Trust::default(),
            accepted: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(time) => self.now += time,
            Step::SignIn => self.sign_in(),
            Step::Revoke(which, all) => self.revoke(which, all),
            Step::CatchUp(server) => self.catch_up(server),
            Step::Deliver(count) => self.deliver(count),
            Step::Disconnect => self.line = None,
            Step::Connect(server, there, back) => self.connect(server, there, back),
        }
    }

    fn sign_in(&mut self) {
        let number = self.sessions.len();
        let claims = serde_json::json!({
            "iss": "i", "aud": "i", "sub": "u", "sid": number.to_string(), "amr": [], "iat": 0,
            "exp": 900, "jti": "j", "token_type": "access", "gen": format!("g{number}"),
        });
        self.sessions.push(Session {
            claims: serde_json::from_value(claims).unwrap(),
            revoked_at: None,
        });
    }

    fn revoke(&mut self, which: usize, all: bool) {
        if self.sessions.is_empty() {
            return;
        }
        let number = which % self.sessions.len();
        let revoked = if all {
            serde_json::json!({"sub": "u", "gen": format!("g{number}")})
        } else {
            serde_json::json!({"sub": "u", "sid": number.to_string()})
        };
        self.log.push(entry(revoked));
        self.sessions[number].revoked_at.get_or_insert(self.now);
    }

    fn catch_up(&mut self, number: usize) {
        let server = &mut self.servers[number];
        let news = self.log[server.seen..].iter().cloned().map(Event::Revoked);
        let news: Vec<_> = news.collect();
        (server.seen, server.seen_until) = (self.log.len(), self.now);
        let at = server.time(server.seen_until);
        if let Some((connected, way, _)) = &mut self.line
            && *connected == number
        {
            way.extend(news);
            way.push_back(Event::Heartbeat(at));
        }
    }

    fn deliver(&mut self, count: usize) {
        let Some((_, way, connection)) = &mut self.line else {
            return;
        };
        for event in way.drain(..count.min(way.len())) {
            let received = uptime(self.now);
            connection.apply(event, received, &mut self.trust).unwrap();
        }
    }

    fn connect(&mut self, number: usize, there: u64, back: u64) {
        self.line = None;
        let sent = self.now;
        self.now += there;
        self.check();
        let server = &self.servers[number];
        let told = self.log[..server.seen].to_vec();
        let way = [
            Event::Snapshot(Snapshot {
                lease_ms: LEASE / 1000,
                revoked: told,
                complete: true,
            }),
            Event::Heartbeat(server.time(server.seen_until)),
        ];
        let at = server.time(self.now);
        self.now += back;
        let connection = Connection::new(Head {
            sent: uptime(sent),
            received: uptime(self.now),
            at: Some(at),
            token_lifetime: Some(900),
        });
        self.line = Some((number, way.into(), connection));
    }

    /// No token is accepted that was revoked a lease ago or earlier.
    fn check(&mut self) {
        for session in &self.sessions {
            let verdict = self.trust.judge(&session.claims, uptime(self.now));
            if verdict == Verdict::Accepted {
                self.accepted += 1;
                let revoked_at = session.revoked_at.unwrap_or(self.now);
                let age = self.now - revoked_at;
                assert!(age < LEASE, "{} {age}", session.claims.sid);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_token_is_accepted_for_longer_than_the_lease_after_it_was_revoked(
        steps in vec(step(), 1..150),
        ahead in [0..10_000_000_u64, 0..10_000_000_u64],
    ) {
        let mut world = World::new(ahead);
        for step in steps {
            world.take(step);
            world.check();
        }
    }
}

/// The bound is worth something only if tokens are accepted otherwise.
#[test]
fn tokens_are_accepted_while_everything_works() {
    let mut world = World::new([0, 5_000_000]);
    world.sign_in();
    world.catch_up(0);
    world.connect(0, 2_000, 2_000);
    for round in 0..100 {
        world.deliver(10);
        world.check();
        assert_eq!(world.accepted, round + 1);
        world.now += 200_000;
        world.catch_up(0);
        world.now += 1_500;
    }
    world.revoke(0, false);
    world.catch_up(0);
    world.deliver(10);
    let verdict = world
        .trust
        .judge(&world.sessions[0].claims, uptime(world.now));
    assert_eq!(verdict, Verdict::Revoked);
}
