//! The vectors that the clients in all languages run.

use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    claims::Claims,
    error::VerifyError,
    keys::{Keys, Unread},
    revoked::{Entry, Revoked},
    sse::{Event, Malformed, Parser, Snapshot},
    trust::{Connection, Head, Trust},
};

#[derive(Deserialize)]
struct Vectors {
    issuer: String,
    now: i64,
    claims: Claims,
    jwks: JwkSet,
    tokens: Vec<Token>,
    revocations: Vec<Revocation>,
    leases: Vec<Lease>,
    stream: Stream,
}

#[derive(Deserialize)]
struct Token {
    name: String,
    token: String,
    result: String,
}

#[derive(Deserialize)]
struct Revocation {
    name: String,
    entries: Vec<Entry>,
    claims: Claims,
    revoked: bool,
}

#[derive(Deserialize)]
struct Lease {
    name: String,
    lease_ms: u64,
    sent: u64,
    head_received: u64,
    head_at: u64,
    heartbeats: Vec<Heartbeat>,
    until: u64,
}

#[derive(Deserialize)]
struct Heartbeat {
    received: u64,
    at: u64,
}

#[derive(Deserialize)]
struct Stream {
    text: String,
    events: Vec<NamedEvent>,
}

#[derive(Deserialize)]
struct NamedEvent {
    name: String,
    data: Value,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../vectors.json")).unwrap()
}

#[test]
fn tokens_are_judged_as_the_vectors_say() {
    let vectors = vectors();
    let keys = Keys::new(&vectors.jwks, &vectors.issuer, Duration::ZERO, None);
    let read = |token: &str| keys.read(token, Duration::ZERO, vectors.now);
    for Token {
        name,
        token,
        result,
    } in &vectors.tokens
    {
        let seen = match read(token) {
            Ok(_) => "accepted",
            Err(Unread::Error(VerifyError::Expired)) => "expired",
            Err(Unread::Error(VerifyError::Invalid)) => "invalid",
            Err(Unread::UnknownKey) => "unknown_key",
            Err(other) => panic!("{name}: {other:?}"),
        };
        assert_eq!(seen, result, "{name}");
    }
    let good = &vectors.tokens[0].token;
    assert_eq!(read(good).unwrap(), vectors.claims);
    // Keys are used for five minutes, or less if the server says so.
    let at = |seconds, max_age: Option<u64>| {
        let max_age = max_age.map(Duration::from_secs);
        let keys = Keys::new(&vectors.jwks, &vectors.issuer, Duration::ZERO, max_age);
        keys.read(good, Duration::from_secs(seconds), vectors.now)
            .is_ok()
    };
    assert!(at(299, None) && !at(300, None) && !at(300, Some(3600)));
    assert!(at(59, Some(60)) && !at(60, Some(60)));
    let none = JwkSet { keys: vec![] };
    let none = Keys::new(&none, &vectors.issuer, Duration::ZERO, None);
    let unread = none.read(good, Duration::ZERO, vectors.now);
    assert_eq!(unread, Err(Unread::NoKeys));
}

#[test]
fn tokens_are_revoked_as_the_vectors_say() {
    for Revocation {
        name,
        entries,
        claims,
        revoked: expected,
    } in vectors().revocations
    {
        let mut revoked = Revoked::default();
        for entry in entries {
            revoked.add(entry).unwrap();
        }
        assert_eq!(revoked.is_revoked(&claims), expected, "{name}");
    }
}

#[test]
fn leases_last_as_long_as_the_vectors_say() {
    let milliseconds = Duration::from_millis;
    for lease in vectors().leases {
        let mut trust = Trust::default();
        let mut connection = Connection::new(Head {
            sent: milliseconds(lease.sent),
            received: milliseconds(lease.head_received),
            at: Some(lease.head_at),
            token_lifetime: None,
        });
        let snapshot = Event::Snapshot(Snapshot {
            lease_ms: lease.lease_ms,
            revoked: vec![],
            complete: true,
        });
        let head = milliseconds(lease.head_received);
        connection.apply(snapshot, head, &mut trust).unwrap();
        let mut until = Duration::ZERO;
        for heartbeat in &lease.heartbeats {
            // Applied at once, as a heartbeat that says nothing about the time it arrives does not count.
            let received = milliseconds(heartbeat.received);
            let heartbeat = Event::Heartbeat(heartbeat.at);
            connection.apply(heartbeat, received, &mut trust).unwrap();
            until = trust.left(Duration::ZERO).max(until);
        }
        let name = &lease.name;
        let last = lease.heartbeats.last().map(|heartbeat| heartbeat.received);
        if lease.until <= last.unwrap() {
            assert!(until <= milliseconds(lease.until), "{name}");
        } else {
            assert_eq!(
                trust.left(Duration::ZERO),
                milliseconds(lease.until),
                "{name}"
            );
        }
    }
}

#[test]
fn streams_are_split_into_the_events_of_the_vectors() {
    let stream = vectors().stream;
    let expected: Vec<_> = stream
        .events
        .iter()
        .map(|event| match (&*event.name, &event.data) {
            ("heartbeat", data) => Event::Heartbeat(data["at"].as_u64().unwrap()),
            ("revoked", data) => Event::Revoked(Entry::deserialize(data).unwrap()),
            (_, data) => Event::Snapshot(Snapshot::deserialize(data).unwrap()),
        })
        .collect();
    let bytes = stream.text.as_bytes();
    for size in [1, 2, 3, 7, 100, bytes.len()] {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for piece in bytes.chunks(size) {
            parser
                .read(piece, |event| {
                    events.push(event);
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(events, expected, "pieces of {size}");
    }
}

#[test]
fn what_does_not_follow_the_protocol_ends_the_connection() {
    let read = |text: &str| Parser::default().read(text.as_bytes(), |_| Ok(()));
    for text in [
        "event: heartbeat\ndata: {}\n\n",
        "event: heartbeat\ndata: {\"at\":-1}\n\n",
        "event: revoked\ndata: [1]\n\n",
        "event: snapshot\ndata: {\"revoked\":[]}\n\n",
        &"x".repeat(2_000_000),
        &"data: 1234567890\n".repeat(200_000),
    ] {
        assert_eq!(read(text), Err(Malformed), "{}", &text[..20]);
    }
    let invalid = Parser::default().read(b"data: \xff\n", |_| Ok(()));
    assert_eq!(invalid, Err(Malformed));
    let head = Head {
        sent: Duration::ZERO,
        received: Duration::ZERO,
        at: Some(0),
        token_lifetime: None,
    };
    let snapshot = |complete| {
        Event::Snapshot(Snapshot {
            lease_ms: 1000,
            revoked: vec![],
            complete,
        })
    };
    for events in [
        vec![Event::Heartbeat(0)],
        vec![snapshot(false), Event::Heartbeat(0)],
        vec![snapshot(true), snapshot(true)],
    ] {
        let (mut connection, mut trust) = (Connection::new(head), Trust::default());
        let results = events
            .into_iter()
            .map(|event| connection.apply(event, Duration::ZERO, &mut trust));
        assert_eq!(results.last(), Some(Err(Malformed)));
    }
}
