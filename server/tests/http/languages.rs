//! The language of pages and of the API's messages: `Accept-Language`, and the choice on a page.

use serde_json::json;

use crate::support::TestEnv;

#[test]
fn messages_are_in_the_language_that_the_client_accepts() {
    let server = TestEnv::new().start(&[]);
    let missing = |language: &str| {
        server
            .post("/api/user/login")
            .json(json!({ "email": "ada@example.org" }))
            .header("accept-language", language)
            .send()
    };
    let messages = |language: &str| missing(language).json()["password"].clone();
    assert_eq!(
        messages("de-CH, en;q=0.5"),
        json!(["Dieses Feld ist erforderlich."])
    );
    assert_eq!(messages("fr"), json!(["Ce champ est obligatoire."]));
    assert_eq!(messages("en"), json!(["This field is required."]));
    assert_eq!(messages("ja"), json!(["This field is required."]));
    assert_eq!(missing("de").status, 400);
}

#[test]
fn errors_of_every_layer_are_in_that_language() {
    let server = TestEnv::new().start(&[]);
    let detail = |path: &str| {
        let response = server.get(path).header("accept-language", "de").send();
        (response.status, response.json()["detail"].clone())
    };
    assert_eq!(detail("/api/nowhere"), (404, json!("Nicht gefunden.")));
    let not_authenticated = json!("Es wurden keine Anmeldedaten gesendet.");
    assert_eq!(detail("/api/user/view"), (401, not_authenticated));
    let method = json!("Diese Methode ist hier nicht erlaubt.");
    assert_eq!(detail("/api/user/login"), (405, method));
}

#[test]
fn a_page_is_in_the_chosen_language_and_names_its_texts() {
    let server = TestEnv::new().start(&[]);
    let page = server
        .get("/login")
        .header("accept-language", "fr")
        .header("cookie", "latchkey_language=de")
        .send();
    let html = page.text();
    assert!(html.contains("<html lang=\"de\""), "{page}");
    assert!(
        html.contains("<title>Anmelden · Latchkey</title>"),
        "{page}"
    );
    let vary: Vec<_> = page.headers.get_all("vary").iter().collect();
    assert_eq!(
        vary,
        ["accept-language, cookie", "accept-encoding"],
        "{page}"
    );

    let (_, rest) = html
        .split_once("data-texts=\"")
        .expect("the page names its texts");
    let path = rest.split('"').next().unwrap_or_default();
    let texts = server.get(path).send();
    assert_eq!(texts.json()["Sign in"], "Anmelden", "{texts}");
    assert_eq!(
        texts.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(texts.header("content-type"), "application/json");

    let english = server
        .get("/login")
        .header("accept-language", "en-GB, de;q=0.9")
        .send();
    assert!(english.text().contains("<html lang=\"en\""), "{english}");
    assert!(!english.text().contains("data-texts"), "{english}");
}
