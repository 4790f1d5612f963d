use serde_json::json;

use crate::support::{
    Answer, OTHER_PASSWORD, PASSWORD, Pair, Server, at_once, mail::PASSWORD_CHANGED,
};

const PATH: &str = "/api/user/password/reset/confirm";

fn ask(server: &Server, email: &str) -> String {
    server
        .post("/api/user/password/reset")
        .json(json!({"email": email}))
        .send()
        .says_nothing();
    server.reset_token(email)
}

fn confirm(server: &Server, token: &str, password: &str) -> Answer {
    server
        .post(PATH)
        .json(json!({"token": token, "new_password": password}))
        .send()
}

#[test]
fn sets_the_password_and_ends_every_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    let token = ask(&server, "ada@example.com");
    server.take_all_mails();
    confirm(&server, &token, OTHER_PASSWORD).says_nothing();

    server.assert_dead(&pair);
    server.assert_dead(&other_device);
    server.assert_alive(&grace);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    let again = Pair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    // Whoever has the mail has proved the address.
    assert_eq!(server.view(&again.token).json()["email_verified"], true);
    server
        .take_mail("ada@example.com", PASSWORD_CHANGED)
        .tells_only();
    server.assert_mails(&[]);
}

#[test]
fn works_once() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    let answers = at_once(8, |index| {
        confirm(&server, &token, &format!("another-password-{index}"))
    });
    let winners: Vec<_> = (0..8).filter(|i| answers[*i].status == 204).collect();
    assert_eq!(winners.len(), 1);
    for answer in answers {
        if answer.status != 204 {
            answer.assert_field_errors(&["token"]);
        }
    }
    confirm(&server, &token, OTHER_PASSWORD).assert_field_errors(&["token"]);
    let password = format!("another-password-{}", winners[0]);
    let pair = Pair::from(&server.try_sign_in("ada@example.com", &password));
    server.assert_alive(&pair);
}

#[test]
fn a_bad_password_does_not_use_the_link_up() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = ask(&server, "ada@example.com");
    for bad in ["short", "iloveyou", "ada@example.com", &"x".repeat(129)] {
        confirm(&server, &token, bad).assert_field_errors(&["new_password"]);
    }
    server
        .post(PATH)
        .json(json!({"token": token}))
        .send()
        .assert_json(400, json!({"new_password": ["This field is required."]}));
    server.assert_alive(&pair);
    confirm(&server, &token, OTHER_PASSWORD).says_nothing();
}

#[test]
fn tells_all_that_is_wrong() {
    let server = Server::start();
    let required = "This field is required.";
    server.post(PATH).send().assert_json(
        400,
        json!({"token": [required], "new_password": [required]}),
    );
    confirm(&server, "garbage", "short").assert_field_errors(&["new_password", "token"]);
    confirm(&server, "garbage", OTHER_PASSWORD).assert_field_errors(&["token"]);
}

#[test]
fn takes_no_token_for_another_purpose() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "new@example.com", "current_password": PASSWORD}))
        .send()
        .says_nothing();
    let email = server.email_token("new@example.com");
    for token in [&activation, &email, &pair.token] {
        confirm(&server, token, OTHER_PASSWORD).assert_field_errors(&["token"]);
    }
    server.sign_in("ada@example.com");
}

#[test]
fn voids_all_other_links() {
    let server = Server::start();
    server.register("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).says_nothing();
    server
        .post("/api/user/activation")
        .json(json!({"token": activation}))
        .send()
        .assert_field_errors(&["token"]);
    assert_eq!(server.database().count("mailed_tokens", "true"), 0);
}

#[test]
fn does_not_get_around_the_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).says_nothing();
    server.assert_dead(&factor.pair);
    let half = Pair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_half(&half);
    let passed = Pair::from(&server.pass_totp(&half.token, &factor.app.code()));
    server.assert_passed(&passed);
    // The codes on paper are still good, too.
    let half = Pair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    let code = &factor.recovery_codes[0];
    let passed = Pair::from(&server.pass_recovery(&half.token, code));
    server.assert_passed(&passed);
}

#[test]
fn opens_an_account_that_waits_for_its_address_to_be_proved() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).says_nothing();
    let pair = Pair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_alive(&pair);
}

#[test]
fn does_not_open_an_account_that_was_closed_by_hand() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    server
        .database()
        .execute("UPDATE users SET is_active = false");
    confirm(&server, &token, OTHER_PASSWORD);
    server
        .try_sign_in("ada@example.com", OTHER_PASSWORD)
        .assert_error(403, "inactive_account");
}
