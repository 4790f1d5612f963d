//! `/api/social`.

use serde_json::json;

use crate::support::{
    Server,
    identity_provider::{Account, IdentityProvider},
    social::{Browser, trusting},
};

const PATH: &str = "/api/social";

#[test]
fn lists_the_linked_accounts() {
    let provider = IdentityProvider::start();
    let server = trusting(&provider, &[]);
    let other = server.sign_up("grace@example.com");
    let account = Account::verified("1", "ada@example.com");
    let pair = Browser::new(&server).signed_in(&provider, &account);
    server.get(PATH).token(&pair.token).send().assert_json(
        200,
        json!([{
            "id": "<uuid>",
            "provider": "my-idp",
            "label": "My company",
            "email": "ada@example.com",
            "created_at": "<time>",
            "last_used_at": "<time>",
        }]),
    );
    let none = server.get(PATH).token(&other.token).send();
    none.assert_json(200, json!([]));
    let export = server.get("/api/user/export").token(&pair.token).send();
    let exported = &export.json()["identities"][0];
    assert_eq!(exported["issuer"], provider.url());
    assert_eq!(exported["subject"], "1");
    assert_eq!(exported["provider"], "my-idp");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
