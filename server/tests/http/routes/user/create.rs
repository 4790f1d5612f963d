//! `/api/user/create`.

use serde_json::{Value, json};

use crate::support::{OTHER_PASSWORD, PASSWORD, Response, Server};

const PATH: &str = "/api/user/create";
const REQUIRED: &str = "This field is required.";
const TAKEN: &str = "A user with that email already exists.";

fn create(server: &Server, email: &str, password: &str) -> Response {
    server
        .post(PATH)
        .json(json!({"email": email, "password": password}))
        .send()
}

#[test]
fn creates_an_account_from_json() {
    let server = Server::start();
    server
        .post(PATH)
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    server.sign_in("ada@example.com");
}

#[test]
fn creates_an_account_from_a_form() {
    let server = Server::start();
    let password = "käse & brot + 100%=ja";
    server
        .post(PATH)
        .form(&[("email", "ada+list@example.com"), ("password", password)])
        .send()
        .assert_json(
            201,
            json!({"id": "<uuid>", "email": "ada+list@example.com"}),
        );
    let sign_in = server.try_sign_in("ada+list@example.com", password);
    assert_eq!(sign_in.status, 200, "{sign_in}");
}

#[test]
fn assigns_each_user_an_id() {
    let server = Server::start();
    let ada = server.register("ada@example.com");
    let grace = server.register("grace@example.com");
    assert_ne!(ada.id, grace.id);
}

#[test]
fn requires_both_fields() {
    let server = Server::start();
    let both = json!({"email": [REQUIRED], "password": [REQUIRED]});
    for body in [
        json!({}),
        json!({"email": null, "password": null}),
        json!({"email": "", "password": ""}),
        json!({"email": "", "other": 1}),
    ] {
        server
            .post(PATH)
            .json(body)
            .send()
            .assert_json(400, both.clone());
    }
    for form in [&[][..], &[("email", ""), ("password", "")]] {
        server
            .post(PATH)
            .form(form)
            .send()
            .assert_json(400, both.clone());
    }
    server.post(PATH).send().assert_json(400, both);

    server
        .post(PATH)
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_json(400, json!({"password": [REQUIRED]}));
    server
        .post(PATH)
        .form(&[("password", PASSWORD)])
        .send()
        .assert_json(400, json!({"email": [REQUIRED]}));
}

#[test]
fn reports_all_invalid_fields() {
    let server = Server::start();
    create(&server, "not an address", "short").assert_field_errors(&["email", "password"]);
    server.register("ada@example.com");
    create(&server, "", "short").assert_field_errors(&["email", "password"]);
}

#[test]
fn ignores_unknown_fields() {
    let server = Server::start();
    server
        .post(PATH)
        .json(json!({
            "email": "ada@example.com",
            "password": PASSWORD,
            "id": "00000000-0000-4000-8000-000000000000",
            "is_admin": true,
            "is_active": false,
            "jwt_secret": "00000000-0000-4000-8000-000000000000",
            "more": {"of": ["it"]},
        }))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    let pair = server.sign_in("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["is_admin"], json!(false));
}

#[test]
fn requires_strings() {
    let server = Server::start();
    for value in not_text() {
        server
            .post(PATH)
            .json(json!({"email": value, "password": PASSWORD}))
            .send()
            .assert_json(400, json!({"email": ["This must be text."]}));
        server
            .post(PATH)
            .json(json!({"email": "ada@example.com", "password": value}))
            .send()
            .assert_json(400, json!({"password": ["This must be text."]}));
    }
}

fn not_text() -> [Value; 8] {
    [
        json!(0),
        json!(-1),
        json!(1.5),
        json!(true),
        json!([]),
        json!(["ada@example.com"]),
        json!({}),
        json!({"ada": "example.com"}),
    ]
}

#[test]
fn trims_the_email_address_and_stores_its_domain_in_lower_case() {
    let server = Server::start();
    create(&server, " \t Ada.Lovelace@EXAMPLE.Com \n", PASSWORD).assert_json(
        201,
        json!({"id": "<uuid>", "email": "Ada.Lovelace@example.com"}),
    );
}

#[test]
fn rejects_a_registered_email_address() {
    let server = Server::start();
    server.register("Ada@example.com");
    for same in [
        "Ada@example.com",
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "  ada@example.com  ",
    ] {
        create(&server, same, OTHER_PASSWORD).assert_json(400, json!({"email": [TAKEN]}));
    }
    server.sign_in("ada@example.com");
}

#[test]
fn compares_non_ascii_letters_without_case() {
    let server = Server::start();
    let first = create(&server, "Änne.Øst@example.com", PASSWORD);
    let second = create(&server, "änne.øst@example.com", PASSWORD);
    // Such an address may be rejected; it must not create two accounts.
    assert!(
        [201, 400].contains(&first.status) && second.status == 400,
        "{first}\n{second}"
    );
}

#[test]
fn rejects_invalid_email_addresses() {
    let server = Server::start();
    for address in [
        "ada",
        "ada@",
        "@example.com",
        "@",
        "ada@@example.com",
        "ada@b@example.com",
        "ada lovelace@example.com",
        "ada@exam ple.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@-example.com",
        "ada@example-.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@exa_mple!.com",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "mailto:ada@example.com,grace@example.com",
        "ada@example.com\u{0}",
        "ada\u{0}@example.com",
        "ada@example.com\r\nBcc: grace@example.com",
        "ada@exam\nple.com",
        "ada\u{7f}@example.com",
        "ada@\u{202e}moc.elpmaxe",
    ] {
        create(&server, address, PASSWORD).assert_field_errors(&["email"]);
    }
}

#[test]
fn accepts_unusual_email_addresses() {
    let server = Server::start();
    for address in [
        "a@b.co",
        "ada+tag@example.com",
        "ada.b.c@sub.domain.example.com",
        "1234567890@example.com",
        "o'brien@example.ie",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "ada@xn--bcher-kva.example",
        "ada@123.example.com",
    ] {
        create(&server, address, PASSWORD)
            .assert_json(201, json!({"id": "<uuid>", "email": address}));
        server.sign_in(address);
    }
}

#[test]
fn accepts_an_email_address_of_254_characters_and_no_more() {
    let server = Server::start();
    let address = |length: usize| {
        let local = "a".repeat(64);
        let domain = ["b".repeat(63), "c".repeat(63), "d".repeat(58)].join(".");
        let padding = "e".repeat(length - local.len() - domain.len() - 2);
        format!("{local}@{domain}.{padding}")
    };
    assert_eq!(address(254).len(), 254);
    create(&server, &address(255), PASSWORD).assert_field_errors(&["email"]);
    create(
        &server,
        &format!("{}@example.com", "a".repeat(65)),
        PASSWORD,
    )
    .assert_field_errors(&["email"]);
    create(&server, &address(254), PASSWORD)
        .assert_json(201, json!({"id": "<uuid>", "email": address(254)}));
    server.sign_in(&address(254).to_uppercase());
}

#[test]
fn accepts_passwords_of_8_to_128_characters_of_any_kind() {
    let server = Server::start();
    let long = |length| {
        "tall violet anchor 92 "
            .chars()
            .cycle()
            .take(length)
            .collect()
    };
    let passwords: [(String, u16); 10] = [
        ("xk4!qzw".into(), 400),
        ("xk4!qzwp".into(), 201),
        (long(128), 201),
        (long(129), 400),
        // The limit counts characters, not bytes.
        ("ßüäö🦀é".into(), 400),
        ("ßüäö🦀é✓x".into(), 201),
        ("🦀🐙🐠🐬".repeat(32), 201),
        ("🦀🐙🐠🐬".repeat(32) + "🐳", 400),
        ("tab\tnull\u{0}newline\n".into(), 201),
        (" 7 gaps ".into(), 201),
    ];
    for (index, (password, status)) in passwords.iter().enumerate() {
        let email = format!("number-{index}@example.com");
        let response = create(&server, &email, password);
        assert_eq!(response.status, *status, "{password:?}: {response}");
        if *status == 400 {
            response.assert_field_errors(&["password"]);
        } else {
            assert_eq!(server.try_sign_in(&email, password).status, 200);
        }
    }
}

#[test]
fn uses_the_password_exactly_as_sent() {
    let server = Server::start();
    let composed = " Tall-viol\u{e9}t-anchor ";
    create(&server, "ada@example.com", composed);
    for other in [
        "Tall-viol\u{e9}t-anchor",
        " Tall-viol\u{e9}t-anchor",
        "Tall-viol\u{e9}t-anchor ",
        " tall-viol\u{e9}t-anchor ",
        // Not the same letters in another form, which `text.rs` tests.
        " Tall-viole\u{300}t-anchor ",
        " Tall-viol\u{e9}t-anchor \u{0}",
    ] {
        server
            .try_sign_in("ada@example.com", other)
            .assert_error(401, "invalid_credentials");
    }
    assert_eq!(server.try_sign_in("ada@example.com", composed).status, 200);
}

#[test]
fn rejects_common_passwords() {
    let server = Server::start();
    for password in [
        "password",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyuiop",
        "1q2w3e4r",
        "iloveyou",
        "sunshine",
        "football",
        "baseball",
        "princess",
        "superman",
        "trustno1",
        "password1",
        "whatever",
        "11111111",
        "jennifer",
        "starwars",
        "computer",
        "michelle",
    ] {
        create(&server, "ada@example.com", password).assert_field_errors(&["password"]);
    }
}

#[test]
fn rejects_a_password_similar_to_the_email_address() {
    let server = Server::start();
    let email = "wilhelmina@kaltenbrunner.example";
    for password in [
        "wilhelmina@kaltenbrunner.example",
        "Wilhelmina@Kaltenbrunner.Example",
        "wilhelmina",
        "WILHELMINA",
        "wilhelmina1",
        "wilhelmina@kaltenbrunner",
    ] {
        create(&server, email, password).assert_field_errors(&["password"]);
    }
    create(&server, email, PASSWORD).assert_json(201, json!({"id": "<uuid>", "email": email}));
}

#[test]
fn creates_no_account_on_error() {
    let server = Server::start();
    create(&server, "ada@example.com", "short").assert_field_errors(&["password"]);
    assert_eq!(server.database().count("users", "true"), 0);
    server.register("ada@example.com");
    assert_eq!(server.database().count("users", "true"), 1);
}
