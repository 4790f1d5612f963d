//! Links accounts at providers to a signed-in user, lists and unlinks them.

use languages::tr_later;

use super::{Linking, PROVIDER, SocialFailure, SocialStep, Stop, UNKNOWN_PROVIDER};
use crate::{
    crypto::browser_secret::BrowserSecret,
    device::Device,
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    providers::{Provider, ProviderIdentity},
    service::{Accounts, Authorized},
    store::{
        audit_events::{Event, NewEvent},
        identities::{self, Identity},
        identity_links::{LinkIdentity, Linked, LinkedBy, UnlinkIdentity, Unlinked},
        social_tickets::{Ticket, TicketKind},
        users::User,
    },
    validation::required_field,
};

const LAST_WAY: &str =
    tr_later("This is your only way to sign in. Choose a password first, or link another account.");

/// How a signed-in user begins to link an account at a provider.
pub struct SocialLink {
    /// Where the browser goes, within a minute.
    pub url: String,
    /// The secret that the browser keeps in a cookie.
    pub browser: String,
}

impl Accounts {
    /// Returns the accounts at providers that the caller signs in with, each with the name of its provider for
    /// users, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn identities(&self, caller: &Authorized) -> Result<Vec<(Identity, String)>, Error> {
        let identities = identities::list(&self.0.database, caller.user().id).await?;
        let labeled = identities.into_iter().map(|identity| {
            let label = self.provider_label(&identity.provider).to_owned();
            (identity, label)
        });
        Ok(labeled.collect())
    }

    /// Begins to link an account at a provider. A page can't send its token when it leads a browser elsewhere, so
    /// the URL has a ticket, which works once and in this browser.
    ///
    /// # Errors
    /// `EmailUnverified`; field errors for an unknown provider, and a password that is missing or wrong;
    /// `ReauthenticationRequired` without a password and a recent sign-in; `Throttled`; `Overloaded`.
    pub async fn begin_social_link(
        &self,
        caller: &Authorized,
        provider: Option<&str>,
        current_password: Option<&str>,
        browser: Option<&str>,
    ) -> Result<SocialLink, Error> {
        if !caller.user().email_verified {
            return Err(Error::EmailUnverified);
        }
        let name = required_field(PROVIDER, provider)?;
        let provider = self.find_provider(name);
        let provider = provider.ok_or_else(|| Error::field(PROVIDER, UNKNOWN_PROVIDER))?;
        self.confirm_password(caller, current_password).await?;
        let browser = browser.and_then(BrowserSecret::parse);
        let browser = browser.unwrap_or_else(|| BrowserSecret::new(self.random()));
        let ticket = Ticket {
            provider: provider.name.to_string(),
            user_id: Some(caller.user().id),
            session_id: Some(caller.session_id),
            identity_id: None,
        };
        let ticket = self.issue_ticket(TicketKind::Link, &ticket, &browser);
        let (url, name, ticket) = (&self.0.public_url, &provider.name, ticket.await?);
        Ok(SocialLink {
            url: format!("{url}/api/social/{name}/start?ticket={ticket}"),
            browser: browser.expose(),
        })
    }

    /// Unlinks an account at a provider. Other sessions that have begun with one end.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if the caller could not sign in any more; a field error for a password that is
    /// missing or wrong; `ReauthenticationRequired` without a password and a recent sign-in; `Throttled`;
    /// `Overloaded`.
    pub async fn unlink_identity(
        &self,
        caller: &Authorized,
        id: Option<&str>,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let id: Option<Id> = required_field("id", id)?.trim().parse().ok();
        self.confirm_password(caller, current_password).await?;
        let (database, user, now) = (&self.0.database, caller.user(), self.now());
        let identities = identities::list(database, user.id).await?;
        let mut identities = identities.into_iter();
        let identity = identities.find(|identity| Some(identity.id) == id);
        let identity = identity.ok_or(Error::NotFound)?;
        let template = EmailTemplate::IdentityUnlinked {
            provider: self.provider_label(&identity.provider).to_owned(),
        };
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, template, origin, now)?;
        let unlink = UnlinkIdentity {
            user_id: user.id,
            id: identity.id,
            session_id: caller.session_id,
            event: &NewEvent {
                provider: Some(identity.provider),
                ..self.event_by(Event::IdentityUnlinked, caller)
            },
            notice: notice.as_ref(),
        };
        let unlinked = unlink.make(database).await;
        self.invalidate(user.id);
        self.notify_email_worker();
        match unlinked? {
            Unlinked::Done => Ok(()),
            Unlinked::Missing => Err(Error::NotFound),
            Unlinked::IsLast => Err(Error::Conflict(LAST_WAY)),
        }
    }

    /// Links an account at a provider to the user who has asked for it.
    pub(super) async fn finish_link(
        &self,
        provider: &Provider,
        linking: Linking,
        identity: &ProviderIdentity,
        device: &Device,
    ) -> Result<SocialStep, Stop> {
        let (database, now) = (&self.0.database, self.now());
        let user = User::find(database, linking.user_id).await?;
        let user = user.ok_or(Stop::Failure(SocialFailure::SignedOut))?;
        let template = EmailTemplate::IdentityLinked {
            provider: provider.label.clone(),
        };
        let notice = self.notice(&user, template, Some(Origin::new(device, now)), now)?;
        let link = LinkIdentity {
            user_id: user.id,
            by: LinkedBy::Session(linking.session_id),
            new: &self.identity(provider, identity),
            event: &NewEvent {
                session_id: Some(linking.session_id),
                provider: Some(provider.name.to_string()),
                ..self.event(Event::IdentityLinked, user.id, device)
            },
            notice: notice.as_ref(),
        };
        let linked = link.make(database).await?;
        self.notify_email_worker();
        let failure = match linked {
            Linked::Done | Linked::Already => {
                let provider = provider.name.to_string();
                return Ok(SocialStep::Linked { provider });
            }
            Linked::Elsewhere => SocialFailure::LinkedElsewhere,
            Linked::Another => SocialFailure::AlreadyLinked,
            Linked::Changed => SocialFailure::SignedOut,
        };
        Err(Stop::Failure(failure))
    }
}
