//! `/api/token/forward-auth`, also behind the proxies that the documentation names.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use ureq::Agent;

use crate::support::{
    Response, Server, free_address,
    reverse_proxy::{self, ReverseProxy},
    wait_until,
};

const PATH: &str = "/api/token/forward-auth";

#[track_caller]
fn assert_user(response: &Response, id: &str, email: &str) {
    assert_eq!((response.status, response.text()), (200, ""));
    for (name, value) in [
        ("x-user-id", id),
        ("x-user-email", email),
        ("x-user-roles", ""),
    ] {
        let found = response.headers.get(name).expect(name);
        assert_eq!(found, value, "{name}");
    }
}

#[test]
fn names_the_user_in_headers_that_are_always_there() {
    for algorithm in ["HS256", "EdDSA"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let id = server.register("ada@example.com").id;
        let pair = server.sign_in("ada@example.com");
        let ask = || server.get(PATH).token(&pair.token).send();
        // The server hears of what was changed by hand a moment later.
        let ask_until_email = |email: &str| {
            wait_until("the change", Duration::from_secs(5), || {
                ask()
                    .headers
                    .get("x-user-email")
                    .is_some_and(|found| found == email)
            });
            ask()
        };
        // Nobody has proved to own the address yet.
        assert_user(&ask(), &id, "");
        server.verify_users();
        assert_user(&ask_until_email("ada@example.com"), &id, "ada@example.com");
        server
            .database()
            .execute("UPDATE users SET email = 'adä@example.com'");
        assert_user(&ask_until_email(""), &id, "");
        let head = server.request("HEAD", PATH).token(&pair.token).send();
        assert_user(&head, &id, "");
    }
}

#[test]
fn refuses_what_other_endpoints_refuse() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let response = server
        .get(PATH)
        .send()
        .assert_error(401, "not_authenticated");
    assert_eq!(response.header("www-authenticate"), "Bearer");
    for invalid in [
        "garbage",
        &pair.refresh_token,
        &server.service_key("tokens:verify"),
    ] {
        server
            .get(PATH)
            .token(invalid)
            .send()
            .assert_error(401, "token_invalid");
    }
    let ended = server.sign_in("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&ended.token)
        .send()
        .assert_no_content();
    server
        .get(PATH)
        .token(&ended.token)
        .send()
        .assert_error(401, "token_invalid");
    server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server
        .get(PATH)
        .token(&pending.token)
        .send()
        .assert_error(403, "otp_required");
}

/// The proxy passes on what the browser has sent to it, which says nothing about this server.
#[test]
fn does_not_judge_where_the_browser_comes_from() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for path in [PATH, &format!("{PATH}/")] {
        let request = server.get(path).token(&pair.token);
        let response = request
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "no-cors")
            .header("sec-fetch-dest", "image")
            .header("origin", "https://elsewhere.example")
            .send();
        assert_eq!(response.status, 200, "{response}");
    }
}

/// A backend that responds with the headers about the user that it receives.
struct Backend(SocketAddr);

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || Self::respond(stream));
            }
        });
        Self(address)
    }

    fn respond(mut stream: TcpStream) {
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(count) => request.extend(&buffer[..count]),
            }
        }
        let request = String::from_utf8_lossy(&request).to_lowercase();
        let is_about_user = |line: &&str| line.starts_with("x-user-");
        let lines: Vec<_> = request.lines().filter(is_about_user).collect();
        let body = lines.join("\n");
        // The proxy may have closed the connection.
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    }
}

/// A proxy in front of the backend.
struct Proxy {
    address: SocketAddr,
    agent: Agent,
    _process: ReverseProxy,
}

impl Proxy {
    fn new(process: ReverseProxy, address: SocketAddr) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .new_agent();
        Self {
            address,
            agent,
            _process: process,
        }
    }

    /// Sends a request through the proxy, with headers that pretend to come from it. Returns the status
    /// and what the backend was told about the user.
    fn ask(&self, token: Option<&str>) -> (u16, Vec<String>) {
        let mut request = self
            .agent
            .get(format!("http://{}/page", self.address))
            .header("Sec-Fetch-Site", "cross-site")
            .header("X-User-Id", "forged")
            .header("X-User-Email", "forged@example.com")
            .header("X-User-Roles", "forged");
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().expect("the proxy responds");
        let body = response.body_mut().read_to_string().expect("text");
        // An empty header says the same as none.
        let is_told = |line: &&str| !line.ends_with(':') && !line.ends_with(": ");
        let lines = body.lines().filter(is_told).map(str::to_owned);
        (response.status().as_u16(), lines.collect())
    }

    /// The proxy lets signed-in users pass and tells the backend who they are.
    #[track_caller]
    fn assert_protects(&self, server: &Server) {
        let id = server.register("ada@example.com").id;
        let pair = server.sign_in("ada@example.com");
        let id = format!("x-user-id: {id}");
        for token in [None, Some("garbage"), Some(&*pair.refresh_token)] {
            assert_eq!(self.ask(token).0, 401, "{token:?}");
        }
        assert_eq!(self.ask(Some(&pair.token)), (200, vec![id.clone()]));
        server.verify_users();
        let email = "x-user-email: ada@example.com".to_owned();
        let (status, mut told) = self.ask(Some(&pair.token));
        told.sort();
        assert_eq!((status, told), (200, vec![email, id]));
        server.enable_totp(&pair);
        let pending = server.sign_in("ada@example.com");
        assert_eq!(self.ask(Some(&pending.token)).0, 403);
        server
            .post("/api/user/logout")
            .token(&pending.token)
            .send()
            .assert_no_content();
        assert_eq!(self.ask(Some(&pending.token)).0, 401);
    }
}

/// The example in the documentation that contains this text, with the addresses of the test.
fn example(language: &str, part: &str, server: &Server, backend: &Backend) -> String {
    let server = server.url();
    let server = server.strip_prefix("http://").expect("a URL");
    reverse_proxy::example(language, part)
        .replace("127.0.0.1:3000", server)
        .replace("127.0.0.1:8080", &backend.0.to_string())
}

#[test]
fn protects_a_backend_behind_nginx() {
    let (server, backend, address) = (Server::start(), Backend::start(), free_address());
    let example = example("nginx", "auth_request", &server, &backend);
    let http = format!("server {{\nlisten {address};\n{example}\n}}");
    let nginx = ReverseProxy::start_nginx(server.env().folder(), &http, address);
    Proxy::new(nginx, address).assert_protects(&server);
}

#[test]
fn protects_a_backend_behind_caddy() {
    let (server, backend, address) = (Server::start(), Backend::start(), free_address());
    let folder = server.env().folder();
    let example = example("caddyfile", "forward_auth", &server, &backend);
    let site = example.replace("app.example.com", &format!("http://{address}"));
    let file = folder.join("Caddyfile");
    fs::write(&file, format!("{{\nadmin off\n}}\n{site}")).expect("a file");
    let mut command = Command::new("caddy");
    command
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file)
        .stderr(Stdio::null());
    Proxy::new(ReverseProxy::start(command, address), address).assert_protects(&server);
}
