//! The table `mailed_tokens`: what stands in mailed links, each good once, for one purpose.

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::FromRow;

use crate::{Database, Error, Id, Random, Timestamp, store::database::reading};

/// What a mailed link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkPurpose {
    /// Proves the address.
    Activation,
    /// Allows a new password.
    Reset,
    /// Proves a new address.
    EmailChange,
}

impl LinkPurpose {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Reset => "reset",
            Self::EmailChange => "email",
        }
    }

    /// How long the link works.
    pub fn life(self) -> Duration {
        match self {
            Self::Activation | Self::EmailChange => Duration::from_secs(24 * 60 * 60),
            Self::Reset => Duration::from_secs(60 * 60),
        }
    }
}

/// The secret of a mailed link: 256 random bits in base64url. The database has only its hash, and
/// the mail that waits to be sent is encrypted.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LinkToken(String);

impl LinkToken {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(random.bytes::<32>()))
    }

    /// The text, for the link.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the database has of it.
    pub fn hash(&self) -> Vec<u8> {
        hash(&self.0)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

/// The hash of a link's secret. It has 256 random bits, which no one can try through: a fast hash
/// is enough.
pub(crate) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Gives a user's link for a purpose a new secret; the earlier one is void.
/// Binds: user, purpose, hash, new address, end.
pub(crate) const ISSUE: &str = "
    INSERT INTO mailed_tokens (user_id, purpose, hash, new_email, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id, purpose) DO UPDATE
    SET hash = excluded.hash, new_email = excluded.new_email, expires_at = excluded.expires_at";

/// Uses a link up; of many that try at once, one gets the row. Binds: hash, purpose, time.
pub(crate) const USE_UP: &str = "
    DELETE FROM mailed_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3
    RETURNING user_id";

/// Voids all links of a user. Binds: user.
pub(crate) const VOID_ALL: &str = "DELETE FROM mailed_tokens WHERE user_id = $1";

/// UserSelector a link belongs to, before it is used up.
#[derive(FromRow)]
pub(crate) struct LinkOwner {
    pub user_id: Id,
    /// The user's present address.
    pub email: String,
    /// The address to be.
    pub new_email: Option<String>,
}

impl LinkOwner {
    /// Looks up a link that works at this time, without using it up.
    pub async fn find(
        database: &Database,
        token: &str,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT user_id, users.email, new_email
            FROM mailed_tokens JOIN users ON users.id = user_id
            WHERE hash = $1 AND purpose = $2 AND expires_at > $3";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL)
                .bind(hash(token))
                .bind(purpose.as_str())
                .bind(now)
                .fetch_optional(connection)
                .await?
        }))
    }
}
