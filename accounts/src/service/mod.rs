//! What a person can do, one file for each.

mod activate;
mod administer;
mod audit_log;
mod authorize;
mod change_email;
mod change_password;
mod list_sessions;
mod login;
mod logout;
mod process_email_requests;
mod refresh_tokens;
mod register;
mod two_factor;

use audit_log::FailedSignIns;
pub use authorize::{Authorized, Identified};
pub use login::SignedIn;
pub use register::Registered;

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use crate::{
    Clock, Database, Error, HashingCost, Id, MasterSecrets, Random, Session, Timestamp, TokenPair,
    User,
    cache::{CacheSettings, UserCache},
    crypto::password::Hasher,
    crypto::token::{Claims, Method, TokenType, validation},
    metrics::Metrics,
    store::sessions::Replacement,
    store::users::Rekey,
};
use jsonwebtoken::Validation;

/// Said of a mailed link that does nothing.
const LINK_VOID: &str =
    "This link no longer works. It may have expired, been used, or been replaced by a newer one.";

fn link_void() -> Error {
    Error::field("token", LINK_VOID)
}

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
    /// How long it is kept what has happened.
    pub audit: Duration,
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
    /// Whether new accounts can be used only once their address is proved.
    pub require_activation: bool,
    /// Whether sign-ins have to wait after many failures.
    pub delays_sign_ins: bool,
    /// How users are kept in memory.
    pub cache: CacheSettings,
}

/// The accounts of one server. Clones are the same accounts.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    database: Database,
    public_url: String,
    token_validation: Validation,
    master_secrets: MasterSecrets,
    lifetimes: Lifetimes,
    require_activation: bool,
    delays_sign_ins: bool,
    mail_waits: Notify,
    failed_sign_ins: FailedSignIns,
    cache: UserCache,
    hasher: Hasher,
    metrics: Metrics,
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
            token_validation: validation(&settings.public_url),
            public_url: settings.public_url,
            master_secrets: settings.master_secrets,
            lifetimes: settings.lifetimes,
            require_activation: settings.require_activation,
            delays_sign_ins: settings.delays_sign_ins,
            mail_waits: Notify::new(),
            failed_sign_ins: FailedSignIns::default(),
            cache: UserCache::new(settings.cache),
            hasher: Hasher::start(settings.hashing_cost)?,
            metrics: Metrics::new().map_err(std::io::Error::other)?,
            clock: Box::new(clock),
            random: Box::new(random),
        })))
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.database
    }

    /// The server's public URL.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.0.public_url
    }

    pub(crate) fn cache(&self) -> &UserCache {
        &self.0.cache
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How many password hashes wait for a thread.
    pub(crate) fn hashes_waiting(&self) -> usize {
        self.0.hasher.waiting()
    }

    pub(crate) fn lifetimes(&self) -> &Lifetimes {
        &self.0.lifetimes
    }

    /// A new id, for whoever needs one.
    pub(crate) fn new_id(&self) -> Id {
        self.random().id()
    }

    /// Unpredictable bytes, for whoever needs some.
    pub(crate) fn random_bytes<const N: usize>(&self) -> [u8; N] {
        self.random().bytes()
    }

    /// What is in memory of this user is no longer true. To be called after the change is committed
    /// and before it is answered for.
    fn forget(&self, user_id: Id) {
        self.0.cache.forget(user_id);
    }

    pub(crate) fn now(&self) -> Timestamp {
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
        let amr = if session.second_factor {
            vec![Method::Pwd, Method::Otp]
        } else {
            vec![Method::Pwd]
        };
        let key = self.0.master_secrets.signing_key(user.id, &user.jwt_secret);
        let key_id = self.0.master_secrets.key_id(user.id);
        let token = |token_type, ends: Timestamp, id: Id| {
            Claims {
                iss: self.0.public_url.clone(),
                aud: self.0.public_url.clone(),
                sub: user.id,
                sid: session.id,
                token_type,
                amr: amr.clone(),
                iat: now.unix_seconds(),
                exp: ends.unix_seconds(),
                jti: id,
            }
            .sign(&key, &key_id)
        };
        Ok(TokenPair {
            access_token: token(TokenType::Access, access_ends, self.random().id())?,
            refresh_token: token(TokenType::Refresh, refresh_ends, session.refresh_id)?,
            expires_in: u64::try_from(access_ends.unix_seconds() - now.unix_seconds())
                .unwrap_or_default(),
        })
    }

    /// New tokens for the caller's session.
    fn replacement(&self, caller: &Identified, second_factor: bool, now: Timestamp) -> Replacement {
        Replacement {
            user_id: caller.user().id,
            session_id: caller.session_id,
            refresh_id: self.random().id(),
            second_factor,
            now,
            idle_since: self.idle_since(now),
        }
    }

    /// Makes a change that only the caller's own session survives, and gives its new tokens.
    async fn rekey_caller(&self, change: &Rekey<'_>, now: Timestamp) -> Result<TokenPair, Error> {
        let changed = self.rekey(change).await?;
        match changed {
            Some((user, Some(session))) => self.token_pair(&user, &session, now),
            _ => Err(Error::TokenInvalid),
        }
    }

    /// Makes a change that voids all tokens of a user.
    async fn rekey(&self, change: &Rekey<'_>) -> Result<Option<(User, Option<Session>)>, Error> {
        let changed = User::rekey(&self.0.database, change).await;
        // Also after an error: the commit may have been done when its answer was lost.
        self.forget(change.user_id);
        self.wake_mail();
        changed
    }
}
