//! `/api/recovery/view`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server};

const PATH: &str = "/api/recovery/view";

#[test]
fn counts_the_codes_that_are_left() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let view = |token: &str| server.get(PATH).token(token).send();
    view(&pair.token).assert_json(200, json!({"left": 0, "created_at": null}));
    let factor = server.enable_totp(&pair);
    let new = json!({"left": 10, "created_at": "<time>"});
    let first = view(&factor.pair.token).assert_json(200, new.clone());

    let pending = server.sign_in("ada@example.com");
    view(&pending.token).assert_error(403, "otp_required");
    let passed = server.pass_recovery(&pending.token, &factor.recovery_codes[0]);
    assert_eq!(passed.status, 200, "{passed}");
    let second =
        view(&factor.pair.token).assert_json(200, json!({"left": 9, "created_at": "<time>"}));
    assert_eq!(first.json()["created_at"], second.json()["created_at"]);

    let replaced = server
        .post("/api/recovery/create")
        .token(&factor.pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    assert_eq!(replaced.status, 201, "{replaced}");
    let third = view(&factor.pair.token).assert_json(200, new);
    assert!(time(&third.json()) > time(&first.json()), "{third}");
}

/// Codes of an earlier version have no time.
#[test]
fn the_time_may_be_unknown() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server
        .database()
        .execute("UPDATE recovery_codes SET created_at = NULL");
    let response = server.get(PATH).token(&factor.pair.token).send();
    response.assert_json(200, json!({"left": 10, "created_at": null}));
}

fn time(body: &Value) -> String {
    body["created_at"].as_str().expect("a time").to_owned()
}
