//! [`Accounts`], the entry point of the domain, and what all use cases share.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, Validation};
use tokio::sync::Notify;

use crate::{
    breached_passwords::BreachedPasswords,
    cache::{CacheSettings, UserCache},
    clock::{Clock, Timestamp},
    clock_watch::{ClockTrust, ClockWatch},
    crypto::{
        master_secrets::MasterSecrets,
        passkeys::RelyingParty,
        password::{Hasher, HashingCost, Site},
        server_keys::{ServerKeys, TokenAlgorithm},
        token,
    },
    error::Error,
    id::Id,
    metrics::Metrics,
    policies::{RegistrationPolicy, SecondFactorPolicy},
    providers::{Provider, ProviderSettings},
    random::Random,
    revocations::RevocationLog,
    service::{attempt_writers::AttemptWriters, failed_sign_ins::FailedSignIns},
    store::{database::Database, expired_rows},
};

/// How long tokens, sessions and audit events live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access: Duration,
    /// A session that is not used.
    pub idle: Duration,
    /// A session, however often it is used.
    pub session: Duration,
    /// How long a used refresh token can still be exchanged.
    pub grace: Duration,
    /// How long audit events are kept.
    pub audit: Duration,
}

/// The settings of the domain.
pub struct Settings {
    /// The server's public URL: issuer and audience of its tokens.
    pub public_url: String,
    /// The name of the site in authenticator apps; its host if `None`.
    pub site_name: Option<String>,
    /// The master secrets.
    pub master_secrets: MasterSecrets,
    /// How access tokens are signed.
    pub token_algorithm: TokenAlgorithm,
    /// The cost of new password hashes.
    pub hashing_cost: HashingCost,
    /// The passwords of data breaches, which new ones must not be among, if they are known.
    pub breached_passwords: Option<BreachedPasswords>,
    /// How long tokens, sessions and audit events live.
    pub lifetimes: Lifetimes,
    /// Who may create an account without an administrator.
    pub registration: RegistrationPolicy,
    /// Whether a new account can be used only once its email address is verified.
    pub require_activation: bool,
    /// Who must have a second factor.
    pub require_second_factor: SecondFactorPolicy,
    /// Whether sign-ins are delayed after many failures.
    pub throttle_failed_sign_ins: bool,
    /// How users are cached.
    pub cache: CacheSettings,
    /// How long services may rely on what they were told about revocations.
    pub revocation_lease: Duration,
    /// Whether webhooks may lead to private and local addresses, and may do without TLS.
    pub webhook_allow_private: bool,
    /// The providers that users can sign in with.
    pub providers: Vec<ProviderSettings>,
}

/// The use cases of one server, each a method. Clones share their state.
#[derive(Clone)]
pub struct Accounts(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub database: Database,
    pub public_url: String,
    pub site_name: Option<String>,
    /// The rules for tokens that are signed with a user's key.
    pub token_validation: Validation,
    pub server_keys: ServerKeys,
    pub master_secrets: MasterSecrets,
    /// The relying party of passkeys, or why browsers refuse them here.
    pub relying_party: Result<RelyingParty, &'static str>,
    pub breached_passwords: Option<BreachedPasswords>,
    pub lifetimes: Lifetimes,
    pub registration: RegistrationPolicy,
    pub require_activation: bool,
    pub require_second_factor: SecondFactorPolicy,
    pub throttle_failed_sign_ins: bool,
    pub webhook_allow_private: bool,
    pub providers: Vec<Provider>,
    pub failed_sign_ins: FailedSignIns,
    pub attempt_writers: AttemptWriters,
    pub cache: UserCache,
    pub revocations: RevocationLog,
    pub hasher: Hasher,
    clock_watch: ClockWatch,
    email_queued: Notify,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    random: Box<dyn Random>,
}

impl Accounts {
    /// Creates the domain on a database whose schema is up to date.
    ///
    /// # Errors
    /// When the system can't start threads for password hashing, or a library fails.
    pub fn new(
        database: Database,
        settings: Settings,
        clock: impl Clock + 'static,
        random: impl Random + 'static,
    ) -> std::io::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        Ok(Self(Arc::new(Inner {
            attempt_writers: AttemptWriters::new(&database),
            database,
            token_validation: token::validation(Algorithm::HS256, &settings.public_url),
            server_keys: ServerKeys::derive(
                &settings.master_secrets,
                settings.token_algorithm,
                &settings.public_url,
            )
            .map_err(std::io::Error::other)?,
            revocations: RevocationLog::new(
                settings.revocation_lease,
                settings.lifetimes.access,
                settings.master_secrets.clone(),
                clock.clone(),
            ),
            relying_party: RelyingParty::new(&settings.public_url, settings.site_name.as_deref()),
            public_url: settings.public_url,
            site_name: settings.site_name,
            master_secrets: settings.master_secrets,
            breached_passwords: settings.breached_passwords,
            lifetimes: settings.lifetimes,
            registration: settings.registration,
            require_activation: settings.require_activation,
            require_second_factor: settings.require_second_factor,
            throttle_failed_sign_ins: settings.throttle_failed_sign_ins,
            webhook_allow_private: settings.webhook_allow_private,
            providers: settings.providers.into_iter().map(Provider::new).collect(),
            failed_sign_ins: FailedSignIns::default(),
            cache: UserCache::new(settings.cache, clock.clone()),
            hasher: Hasher::start(settings.hashing_cost)?,
            email_queued: Notify::new(),
            metrics: Metrics::new().map_err(std::io::Error::other)?,
            clock_watch: ClockWatch::new(clock.now(), clock.uptime()),
            clock,
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

    /// The site as the rules for passwords know it.
    pub(super) fn site(&self) -> Site<'_> {
        Site {
            url: &self.0.public_url,
            name: self.0.site_name.as_deref(),
        }
    }

    /// The public keys of access tokens, as a JSON Web Key Set (RFC 7517).
    #[must_use]
    pub fn public_keys(&self) -> &str {
        self.0.server_keys.published()
    }

    /// Whether a new account can be used only once its email address is verified.
    #[must_use]
    pub fn requires_activation(&self) -> bool {
        self.0.require_activation
    }

    pub(crate) fn cache(&self) -> &UserCache {
        &self.0.cache
    }

    pub(crate) fn revocations(&self) -> &RevocationLog {
        &self.0.revocations
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn lifetimes(&self) -> &Lifetimes {
        &self.0.lifetimes
    }

    pub(crate) fn master_secrets(&self) -> &MasterSecrets {
        &self.0.master_secrets
    }

    pub(crate) fn webhook_allow_private(&self) -> bool {
        self.0.webhook_allow_private
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whether the time can be relied on to delete what has expired.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn clock_trust(&self) -> Result<ClockTrust, Error> {
        let watch = &self.0.clock_watch;
        if let Some(started_at) = watch.unknown_start() {
            let newest = expired_rows::newest_time(&self.0.database, started_at).await?;
            watch.compare_start(newest);
        }
        Ok(watch.observe(self.now(), self.0.clock.uptime()))
    }

    pub(crate) fn random(&self) -> &dyn Random {
        self.0.random.as_ref()
    }

    /// Invalidates what is cached of a user. Call it after a change is committed, and before the
    /// response is sent.
    pub(super) fn invalidate(&self, user_id: Id) {
        self.0.cache.invalidate(user_id);
    }

    /// Sessions last used before this time have expired.
    pub(super) fn idle_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.0.lifetimes.idle)
    }

    /// Tells the email worker that there is an email request or an email to process.
    pub(super) fn notify_email_worker(&self) {
        self.0.email_queued.notify_one();
    }

    /// Waits until there is something for the email worker to do.
    pub(crate) async fn email_queued(&self) {
        self.0.email_queued.notified().await;
    }
}
