//! Concurrent requests.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server, TestEnv, TokenPair, concurrently, jwt};

/// Returns the number of responses per status, sorted by status.
fn statuses(responses: &[Response]) -> Vec<(u16, usize)> {
    let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    statuses
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len()))
        .collect()
}

#[test]
fn registrations_of_one_email_address() {
    let server = Server::start();
    let responses = concurrently(16, |index| {
        let email = ["ada@example.com", "Ada@EXAMPLE.com"][index % 2];
        server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send()
    });
    assert_eq!(statuses(&responses), [(201, 1), (400, 15)]);
    for response in responses {
        if response.status == 400 {
            response.assert_json(
                400,
                json!({"email": ["A user with that email already exists."]}),
            );
        }
    }
    assert_eq!(server.database().count("users", "true"), 1);
    server.sign_in("ada@example.com");
}

#[test]
fn registrations_of_many_email_addresses() {
    let server = Server::start();
    let responses = concurrently(16, |index| {
        let email = format!("number-{index}@example.com");
        server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send()
    });
    assert_eq!(statuses(&responses), [(201, 16)]);
}

#[test]
fn sign_ins_of_one_user() {
    let server = Server::start();
    server.register("ada@example.com");
    let responses = concurrently(16, |_| server.try_sign_in("ada@example.com", PASSWORD));
    assert_eq!(statuses(&responses), [(200, 16)]);
    assert_eq!(server.database().count("sessions", "true"), 16);
    for response in &responses {
        server.assert_valid(&TokenPair::from(response));
    }
}

#[test]
fn refreshes_with_one_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for _ in 0..3 {
        let responses = concurrently(16, |_| server.refresh(&pair.refresh_token));
        assert_eq!(statuses(&responses), [(200, 16)]);
        let pairs: Vec<_> = responses.iter().map(TokenPair::from).collect();
        for pair in &pairs {
            assert_eq!(server.view(&pair.token).status, 200);
        }
        for pair in &pairs {
            server.assert_valid(pair);
        }
    }
    assert_eq!(server.database().count("sessions", "true"), 1);
}

/// Every tab continues with the pair that it received, all at the same moment.
#[test]
fn refreshes_of_many_tabs() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let pairs = concurrently(8, |_| {
        let mut pair = pair.clone();
        for _ in 0..6 {
            pair = TokenPair::from(&server.refresh(&pair.refresh_token));
        }
        pair
    });
    for pair in &pairs {
        server.assert_valid(pair);
    }
}

#[test]
fn sign_out_during_refreshes() {
    let server = Server::start();
    server.register("ada@example.com");
    for _ in 0..5 {
        let pair = server.sign_in("ada@example.com");
        let responses = concurrently(12, |index| {
            if index == 6 {
                server.post("/api/user/logout").token(&pair.token).send()
            } else {
                server.refresh(&pair.refresh_token)
            }
        });
        for (index, response) in responses.into_iter().enumerate() {
            match response.status {
                204 if index == 6 => {}
                200 => server.assert_revoked(&TokenPair::from(&response)),
                _ => {
                    response.assert_error(401, "token_invalid");
                }
            }
        }
        server.assert_revoked(&pair);
    }
}

#[test]
fn sign_out_everywhere_during_other_requests() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    let pairs: Vec<_> = (0..16).map(|_| server.sign_in("ada@example.com")).collect();
    let responses = concurrently(16, |index| {
        let pair = &pairs[index];
        match index % 4 {
            0 => server.post("/api/user/logout/all").token(&pair.token),
            1 => server.post("/api/user/logout").token(&pair.token),
            2 => server
                .post("/api/user/login/refresh")
                .json(json!({"refresh_token": pair.refresh_token})),
            _ => server.get("/api/user/sessions").token(&pair.token),
        }
        .send()
    });
    let responses: Vec<_> = responses
        .into_iter()
        .filter(|response| !(200..=204).contains(&response.status))
        .collect();
    for response in responses {
        response.assert_error(401, "token_invalid");
    }
    for pair in pairs.iter().chain([&ada]) {
        server.assert_revoked(pair);
    }
}

#[test]
fn sign_ins_during_sign_out_everywhere() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let responses = concurrently(12, |index| {
        if index == 5 {
            server
                .post("/api/user/logout/all")
                .token(&pair.token)
                .send()
        } else {
            server.try_sign_in("ada@example.com", PASSWORD)
        }
    });
    assert_eq!(statuses(&responses), [(200, 11), (204, 1)]);
    server.assert_revoked(&pair);
    // The sign-in happened either before or after the end of all sessions, so both tokens of its
    // pair are valid or neither.
    for response in responses.iter().filter(|response| response.status == 200) {
        let pair = TokenPair::from(response);
        match server.view(&pair.token).status {
            200 => server.assert_valid(&pair),
            _ => server.assert_revoked(&pair),
        }
    }
}

#[test]
fn revocations_of_one_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let phone = server.sign_in("ada@example.com");
    let id = jwt::claims(&phone.token)["sid"].clone();
    let responses = concurrently(12, |_| {
        server
            .post("/api/user/sessions/revoke")
            .token(&pair.token)
            .json(json!({"id": id}))
            .send()
    });
    assert_eq!(statuses(&responses), [(204, 1), (404, 11)]);
    server.assert_revoked(&phone);
    server.assert_valid(&pair);
}

#[test]
fn deletion_during_other_requests() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let responses = concurrently(16, |index| {
        match index % 4 {
            0 => server
                .post("/api/user/delete")
                .token(&pair.token)
                .json(json!({"current_password": PASSWORD})),
            1 => server
                .post("/api/user/login/refresh")
                .json(json!({"refresh_token": pair.refresh_token})),
            2 => server
                .post("/api/user/login")
                .json(json!({"email": "ada@example.com", "password": PASSWORD})),
            _ => server.get("/api/user/view").token(&pair.token),
        }
        .send()
    });
    let deletions = responses
        .iter()
        .filter(|response| response.status == 204)
        .count();
    assert!(deletions >= 1);
    for response in &responses {
        assert!([200, 204, 401].contains(&response.status), "{response}");
        if response.status == 200 && response.json()["refresh_token"].is_string() {
            server.assert_revoked(&TokenPair::from(response));
        }
    }
    server.assert_revoked(&pair);
    assert_eq!(server.database().count("users", "true"), 0);
    assert_eq!(server.database().count("sessions", "true"), 0);
}

/// The first start creates the data folder, the secret and the tables, and may happen concurrently.
#[test]
fn first_starts() {
    let env = TestEnv::new();
    let runs = concurrently(6, |index| {
        let mut command = env.command(&[]);
        match index % 2 {
            0 => command.arg("migrate"),
            _ => command
                .args(["user", "create", "--email"])
                .arg(format!("{index}@example.com")),
        };
        env.run_command(command, PASSWORD)
    });
    for output in &runs {
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let server = env.start(&[]);
    for index in [1, 3, 5] {
        server.sign_in(&format!("{index}@example.com"));
    }
}
