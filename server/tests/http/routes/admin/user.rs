//! `/api/admin/users/{id}` and what is below it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server, TokenPair, concurrently, jwt, text_of};

fn path(id: &str, below: &str) -> String {
    format!("/api/admin/users/{id}{below}")
}

#[track_caller]
fn get(server: &Server, token: &str, id: &str, below: &str) -> Response {
    server.get(&path(id, below)).token(token).send()
}

#[test]
fn shows_and_changes_a_user() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let pair = server.sign_up("ada@example.com");
    let id = server.id_of("ada@example.com");
    let shown = get(&server, &root.token, &id, "");
    assert_eq!(shown.json()["email"], "ada@example.com", "{shown}");
    assert_eq!(get(&server, &root.token, &id, "/").json(), shown.json());
    let version = text_of(&shown.json(), "version");
    let changes = json!({
        "name": "Ada",
        "roles": ["editor"],
        "metadata": {"a": 1},
        "app_metadata": {"b": 2},
        "version": version,
        "id": "00000000-0000-4000-8000-000000000000",
    });
    let changed = server.change_user(&root.token, &id, changes.clone());
    assert_eq!(changed.status, 200, "{changed}");
    assert_eq!(changed.json()["id"], id);
    assert_eq!(get(&server, &root.token, &id, "").json(), changed.json());
    // The user sees it at once, and what only administrators see is not there.
    let view = server.view(&pair.token).json();
    assert_eq!(view["roles"], json!(["editor"]));
    assert_eq!(view["metadata"], json!({"a": 1}));
    assert_eq!(view.get("app_metadata"), None);
    server
        .change_user(&root.token, &id, changes)
        .assert_error(409, "conflict");
    // As a form sends it.
    let form = server
        .request("PATCH", &path(&id, ""))
        .token(&root.token)
        .form(&[("is_active", "false"), ("roles", ""), ("metadata", "{}")]);
    let changed = form.send();
    assert_eq!(changed.json()["is_active"], false, "{changed}");
    assert_eq!(changed.json()["roles"], json!([]));
    server.assert_revoked(&pair);
}

#[test]
fn says_what_is_wrong() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.register("ada@example.com");
    let id = server.id_of("ada@example.com");
    server
        .change_user(
            &root.token,
            &id,
            json!({"email": "x", "is_active": 1, "metadata": "["}),
        )
        .assert_field_errors(&["email", "is_active", "metadata"]);
    let taken = server.change_user(&root.token, &id, json!({"email": "ROOT@example.com"}));
    taken.assert_json(
        400,
        json!({"email": ["A user with that email already exists."]}),
    );
    for unknown in ["x", "%2e%2e", "%ff", "00000000-0000-4000-8000-000000000000"] {
        get(&server, &root.token, unknown, "").assert_error(404, "not_found");
        get(&server, &root.token, unknown, "/sessions").assert_error(404, "not_found");
        get(&server, &root.token, unknown, "/activity").assert_error(404, "not_found");
    }
    let own = server.id_of("root@example.com");
    for change in [json!({"is_admin": false}), json!({"is_active": false})] {
        server
            .change_user(&root.token, &own, change)
            .assert_error(409, "conflict");
    }
    let delete = server.request("DELETE", &path(&own, "")).token(&root.token);
    delete.send().assert_error(409, "conflict");
    let delete = json!({"current_password": PASSWORD});
    let delete = server
        .post("/api/user/delete")
        .token(&root.token)
        .json(delete);
    delete.send().assert_error(409, "conflict");
}

#[test]
fn deletes_a_user() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let pair = server.sign_up_verified("ada@example.com");
    let id = server.id_of("ada@example.com");
    server.take_all_emails();
    let delete = || {
        server
            .request("DELETE", &path(&id, ""))
            .token(&root.token)
            .send()
    };
    delete().assert_no_content();
    delete().assert_error(404, "not_found");
    server.assert_revoked(&pair);
    let email = server.take_email("ada@example.com", "Your account was deleted");
    assert!(email.text.contains("administrator"), "{email:?}");
    let audit = ["audit", "--email", "ada@example.com"];
    let output = server.env().run(&audit);
    assert!(
        output.stdout.contains("by user root@example.com"),
        "{output:?}"
    );
}

#[test]
fn signs_a_user_out_and_shows_sessions_and_activity() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let pair = server.sign_up("ada@example.com");
    let id = server.id_of("ada@example.com");
    let sessions = get(&server, &root.token, &id, "/sessions").json();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
    assert_eq!(sessions[0]["current"], false);
    let own = server.id_of("root@example.com");
    let sessions = get(&server, &root.token, &own, "/sessions").json();
    assert_eq!(sessions[0]["current"], true);
    let sign_out = server.post(&path(&id, "/sign-out")).token(&root.token);
    sign_out.send().assert_no_content();
    server.assert_revoked(&pair);
    let activity = get(&server, &root.token, &id, "/activity").json();
    assert_eq!(activity[0]["event"], "operator_signed_out");
    assert_eq!(
        activity[0]["actor"],
        json!({"type": "user", "id": own, "name": "root@example.com"})
    );
    assert_eq!(activity[0]["ip"], "127.0.0.1");
    assert_eq!(activity[1]["actor"], Value::Null);
    // The user does not see from where.
    let pair = server.sign_in("ada@example.com");
    let own = server.get("/api/user/activity").token(&pair.token).send();
    assert_eq!(own.json()[1]["event"], "operator_signed_out");
    assert_eq!(
        (&own.json()[1]["ip"], &own.json()[1]["device"]),
        (&json!(""), &json!(""))
    );
}

#[test]
fn sensitive_changes_need_a_recent_sign_in() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.register("ada@example.com");
    let id = server.id_of("ada@example.com");
    server.age_sessions();
    let root = TokenPair::from(&server.refresh(&root.refresh_token));
    for change in [
        json!({"is_admin": true}),
        json!({"roles": []}),
        json!({"email": "not even an address"}),
    ] {
        server
            .change_user(&root.token, &id, change)
            .assert_error(403, "reauthentication_required");
    }
    let delete = |token: &str| server.request("DELETE", &path(&id, "")).token(token).send();
    delete(&root.token).assert_error(403, "reauthentication_required");
    let harmless = server.change_user(&root.token, &id, json!({"name": "Ada"}));
    assert_eq!(harmless.status, 200, "{harmless}");
    let again = server
        .post("/api/user/reauthenticate")
        .token(&root.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    let again = TokenPair::from(&again);
    delete(&again.token).assert_no_content();
    // It is the same session, whose older token is as it was.
    assert_eq!(
        jwt::claims(&again.token)["sid"],
        jwt::claims(&root.token)["sid"]
    );
    server.assert_valid(&again);
}

#[test]
fn administrators_who_demote_each_other_at_once_leave_one() {
    let server = Server::start();
    let pairs = [
        server.administrator("ada@example.com"),
        server.administrator("grace@example.com"),
    ];
    let ids = [
        server.id_of("ada@example.com"),
        server.id_of("grace@example.com"),
    ];
    for round in 0..4 {
        server
            .database()
            .execute("UPDATE users SET is_admin = true");
        let responses = concurrently(2, |index| {
            let (token, other) = (&pairs[index].token, &ids[1 - index]);
            server.change_user(token, other, json!({"is_admin": false}))
        });
        let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{round}");
        assert!([403, 409].contains(&statuses[1]), "{round}: {statuses:?}");
        assert_eq!(server.database().count("users", "is_admin"), 1);
    }
}

#[test]
fn helps_users_who_can_not_sign_in() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let id = server.id_of("ada@example.com");
    server.take_all_emails();
    let post = |below: &str| server.post(&path(&id, below)).token(&root.token).send();
    post("/password-reset").assert_no_content();
    let email = server.take_email("ada@example.com", "Choose a new password");
    assert!(email.text.contains("/reset#token="), "{email:?}");
    post("/reset-otp").assert_no_content();
    server.assert_revoked(&factor.pair);
    let pair = server.sign_in("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    let activity = get(&server, &root.token, &id, "/activity")
        .text()
        .to_owned();
    for event in ["operator_reset_otp", "operator_requested_password_reset"] {
        assert!(activity.contains(event), "{activity}");
    }
    // Not by services, if the user is an administrator.
    let key = server.service_key("users:write");
    let own = server.id_of("root@example.com");
    for below in ["/reset-otp", "/password-reset", "/sign-out"] {
        let request = server.post(&path(&own, below)).token(&key);
        request.send().assert_error(403, "permission_denied");
    }
}

/// A role is in the next token, and one that was taken away reaches services at once.
#[test]
fn roles_reach_other_services() {
    for algorithm in ["HS256", "EdDSA"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let root = server.administrator("root@example.com");
        let key = server.service_key("tokens:verify");
        let pair = server.sign_up("ada@example.com");
        let id = server.id_of("ada@example.com");
        let granted = server.change_user(&root.token, &id, json!({"roles": ["editor", "beta"]}));
        assert_eq!(granted.status, 200, "{granted}");
        assert_eq!(jwt::claims(&pair.token)["roles"], json!([]));
        let pair = TokenPair::from(&server.refresh(&pair.refresh_token));
        assert_eq!(jwt::claims(&pair.token)["roles"], json!(["beta", "editor"]));
        let proxy = server
            .get("/api/token/forward-auth")
            .token(&pair.token)
            .send();
        assert_eq!(proxy.header("x-user-roles"), "beta,editor");

        let stream = server.open_stream(&key);
        stream.snapshot();
        server.change_user(&root.token, &id, json!({"roles": ["beta"]}));
        let revoked = stream.wait_for("the entry", Duration::from_secs(10), |event| {
            event.name == "revoked"
        });
        let before = revoked.data["before"].as_i64().expect("a time");
        assert_eq!(revoked.data, json!({"sub": id, "before": before}));
        assert!(jwt::claims(&pair.token)["iat"].as_i64() < Some(before));
        // What asks Latchkey learns it, too.
        let introspected = server
            .post("/api/token/introspect")
            .token(&key)
            .json(json!({"token": pair.token}))
            .send();
        assert_eq!(introspected.json()["roles"], json!(["beta"]));
        let proxy = server
            .get("/api/token/forward-auth")
            .token(&pair.token)
            .send();
        assert_eq!(proxy.header("x-user-roles"), "beta");
        // The session continues, with a token that no service refuses.
        let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
        let claims = jwt::claims(&renewed.token);
        assert_eq!(claims["roles"], json!(["beta"]));
        assert!(claims["iat"].as_i64() >= Some(before), "{claims} {before}");
        server.assert_valid(&renewed);
    }
}
