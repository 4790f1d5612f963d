//! Leads a browser to a provider.

use super::{Linking, SocialFailure, SocialStep, Stop};
use crate::{
    crypto::browser_secret::BrowserSecret,
    error::Error,
    providers::{Flow, Provider},
    service::Accounts,
    store::social_tickets::{Ticket, TicketKind},
};

impl Accounts {
    /// Begins a sign-in with a provider, or, with a ticket of [`Accounts::begin_social_link`], to link an account
    /// there. `browser` is the secret that the browser has kept, if any.
    ///
    /// # Errors
    /// `NotFound` for an unknown provider.
    pub async fn start_social(
        &self,
        provider: &str,
        browser: Option<&str>,
        ticket: Option<&str>,
    ) -> Result<SocialStep, Error> {
        let provider = self.find_provider(provider).ok_or(Error::NotFound)?;
        let step = self.lead_to(provider, browser, ticket).await;
        Ok(step.unwrap_or_else(|stop| stop.step(provider, ticket.is_some())))
    }

    async fn lead_to(
        &self,
        provider: &Provider,
        browser: Option<&str>,
        ticket: Option<&str>,
    ) -> Result<SocialStep, Stop> {
        // A browser keeps its secret, so that sign-ins in several tabs don't disturb each other.
        let known = browser.and_then(BrowserSecret::parse);
        let linking = match (ticket, &known) {
            (None, _) => None,
            (Some(_), None) => return Err(Stop::Failure(SocialFailure::Expired)),
            (Some(ticket), Some(browser)) => {
                let kind = TicketKind::Link;
                let taken = self.take_ticket(kind, ticket, browser, Some(provider));
                let taken = taken.await?;
                let linking = taken.as_ref().and_then(Linking::of);
                Some(linking.ok_or(Stop::Failure(SocialFailure::Expired))?)
            }
        };
        let browser = known.unwrap_or_else(|| BrowserSecret::new(self.random()));
        let ticket = Ticket {
            provider: provider.name.to_string(),
            user_id: linking.map(|linking| linking.user_id),
            session_id: linking.map(|linking| linking.session_id),
            identity_id: None,
        };
        let state = self.issue_ticket(TicketKind::State, &ticket, &browser);
        let state = state.await?;
        let flow = Flow {
            redirect_uri: &self.redirect_uri(provider),
            state: &state,
            nonce: &browser.nonce(&state),
            verifier: &browser.code_verifier(&state),
        };
        Ok(SocialStep::ToProvider {
            url: provider.authorization_url(&flow).await?,
            browser: browser.expose(),
        })
    }
}
