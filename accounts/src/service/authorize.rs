//! Who a token belongs to.

use super::Accounts;
use crate::{Claims, Error, Given, Id, TokenType, User, fields::only, token::UnverifiedToken};

/// A user with a good token.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// The user.
    pub user: User,
    /// The session that the token belongs to.
    pub session_id: Id,
}

impl Accounts {
    /// Who an access token belongs to, with one query.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`.
    pub async fn authorize(&self, token: &str) -> Result<Authorized, Error> {
        let (user, claims) = self.check_token(token, TokenType::Access).await?;
        Ok(Authorized {
            user,
            session_id: claims.sid,
        })
    }

    /// The claims of an access token that is good now.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, and a field error for a missing token.
    pub async fn verify(&self, token: Given<'_>) -> Result<Claims, Error> {
        let token = only("token", token)?;
        let (_, claims) = self.check_token(token, TokenType::Access).await?;
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
