//! The running program, and what a client does with it.

use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use http::Method;
use serde_json::json;
use ureq::Agent;

use super::{
    Database, PASSWORD, RequestBuilder, Response, TestEnv, TokenPair, User,
    raw_connection::RawConnection, test_env::exit_code, text_of,
};

/// How long the program may take to become ready.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long the program may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// The running program. It is killed when dropped.
pub struct Server {
    env: Arc<TestEnv>,
    process: Child,
    agent: Agent,
    log: PathBuf,
}

impl Server {
    /// Starts the program in a new environment.
    #[track_caller]
    pub fn start() -> Self {
        TestEnv::new().start(&[])
    }

    /// Starts the program in a new environment with these settings.
    #[track_caller]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        TestEnv::new().start(settings)
    }

    #[track_caller]
    pub(super) fn new(env: Arc<TestEnv>, mut command: Command) -> Self {
        let log = env.folder().join("log");
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a file for the log");
        let process = command
            .stdout(file.try_clone().expect("the same file"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            // One connection per request: a server that responds without reading the body may close
            // the connection after its response.
            .max_idle_connections(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let mut server = Self {
            env,
            process,
            agent,
            log,
        };
        server.wait_until_ready();
        server
    }

    #[track_caller]
    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("a process has a state") {
                panic!("the program ended with {status}: {}", self.log());
            }
            if TcpStream::connect(self.env.address).is_ok()
                && self.get("/readyz").send().status == 200
            {
                return;
            }
            assert!(start.elapsed() < START_LIMIT, "not ready: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The environment of the program.
    pub fn env(&self) -> &TestEnv {
        &self.env
    }

    /// The program's database.
    pub fn database(&self) -> &Database {
        &self.env.database
    }

    /// The public URL.
    pub fn url(&self) -> String {
        self.env.url()
    }

    /// The process ID.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The resident memory of the process in KiB.
    #[track_caller]
    pub fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.expect("a line with KiB").parse().expect("a number")
    }

    /// Everything the program has written to its log and standard output.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("the log is UTF-8")
    }

    /// Creates a request.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder<'_> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        RequestBuilder::new(&self.agent, method, &format!("{}{path}", self.url()))
    }

    /// Creates a `GET` request.
    pub fn get(&self, path: &str) -> RequestBuilder<'_> {
        self.request("GET", path)
    }

    /// Creates a `POST` request.
    pub fn post(&self, path: &str) -> RequestBuilder<'_> {
        self.request("POST", path)
    }

    /// Opens a connection for raw requests.
    pub fn raw_connection(&self) -> RawConnection {
        RawConnection::open(self.env.address)
    }

    /// Creates an account with [`PASSWORD`].
    #[track_caller]
    pub fn register(&self, email: &str) -> User {
        let response = self
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send();
        assert_eq!(response.status, 201, "{response}");
        User {
            id: text_of(&response.json(), "id"),
        }
    }

    /// Signs in with [`PASSWORD`].
    #[track_caller]
    pub fn sign_in(&self, email: &str) -> TokenPair {
        TokenPair::from(&self.try_sign_in(email, PASSWORD))
    }

    /// Sends a login request, which may fail.
    #[track_caller]
    pub fn try_sign_in(&self, email: &str, password: &str) -> Response {
        self.post("/api/user/login")
            .json(json!({"email": email, "password": password}))
            .send()
    }

    /// Creates an account with [`PASSWORD`] and signs in.
    #[track_caller]
    pub fn sign_up(&self, email: &str) -> TokenPair {
        self.register(email);
        self.sign_in(email)
    }

    /// Creates an account with [`PASSWORD`] whose email address is verified, and signs in.
    #[track_caller]
    pub fn sign_up_verified(&self, email: &str) -> TokenPair {
        self.register(email);
        self.verify_users();
        self.sign_in(email)
    }

    /// Verifies the email addresses of all users.
    pub fn verify_users(&self) {
        self.database()
            .execute("UPDATE users SET email_verified = true");
    }

    /// Lifts the limits on emails that were sent so far.
    pub fn forget_sent_emails(&self) {
        self.database().execute("DELETE FROM email_limits");
    }

    /// Creates a service key with this scope.
    #[track_caller]
    pub fn service_key(&self, scope: &str) -> String {
        let arguments = ["key", "create", "--name", "a test", "--scope", scope];
        let output = self.env.run(&arguments);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout.trim_end().to_owned()
    }

    /// Uses a link that verifies the email address of an account with [`PASSWORD`].
    #[track_caller]
    pub fn activate(&self, token: &str) -> Response {
        self.post("/api/user/activation")
            .json(json!({"token": token, "password": PASSWORD}))
            .send()
    }

    /// Requests a link to choose a new password.
    #[track_caller]
    pub fn reset(&self, email: &str) -> Response {
        self.post("/api/user/password/reset")
            .json(json!({"email": email}))
            .send()
    }

    /// Sends a refresh token.
    #[track_caller]
    pub fn refresh(&self, refresh_token: &str) -> Response {
        self.post("/api/user/login/refresh")
            .json(json!({"refresh_token": refresh_token}))
            .send()
    }

    /// Sends an access token to be verified.
    #[track_caller]
    pub fn verify(&self, token: &str) -> Response {
        self.post("/api/user/login/verify")
            .json(json!({"token": token}))
            .send()
    }

    /// Requests the profile with an access token.
    #[track_caller]
    pub fn view(&self, token: &str) -> Response {
        self.get("/api/user/view").token(token).send()
    }

    /// Requests the metrics.
    #[track_caller]
    pub fn metrics(&self) -> Response {
        let url = format!("http://{}/metrics", self.env.metrics_address);
        let response = RequestBuilder::new(&self.agent, Method::GET, &url).send();
        assert_eq!(response.status, 200, "{response}");
        response
    }

    /// Returns a metric: the value for these labels, or the sum over all labels.
    #[track_caller]
    pub fn metric(&self, name: &str) -> f64 {
        let response = self.metrics();
        let values = response.text().lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let named = series == name || series.split('{').next() == Some(name);
            named.then(|| value.parse::<f64>().expect(line))
        });
        values.sum()
    }

    /// The endpoint requires an access token and rejects a refresh token.
    #[track_caller]
    pub fn assert_needs_access_token(&self, method: &str, path: &str) {
        let pair = self.sign_up("ada@example.com");
        self.request(method, path)
            .send()
            .assert_error(401, "not_authenticated");
        self.request(method, path)
            .token(&pair.refresh_token)
            .send()
            .assert_error(401, "token_invalid");
        self.assert_valid(&pair);
    }

    /// Both tokens of the pair are valid. This uses up the refresh token.
    #[track_caller]
    pub fn assert_valid(&self, pair: &TokenPair) {
        let view = self.view(&pair.token);
        assert_eq!(view.status, 200, "{view}");
        let refresh = self.refresh(&pair.refresh_token);
        assert_eq!(refresh.status, 200, "{refresh}");
    }

    /// Both tokens of the pair are invalid.
    #[track_caller]
    pub fn assert_revoked(&self, pair: &TokenPair) {
        self.view(&pair.token).assert_error(401, "token_invalid");
        self.verify(&pair.token).assert_error(401, "token_invalid");
        self.refresh(&pair.refresh_token)
            .assert_error(401, "token_invalid");
    }

    /// Sends a signal to the process by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$0" "$1""#, name, &self.pid().to_string()])
            .status()
            .expect("a shell");
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Waits for the process to exit. Returns its exit status, or `None` if it had to be killed.
    pub fn wait(&mut self) -> Option<i32> {
        exit_code(&mut self.process, STOP_LIMIT)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("The program's log:\n{}", self.log());
        }
    }
}
