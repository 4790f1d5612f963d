//! Signing in with a provider, as a browser does it.

use serde_json::{Value, json};

use super::{
    Response, Server, TestEnv, TokenPair, free_address,
    identity_provider::{Account, CLIENT_ID, CLIENT_SECRET, IdentityProvider},
    text_of,
};

/// The name of the provider.
pub const NAME: &str = "my-idp";

/// A server that trusts a provider with email addresses.
pub fn trusting(provider: &IdentityProvider, settings: &[(&str, &str)]) -> Server {
    let trust = ("LATCHKEY_OIDC_MY_IDP_TRUST_EMAIL", "true");
    with_provider(provider, &[settings, &[trust]].concat())
}

/// A server with a provider.
pub fn with_provider(provider: &IdentityProvider, settings: &[(&str, &str)]) -> Server {
    let url = provider.url();
    let own = [
        ("LATCHKEY_OIDC_MY_IDP_ISSUER", url.as_str()),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_ID", CLIENT_ID),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_SECRET", CLIENT_SECRET),
        ("LATCHKEY_OIDC_MY_IDP_LABEL", "My company"),
    ];
    Server::start_with(&[&own, settings].concat())
}

/// A server with a provider that does not run.
pub fn with_missing_provider() -> Server {
    let url = format!("http://{}", free_address());
    TestEnv::new().start(&[
        ("LATCHKEY_OIDC_MY_IDP_ISSUER", url.as_str()),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_ID", CLIENT_ID),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_SECRET", CLIENT_SECRET),
    ])
}

/// A browser, which keeps one cookie.
pub struct Browser<'a> {
    server: &'a Server,
    name: &'static str,
    pub cookie: Option<String>,
}

impl<'a> Browser<'a> {
    /// A browser without cookies, whose user signs in with the provider of [`with_provider`].
    pub fn new(server: &'a Server) -> Self {
        Self::with(server, NAME)
    }

    /// The same for another provider.
    pub fn with(server: &'a Server, name: &'static str) -> Self {
        Self {
            server,
            name,
            cookie: None,
        }
    }

    /// Opens a page, or sends a request.
    #[track_caller]
    pub fn send(&mut self, method: &str, path: &str, token: Option<&str>, body: Value) -> Response {
        let mut request = self.server.request(method, path);
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", format!("a=b; {cookie}"));
        }
        if let Some(token) = token {
            request = request.token(token);
        }
        if body != Value::Null {
            request = request.json(body);
        }
        let response = request.send();
        let set = response.header("set-cookie");
        if !set.is_empty() {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        response
    }

    /// Opens a page.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, None, Value::Null)
    }

    /// Begins to sign in. Returns where the provider is asked.
    #[track_caller]
    pub fn start(&mut self) -> String {
        let response = self.get(&format!("/api/social/{}/start", self.name));
        location(&response)
    }

    /// Signs in at the provider. Returns where that leads.
    #[track_caller]
    pub fn come_back(&mut self, provider: &IdentityProvider, account: &Account) -> String {
        let asked = self.start();
        location(&self.get(&provider.agree(&asked, account)))
    }

    /// Signs in at the provider, and sends the code. Returns the response.
    #[track_caller]
    pub fn sign_in(&mut self, provider: &IdentityProvider, account: &Account) -> Response {
        let location = self.come_back(provider, account);
        self.confirm(&code_in(&location))
    }

    /// Signs in at the provider, which works.
    #[track_caller]
    pub fn signed_in(&mut self, provider: &IdentityProvider, account: &Account) -> TokenPair {
        TokenPair::from(&self.sign_in(provider, account))
    }

    /// Sends a code.
    #[track_caller]
    pub fn confirm(&mut self, code: &str) -> Response {
        let body = json!({"code": code});
        self.send("POST", "/api/social/confirm", None, body)
    }

    /// Asks to link an account at the provider.
    #[track_caller]
    pub fn begin_link(&mut self, token: &str, password: &str) -> Response {
        let body = json!({"provider": self.name, "current_password": password});
        self.send("POST", "/api/social/link", Some(token), body)
    }

    /// Links an account at the provider. Returns where that leads.
    #[track_caller]
    pub fn link(
        &mut self,
        provider: &IdentityProvider,
        token: &str,
        password: &str,
        account: &Account,
    ) -> String {
        let begun = self.begin_link(token, password);
        assert_eq!(begun.status, 200, "{begun}");
        let url = text_of(&begun.json(), "url");
        let path = url.strip_prefix(&self.server.url()).expect("our own URL");
        let asked = location(&self.get(path));
        location(&self.get(&provider.agree(&asked, account)))
    }
}

/// Where a response leads.
#[track_caller]
pub fn location(response: &Response) -> String {
    assert_eq!(response.status, 303, "{response}");
    response.header("location").to_owned()
}

/// The code in the URL that a sign-in ends with.
#[track_caller]
pub fn code_in(location: &str) -> String {
    let code = location.strip_prefix("/login#social=");
    code.unwrap_or_else(|| panic!("no code: {location}"))
        .to_owned()
}
