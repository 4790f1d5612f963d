//! The passkeys of users.

use serde_json::{Value, json};

use super::{PASSWORD, Response, Server, TokenPair, soft_passkey::SoftPasskey};

/// The public URL of a server that browsers accept passkeys from.
pub const PASSKEY_SITE: (&str, &str) = ("LATCHKEY_PUBLIC_URL", "https://accounts.example");

impl Server {
    /// Starts the program at an address where passkeys work.
    #[track_caller]
    pub fn start_for_passkeys() -> Self {
        Self::start_with(&[PASSKEY_SITE])
    }

    /// Begins to add a passkey, and returns the options for the browser.
    #[track_caller]
    pub fn begin_passkey(&self, token: &str) -> Value {
        let body = json!({"current_password": PASSWORD});
        let response = self
            .post("/api/passkey/create")
            .token(token)
            .json(body)
            .send();
        assert_eq!(response.status, 201, "{response}");
        response.json()
    }

    /// Sends what an authenticator has created.
    #[track_caller]
    pub fn confirm_passkey(&self, token: &str, credential: &Value, name: &str) -> Response {
        self.post("/api/passkey/confirm")
            .token(token)
            .json(json!({"credential": credential, "name": name}))
            .send()
    }

    /// Adds a passkey to an account, and returns its id.
    #[track_caller]
    pub fn add_passkey(&self, token: &str, passkey: &mut SoftPasskey) -> String {
        let credential = passkey.create(&self.begin_passkey(token));
        let response = self.confirm_passkey(token, &credential, "Laptop");
        assert_eq!(response.status, 201, "{response}");
        super::text_of(&response.json(), "id")
    }

    /// Begins a sign-in, and returns the options for the browser.
    #[track_caller]
    pub fn begin_passkey_login(&self) -> Value {
        let response = self.post("/api/passkey/login/begin").send();
        assert_eq!(response.status, 200, "{response}");
        response.json()
    }

    /// Sends what an authenticator has signed.
    #[track_caller]
    pub fn send_assertion(&self, credential: &Value) -> Response {
        self.post("/api/passkey/login")
            .json(json!({"credential": credential}))
            .send()
    }

    /// Signs in with a passkey.
    #[track_caller]
    pub fn passkey_login(&self, passkey: &SoftPasskey) -> Response {
        self.send_assertion(&passkey.sign(&self.begin_passkey_login()))
    }

    /// The same with an access token.
    #[track_caller]
    pub fn passkey_login_with(&self, token: &str, passkey: &SoftPasskey) -> Response {
        let credential = passkey.sign(&self.begin_passkey_login());
        self.post("/api/passkey/login")
            .token(token)
            .json(json!({"credential": credential}))
            .send()
    }

    /// Signs in with a passkey that is accepted.
    #[track_caller]
    pub fn sign_in_with_passkey(&self, passkey: &SoftPasskey) -> TokenPair {
        TokenPair::from(&self.passkey_login(passkey))
    }
}
