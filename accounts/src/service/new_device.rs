//! Announces a sign-in on a new device to the account's owner.

use std::net::IpAddr;

use super::{
    accounts::Accounts,
    queue_email::{EmailKind, LinkRequest},
};
use crate::{
    device::{ClientNetwork, Device},
    email::{address::EmailAddress, signed_in_with::SignedInWith, template::EmailTemplate},
    error::Error,
    id::Id,
    store::{
        email_limits,
        email_tokens::{self, LinkOwner, LinkPurpose, NewLink},
        outbox::{self, NewEmail},
        sign_in_history::SignInHistory,
    },
};

/// The email about a sign-in, and the key of its limit.
pub(super) struct NewDeviceNotice {
    email: NewEmail,
    /// The link that ends the session, without the email.
    link: NewLink,
    /// The one from before the sign-in: a thief of the password must not choose it.
    language: Option<String>,
    limit: Vec<u8>,
}

impl Accounts {
    /// Prepares the email about a sign-in that is about to happen, if the device has no token of an
    /// earlier one and its network has not been used for one either. The first sign-in after
    /// registration is none, and an unverified email address receives nothing.
    pub(super) async fn new_device_notice(
        &self,
        user_id: Id,
        session_id: Id,
        with: SignedInWith,
        device: &Device,
    ) -> Result<Option<NewDeviceNotice>, Error> {
        let Some(history) = SignInHistory::find(&self.0.database, user_id).await? else {
            return Ok(None);
        };
        let Ok(address) = EmailAddress::parse_existing(&history.email) else {
            return Ok(None);
        };
        let is_known_network = || {
            let networks = history
                .ips
                .iter()
                .filter_map(|ip| ip.parse::<IpAddr>().ok());
            networks
                .map(ClientNetwork::from)
                .any(|network| network == device.network)
        };
        if !history.has_signed_in
            || !history.email_verified
            || is_known_network()
            || self.known_device(&address, device).await?.is_some()
        {
            return Ok(None);
        }
        let now = self.now();
        let (purpose, owner) = (LinkPurpose::Session, LinkOwner::User(user_id));
        let request = LinkRequest {
            session_id: Some(session_id),
            ..LinkRequest::new(purpose, owner, &history.email, device, now)
        };
        let template = |reject| EmailTemplate::NewSession { with, reject };
        let mut link = self.new_link(request, template, now)?;
        let Some(email) = link.message.take() else {
            return Ok(None);
        };
        // A program that changes its address all the time sends one email for each.
        let limited = format!("{} {}", address.to_lowercase(), device.network);
        Ok(Some(NewDeviceNotice {
            email,
            link,
            language: history.language,
            limit: self.email_limit(EmailKind::NewDevice, false, &limited),
        }))
    }

    /// Queues the email about a sign-in that has happened. A failure does not undo the sign-in.
    pub(super) async fn announce_new_device(&self, notice: Option<NewDeviceNotice>) {
        let Some(notice) = notice else { return };
        if let Err(error) = self.queue_notice(&notice).await {
            tracing::warn!(%error, "can't queue the email about a sign-in on a new device");
        }
        self.notify_email_worker();
    }

    async fn queue_notice(&self, notice: &NewDeviceNotice) -> Result<(), Error> {
        let mut transaction = self.0.database.begin().await?;
        if email_limits::grant(&mut transaction, &notice.limit, notice.email.now).await? {
            email_tokens::issue(&mut transaction, &notice.link).await?;
            let language = notice.language.as_deref();
            outbox::enqueue_in(&mut transaction, &notice.email, language).await?;
        }
        transaction.commit().await
    }
}
