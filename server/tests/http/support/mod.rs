//! What the tests stand on: a home for the program, the running program, requests and answers.

mod answer;
mod call;
mod database;
mod endpoints;
mod home;
pub mod jwt;
pub mod mail;
pub mod proxy;
mod second_factor;
mod server;
pub mod smtp;
pub mod wire;

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use answer::Answer;
pub use call::Call;
pub use database::{Database, postgres_administration};
pub use endpoints::{ENDPOINTS, Endpoint, Needs};
pub use home::{Home, Run, SITE_FILE, free_address};
pub use mail::Mail;
pub use second_factor::{Authenticator, amr, recovery_codes};
pub use server::Server;

/// The password of the accounts that a test makes without caring how.
pub const PASSWORD: &str = "tall-violet-anchor-92";

/// Another good password.
pub const OTHER_PASSWORD: &str = "quiet-copper-lantern-17";

/// An account that a test has made.
pub struct User {
    /// Its id.
    pub id: String,
}

/// What a client keeps after it has signed in.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl From<&Answer> for Pair {
    #[track_caller]
    fn from(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{answer}");
        Self {
            token: text_of(&answer.json(), "token"),
            refresh_token: text_of(&answer.json(), "refresh_token"),
        }
    }
}

/// The text in a field of a JSON object.
#[track_caller]
pub fn text_of(object: &Value, field: &str) -> String {
    match &object[field] {
        Value::String(text) => text.clone(),
        other => panic!("{field} is {other} in {object}"),
    }
}

/// Runs `action` on `count` threads at the same moment.
pub fn at_once<T: Send>(count: usize, action: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|index| {
                let (start, action) = (&start, &action);
                scope.spawn(move || {
                    start.wait();
                    action(index)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .collect()
    })
}

/// Waits until `condition` holds.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
