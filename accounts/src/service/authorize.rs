//! Who a token belongs to.

use std::ops::Deref;

use super::Accounts;
use crate::{Claims, Error, Given, Id, TokenType, User, fields::only, token::UnverifiedToken};

/// A user with a good token, which may have the second factor still to pass: good for passing it,
/// and for signing out.
#[derive(Clone, Debug)]
pub struct Identified {
    /// The user.
    pub user: User,
    /// The session that the token belongs to.
    pub session_id: Id,
    /// Whether the token has passed the second factor.
    pub(crate) second_factor: bool,
}

/// A user with a good token that has passed all that the account asks for. Whatever takes one
/// of these is out of reach for a token that is only half signed in.
#[derive(Clone, Debug)]
pub struct Authorized(Identified);

impl Deref for Authorized {
    type Target = Identified;

    fn deref(&self) -> &Identified {
        &self.0
    }
}

impl Accounts {
    /// Who an access token belongs to, with one query.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`.
    pub async fn authorize(&self, token: &str) -> Result<Authorized, Error> {
        let caller = self.identify(token).await?;
        require_second_factor(&caller.user, caller.second_factor)?;
        Ok(Authorized(caller))
    }

    /// The same for a token that may have the second factor still to pass.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`.
    pub async fn identify(&self, token: &str) -> Result<Identified, Error> {
        let (user, claims) = self.check_token(token, TokenType::Access).await?;
        Ok(Identified {
            user,
            session_id: claims.sid,
            second_factor: claims.has_second_factor(),
        })
    }

    /// The claims of an access token that is good now.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`, and a field error for a missing token.
    pub async fn verify(&self, token: Given<'_>) -> Result<Claims, Error> {
        let token = only("token", token)?;
        let (user, claims) = self.check_token(token, TokenType::Access).await?;
        require_second_factor(&user, claims.has_second_factor())?;
        Ok(claims)
    }

    /// Everything that makes a token good: its signature by the key of its user, its claims, an
    /// active user and a session that is not over.
    pub(super) async fn check_token(
        &self,
        token: &str,
        token_type: TokenType,
    ) -> Result<(User, Claims), Error> {
        let now = self.now();
        let token = UnverifiedToken::parse(token)?;
        let (user, session_is_alive) =
            User::find_with_session(&self.0.database, token.user_id(), token.session_id(), now)
                .await?
                .ok_or(Error::TokenInvalid)?;
        let keys = self
            .0
            .master_secrets
            .verifying_keys(user.id, &user.jwt_secret);
        let claims = token.verify(keys, token_type, &self.0.public_url, now)?;
        if session_is_alive && user.is_active {
            Ok((user, claims))
        } else {
            Err(Error::TokenInvalid)
        }
    }
}

fn require_second_factor(user: &User, has_passed: bool) -> Result<(), Error> {
    if user.otp_enabled && !has_passed {
        return Err(Error::OtpRequired);
    }
    Ok(())
}
