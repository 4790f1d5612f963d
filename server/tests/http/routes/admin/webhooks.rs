//! `/api/admin/webhooks`, and what webhooks send.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::{
    PASSWORD, Response, Server, TestEnv, TokenPair,
    receiver::{Received, Receiver, Reply},
    text_of, wait_until,
};

const PATH: &str = "/api/admin/webhooks";
const ALLOW_PRIVATE: &[(&str, &str)] = &[("LATCHKEY_WEBHOOK_ALLOW_PRIVATE", "true")];
const LIMIT: Duration = Duration::from_secs(20);

/// Starts the program with an administrator whose address is verified.
#[track_caller]
fn start(settings: &[(&str, &str)]) -> (Server, TokenPair) {
    start_in(&TestEnv::new(), settings)
}

#[track_caller]
fn start_in(env: &Arc<TestEnv>, settings: &[(&str, &str)]) -> (Server, TokenPair) {
    let server = env.start(settings);
    let root = server.administrator("root@example.com");
    server.verify_users();
    (server, root)
}

impl Server {
    #[track_caller]
    fn create_webhook(&self, root: &TokenPair, body: Value) -> Response {
        self.post(PATH).token(&root.token).json(body).send()
    }

    #[track_caller]
    fn change_webhook(&self, root: &TokenPair, id: &str, body: Value) -> Response {
        let path = format!("{PATH}/{id}");
        self.request("PATCH", &path)
            .token(&root.token)
            .json(body)
            .send()
    }

    #[track_caller]
    fn webhooks(&self, root: &TokenPair) -> Value {
        let listed = self.get(PATH).token(&root.token).send();
        assert_eq!(listed.status, 200, "{listed}");
        listed.json()["webhooks"].clone()
    }

    /// The deliveries of a webhook, newest first.
    #[track_caller]
    fn deliveries(&self, root: &TokenPair, id: &str, query: &str) -> Value {
        let path = format!("{PATH}/{id}/deliveries{query}");
        let page = self.get(&path).token(&root.token).send();
        assert_eq!(page.status, 200, "{page}");
        page.json()
    }

    #[track_caller]
    fn redeliver(&self, root: &TokenPair, id: &str, delivery: &str) -> Response {
        let path = format!("{PATH}/{id}/deliveries/{delivery}/redeliver");
        self.post(&path).token(&root.token).send()
    }
}

/// Waits for the next request to the receiver.
#[track_caller]
fn next(receiver: &Receiver) -> Received {
    wait_until("an event arrives", LIMIT, || receiver.len() > 0);
    receiver.take().remove(0)
}

#[test]
fn webhooks_are_created_listed_changed_and_deleted() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let body = json!({"url": " https://example.com/hook?key=1 ", "events": ["user.deleted", "user.created"]});
    server
        .create_webhook(&root, body.clone())
        .assert_error(403, "email_unverified");
    server.verify_users();
    let created = server.create_webhook(&root, body);
    assert_eq!(created.status, 201, "{created}");
    let mut created = created.json();
    let secret = text_of(&created, "secret");
    assert!(
        secret.starts_with("whsec_") && secret.len() == 50,
        "{secret}"
    );
    let id = text_of(&created, "id");
    assert_eq!(created["url"], "https://example.com/hook?key=1");
    assert_eq!(created["events"], json!(["user.created", "user.deleted"]));
    assert_eq!(created["is_active"], true);
    assert_eq!(created["disabled_at"], Value::Null);
    created.as_object_mut().expect("an object").remove("secret");
    assert_eq!(server.webhooks(&root), json!([created]));

    let changed = server.change_webhook(&root, &id, json!({"is_active": false}));
    assert_eq!(changed.status, 200, "{changed}");
    created["is_active"] = json!(false);
    assert_eq!(changed.json(), created);
    let fields = json!({"url": "https://example.org", "events": "otp.enabled,otp.disabled", "is_active": "true"});
    let changed = server.change_webhook(&root, &id, fields).json();
    assert_eq!(changed["url"], "https://example.org/");
    assert_eq!(changed["events"], json!(["otp.enabled", "otp.disabled"]));
    assert_eq!(changed["is_active"], true);
    assert_eq!(server.webhooks(&root), json!([changed]));

    let delete = || {
        let path = format!("{PATH}/{id}");
        server.request("DELETE", &path).token(&root.token).send()
    };
    delete().assert_no_content();
    delete().assert_error(404, "not_found");
    server
        .change_webhook(&root, &id, json!({}))
        .assert_error(404, "not_found");
    assert_eq!(server.webhooks(&root), json!([]));
    let activity = server.get("/api/user/activity").token(&root.token).send();
    let activity = activity.json();
    let events = activity.as_array().expect("a list").iter();
    let events: Vec<_> = events.map(|event| text_of(event, "event")).collect();
    assert_eq!(
        events[..4],
        [
            "webhook_deleted",
            "webhook_changed",
            "webhook_changed",
            "webhook_created"
        ]
    );
}

#[test]
fn wrong_fields_are_named() {
    let (server, root) = start(&[]);
    let events = json!(["user.created"]);
    for (body, fields) in [
        (json!({}), &["events", "url"][..]),
        (json!({"url": "", "events": []}), &["events", "url"]),
        (
            json!({"url": 1, "events": {}, "is_active": 1}),
            &["events", "is_active", "url"],
        ),
        (
            json!({"url": "https://example.com", "events": ["user.created", "other"]}),
            &["events"],
        ),
        (
            json!({"url": "https://example.com", "events": [null]}),
            &["events"],
        ),
        (
            json!({"url": "http://example.com", "events": events}),
            &["url"],
        ),
        (
            json!({"url": "https://a:b@example.com", "events": events}),
            &["url"],
        ),
        (
            json!({"url": "https://127.0.0.1", "events": events}),
            &["url"],
        ),
        (
            json!({"url": "https://localhost:8443", "events": events}),
            &["url"],
        ),
        (
            json!({"url": "https://[fd00::1]", "events": events}),
            &["url"],
        ),
        (
            json!({"url": "https://169.254.169.254/latest", "events": events}),
            &["url"],
        ),
        (
            json!({"url": format!("https://example.com/{}", "a".repeat(2048)), "events": events}),
            &["url"],
        ),
    ] {
        server
            .create_webhook(&root, body)
            .assert_field_errors(fields);
    }
    let created = server.create_webhook(
        &root,
        json!({"url": "https://example.com", "events": events}),
    );
    let id = text_of(&created.json(), "id");
    for (body, fields) in [
        (json!({"url": ""}), &["url"][..]),
        (json!({"events": ""}), &["events"]),
        (
            json!({"is_active": "yes", "url": "https://10.0.0.1"}),
            &["is_active", "url"],
        ),
    ] {
        server
            .change_webhook(&root, &id, body)
            .assert_field_errors(fields);
    }
    for number in 1..32 {
        let url = format!("https://example.com/{number}");
        let created = server.create_webhook(&root, json!({"url": url, "events": events}));
        assert_eq!(created.status, 201, "{created}");
    }
    let one_more = server.create_webhook(
        &root,
        json!({"url": "https://example.com", "events": events}),
    );
    one_more.assert_field_errors(&["url"]);
}

#[test]
fn changing_webhooks_needs_a_recent_sign_in() {
    let (server, root) = start(&[]);
    let body = json!({"url": "https://example.com", "events": ["user.created"]});
    let id = text_of(&server.create_webhook(&root, body.clone()).json(), "id");
    server.age_sessions();
    let root = TokenPair::from(&server.refresh(&root.refresh_token));
    let refused = |response: Response| {
        response.assert_error(403, "reauthentication_required");
    };
    refused(server.create_webhook(&root, body));
    refused(server.change_webhook(&root, &id, json!({"is_active": false})));
    refused(server.redeliver(&root, &id, &id));
    let path = format!("{PATH}/{id}");
    refused(server.request("DELETE", &path).token(&root.token).send());
    assert_eq!(server.webhooks(&root)[0]["is_active"], true);
    assert_eq!(server.deliveries(&root, &id, "")["deliveries"], json!([]));
}

#[test]
fn a_receiver_verifies_what_it_gets_with_the_reference_library() {
    let (server, root) = start(ALLOW_PRIVATE);
    let receiver = Receiver::start();
    let url = receiver.url("/hook?key=sesame");
    let events = ["user.created", "session.created", "session.ended"];
    let created = server.create_webhook(&root, json!({"url": url, "events": events}));
    let secret = text_of(&created.json(), "secret");
    let verifier = Webhook::new(&secret).expect("a secret");
    let next_verified = || {
        let event = next(&receiver);
        assert_eq!(event.path, "/hook?key=sesame");
        verifier
            .verify(event.body.as_bytes(), &event.headers)
            .expect("a valid signature");
        let changed = format!("{} ", event.body);
        let forged = verifier.verify(changed.as_bytes(), &event.headers);
        assert!(forged.is_err());
        event
    };
    let ada = server.register("ada@example.com").id;
    let first = next_verified();
    assert_eq!(first.event(), "user.created");
    let path = format!("/api/admin/users/{ada}");
    let shown = server.get(&path).token(&root.token).send();
    assert_eq!(first.json()["data"], shown.json());
    let pair = server.sign_in("ada@example.com");
    let started = next_verified();
    assert_eq!(started.event(), "session.created");
    let logout = server.post("/api/user/logout").token(&pair.token).send();
    logout.assert_no_content();
    let ended = next_verified();
    assert_eq!(ended.event(), "session.ended");
    let session = |event: &Received| text_of(&event.json()["data"], "session_id");
    assert_eq!(session(&ended), session(&started));
    wait_until("all are counted", LIMIT, || {
        server.metric("latchkey_webhook_deliveries_total{result=\"delivered\"}") >= 3.0
    });
    assert!(!server.log().contains("sesame"), "{}", server.log());
    assert!(!server.log().contains(&secret[6..]));
}

#[test]
fn deliveries_are_listed_in_pages_and_can_be_repeated() {
    let (server, root) = start(ALLOW_PRIVATE);
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url("/"), "events": ["user.created", "session.created"]});
    let id = text_of(&server.create_webhook(&root, body).json(), "id");
    let ada = server.register("ada@example.com").id;
    let first = next(&receiver);
    server.sign_in("ada@example.com");
    server.sign_in("ada@example.com");
    wait_until("all are in the log", LIMIT, || {
        server.deliveries(&root, &id, "")["deliveries"][0]["status"] == "delivered"
    });
    let log = server.deliveries(&root, &id, "?limit=2");
    let cursor = text_of(&log, "next_cursor");
    let page = server.deliveries(&root, &id, &format!("?limit=2&cursor={cursor}"));
    let events = |page: &Value| {
        let deliveries = page["deliveries"].as_array().expect("a list").iter();
        deliveries
            .map(|one| text_of(one, "event"))
            .collect::<Vec<_>>()
    };
    assert_eq!(events(&log), ["session.created", "session.created"]);
    assert_eq!(events(&page), ["user.created"]);
    assert_eq!(page["next_cursor"], Value::Null);
    let oldest = &page["deliveries"][0];
    assert_eq!(oldest["user"], json!(ada));
    assert_eq!(oldest["id"], json!(first.header("webhook-id")));
    assert_eq!(
        (&oldest["attempts"], &oldest["response_status"]),
        (&json!(1), &json!(204))
    );
    assert_eq!(
        (&oldest["next_attempt_at"], &oldest["error"]),
        (&Value::Null, &Value::Null)
    );
    let wrong = format!("{PATH}/{id}/deliveries?limit=0&cursor=x");
    let wrong = server.get(&wrong).token(&root.token).send();
    wrong.assert_field_errors(&["cursor", "limit"]);

    receiver.take();
    let delivery = text_of(oldest, "id");
    server.redeliver(&root, &id, &delivery).assert_no_content();
    let again = next(&receiver);
    assert_eq!(
        (&again.body, again.header("webhook-id")),
        (&first.body, &*delivery)
    );
    server
        .redeliver(&root, &id, &id)
        .assert_error(404, "not_found");
}

#[test]
fn a_receiver_can_fail_redirect_and_go_away() {
    let (server, root) = start(ALLOW_PRIVATE);
    let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
    let body = json!({"url": receiver.url("/hook?key=sesame"), "events": "user.created"});
    let id = text_of(&server.create_webhook(&root, body).json(), "id");
    receiver.replies(Reply::Redirect(elsewhere.url("/")));
    server.register("ada@example.com");
    next(&receiver);
    let last = || server.deliveries(&root, &id, "")["deliveries"][0].clone();
    wait_until("it is in the log", LIMIT, || last()["error"] != Value::Null);
    let failed = last();
    assert_eq!(failed["status"], "pending");
    assert_eq!(failed["response_status"], 302);
    assert!(text_of(&failed, "next_attempt_at") > text_of(&failed, "last_attempt_at"));
    assert_eq!(elsewhere.len(), 0);
    assert!(server.metric("latchkey_webhook_oldest_pending_seconds") > 0.0);

    // At once, not after five seconds.
    receiver.replies(Reply::Status(410));
    let delivery = text_of(&failed, "id");
    server.redeliver(&root, &id, &delivery).assert_no_content();
    next(&receiver);
    wait_until("it is disabled", LIMIT, || {
        server.webhooks(&root)[0]["disabled_reason"] == "gone"
    });
    assert_eq!(server.webhooks(&root)[0]["is_active"], false);
    assert_eq!(last()["status"], "failed");
    server
        .redeliver(&root, &id, &delivery)
        .assert_error(409, "conflict");
    server.register("grace@example.com");
    assert_eq!(last()["id"], json!(delivery));
    let activated = server.change_webhook(&root, &id, json!({"is_active": true}));
    assert_eq!(activated.json()["disabled_reason"], Value::Null);
    let email = server.take_email("root@example.com", "A webhook was disabled");
    assert!(email.text.contains("127.0.0.1:"), "{}", email.text);
    assert!(!email.text.contains("sesame"), "{}", email.text);
    assert!(!server.log().contains("sesame"), "{}", server.log());
}

#[test]
fn private_receivers_get_nothing_once_they_are_no_longer_allowed() {
    let env = TestEnv::new();
    let (server, root) = start_in(&env, ALLOW_PRIVATE);
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url("/"), "events": "user.created"});
    let id = text_of(&server.create_webhook(&root, body).json(), "id");
    drop(server);
    let server = env.start(&[]);
    server.register("ada@example.com");
    let last = || server.deliveries(&root, &id, "")["deliveries"][0].clone();
    wait_until("it has failed", LIMIT, || last()["error"] != Value::Null);
    assert_eq!(last()["response_status"], Value::Null);
    assert_eq!(receiver.len(), 0);
}

#[test]
fn events_that_wait_survive_a_restart() {
    let env = TestEnv::new();
    let (server, root) = start_in(&env, ALLOW_PRIVATE);
    let receiver = Receiver::start();
    let body = json!({"url": receiver.url("/"), "events": "user.created"});
    assert_eq!(server.create_webhook(&root, body).status, 201);
    drop(server);
    // Commands write events, too.
    let mut ids = BTreeSet::new();
    for email in ["ada@example.com", "grace@example.com"] {
        let mut command = env.command(&[]);
        command.args(["user", "create", "--email", email]);
        let output = env.run_command(command, PASSWORD);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let _server = env.start(ALLOW_PRIVATE);
    wait_until("both arrive", LIMIT, || receiver.len() == 2);
    for event in receiver.take() {
        assert_eq!(event.event(), "user.created");
        ids.insert(event.header("webhook-id").to_owned());
    }
    assert_eq!(ids.len(), 2);
}
