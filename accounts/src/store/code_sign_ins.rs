//! Sign-ins with an emailed code: the code, what it ends where it is the first proof of an address, and the session
//! belong together.

use crate::{
    crypto::device_token::TokenOwner,
    error::Error,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        email_tokens::{LinkPurpose, key_of, use_up_all},
        rekey::Rekey,
        sessions::{Session, SignIn},
        sign_in_codes,
        users::{self, Credentials, User},
    },
};

/// A sign-in with a code that is right.
pub(crate) struct CodeSignIn<'a> {
    pub flow_hash: &'a [u8],
    /// The email address that was entered, in lower case.
    pub address: &'a str,
    pub sign_in: SignIn<'a>,
    /// What changes if nobody has verified the email address before: someone else may have set up the account.
    pub first_proof: Rekey<'a>,
    /// The event that the code was used.
    pub used: NewEvent,
}

/// A session that was started with a code.
pub(crate) struct StartedByCode {
    pub user: User,
    pub session: Session,
    pub owner: TokenOwner,
}

impl CodeSignIn<'_> {
    /// Uses up the code and starts a session. Returns `None` if the code was used up or replaced in the
    /// meantime, or the user is no longer active or has another email address.
    pub async fn make(&self, database: &Database) -> Result<Option<StartedByCode>, Error> {
        let (user_id, now) = (self.sign_in.user_id, self.sign_in.now);
        let mut transaction = database.begin().await?;
        let locked = users::lock(&mut transaction, user_id).await?;
        let Some(locked) = locked.filter(|user| key_of(&user.email) == self.address) else {
            return Ok(None);
        };
        if !sign_in_codes::use_up(&mut transaction, user_id, self.flow_hash, now).await? {
            return Ok(None);
        }
        if !locked.email_verified {
            let purpose = LinkPurpose::Activation;
            use_up_all(&mut transaction, user_id, purpose, now).await?;
            if self.first_proof.apply_in(&mut transaction).await?.is_none() {
                return Ok(None);
            }
        }
        audit_events::record(&mut transaction, &self.used).await?;
        let started = Session::start_in(&mut transaction, &self.sign_in).await?;
        let Some((user, session)) = started else {
            return Ok(None);
        };
        let owner = Credentials::token_owner_in(&mut transaction, user_id).await?;
        transaction.commit().await?;
        Ok(Some(StartedByCode {
            user,
            session,
            owner,
        }))
    }
}
