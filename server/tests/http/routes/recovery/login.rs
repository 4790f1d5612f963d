use serde_json::json;

use crate::support::{Pair, Server, at_once, mail::RECOVERY_CODE_USED};

const PATH: &str = "/api/recovery/login";

#[test]
fn passes_the_second_factor_and_spends_the_code() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    server.take_all_mails();
    let half = server.sign_in("ada@example.com");
    let code = &factor.recovery_codes[3];
    let answer = server.pass_recovery(&half.token, code).assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    server.assert_passed(&Pair::from(&answer));
    assert_eq!(server.database().count("recovery_codes", "true"), 9);
    let mail = server.take_mail("ada@example.com", RECOVERY_CODE_USED);
    assert!(mail.tells_only().text.contains("9 are left"), "{mail:?}");
    server.assert_mails(&[]);

    let half = server.sign_in("ada@example.com");
    server.pass_recovery(&half.token, code).assert_json(
        400,
        json!({"code": ["Incorrect code, or it was already used."]}),
    );
    server.assert_half(&half);
}

#[test]
fn each_code_is_good_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    for code in &factor.recovery_codes {
        let half = server.sign_in("ada@example.com");
        let answer = server.pass_recovery(&half.token, code);
        server.assert_passed(&Pair::from(&answer));
    }
    let half = server.sign_in("ada@example.com");
    for code in &factor.recovery_codes[..2] {
        server
            .pass_recovery(&half.token, code)
            .assert_field_errors(&["code"]);
    }
    let mails: Vec<_> = server
        .take_all_mails()
        .into_iter()
        .filter(|mail| mail.subject == RECOVERY_CODE_USED)
        .collect();
    assert_eq!(mails.len(), 10);
    let last = mails.iter().filter(|mail| mail.text.contains("last one"));
    assert_eq!(last.count(), 1);
}

#[test]
fn a_code_is_good_once_however_many_send_it_at_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.turn_on_totp(&pair);
    let code = &factor.recovery_codes[0];
    let devices: Vec<_> = (0..8).map(|_| server.sign_in("ada@example.com")).collect();
    let answers = at_once(8, |index| server.pass_recovery(&devices[index].token, code));
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
    for answer in answers {
        assert!([200, 400, 429].contains(&answer.status), "{answer}");
    }
    assert_eq!(server.database().count("recovery_codes", "true"), 9);
}

#[test]
fn reads_a_code_as_people_write_it() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let codes = server.turn_on_totp(&pair).recovery_codes;
    let half = server.sign_in("ada@example.com");
    for written in [
        codes[0].to_uppercase(),
        codes[1].replace('-', ""),
        codes[2].replace('-', " "),
        format!("  {}\n", codes[3]),
        codes[4].replace('1', "l").replace('0', "O"),
    ] {
        let answer = server.pass_recovery(&half.token, &written);
        assert_eq!(answer.status, 200, "{written}: {answer}");
    }
}

#[test]
fn takes_nobody_elses_code() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    server.turn_on_totp(&ada);
    let grace = server.sign_up("grace@example.com");
    let grace = server.turn_on_totp(&grace);
    let half = server.sign_in("ada@example.com");
    server
        .pass_recovery(&half.token, &grace.recovery_codes[0])
        .assert_field_errors(&["code"]);
    assert_eq!(server.database().count("recovery_codes", "true"), 20);
}

#[test]
fn refuses_what_is_no_code() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .pass_recovery(&pair.token, "00000-00000-00000")
        .assert_error(403, "permission_denied");
    let factor = server.turn_on_totp(&pair);
    let half = server.sign_in("ada@example.com");
    server
        .post(PATH)
        .token(&half.token)
        .send()
        .assert_json(400, json!({"code": ["This field is required."]}));
    let code = &factor.recovery_codes[0];
    for wrong in [&code[1..], &format!("{code}0"), &factor.app.code()] {
        server
            .pass_recovery(&half.token, wrong)
            .assert_field_errors(&["code"]);
    }
    server
        .post(PATH)
        .json(json!({"code": code}))
        .send()
        .assert_error(401, "not_authenticated");
    server
        .pass_recovery(&half.refresh_token, code)
        .assert_error(401, "token_invalid");
    assert_eq!(server.pass_recovery(&half.token, code).status, 200);
}
