//! An OpenID Connect issuer, by the crate `openidconnect`.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use openidconnect::{
    AccessToken, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl,
    Scope, SignatureVerificationError, TokenResponse,
    core::{
        CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
        CoreClientAuthMethod, CoreGrantType, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
        CoreUserInfoClaims,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, time::Instant};

use super::{Flow, ProviderError, ProviderIdentity, ProviderSettings, http::HttpClient};
use crate::clock::Timestamp;

/// How long the discovery document and the keys are used.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// How much time passes between two readings because tokens name unknown keys.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// How long an issuer that could not be reached is not asked again, so that requests don't queue for it.
const PAUSE: Duration = Duration::from_secs(5);

/// The algorithms of ID tokens that are accepted: those with a public key.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Whether the issuer names itself in its responses (RFC 9207, 3).
#[derive(Clone, Debug, Deserialize, Serialize)]
struct NamesItself {
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl AdditionalProviderMetadata for NamesItself {}

type Metadata = ProviderMetadata<
    NamesItself,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What was read from the issuer last, and when.
struct Read {
    at: Instant,
    metadata: Option<Arc<Metadata>>,
    /// When it was read because of an unknown key, if ever.
    renewed_at: Option<Instant>,
}

/// An issuer.
pub(super) struct OpenIdConnect {
    issuer: String,
    client_id: String,
    client_secret: SecretString,
    scopes: Vec<String>,
    http: HttpClient,
    /// Concurrent requests wait for the same discovery.
    read: Mutex<Option<Read>>,
}

impl OpenIdConnect {
    pub fn new(settings: &ProviderSettings, http: HttpClient) -> Self {
        Self {
            issuer: settings.kind.issuer().as_str().to_owned(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scopes: settings.scopes.clone(),
            http,
            read: Mutex::new(None),
        }
    }

    pub async fn authorization_url(&self, flow: &Flow<'_>) -> Result<String, ProviderError> {
        let metadata = self.metadata().await?;
        let endpoint = metadata.authorization_endpoint().as_str();
        if !self.http.allows(endpoint) {
            return Err(refused("its authorization endpoint has no https:// URL"));
        }
        let client = self.client(&metadata, flow)?;
        let (state, nonce) = (flow.state.to_owned(), flow.nonce.to_owned());
        let verifier = PkceCodeVerifier::new(flow.verifier.to_owned());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        Ok(request.url().0.into())
    }

    pub async fn identify(
        &self,
        flow: &Flow<'_>,
        code: &str,
        issuer: Option<&str>,
        now: Timestamp,
    ) -> Result<ProviderIdentity, ProviderError> {
        let metadata = self.metadata().await?;
        self.check_issuer(&metadata, issuer)?;
        let client = self.client(&metadata, flow)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| refused("it has no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier.to_owned()));
        // What the error displays has nothing of the response but the name of an error.
        let tokens = request.request_async(&self.http).await;
        let tokens = tokens.map_err(|error| exchange_failed(&error))?;
        let id_token = tokens.id_token().ok_or(refused("there is no ID token"))?;
        let claims = self.verified(metadata.clone(), id_token, flow, now).await?;
        let mut identity = ProviderIdentity {
            issuer: self.issuer.clone(),
            subject: claims.subject().to_string(),
            email: claims.email().map(|email| email.to_string()),
            email_verified: claims.email_verified() == Some(true),
            name: claims
                .name()
                .and_then(|name| name.get(None))
                .map(|name| name.to_string()),
        };
        if identity.email.is_none() && metadata.userinfo_endpoint().is_some() {
            self.ask_for_email(&client, tokens.access_token().clone(), &mut identity)
                .await?;
        }
        Ok(identity)
    }

    /// Returns the discovery document with the keys, if need be as it was read before.
    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut read = self.read.lock().await;
        match &*read {
            Some(Read {
                at,
                metadata: Some(metadata),
                ..
            }) if at.elapsed() < MAX_AGE => Ok(metadata.clone()),
            Some(Read {
                at, metadata: None, ..
            }) if at.elapsed() < PAUSE => {
                let reason = "it could not be reached a moment ago";
                Err(ProviderError::Unavailable(reason.to_owned()))
            }
            _ => self.discover(&mut read, None).await,
        }
    }

    /// Reads them again, because a token names an unknown key, unless that has happened a moment ago: anyone can
    /// sign in at the provider, but not make this server ask for keys all the time.
    async fn renewed_metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let mut read = self.read.lock().await;
        match &*read {
            Some(Read {
                metadata: Some(metadata),
                renewed_at: Some(renewed_at),
                ..
            }) if renewed_at.elapsed() < RENEWAL_PAUSE => Ok(metadata.clone()),
            _ => self.discover(&mut read, Some(Instant::now())).await,
        }
    }

    async fn discover(
        &self,
        read: &mut Option<Read>,
        renewed_at: Option<Instant>,
    ) -> Result<Arc<Metadata>, ProviderError> {
        let issuer = IssuerUrl::new(self.issuer.clone())
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let discovered = Metadata::discover_async(issuer, &self.http).await;
        let discovered = discovered.map(Arc::new);
        *read = Some(Read {
            at: Instant::now(),
            metadata: discovered.as_ref().ok().cloned(),
            renewed_at,
        });
        discovered.map_err(|error| ProviderError::Unavailable(format!("discovery: {error}")))
    }

    /// Checks the issuer that a response names, so that one issuer can't pass for another (RFC 9207, 2.4).
    fn check_issuer(&self, metadata: &Metadata, issuer: Option<&str>) -> Result<(), ProviderError> {
        let announced = metadata.additional_metadata();
        let must_be_there = announced.authorization_response_iss_parameter_supported == Some(true);
        match issuer {
            Some(issuer) if issuer == self.issuer => Ok(()),
            Some(_) => Err(refused("it names another issuer")),
            None if must_be_there => Err(refused("it does not name its issuer")),
            None => Ok(()),
        }
    }

    fn client(&self, metadata: &Metadata, flow: &Flow<'_>) -> Result<Client, ProviderError> {
        let redirect = RedirectUrl::new(flow.redirect_uri.to_owned())
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let secret = ClientSecret::new(self.client_secret.expose_secret().to_owned());
        let id = ClientId::new(self.client_id.clone());
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(redirect);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_basic = methods.is_none_or(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                || !methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        Ok(client.set_auth_type(if takes_basic {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        }))
    }

    /// Verifies an ID token. If it names an unknown key, the keys are read again, unless that has just happened.
    async fn verified<'t>(
        &self,
        metadata: Arc<Metadata>,
        id_token: &'t CoreIdToken,
        flow: &Flow<'_>,
        now: Timestamp,
    ) -> Result<&'t CoreIdTokenClaims, ProviderError> {
        let nonce = Nonce::new(flow.nonce.to_owned());
        let mut claims = id_token.claims(&self.verifier(&metadata, now), &nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        )) = claims
        {
            let renewed = self.renewed_metadata().await?;
            claims = id_token.claims(&self.verifier(&renewed, now), &nonce);
        }
        claims.map_err(|error| refused(failed_check(&error)))
    }

    fn verifier(&self, metadata: &Metadata, now: Timestamp) -> CoreIdTokenVerifier<'static> {
        let now = UNIX_EPOCH + Duration::from_secs(now.unix_seconds().try_into().unwrap_or(0));
        CoreIdTokenVerifier::new_public_client(
            ClientId::new(self.client_id.clone()),
            metadata.issuer().clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || now.into())
    }

    /// Asks the UserInfo endpoint, where issuers name what an ID token need not have.
    async fn ask_for_email(
        &self,
        client: &Client,
        token: AccessToken,
        identity: &mut ProviderIdentity,
    ) -> Result<(), ProviderError> {
        let subject = openidconnect::SubjectIdentifier::new(identity.subject.clone());
        let request = client
            .user_info(token, Some(subject))
            .map_err(|_| refused("it has no UserInfo endpoint"))?;
        let claims: CoreUserInfoClaims = request
            .request_async(&self.http)
            .await
            .map_err(|_| refused("its UserInfo can't be relied on"))?;
        identity.email = claims.email().map(|email| email.to_string());
        identity.email_verified = claims.email_verified() == Some(true);
        if identity.name.is_none() {
            let name = claims.name().and_then(|name| name.get(None));
            identity.name = name.map(|name| name.to_string());
        }
        Ok(())
    }
}

fn refused(reason: &str) -> ProviderError {
    ProviderError::Refused(reason.to_owned())
}

/// Says which check an ID token did not pass. The error itself quotes claims.
fn failed_check(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "the ID token has expired",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another client",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token is of another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token is for another sign-in",
        ClaimsVerificationError::SignatureVerification(_) => {
            "the signature of the ID token is invalid"
        }
        _ => "the ID token is invalid",
    }
}

/// Says why the token endpoint has issued no tokens. Its response may quote the code.
fn exchange_failed<E, T>(error: &openidconnect::RequestTokenError<E, T>) -> ProviderError
where
    E: std::error::Error + 'static,
    T: openidconnect::ErrorResponse + 'static,
{
    use openidconnect::RequestTokenError::{Request, ServerResponse};
    match error {
        Request(error) => ProviderError::Unavailable(format!("token endpoint: {error}")),
        ServerResponse(_) => refused("the token endpoint has refused the code"),
        _ => refused("the response of the token endpoint can't be read"),
    }
}
