//! Programs that embed the server: the examples, run as their users run them.

use std::{thread::sleep, time::Duration};

use serde_json::json;

use crate::support::{PASSWORD, Response, SITE_FILE, Server, TestEnv, text_of};

#[track_caller]
fn start(example: &str, settings: &[(&str, &str)]) -> Server {
    let env = TestEnv::new();
    env.start_command(env.example_command(example, settings))
}

/// The response is the embedding program's own: none of our layers has seen it.
#[track_caller]
fn assert_of_host(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response}");
    for header in ["x-request-id", "content-security-policy", "x-frame-options"] {
        assert_eq!(response.header(header), "", "{response}");
    }
}

#[test]
fn handlers_know_who_is_signed_in() {
    let server = start("embedded-axum", &[]);
    let list = |token: &str| server.get("/notes").token(token).send();
    let missing = server.get("/notes").send();
    let missing = missing.assert_error(401, "not_authenticated");
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    assert_of_host(&missing, 401);

    let (ada, eve) = (
        server.sign_up("ada@example.com"),
        server.sign_up("eve@example.com"),
    );
    let note = server.post("/notes").json(json!("buy milk"));
    assert_eq!(note.token(&ada.token).send().status, 201);
    list(&ada.token).assert_json(200, json!(["buy milk"]));
    list(&eve.token).assert_json(200, json!([]));
    for token in ["no.such.token", &ada.refresh_token] {
        list(token).assert_error(401, "token_invalid");
    }
    assert_of_host(&list(&ada.token), 200);

    server
        .post("/api/user/logout/all")
        .token(&ada.token)
        .send()
        .assert_no_content();
    list(&ada.token).assert_error(401, "token_invalid");
    server.enable_totp(&eve);
    let pending = server.sign_in("eve@example.com");
    list(&pending.token).assert_error(403, "otp_required");
}

#[test]
fn handlers_can_do_without_a_user() {
    let server = start("embedded-axum", &[]);
    let ada = server.sign_up("ada@example.com");
    let home = |token: &str| server.get("/").token(token).send();
    assert!(server.get("/").send().text().starts_with("Hello. "));
    assert_eq!(home(&ada.token).text(), "Hello, ada@example.com.\n");
    home("no.such.token").assert_error(401, "token_invalid");
}

#[test]
fn everything_else_is_up_to_the_program() {
    let server = start("embedded-axum", &[]);
    for path in [
        "/login",
        "/account/devices",
        &format!("/pkg/{SITE_FILE}.js"),
    ] {
        let response = server.get(path).send();
        assert_eq!(response.status, 200, "{path} {response}");
        assert_ne!(response.header("content-security-policy"), "", "{path}");
    }
    assert_of_host(&server.get("/").send(), 200);
    for path in [
        "/nothing",
        "/docs/api.md",
        "/robots.txt",
        "/api",
        "/api/nothing",
    ] {
        assert_of_host(&server.get(path).send_to_host(), 404);
    }
    server
        .get("/api/user/login")
        .send()
        .assert_error(405, "method_not_allowed");
    let foreign = ("sec-fetch-site", "cross-site");
    let view = server.get("/api/user/view").header(foreign.0, foreign.1);
    view.send().assert_error(403, "permission_denied");
    assert_of_host(&server.get("/").header(foreign.0, foreign.1).send(), 200);
}

#[test]
fn a_program_stops_although_services_read_revocations() {
    for example in ["embedded-axum", "leptos-app"] {
        let mut server = start(example, &[]);
        let stream = server.open_stream(&server.service_key("tokens:verify"));
        stream.snapshot();
        server.signal("TERM");
        assert!(stream.ends(Duration::from_secs(10)), "{example}");
        assert_eq!(server.wait(), Some(0), "{example}: {}", server.log());
    }
}

#[test]
fn server_functions_know_who_is_signed_in() {
    let server = start("leptos-app", &[]);
    let list = |token: Option<&str>| {
        let request = || server.get("/api/notes/list");
        token
            .map_or_else(request, |token| request().token(token))
            .send_to_host()
    };
    let add = |token: Option<&str>| {
        let request = || server.post("/api/notes/add").form(&[("text", "buy milk")]);
        token
            .map_or_else(request, |token| request().token(token))
            .send_to_host()
    };
    for response in [list(None), add(None)] {
        let response = response.assert_error(401, "not_authenticated");
        assert_eq!(response.header("www-authenticate"), "Bearer");
        assert_of_host(&response, 401);
    }
    let ada = server.sign_up("ada@example.com");
    let token = Some(&*ada.token);
    assert_of_host(&add(token), 200);
    list(token).assert_json(200, json!(["buy milk"]));

    server
        .post("/api/user/logout/all")
        .token(&ada.token)
        .send()
        .assert_no_content();
    list(token).assert_error(401, "token_invalid");
    add(token).assert_error(401, "token_invalid");
}

/// Sends a form as a browser without WebAssembly does.
fn submit(server: &Server, path: &str, fields: &[(&str, &str)], cookie: &str) -> Response {
    let request = server.post(path).form(fields).header("cookie", cookie);
    let request = request.header("accept", "text/html,*/*");
    request
        .header("referer", format!("{}/", server.url()))
        .send_to_host()
}

/// Opens the page of the app.
fn page(server: &Server, path: &str, cookie: &str) -> Response {
    let request = server
        .get(path)
        .header("accept", "text/html")
        .header("cookie", cookie);
    let response = request.send();
    assert_of_host(&response, 200);
    response
}

/// Returns the session's cookie that a response sets, as the next request sends it.
#[track_caller]
fn cookie(response: &Response) -> String {
    let cookies = response.headers.get_all("set-cookie").iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok()?.split(';').next());
    let mut sessions = cookies.filter(|cookie| cookie.starts_with("session="));
    sessions.next().expect("a cookie").to_owned()
}

const SIGN_IN: &str = "/api/notes/sign-in";

fn sign_in(server: &Server, password: &str) -> Response {
    submit(
        server,
        SIGN_IN,
        &[("email", "ada@example.com"), ("password", password)],
        "",
    )
}

#[test]
fn pages_and_forms_know_who_is_signed_in() {
    let server = start("leptos-app", &[("LATCHKEY_ACCESS_TTL", "1s")]);
    server.register("ada@example.com");
    assert!(page(&server, "/", "").text().contains("Password: "));
    let wrong = sign_in(&server, "wrong");
    assert_eq!(wrong.status, 302, "{wrong}");
    let location = wrong.header("location");
    let again = page(&server, location.trim_start_matches(&server.url()), "");
    assert!(
        again.text().contains("Incorrect email or password."),
        "{again}"
    );

    let signed_in = sign_in(&server, PASSWORD);
    assert_eq!((signed_in.status, signed_in.header("location")), (302, "/"));
    let session = cookie(&signed_in);
    let added = submit(
        &server,
        "/api/notes/add",
        &[("text", "buy <milk>")],
        &session,
    );
    assert_eq!(added.status, 302, "{added}");
    // The access token expires, and is replaced.
    sleep(Duration::from_millis(1_100));
    let renewed = page(&server, "/", &session);
    assert!(renewed.text().contains("buy &lt;milk&gt;"), "{renewed}");
    let session = cookie(&renewed);

    // The cookie is the app's: Latchkey takes a token, and forms of other sites are refused.
    let view = server.get("/api/user/view").header("cookie", &session);
    view.send().assert_error(401, "not_authenticated");
    let foreign = server
        .post("/api/notes/add")
        .form(&[("text", "x")])
        .header("cookie", &session);
    let foreign = foreign
        .header("sec-fetch-site", "cross-site")
        .send_to_host();
    assert_of_host(&foreign, 403);

    server.database().execute("DELETE FROM sessions");
    assert!(page(&server, "/", &session).text().contains("Password: "));
}

#[test]
fn forms_complete_the_second_factor_and_sign_out() {
    let server = start("leptos-app", &[]);
    let pair = server.sign_up("ada@example.com");
    let app = server.enable_totp(&pair).app;
    let pending = cookie(&sign_in(&server, PASSWORD));
    assert!(page(&server, "/", &pending).text().contains("Code: "));
    let code = app.code_at_offset(1);
    let completed = submit(
        &server,
        "/api/notes/enter-code",
        &[("code", &code)],
        &pending,
    );
    let session = cookie(&completed);
    assert!(page(&server, "/", &session).text().contains("Sign out"));
    let (_, token) = session.split_once('=').expect("a value");
    let token = token.split('~').next().expect("a token");
    assert_eq!(
        text_of(&server.view(token).json(), "email"),
        "ada@example.com"
    );

    let out = submit(&server, "/api/notes/sign-out", &[], &session);
    assert_eq!(cookie(&out), "session=");
    server.view(token).assert_error(401, "token_invalid");
    assert!(page(&server, "/", &session).text().contains("Password: "));
}
