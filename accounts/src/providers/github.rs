//! GitHub, which speaks OAuth 2 without OpenID Connect.

use http::{Request, header};
use openidconnect::{HttpRequest, PkceCodeChallenge, PkceCodeVerifier};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{Flow, Issuer, ProviderError, ProviderIdentity, ProviderSettings, http::HttpClient};

/// GitHub itself, whose API has a host of its own.
const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

/// GitHub, or a GitHub Enterprise server.
pub(super) struct GitHub {
    url: String,
    api: String,
    client_id: String,
    client_secret: SecretString,
    scopes: String,
    http: HttpClient,
}

/// The response of the token endpoint, whose status is 200 for errors, too.
#[derive(Deserialize)]
struct Token {
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub fn new(settings: &ProviderSettings, url: &Issuer, http: HttpClient) -> Self {
        let url = url.as_str().trim_end_matches('/').to_owned();
        Self {
            api: match url.as_str() {
                GITHUB => GITHUB_API.to_owned(),
                url => format!("{url}/api/v3"),
            },
            url,
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scopes: settings.scopes.join(" "),
            http,
        }
    }

    pub fn authorization_url(&self, flow: &Flow<'_>) -> Result<String, ProviderError> {
        let endpoint = format!("{}/login/oauth/authorize", self.url);
        let mut url =
            Url::parse(&endpoint).map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let verifier = PkceCodeVerifier::new(flow.verifier.to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", flow.redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", flow.state)
            .append_pair("code_challenge", challenge.as_str())
            .append_pair("code_challenge_method", challenge.method().as_str());
        Ok(url.into())
    }

    pub async fn identify(
        &self,
        flow: &Flow<'_>,
        code: &str,
        issuer: Option<&str>,
    ) -> Result<ProviderIdentity, ProviderError> {
        if issuer.is_some_and(|issuer| issuer.trim_end_matches('/') != self.url) {
            let reason = "it names another issuer";
            return Err(ProviderError::Refused(reason.to_owned()));
        }
        let token: Token = self.http.fetch_json(self.token_request(flow, code)).await?;
        let token = token.access_token.ok_or_else(|| {
            ProviderError::Refused("the token endpoint has refused the code".to_owned())
        })?;
        let user: User = self.http.fetch_json(self.get("/user", &token)).await?;
        let emails = self.get("/user/emails", &token);
        let emails: Vec<Email> = self.http.fetch_json(emails).await?;
        let primary = emails.into_iter().find(|email| email.primary);
        Ok(ProviderIdentity {
            issuer: self.url.clone(),
            subject: user.id.to_string(),
            email_verified: primary.as_ref().is_some_and(|email| email.verified),
            email: primary.map(|email| email.email),
            name: user.name,
        })
    }

    fn token_request(&self, flow: &Flow<'_>, code: &str) -> http::Result<HttpRequest> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .append_pair("code", code)
            .append_pair("redirect_uri", flow.redirect_uri)
            .append_pair("code_verifier", flow.verifier)
            .finish();
        Request::post(format!("{}/login/oauth/access_token", self.url))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.into_bytes())
    }

    fn get(&self, path: &str, token: &str) -> http::Result<HttpRequest> {
        Request::get(format!("{}{path}", self.api))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("x-github-api-version", "2022-11-28")
            .body(Vec::new())
    }
}
