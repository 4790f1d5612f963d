//! `/api/admin/users/bulk`.

use serde_json::{Value, json};

use crate::support::{Response, Server};

const PATH: &str = "/api/admin/users/bulk";
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn bulk(server: &Server, token: &str, ids: Value, action: &str) -> Response {
    let body = json!({"ids": ids, "action": action});
    server.post(PATH).token(token).json(body).send()
}

#[track_caller]
fn statuses(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{response}");
    let body = response.json();
    let results = body["results"].as_array().expect("a list");
    let status = |result: &Value| result["status"].as_str().expect("a status").to_owned();
    results.iter().map(status).collect()
}

#[test]
fn changes_many_users_at_once() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let ada = server.sign_up("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    let ids = ["ada@example.com", "root@example.com", "grace@example.com"]
        .map(|email| server.id_of(email));
    let [first, own, last] = &ids;
    let all = || json!([first, NOBODY, own, "x", last, first]);
    let expected = ["ok", "not_found", "conflict", "not_found", "ok", "ok"];
    let response = bulk(&server, &root.token, all(), "deactivate");
    assert_eq!(statuses(&response), expected);
    assert_eq!(response.json()["results"][3]["id"], "x");
    server.assert_revoked(&ada);
    server.assert_revoked(&grace);
    assert_eq!(server.database().count("users", "is_active"), 1);
    let response = bulk(&server, &root.token, all(), "activate");
    assert_eq!(statuses(&response)[2..5], ["ok", "not_found", "ok"]);
    let ada = server.sign_in("ada@example.com");
    let both = json!(format!("{first},{last}"));
    assert_eq!(
        statuses(&bulk(&server, &root.token, both, "sign-out")),
        ["ok", "ok"]
    );
    server.assert_revoked(&ada);
    let response = bulk(&server, &root.token, all(), "delete");
    assert_eq!(statuses(&response), expected);
    assert_eq!(server.database().count("users", "true"), 1);
    assert_eq!(
        server
            .database()
            .count("deleted_accounts", "actor_kind = 'user'"),
        2
    );
}

#[test]
fn services_can_not_change_administrators() {
    let server = Server::start();
    server.administrator("root@example.com");
    server.administrator("other@example.com");
    server.register("ada@example.com");
    let key = server.service_key("users:write");
    let ids = ["ada@example.com", "root@example.com"].map(|email| server.id_of(email));
    for action in ["activate", "sign-out", "deactivate", "delete"] {
        let response = bulk(&server, &key, json!(ids), action);
        assert_eq!(statuses(&response), ["ok", "conflict"], "{action}");
    }
}

#[test]
fn says_what_is_wrong() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let ids: Vec<_> = (0..1001)
        .map(|number| format!("{number:08}-0000-4000-8000-000000000000"))
        .collect();
    for ids in [json!(null), json!([]), json!([1]), json!({}), json!(ids)] {
        bulk(&server, &root.token, ids, "explode").assert_field_errors(&["action", "ids"]);
    }
    let response = bulk(&server, &root.token, json!(ids[1..]), "delete");
    assert_eq!(statuses(&response).len(), 1000);
}
