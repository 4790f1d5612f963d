//! Shared test support: the environment of the program, the running program, requests and responses.

mod breached_passwords;
mod database;
pub mod email;
mod endpoints;
mod event_stream;
pub mod identity_provider;
pub mod jwt;
mod openapi;
pub mod passkeys;
pub mod postgres_server;
pub mod proxy;
pub mod raw_connection;
#[path = "../../../../accounts/tests/accounts/support/receiver.rs"]
#[allow(dead_code, reason = "the tests of the domain need more of it")]
pub mod receiver;
mod request;
mod response;
pub mod reverse_proxy;
mod second_factor;
mod server;
pub mod smtp;
pub mod social;
#[path = "../../../../accounts/tests/accounts/support/soft_passkey.rs"]
#[allow(dead_code, reason = "the tests of the domain need more of it")]
pub mod soft_passkey;
mod test_env;

use std::{
    fs,
    path::Path,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use breached_passwords::{breached_list, breached_passwords_file};
pub use database::{Database, postgres_administration};
pub use email::Email;
pub use endpoints::{ENDPOINTS, Endpoint, RequiredToken};
pub use event_stream::{EventStream, REVOCATIONS};
pub use request::RequestBuilder;
pub use response::Response;
pub use second_factor::{Authenticator, SecondFactor, amr, recovery_codes};
pub use server::Server;
pub use test_env::{Output, SITE_FILE, TestEnv, free_address};

/// The setting that turns rate limits off, as all requests of a test come from one IP address.
pub const NO_LIMITS: (&str, &str) = ("LATCHKEY_RATE_LIMITS", "off");

/// The password of accounts that a test creates.
pub const PASSWORD: &str = "tall-violet-anchor-92";

/// Another acceptable password.
pub const OTHER_PASSWORD: &str = "quiet-copper-lantern-17";

/// An account created by a test.
pub struct User {
    /// The user ID.
    pub id: String,
}

/// The two tokens that a client keeps after signing in.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenPair {
    /// The access token.
    pub token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl From<&Response> for TokenPair {
    #[track_caller]
    fn from(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{response}");
        Self {
            token: text_of(&response.json(), "token"),
            refresh_token: text_of(&response.json(), "refresh_token"),
        }
    }
}

/// Returns the string in a field of a JSON object.
#[track_caller]
pub fn text_of(object: &Value, field: &str) -> String {
    match &object[field] {
        Value::String(text) => text.clone(),
        other => panic!("{field} is {other} in {object}"),
    }
}

/// Returns the text of a file in `docs`.
pub fn document(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `action` on `count` threads that start at the same moment.
pub fn concurrently<T: Send>(count: usize, action: impl Fn(usize) -> T + Sync) -> Vec<T> {
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

/// Sets the flag when dropped, also by a panic, so that threads that wait for it end.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until `condition` is true, and panics after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
