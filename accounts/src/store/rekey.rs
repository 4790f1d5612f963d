//! Changes that replace a user's secret, and so revoke all tokens of the user.

use languages::tr_later;

use crate::{
    clock::Timestamp,
    crypto::jwt_secret::JwtSecret,
    error::Error,
    id::Id,
    store::{
        administrators::Guard,
        audit_events::{self, NewEvent},
        database::Database,
        email_tokens::{self, LinkPurpose, key_of},
        guarded_users,
        identities::{self, NewIdentity},
        outbox::{self, NewEmail},
        passkeys, second_factors,
        sessions::{self, Replacement, Session},
        sign_in_codes,
        sign_in_ways::SignInWays,
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

const NEEDS_PASSKEYS: &str =
    tr_later("To do without a password, you need two passkeys, or one and recovery codes.");

/// A change that revokes all tokens of a user.
pub(crate) struct Rekey<'a> {
    pub user_id: Id,
    /// Nothing changes if the user's secret is no longer this one.
    pub expected_secret: Option<&'a JwtSecret>,
    pub new_secret: JwtSecret,
    /// A new password also invalidates all emailed links and device tokens.
    pub password_hash: Option<String>,
    /// Nothing changes unless the user can do without a password.
    pub drops_password: bool,
    /// The device key that comes with a new password.
    pub device_key: Id,
    pub removes_second_factor: bool,
    /// Whether passkeys go, too, where they are the only second factor.
    pub removes_lone_passkeys: bool,
    pub deactivates: bool,
    /// The hash of the emailed link that allows the change, and the time now. The link is used up
    /// and verifies the email address. If that is its first verification, the second factor
    /// and passkeys go, too.
    pub link: Option<(&'a [u8], Timestamp)>,
    /// Whether the user has proved in another way to have the email address, which is verified by that.
    pub verifies_email: bool,
    /// The hash of the emailed link that rejects the account, and the time now. The link is used up;
    /// nothing changes if the email address is verified.
    pub rejection: Option<(&'a [u8], Timestamp)>,
    /// The account at a provider that has verified the email address, as the first proof of it, and is
    /// linked. Nothing changes if the address is verified already, or another one.
    pub identity: Option<FirstProof<'a>>,
    /// What must hold for a change by an administrator or a service key.
    pub guard: Guard,
    /// The one session that continues.
    pub keeps: Option<Replacement>,
    /// The email that notifies the user.
    pub notice: Option<NewEmail>,
    pub event: NewEvent,
}

/// The first proof of an email address, by an account at a provider.
#[derive(Clone, Copy)]
pub(crate) struct FirstProof<'a> {
    /// The email address, in lower case.
    pub address: &'a str,
    pub identity: &'a NewIdentity,
    /// The event that says that it was linked.
    pub linked: &'a NewEvent,
}

impl Rekey<'_> {
    /// Makes the change, and ends the user's sessions. Returns the user as it is now, and the session
    /// that continues. If a condition no longer holds, returns `None` and changes nothing.
    ///
    /// # Errors
    /// `PermissionDenied` if the guard does not hold; `Conflict` if the last administrator is rejected, and if
    /// the user can't do without a password.
    pub async fn apply(
        &self,
        database: &Database,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        let mut transaction = database.begin().await?;
        let changed = self.apply_in(&mut transaction).await?;
        if changed.is_some() {
            transaction.commit().await?;
        }
        Ok(changed)
    }

    /// The same as a part of a transaction, which must not be committed if this returns `None`.
    ///
    /// # Errors
    /// Those of [`Rekey::apply`].
    pub async fn apply_in(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        // Nobody has verified the address before, so someone else may have set up the account.
        let mut is_first_proof = self.verifies_email;
        let id = self.user_id;
        // A rejection deactivates the account.
        let removes = self.rejection.is_some();
        guarded_users::check(transaction, self.guard, id, removes).await?;
        if let Some((hash, now)) = self.link {
            let locked = users::lock(transaction, self.user_id).await?;
            if !email_tokens::use_up(transaction, hash, now).await? {
                return Ok(None);
            }
            is_first_proof |= locked.is_some_and(|locked| !locked.email_verified);
            for purpose in [LinkPurpose::Reset, LinkPurpose::Activation] {
                email_tokens::use_up_all(transaction, self.user_id, purpose, now).await?;
            }
        }
        if let Some((hash, now)) = self.rejection {
            let locked = users::lock(transaction, self.user_id).await?;
            if locked.is_none_or(|locked| locked.email_verified)
                || !email_tokens::use_up(transaction, hash, now).await?
            {
                return Ok(None);
            }
        }
        if let Some(proof) = self.identity {
            let locked = users::lock(transaction, self.user_id).await?;
            let is_first = locked.is_some_and(|locked| {
                !locked.email_verified && key_of(&locked.email) == proof.address
            });
            if !is_first {
                return Ok(None);
            }
            is_first_proof = true;
        }
        let removes_second_factor = self.removes_second_factor || is_first_proof;
        let removes_passkeys = is_first_proof
            || (self.removes_lone_passkeys
                && users::lock(transaction, id)
                    .await?
                    .is_some_and(|locked| !locked.otp_enabled));
        let updated = self.update_user(transaction, removes_second_factor);
        let Some(user) = updated.await? else {
            return Ok(None);
        };
        if self.drops_password {
            let ways = SignInWays::of_locked(transaction, user.id).await?;
            if !ways.can_replace_password() {
                return Err(Error::Conflict(NEEDS_PASSKEYS));
            }
        }
        if removes_second_factor {
            second_factors::remove(transaction, user.id).await?;
        }
        if removes_passkeys {
            passkeys::remove_added_after(transaction, user.id, None).await?;
        }
        if is_first_proof {
            identities::remove_all(transaction, user.id).await?;
        }
        if let Some(proof) = self.identity {
            if !identities::insert(transaction, user.id, proof.identity).await? {
                return Ok(None);
            }
            audit_events::record(transaction, proof.linked).await?;
        }
        second_factors::forget_setup(transaction, user.id).await?;
        if self.password_hash.is_some() || self.deactivates {
            email_tokens::invalidate_all(transaction, user.id).await?;
            sign_in_codes::remove(transaction, user.id).await?;
        }
        let kept = self.keeps.as_ref();
        let except = kept.map(|kept| kept.session_id);
        sessions::end_all(transaction, user.id, except).await?;
        let mut session = None;
        if let Some(kept) = kept {
            let Some(continued) = sessions::renew_current(transaction, kept).await? else {
                return Ok(None);
            };
            session = Some(continued.session);
        }
        if let Some(email) = &self.notice {
            outbox::enqueue(transaction, email).await?;
        }
        audit_events::record(transaction, &self.event).await?;
        Ok(Some((user, session)))
    }

    async fn update_user(
        &self,
        transaction: &mut Transaction,
        removes_second_factor: bool,
    ) -> Result<Option<User>, Error> {
        const SQL: &str = concat!(
            "UPDATE users SET jwt_secret = $2,
                password_hash = COALESCE($3, password_hash),
                device_key = CASE WHEN $3 IS NULL THEN device_key ELSE $8 END,
                otp_enabled = otp_enabled AND NOT $4,
                email_verified = email_verified OR $6,
                is_active = is_active AND NOT $5
            WHERE id = $1 AND ($7 IS NULL OR jwt_secret = $7)
            RETURNING ",
            user_columns!("id")
        );
        let statement = Statement::new(SQL)
            .bind(self.user_id)
            .bind(&self.new_secret)
            .bind(self.password_hash.as_deref())
            .bind(removes_second_factor)
            .bind(self.deactivates)
            .bind(self.link.is_some() || self.verifies_email || self.identity.is_some())
            .bind(self.expected_secret)
            .bind(self.device_key);
        transaction.fetch_optional(statement).await
    }
}
