//! What proves that someone reads the emails to an address: an emailed link, or the code beside it.

use languages::tr_later;

use super::{
    accounts::Accounts,
    caller::Enrolling,
    fields::{
        INCORRECT_PASSWORD, INVALID_LINK, PASSWORD, TOKEN, existing_email_address, invalid_link,
    },
    login_attempts::Outcome,
    totp::CODE,
};
use crate::{
    clock::Timestamp,
    crypto::{
        email_token,
        password::{HashingPlace, NO_PASSWORD, Password, Verified},
    },
    device::{Device, device_name},
    error::Error,
    id::Id,
    store::{
        audit_events,
        email_tokens::{CodeAttempt, Link, LinkPurpose},
        invitations::Invitation,
        registrations::Registration,
        sign_in_failures::AttemptSource,
        users::Credentials,
    },
    validation::{Validator, required_field},
};

const NO_PASSWORD_HERE: &str =
    tr_later("Your account has no password. Sign in on this device, and open the link again.");

/// The token of an emailed link; or, where a link arrived without it, the email address and the code
/// of that email.
#[derive(Clone, Copy, Default)]
pub struct EmailProof<'a> {
    /// The token of the link.
    pub token: Option<&'a str>,
    /// The email address, with the code.
    pub email: Option<&'a str>,
    /// The code.
    pub code: Option<&'a str>,
}

impl<'a> EmailProof<'a> {
    /// The token of a link.
    #[must_use]
    pub fn token(token: &'a str) -> Self {
        Self {
            token: Some(token),
            ..Self::default()
        }
    }
}

/// What an emailed link will do, and to which account.
#[derive(Clone, Debug)]
pub struct LinkInfo {
    /// What the link is for.
    pub purpose: LinkPurpose,
    /// The email address that the account has now.
    pub email: String,
    /// The email address that the account will have.
    pub new_email: Option<String>,
    /// When the account was created, for an activation; otherwise when the link was requested.
    pub created_at: Timestamp,
    /// The name of the device that did it.
    pub device: Option<String>,
    /// Whether the link was used already.
    pub is_used: bool,
}

/// The password that was entered is one of several stored ones.
pub(super) struct MatchingPassword {
    /// Which of them.
    pub index: usize,
    /// Its hash, which may be a new one at the present cost.
    pub hash: String,
}

impl Accounts {
    /// Says what an emailed link is for. Nothing changes.
    ///
    /// # Errors
    /// A field error for a link that is missing, unknown or expired.
    pub async fn link(&self, token: Option<&str>) -> Result<LinkInfo, Error> {
        let token = required_field(TOKEN, token)?;
        let (database, now) = (&self.0.database, self.now());
        let link = Link::find(database, token, now).await?;
        let Some(link) = link else {
            return self.invitation_link(token).await;
        };
        let purpose = link.purpose().ok_or_else(invalid_link)?;
        // A link that was used to reject an account has verified nothing.
        if purpose == LinkPurpose::Activation && link.is_used && !link.is_verified() {
            return Err(invalid_link());
        }
        let (mut created_at, mut user_agent) = (link.created_at, link.user_agent.clone());
        if let (LinkPurpose::Activation, Some(user_id)) = (purpose, link.user_id) {
            created_at = link.date_joined.unwrap_or(created_at);
            let registered = audit_events::registered_on(database, user_id).await?;
            user_agent = registered.unwrap_or(user_agent);
        } else if let Some(id) = link.registration_id
            && let Some(registration) = Registration::find(database, id, now).await?
        {
            created_at = registration.created_at;
            user_agent = registration.user_agent;
        }
        let changes = matches!(purpose, LinkPurpose::EmailChange | LinkPurpose::Undo);
        Ok(LinkInfo {
            purpose,
            new_email: changes.then(|| link.email.clone()),
            email: link.user_email.unwrap_or(link.email),
            created_at,
            device: (!user_agent.is_empty()).then(|| device_name(&user_agent)),
            is_used: link.is_used,
        })
    }

    /// Says what a link is for that may be an invitation.
    async fn invitation_link(&self, token: &str) -> Result<LinkInfo, Error> {
        self.require_registration(true)
            .map_err(|_| invalid_link())?;
        let hash = email_token::hash(token);
        let found = Invitation::find(&self.0.database, &hash, self.now()).await?;
        let invitation = found.ok_or_else(invalid_link)?;
        Ok(LinkInfo {
            purpose: LinkPurpose::Invitation,
            email: invitation.email,
            new_email: None,
            created_at: invitation.created_at,
            device: None,
            is_used: false,
        })
    }

    /// Finds the link of a request that has no other field to check.
    pub(super) async fn required_link(
        &self,
        proof: EmailProof<'_>,
        purpose: LinkPurpose,
    ) -> Result<Link, Error> {
        let mut validator = Validator::default();
        let link = self.find_link(&mut validator, proof, purpose).await?;
        link.ok_or_else(|| validator.into_error())
    }

    /// Finds a link by its token, or by its address and code; it may be a used one. Otherwise the
    /// validator has the errors.
    pub(super) async fn find_link(
        &self,
        validator: &mut Validator,
        proof: EmailProof<'_>,
        purpose: LinkPurpose,
    ) -> Result<Option<Link>, Error> {
        let (database, now) = (&self.0.database, self.now());
        if let Some(token) = proof.token.filter(|token| !token.is_empty()) {
            let link = Link::find(database, token, now).await?;
            let link = link.filter(|link| link.purpose() == Some(purpose));
            if link.is_none() {
                validator.reject(TOKEN, INVALID_LINK);
            }
            return Ok(link);
        }
        if proof.email.is_none() && proof.code.is_none() {
            validator.required(TOKEN, None);
            return Ok(None);
        }
        let email = validator.merge(existing_email_address("email", proof.email))?;
        let code = validator.required(CODE, proof.code);
        let (Some(email), Some(code)) = (email, code) else {
            return Ok(None);
        };
        let address = email.to_lowercase();
        let attempt = CodeAttempt {
            key: &self.code_attempts_key(purpose, &address),
            address: &address,
            purpose,
            now,
        };
        let masters = &self.0.master_secrets;
        let is_code_of =
            |link: &[u8], stored: &[u8]| email_token::is_code_of(masters, link, stored, code);
        let link = match attempt.make(database, is_code_of).await? {
            Some(hash) => Link::find_by_hash(database, &hash, now).await?,
            None => None,
        };
        if link.is_none() {
            validator.reject(
                CODE,
                tr_later("Incorrect code, or it no longer works. After 5 wrong codes, only the link works."),
            );
        }
        Ok(link)
    }

    /// Whether a link was used, and its user has the address that it was sent to. Then repeating the
    /// request is no error.
    pub(super) async fn is_done(&self, link: &Link) -> Result<bool, Error> {
        let again = Link::find_by_hash(&self.0.database, &link.hash, self.now()).await?;
        Ok(again.is_some_and(|link| link.is_used && link.is_verified()))
    }

    /// Checks that a link is used by its account: with a session of it, or with its password.
    pub(super) async fn confirm_link_owner(
        &self,
        link: &Link,
        user_id: Id,
        password: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<(), Error> {
        if caller.is_some_and(|caller| caller.user().id == user_id) {
            return Ok(());
        }
        let stored = Credentials::password_hash(&self.0.database, user_id).await?;
        let stored = stored.ok_or_else(invalid_link)?;
        if stored == NO_PASSWORD {
            return Err(Error::field(PASSWORD, NO_PASSWORD_HERE));
        }
        let checked = self.check_link_password(link, &[&stored], password).await;
        if checked.is_err() && password.is_some() {
            self.sign_in_failed(user_id, device);
        }
        checked.map(drop)
    }

    /// Finds out which of several stored passwords was entered. Wrong ones are counted for each link,
    /// and delay further attempts as failed sign-ins do. Nobody else's failures count: a
    /// client that has the link is not one of the unknown clients that guess.
    pub(super) async fn check_link_password(
        &self,
        link: &Link,
        stored: &[&str],
        password: Option<&str>,
    ) -> Result<MatchingPassword, Error> {
        let password = Password::new(required_field(PASSWORD, password)?);
        let place = self.0.hasher.reserve()?;
        if !self.0.throttle_failed_sign_ins {
            return self.matching_password(stored, &password, &place).await;
        }
        let id = Id::from_random(*link.hash.first_chunk().unwrap_or(&[0; 16]));
        let attempt = self
            .start_attempt(AttemptSource::Session(id), &link.address)
            .await?;
        let checked = self.matching_password(stored, &password, &place).await;
        let outcome = match &checked {
            Ok(_) => Outcome::Right,
            Err(Error::Fields(_)) => Outcome::Wrong,
            Err(_) => Outcome::NotChecked,
        };
        self.record_outcome(&attempt, outcome).await?;
        checked
    }

    async fn matching_password(
        &self,
        stored: &[&str],
        password: &Password,
        place: &HashingPlace,
    ) -> Result<MatchingPassword, Error> {
        for (index, hash) in stored.iter().enumerate() {
            let (password, salt) = (password.clone(), self.random().bytes());
            let verified = place.verify(password, Some(hash), salt).await?;
            let hash = match verified {
                Verified::Wrong => continue,
                Verified::Right => (*hash).to_owned(),
                Verified::RightWithNewHash(hash) => hash,
            };
            return Ok(MatchingPassword { index, hash });
        }
        Err(Error::field(PASSWORD, INCORRECT_PASSWORD))
    }
}
