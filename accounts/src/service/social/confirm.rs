//! Signs in with the one-time code of the redirect.

use languages::tr_later;

use crate::{
    crypto::{browser_secret::BrowserSecret, token::TokenPair},
    device::Device,
    email::signed_in_with::SignedInWith,
    error::Error,
    id::Id,
    service::{Accounts, login::SignedIn},
    store::{
        audit_events::{Event, NewEvent},
        sessions::{Session, SignIn, SignInProof},
        social_tickets::TicketKind,
    },
    validation::required_field,
};

const CODE: &str = "code";

const INVALID_CODE: &str = tr_later("This sign-in has expired. Start it again.");

impl Accounts {
    /// Signs in with a code of [`Accounts::finish_social`], which works once and in the browser that has begun.
    /// An account at a provider is one factor: a second one is still to be completed.
    ///
    /// # Errors
    /// A field error for a code that is missing or does not work; `InactiveAccount`.
    pub async fn confirm_social(
        &self,
        code: Option<&str>,
        browser: Option<&str>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let code = required_field(CODE, code)?;
        let browser = browser.and_then(BrowserSecret::parse);
        let result = match browser {
            Some(browser) => self.sign_in_with_code(code, &browser, device).await,
            None => Err(invalid_code()),
        };
        self.metrics().sign_in(&result);
        result.map(|signed_in| signed_in.tokens)
    }

    async fn sign_in_with_code(
        &self,
        code: &str,
        browser: &BrowserSecret,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let taken = self.take_ticket(TicketKind::Code, code, browser, None);
        let ticket = taken.await?.ok_or_else(invalid_code)?;
        let (Some(user_id), Some(identity_id)) = (ticket.user_id, ticket.identity_id) else {
            return Err(invalid_code());
        };
        let tokens = self.start_session(user_id, identity_id, ticket.provider, device);
        Ok(SignedIn {
            tokens: tokens.await?,
            device_tokens: None,
        })
    }

    async fn start_session(
        &self,
        user_id: Id,
        identity_id: Id,
        provider: String,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let (session_id, now) = (self.random().id(), self.now());
        let label = self.provider_label(&provider).to_owned();
        let with = SignedInWith::Provider(label);
        let event = |event| NewEvent {
            provider: Some(provider.clone()),
            ..self.event(event, user_id, device)
        };
        let sign_in = SignIn {
            user_id,
            proof: SignInProof::Identity(identity_id),
            session_id,
            refresh_id: self.random().id(),
            now,
            expires_at: now.plus(self.0.lifetimes.session),
            device,
            trust_hash: None,
            attempt: None,
            event: NewEvent {
                session_id: Some(session_id),
                ..event(Event::SignedIn)
            },
            pending_event: event(Event::SocialSignInPending),
        };
        let notice = self
            .new_device_notice(user_id, session_id, with, device)
            .await?;
        let started = Session::start(&self.0.database, &sign_in).await;
        self.invalidate(user_id);
        // The code was issued to a user who exists.
        let (user, session) = started?.ok_or(Error::InactiveAccount)?;
        self.announce_new_device(notice).await;
        self.token_pair(&user, &session, now)
    }

    /// The name of a provider for users. One that is no longer in the settings has only its short one.
    pub(super) fn provider_label<'a>(&'a self, name: &'a str) -> &'a str {
        let provider = self.find_provider(name);
        provider.map_or(name, |provider| &provider.label)
    }
}

fn invalid_code() -> Error {
    Error::field(CODE, INVALID_CODE)
}
