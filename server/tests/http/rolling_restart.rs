//! Two servers behind nginx, restarted one after the other while clients send requests.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use ureq::Agent;

use crate::support::{
    Database, NO_LIMITS, PASSWORD, Server, SetOnDrop, TestEnv, TokenPair, free_address,
    reverse_proxy::{ReverseProxy, example},
    text_of, wait_until,
};

/// How many clients there are, and the pause of each between two requests.
const CLIENTS: usize = 6;
const PAUSE: Duration = Duration::from_millis(10);

/// The path of each request, and the status of its response or why there is none.
type Results = Vec<(&'static str, Result<u16, String>)>;

/// A client behind the proxy that keeps its connection to it.
struct Client<'a> {
    agent: Agent,
    url: String,
    results: &'a Mutex<Results>,
}

impl Client<'_> {
    /// Sends JSON or, without it, a GET request. Returns the response.
    fn send(&self, path: &'static str, token: &str, json: Option<Value>) -> Value {
        let url = format!("{}{path}", self.url);
        let bearer = format!("Bearer {token}");
        let sent = match json {
            Some(json) => {
                let request = self.agent.post(url).content_type("application/json");
                request.send(json.to_string())
            }
            None => self.agent.get(url).header("Authorization", bearer).call(),
        };
        let (result, body) = match sent {
            Ok(mut response) => (
                Ok(response.status().as_u16()),
                response.body_mut().read_to_string().unwrap_or_default(),
            ),
            Err(error) => (Err(error.to_string()), String::new()),
        };
        let mut results = self.results.lock().expect("no panic");
        results.push((path, result));
        thread::sleep(PAUSE);
        serde_json::from_str(&body).unwrap_or_default()
    }

    /// Reads the profile, signs in, and renews the tokens of one session, until `done`.
    fn run(&self, pair: TokenPair, done: &AtomicBool) {
        let TokenPair {
            mut token,
            mut refresh_token,
        } = pair;
        let credentials = json!({"email": "ada@example.com", "password": PASSWORD});
        while !done.load(Ordering::Relaxed) {
            for _ in 0..3 {
                self.send("/api/user/view", &token, None);
            }
            self.send("/api/user/login", "", Some(credentials.clone()));
            let refresh = Some(json!({"refresh_token": refresh_token}));
            let renewed = self.send("/api/user/login/refresh", "", refresh);
            if renewed.get("token").is_none() {
                return; // the failure is in the results
            }
            token = text_of(&renewed, "token");
            refresh_token = text_of(&renewed, "refresh_token");
        }
    }
}

#[test]
fn restarts_one_after_the_other_fail_no_request() {
    let [one, other] = [TestEnv::new(), TestEnv::new()];
    let Database::Postgres(database) = &one.database else {
        return; // one server can use a file
    };
    let address = free_address();
    let url = format!("http://{address}");
    let settings = [
        NO_LIMITS,
        ("LATCHKEY_PUBLIC_URL", url.as_str()),
        ("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1"),
        ("DATABASE_URL", database.as_str()),
        ("LATCHKEY_SECRET", "one-master-secret-for-all-the-servers"),
    ];
    let mut servers = [one.start(&settings), other.start(&settings)];
    servers[0].register("ada@example.com");
    let pairs: Vec<_> = (0..CLIENTS)
        .map(|_| servers[0].sign_in("ada@example.com"))
        .collect();

    let host = |server: &Server| server.url().replace("http://", "");
    let example = example("nginx", "upstream latchkey")
        .replace("127.0.0.1:3000", &host(&servers[0]))
        .replace("127.0.0.1:3001", &host(&servers[1]))
        .replace("listen 80;", &format!("listen {address};"));
    let nginx = ReverseProxy::start_nginx(one.folder(), &example, address);

    let (results, done) = (Mutex::<Results>::default(), AtomicBool::new(false));
    let count = || results.lock().expect("no panic").len();
    let more_requests = || {
        let before = count();
        wait_until("requests", Duration::from_secs(60), || {
            count() > before + 100
        });
    };
    let start = Instant::now();
    thread::scope(|scope| {
        let _ended = SetOnDrop(&done);
        for pair in pairs {
            let client = Client {
                agent: Agent::config_builder()
                    .http_status_as_error(false)
                    .timeout_global(Some(Duration::from_secs(60)))
                    .build()
                    .new_agent(),
                url: url.clone(),
                results: &results,
            };
            let done = &done;
            scope.spawn(move || client.run(pair, done));
        }
        more_requests();
        for _ in 0..3 {
            for (server, env) in servers.iter_mut().zip([&one, &other]) {
                server.signal("TERM");
                assert_eq!(server.wait(), Some(0), "{}", server.log());
                more_requests();
                *server = env.start(&settings);
                more_requests();
            }
        }
    });
    let results = results.into_inner().expect("no panic");
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, result)| *result != Ok(200))
        .collect();
    eprintln!("{} requests in {:?}", results.len(), start.elapsed());
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:?}",
        failed.len(),
        results.len()
    );
    drop(nginx);
}
