//! Starting and stopping, and the files that the program creates.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{PASSWORD, Server, TestEnv, raw_connection::RawConnection};

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("the program has made it");
    metadata.permissions().mode() & 0o777
}

#[test]
fn fails_when_the_port_is_in_use() {
    let env = TestEnv::new();
    let _busy = TcpListener::bind(env.address).unwrap();
    // Only the error is of interest, not the log before it.
    let output = env.run_command(env.command(&[("LATCHKEY_LOG", "error")]), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains(&env.address.to_string()), "{line}");
}

#[test]
fn fails_when_the_data_folder_is_not_writable() {
    let env = TestEnv::new();
    let file = env.folder().join("file");
    fs::write(&file, "not a folder").unwrap();
    for folder in [&file, &file.join("data")] {
        let output = env.run_command(
            env.command(&[("LATCHKEY_DATA_DIR", folder.to_str().unwrap())]),
            "",
        );
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("LATCHKEY_DATA_DIR"), "{line}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn fails_when_the_secret_file_is_damaged() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let file = env.data_dir().join("secret.key");
    for damaged in ["", "short"] {
        fs::write(&file, damaged).unwrap();
        let output = env.run_command(env.command(&[("LATCHKEY_LOG", "error")]), "");
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("secret.key"), "{line}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    }
}

#[test]
fn creates_data_accessible_to_its_owner_only() {
    let env = TestEnv::new();
    // Whatever the umask of the user who starts it.
    let mut command = env.command_in_shell(&[], r#"umask 000; exec "$0" "$@""#);
    command.args(["user", "create", "--email", "ada@example.com"]);
    let output = env.run_command(command, PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(mode(&env.data_dir()), 0o700);
    assert_eq!(mode(&env.data_dir().join("secret.key")), 0o600);

    let secret = fs::read_to_string(env.data_dir().join("secret.key")).unwrap();
    assert!(secret.trim().len() >= 32);
    env.start(&[]).sign_in("ada@example.com");
    let after = fs::read_to_string(env.data_dir().join("secret.key")).unwrap();
    assert_eq!(after, secret);
    assert_eq!(mode(&env.data_dir().join("secret.key")), 0o600);
}

#[test]
fn creates_a_unique_secret() {
    let [one, other] = [TestEnv::new(), TestEnv::new()];
    let secret = |env: &TestEnv| fs::read(env.data_dir().join("secret.key")).unwrap();
    drop((one.start(&[]), other.start(&[])));
    assert_ne!(secret(&one), secret(&other));
}

#[test]
fn loses_nothing_when_killed() {
    let env = TestEnv::new();
    for round in 0..3 {
        let email = format!("number-{round}@example.com");
        let server = env.start(&[]);
        server.register(&email);
        server.signal("KILL");
        drop(server);
        let server = env.start(&[]);
        let pair = server.sign_in(&email);
        server.signal("KILL");
        drop(server);
        env.start(&[]).assert_valid(&pair);
    }
    assert_eq!(env.database.count("users", "true"), 3);
}

#[test]
fn completes_requests_in_flight_before_it_stops() {
    let mut server = Server::start();
    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let (first_half, second_half) = body.split_at(20);
    // The server requests the body, so it has received the head.
    let mut in_flight = server.raw_connection();
    in_flight.send(format!(
        "POST /api/user/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let go_on = in_flight.read_until("\r\n\r\n");
    assert!(go_on.starts_with("HTTP/1.1 100 "), "{go_on}");
    in_flight.send(first_half);
    // An idle connection does not delay the program.
    let mut idle = server.raw_connection();
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_until("\r\n\r\n");

    server.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    let response = in_flight.send(second_half).read_to_end();
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    assert!(response.contains("ada@example.com"), "{response}");
    assert!(response.contains("connection: close\r\n"), "{response}");

    let start = Instant::now();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(server.database().count("users", "true"), 1);
}

/// As a proxy sends them, which does not know yet that the server stops, and may not send them twice.
#[test]
fn serves_requests_that_have_arrived_when_it_is_told_to_stop() {
    const REQUEST: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut server = Server::start();
    let mut connections = vec![server.raw_connection()];
    connections[0].send(REQUEST).read_until("ok\"}");
    // The system accepts the others for the program.
    server.signal("STOP");
    connections.extend((0..5).map(|_| server.raw_connection()));
    for connection in &mut connections {
        connection.send(REQUEST);
    }
    server.signal("TERM");
    server.signal("CONT");
    for (number, connection) in connections.iter_mut().enumerate() {
        let response = connection.read_to_end();
        assert!(
            response.starts_with("HTTP/1.1 200 "),
            "{number}: {response}"
        );
    }
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}

/// What an init system, a log rotation, a terminal or a limit of the system sends.
#[test]
fn goes_on_after_other_signals() {
    let mut server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for signal in [
        "HUP", "USR1", "USR2", "PIPE", "ALRM", "VTALRM", "PROF", "IO", "TTIN", "TTOU", "WINCH",
        "XCPU", "XFSZ", "CONT", "CHLD", "URG",
    ] {
        server.signal(signal);
        server.signal(signal);
        assert_eq!(server.view(&pair.token).status, 200, "{signal}");
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.log());
}

/// A terminal or a log collector may go away.
#[test]
fn goes_on_without_a_log() {
    let env = TestEnv::new();
    let mut command = env.command(&[("LATCHKEY_LOG", "debug")]);
    let (reader, writer) = std::io::pipe().unwrap();
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut process = command.spawn().unwrap();
    drop(command);
    let mut connect = || std::net::TcpStream::connect(env.address).is_ok();
    crate::support::wait_until("it listens", Duration::from_secs(30), &mut connect);
    drop(reader);
    for _ in 0..3 {
        let request = "GET /api/user/view HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let status = RawConnection::open(env.address).send(request).status();
        assert_eq!(status, Some(401));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn stops_at_once_when_idle() {
    for signal in ["TERM", "INT", "QUIT"] {
        let mut server = Server::start();
        server.register("ada@example.com");
        server.signal(signal);
        let start = Instant::now();
        assert_eq!(server.wait(), Some(0), "{}", server.log());
        assert!(start.elapsed() < Duration::from_secs(5), "{signal}");
    }
}

#[test]
fn serves_and_prints_the_url() {
    let env = TestEnv::new();
    for arguments in [&[][..], &["serve"]] {
        let mut command = env.command(&[]);
        command.args(arguments);
        let server = env.start_command(command);
        assert!(server.log().contains(&env.url()), "{}", server.log());
        assert_eq!(server.get("/").send().status, 200);
    }
}
