//! Whom an account at a provider signs in.
//!
//! An account that is linked signs its user in, whatever its email address is by now. For another one the
//! address decides, and only if the operator trusts the provider with addresses and the provider has verified
//! this one: then its account is linked, or created. Otherwise somebody could take over an account, or wait in
//! one that was created with the address of somebody else.

use super::{SocialFailure, Stop};
use crate::{
    crypto::password::NO_PASSWORD,
    device::Device,
    email::{
        address::EmailAddress,
        template::{EmailTemplate, Origin},
    },
    error::Error,
    id::Id,
    profile::{self, NewProfile},
    providers::{Provider, ProviderIdentity},
    service::{Accounts, register::CreatedBy},
    store::{
        administrators::Guard,
        audit_events::{Event, NewEvent},
        identities::{self, NewIdentity},
        identity_links::{LinkIdentity, Linked, LinkedBy},
        invitations::Invitation,
        rekey::{FirstProof, Rekey},
        users::{NewAccount, User},
    },
};

/// How often it is tried again because a concurrent request has changed the account.
const ATTEMPTS: usize = 3;

/// The user and the identity that sign in.
pub(super) struct Owner {
    pub user_id: Id,
    pub identity_id: Id,
}

/// An account at a provider that nobody has linked.
struct Unlinked<'a> {
    provider: &'a Provider,
    identity: &'a ProviderIdentity,
    email: EmailAddress,
    device: &'a Device,
}

impl Accounts {
    /// Returns the user whom an account at a provider signs in. If it is not linked, it is linked now, or
    /// the user created, where that is safe.
    pub(super) async fn find_owner(
        &self,
        provider: &Provider,
        identity: &ProviderIdentity,
        device: &Device,
    ) -> Result<Owner, Stop> {
        for _ in 0..ATTEMPTS {
            let (issuer, subject) = (&identity.issuer, &identity.subject);
            let found = identities::find(&self.0.database, issuer, subject).await?;
            if let Some((identity_id, user_id)) = found {
                return Ok(Owner {
                    user_id,
                    identity_id,
                });
            }
            let email = identity.email.as_deref();
            let email = email.and_then(|email| EmailAddress::parse(email).ok());
            let unlinked = Unlinked {
                provider,
                identity,
                email: email.ok_or(Stop::Failure(SocialFailure::NoEmail))?,
                device,
            };
            self.link_by_address(&unlinked).await?;
        }
        Err(Stop::Failure(SocialFailure::AccountExists))
    }

    /// Links the account to the user with its address, or creates that user. A concurrent request may have been
    /// faster: then nothing happens.
    async fn link_by_address(&self, unlinked: &Unlinked<'_>) -> Result<(), Stop> {
        let is_trusted = unlinked.provider.trusts_email && unlinked.identity.email_verified;
        if !is_trusted && self.0.require_activation {
            // The same for every address: nobody finds out which of them have accounts.
            return Err(Stop::Failure(SocialFailure::EmailUnverified));
        }
        let user = User::find_by_email(&self.0.database, &unlinked.email).await?;
        match user {
            Some(_) if !is_trusted => Err(Stop::Failure(SocialFailure::AccountExists)),
            Some(user) if user.email_verified => self.link_to_verified(unlinked, &user).await,
            Some(user) => Ok(self.take_over(unlinked, &user).await?),
            None => self.create_with(unlinked, is_trusted).await,
        }
    }

    async fn link_to_verified(&self, unlinked: &Unlinked<'_>, user: &User) -> Result<(), Stop> {
        let Unlinked {
            provider, device, ..
        } = unlinked;
        let now = self.now();
        let template = EmailTemplate::IdentityLinked {
            provider: provider.label.clone(),
        };
        let notice = self.notice(user, template, Some(Origin::new(device, now)), now)?;
        let link = LinkIdentity {
            user_id: user.id,
            by: LinkedBy::VerifiedAddress(&unlinked.email.to_lowercase()),
            new: &self.new_identity(unlinked),
            event: &self.linked_event(user.id, unlinked),
            notice: notice.as_ref(),
        };
        let linked = link.make(&self.0.database).await?;
        self.notify_email_worker();
        match linked {
            // The user has to unlink the other one first.
            Linked::Another => Err(Stop::Failure(SocialFailure::AlreadyLinked)),
            _ => Ok(()),
        }
    }

    /// The provider is the first to prove whose address it is. Those who have created the account without
    /// verifying the address lose every way into it.
    async fn take_over(&self, unlinked: &Unlinked<'_>, user: &User) -> Result<(), Error> {
        let change = Rekey {
            password_hash: Some(NO_PASSWORD.to_owned()),
            removes_second_factor: true,
            identity: Some(FirstProof {
                address: &unlinked.email.to_lowercase(),
                identity: &self.new_identity(unlinked),
                linked: &self.linked_event(user.id, unlinked),
            }),
            ..self.new_rekey(self.event(Event::AddressConfirmed, user.id, unlinked.device))
        };
        self.rekey(&change).await.map(drop)
    }

    async fn create_with(&self, unlinked: &Unlinked<'_>, is_trusted: bool) -> Result<(), Stop> {
        let invitation = match is_trusted {
            true => self.invitation_of(&unlinked.email).await?,
            false => None,
        };
        let allowed = self.require_registration(invitation.is_some());
        allowed.map_err(|_| Stop::Failure(SocialFailure::RegistrationClosed))?;
        let (database, device) = (&self.0.database, unlinked.device);
        let name = unlinked.identity.name.as_deref();
        let name = name.and_then(|name| profile::parse_name(name).ok());
        let mut new = match &invitation {
            Some((invitation, hash)) => NewAccount {
                user: self.invited_user(
                    invitation,
                    name.filter(|_| invitation.name.is_empty()),
                    NO_PASSWORD.to_owned(),
                    device,
                )?,
                activation: None,
                proof: None,
                invitation: Some((hash, self.event_of_sender(invitation))),
                identity: None,
                guard: Guard::default(),
            },
            None => {
                let profile = NewProfile::named(name.unwrap_or_default());
                let (hash, by) = (NO_PASSWORD.to_owned(), CreatedBy::User(device));
                self.new_account(&unlinked.email, hash, profile, by)?
            }
        };
        if is_trusted {
            new.user.email_verified = true;
            new.activation = None;
        }
        new.user.event.provider = Some(unlinked.provider.name.to_string());
        new.identity = Some(self.new_identity(unlinked));
        User::insert(database, &new).await?;
        self.notify_email_worker();
        Ok(())
    }

    /// Returns an invitation of this address that can be accepted, with the hash of its token.
    async fn invitation_of(
        &self,
        email: &EmailAddress,
    ) -> Result<Option<(Invitation, Vec<u8>)>, Error> {
        let (database, now) = (&self.0.database, self.now());
        let hash = Invitation::hash_of_address(database, &email.to_lowercase()).await?;
        let Some(hash) = hash else { return Ok(None) };
        let invitation = Invitation::find(database, &hash, now).await?;
        Ok(invitation.map(|invitation| (invitation, hash)))
    }

    fn new_identity(&self, unlinked: &Unlinked<'_>) -> NewIdentity {
        self.identity(unlinked.provider, unlinked.identity)
    }

    /// An account at a provider, as it is stored.
    pub(super) fn identity(&self, provider: &Provider, identity: &ProviderIdentity) -> NewIdentity {
        // One that can't be used as an address here is not worth keeping.
        let email = identity.email.as_deref();
        let email = email.and_then(|email| EmailAddress::parse(email).ok());
        NewIdentity {
            id: self.random().id(),
            provider: provider.name.to_string(),
            issuer: identity.issuer.clone(),
            subject: identity.subject.clone(),
            email: email.map(|email| email.as_str().to_owned()),
            now: self.now(),
        }
    }

    fn linked_event(&self, user_id: Id, unlinked: &Unlinked<'_>) -> NewEvent {
        NewEvent {
            provider: Some(unlinked.provider.name.to_string()),
            ..self.event(Event::IdentityLinked, user_id, unlinked.device)
        }
    }
}
