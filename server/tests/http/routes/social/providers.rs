//! `/api/social/providers`.

use serde_json::json;

use crate::support::{Server, identity_provider::IdentityProvider, social::with_provider};

const PATH: &str = "/api/social/providers";

#[test]
fn lists_the_providers_of_the_settings() {
    let provider = IdentityProvider::start();
    let github = [
        ("LATCHKEY_GITHUB_CLIENT_ID", "id"),
        ("LATCHKEY_GITHUB_CLIENT_SECRET", "secret"),
    ];
    let server = with_provider(&provider, &github);
    server.get(PATH).send().assert_json(
        200,
        json!([
            {"name": "my-idp", "label": "My company"},
            {"name": "github", "label": "GitHub"},
        ]),
    );
    assert_eq!(provider.requests("/.well-known/openid-configuration"), 0);
    let none = Server::start();
    none.get(PATH).send().assert_json(200, json!([]));
}
