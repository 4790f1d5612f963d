//! What a person can do, one file for each.

mod authorize;
mod login;
mod logout;
mod refresh;
mod sessions;
mod user;

pub use authorize::Authorized;

use std::{sync::Arc, time::Duration};

use crate::{
    Clock, Database, Error, HashingCost, Id, MasterSecrets, Random, Session, Timestamp, TokenPair,
    User,
    password::Hasher,
    token::{Claims, Method, TokenType},
};

/// How long tokens and sessions live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session that is not used.
    pub idle: Duration,
    /// A session that is used.
    pub session: Duration,
    /// How long a used refresh token still gets a pair.
    pub grace: Duration,
}

/// What the domain needs to know.
pub struct Settings {
    /// The server's public URL: issuer and audience of its tokens.
    pub public_url: String,
    /// The master secrets.
    pub master_secrets: MasterSecrets,
    /// The cost of new password hashes.
    pub hashing_cost: HashingCost,
    /// How long things live.
    pub lifetimes: Lifetimes,
}

/// The accounts of one server. Clones are the same accounts.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    database: Database,
    public_url: String,
    master_secrets: MasterSecrets,
    lifetimes: Lifetimes,
    hasher: Hasher,
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
}

impl Accounts {
    /// The accounts in this database, whose tables must be up to date.
    ///
    /// # Errors
    /// When the system gives no threads to hash passwords on.
    pub fn new(
        database: Database,
        settings: Settings,
        clock: impl Clock + 'static,
        random: impl Random + 'static,
    ) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            database,
            public_url: settings.public_url,
            master_secrets: settings.master_secrets,
            lifetimes: settings.lifetimes,
            hasher: Hasher::start(settings.hashing_cost)?,
            clock: Box::new(clock),
            random: Box::new(random),
        })))
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn random(&self) -> &dyn Random {
        self.0.random.as_ref()
    }

    /// Sessions last used before this are over.
    fn idle_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.0.lifetimes.idle)
    }

    /// A pair for this session, the refresh token being the one that its row names. No token
    /// outlives the session, nor an access token its refresh token.
    fn token_pair(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        let lifetimes = &self.0.lifetimes;
        let refresh_ends = now.plus(lifetimes.idle).min(session.expires_at);
        let access_ends = now.plus(lifetimes.access).min(refresh_ends);
        let key = self.0.master_secrets.signing_key(user.id, &user.jwt_secret);
        let token = |token_type, ends: Timestamp, id: Id| {
            Claims {
                iss: self.0.public_url.clone(),
                aud: self.0.public_url.clone(),
                sub: user.id,
                sid: session.id,
                token_type,
                amr: vec![Method::Pwd],
                iat: now.unix_seconds(),
                exp: ends.unix_seconds(),
                jti: id,
            }
            .sign(&key)
        };
        Ok(TokenPair {
            access_token: token(TokenType::Access, access_ends, self.random().id())?,
            refresh_token: token(TokenType::Refresh, refresh_ends, session.refresh_id)?,
            expires_in: u64::try_from(access_ends.unix_seconds() - now.unix_seconds())
                .unwrap_or_default(),
        })
    }
}
