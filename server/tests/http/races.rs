//! Many requests at the same moment.

use serde_json::json;

use crate::support::{Answer, Home, PASSWORD, Pair, Server, at_once, jwt};

/// How many answers have which status, sorted by status.
fn statuses(answers: &[Answer]) -> Vec<(u16, usize)> {
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len()))
        .collect()
}

#[test]
fn registrations_of_one_address() {
    let server = Server::start();
    let answers = at_once(16, |index| {
        let email = ["ada@example.com", "Ada@EXAMPLE.com"][index % 2];
        server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send()
    });
    assert_eq!(statuses(&answers), [(201, 1), (400, 15)]);
    for answer in answers {
        if answer.status == 400 {
            answer.assert_json(
                400,
                json!({"email": ["A user with that email already exists."]}),
            );
        }
    }
    assert_eq!(server.database().count("users", "true"), 1);
    server.sign_in("ada@example.com");
}

#[test]
fn registrations_of_many_addresses() {
    let server = Server::start();
    let answers = at_once(16, |index| {
        let email = format!("number-{index}@example.com");
        server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send()
    });
    assert_eq!(statuses(&answers), [(201, 16)]);
}

#[test]
fn sign_ins_of_one_user() {
    let server = Server::start();
    server.register("ada@example.com");
    let answers = at_once(16, |_| server.try_sign_in("ada@example.com", PASSWORD));
    assert_eq!(statuses(&answers), [(200, 16)]);
    assert_eq!(server.database().count("sessions", "true"), 16);
    for answer in &answers {
        server.assert_alive(&Pair::from(answer));
    }
}

#[test]
fn refreshes_with_one_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for _ in 0..3 {
        let answers = at_once(16, |_| server.refresh(&pair.refresh_token));
        assert_eq!(statuses(&answers), [(200, 16)]);
        let pairs: Vec<_> = answers.iter().map(Pair::from).collect();
        for pair in &pairs {
            assert_eq!(server.view(&pair.token).status, 200);
        }
        for pair in &pairs {
            server.assert_alive(pair);
        }
    }
    assert_eq!(server.database().count("sessions", "true"), 1);
}

/// Every tab goes on with the pair that it got, all at the same moment.
#[test]
fn refreshes_of_many_tabs() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let pairs = at_once(8, |_| {
        let mut pair = pair.clone();
        for _ in 0..6 {
            pair = Pair::from(&server.refresh(&pair.refresh_token));
        }
        pair
    });
    for pair in &pairs {
        server.assert_alive(pair);
    }
}

#[test]
fn a_sign_out_among_refreshes() {
    let server = Server::start();
    server.register("ada@example.com");
    for _ in 0..5 {
        let pair = server.sign_in("ada@example.com");
        let answers = at_once(12, |index| {
            if index == 6 {
                server.post("/api/user/logout").token(&pair.token).send()
            } else {
                server.refresh(&pair.refresh_token)
            }
        });
        for (index, answer) in answers.into_iter().enumerate() {
            match answer.status {
                204 if index == 6 => {}
                200 => server.assert_dead(&Pair::from(&answer)),
                _ => {
                    answer.assert_error(401, "token_invalid");
                }
            }
        }
        server.assert_dead(&pair);
    }
}

#[test]
fn sign_outs_everywhere_among_all_else() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    let pairs: Vec<_> = (0..16).map(|_| server.sign_in("ada@example.com")).collect();
    let answers = at_once(16, |index| {
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
    let answers: Vec<_> = answers
        .into_iter()
        .filter(|answer| !(200..=204).contains(&answer.status))
        .collect();
    for answer in answers {
        answer.assert_error(401, "token_invalid");
    }
    for pair in pairs.iter().chain([&ada]) {
        server.assert_dead(pair);
    }
}

#[test]
fn sign_ins_among_sign_outs_everywhere() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let answers = at_once(12, |index| {
        if index == 5 {
            server
                .post("/api/user/logout/all")
                .token(&pair.token)
                .send()
        } else {
            server.try_sign_in("ada@example.com", PASSWORD)
        }
    });
    assert_eq!(statuses(&answers), [(200, 11), (204, 1)]);
    server.assert_dead(&pair);
    // A sign-in came before the end of all sessions, or after it: its pair works as a whole, or
    // not at all.
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        let pair = Pair::from(answer);
        match server.view(&pair.token).status {
            200 => server.assert_alive(&pair),
            _ => server.assert_dead(&pair),
        }
    }
}

#[test]
fn revocations_of_one_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let phone = server.sign_in("ada@example.com");
    let id = jwt::claims(&phone.token)["sid"].clone();
    let answers = at_once(12, |_| {
        server
            .post("/api/user/sessions/revoke")
            .token(&pair.token)
            .json(json!({"id": id}))
            .send()
    });
    assert_eq!(statuses(&answers), [(204, 1), (404, 11)]);
    server.assert_dead(&phone);
    server.assert_alive(&pair);
}

#[test]
fn a_deletion_among_all_else() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let answers = at_once(16, |index| {
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
    let deletions = answers.iter().filter(|answer| answer.status == 204).count();
    assert!(deletions >= 1);
    for answer in &answers {
        assert!([200, 204, 401].contains(&answer.status), "{answer}");
        if answer.status == 200 && answer.json()["refresh_token"].is_string() {
            server.assert_dead(&Pair::from(answer));
        }
    }
    server.assert_dead(&pair);
    assert_eq!(server.database().count("users", "true"), 0);
    assert_eq!(server.database().count("sessions", "true"), 0);
}

/// The first start makes the data folder, the secret and the tables; it may happen twice at once.
#[test]
fn first_starts() {
    let home = Home::new();
    let runs = at_once(6, |index| {
        let mut command = home.command(&[]);
        match index % 2 {
            0 => command.arg("migrate"),
            _ => command
                .args(["user", "create", "--email"])
                .arg(format!("{index}@example.com")),
        };
        home.finish(command, PASSWORD)
    });
    for run in &runs {
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    let server = home.start(&[]);
    for index in [1, 3, 5] {
        server.sign_in(&format!("{index}@example.com"));
    }
}
