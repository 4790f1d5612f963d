//! Takes what a provider has sent a browser back with.

use super::{Linking, SocialFailure, SocialStep, Stop};
use crate::{
    crypto::browser_secret::BrowserSecret,
    device::Device,
    error::Error,
    providers::{Flow, Provider, ProviderError, ProviderIdentity},
    service::Accounts,
    store::social_tickets::{Ticket, TicketKind},
};

/// The longest code that is sent on to a provider, in bytes.
const CODE_LIMIT: usize = 4096;

/// The parameters of a response (RFC 6749, 4.1.2, and RFC 9207).
#[derive(Clone, Copy, Default)]
pub struct ProviderResponse<'a> {
    /// The state of the sign-in.
    pub state: Option<&'a str>,
    /// The code.
    pub code: Option<&'a str>,
    /// The error, in place of the code.
    pub error: Option<&'a str>,
    /// The issuer.
    pub iss: Option<&'a str>,
}

impl Accounts {
    /// Finishes a sign-in that this browser has begun, or links the account at the provider to the user who has
    /// asked for it.
    ///
    /// # Errors
    /// `NotFound` for an unknown provider.
    pub async fn finish_social(
        &self,
        provider: &str,
        browser: Option<&str>,
        response: ProviderResponse<'_>,
        device: &Device,
    ) -> Result<SocialStep, Error> {
        let provider = self.find_provider(provider).ok_or(Error::NotFound)?;
        let (browser, ticket) = match self.begun(provider, browser, response.state).await {
            Ok(begun) => begun,
            Err(stop) => return Ok(stop.step(provider, false)),
        };
        let linking = Linking::of(&ticket);
        let step = self
            .take_response(provider, &browser, linking, response, device)
            .await;
        Ok(step.unwrap_or_else(|stop| stop.step(provider, linking.is_some())))
    }

    /// Uses up the state, if this browser has begun with it.
    async fn begun(
        &self,
        provider: &Provider,
        browser: Option<&str>,
        state: Option<&str>,
    ) -> Result<(BrowserSecret, Ticket), Stop> {
        let browser = browser.and_then(BrowserSecret::parse);
        let (Some(browser), Some(state)) = (browser, state) else {
            return Err(Stop::Failure(SocialFailure::Expired));
        };
        let kind = TicketKind::State;
        let ticket = self.take_ticket(kind, state, &browser, Some(provider));
        let ticket = ticket.await?;
        let ticket = ticket.ok_or(Stop::Failure(SocialFailure::Expired))?;
        Ok((browser, ticket))
    }

    async fn take_response(
        &self,
        provider: &Provider,
        browser: &BrowserSecret,
        linking: Option<Linking>,
        response: ProviderResponse<'_>,
        device: &Device,
    ) -> Result<SocialStep, Stop> {
        let identity = self.ask_provider(provider, browser, response).await?;
        if let Some(linking) = linking {
            return self.finish_link(provider, linking, &identity, device).await;
        }
        let owner = self.find_owner(provider, &identity, device).await?;
        let ticket = Ticket {
            provider: provider.name.to_string(),
            user_id: Some(owner.user_id),
            session_id: None,
            identity_id: Some(owner.identity_id),
        };
        let code = self.issue_ticket(TicketKind::Code, &ticket, browser);
        Ok(SocialStep::SignIn { code: code.await? })
    }

    async fn ask_provider(
        &self,
        provider: &Provider,
        browser: &BrowserSecret,
        response: ProviderResponse<'_>,
    ) -> Result<ProviderIdentity, Stop> {
        match response.error {
            None => {}
            Some("access_denied") => return Err(Stop::Failure(SocialFailure::Canceled)),
            Some("temporarily_unavailable" | "server_error") => {
                let reason = "it has sent an error instead of a code".to_owned();
                return Err(ProviderError::Unavailable(reason).into());
            }
            Some(_) => {
                let reason = "it is an error instead of a code".to_owned();
                return Err(ProviderError::Refused(reason).into());
            }
        }
        let code = response.code.filter(|code| code.len() <= CODE_LIMIT);
        let (Some(code), Some(state)) = (code, response.state) else {
            return Err(ProviderError::Refused("there is no code".to_owned()).into());
        };
        let flow = Flow {
            redirect_uri: &self.redirect_uri(provider),
            state,
            nonce: &browser.nonce(state),
            verifier: &browser.code_verifier(state),
        };
        let identified = provider.identify(&flow, code, response.iss, self.now());
        Ok(identified.await?)
    }
}
