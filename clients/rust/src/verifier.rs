//! [`Verifier`], the entry point.

use std::{
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, watch},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    claims::Claims,
    clock::{Clock, SystemClock},
    error::{ConnectError, VerifyError},
    events::{OnEvent, VerifierEvent},
    follow::{follow_keys, follow_revocations},
    http::Latchkey,
    keys::{Keys, Unread},
    trust::{Trust, Verdict},
};

/// How many introspections run at the same time; others wait.
const INTROSPECTIONS: usize = 64;

/// How long an introspection may take, including waiting.
const INTROSPECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// How many tokens with an unknown key wait for newer keys at the same time; others are refused.
const WAITING_FOR_KEYS: usize = 256;

/// How long a token with an unknown key waits for newer keys.
const KEYS_TIMEOUT: Duration = Duration::from_secs(3);

/// How long connecting waits until tokens can be checked without requests.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What to do with a token when it is not known whether it was revoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutLease {
    /// Ask Latchkey about each token.
    #[default]
    Introspect,
    /// Refuse it.
    Refuse,
}

/// Verifies access tokens. Clones share their state; two tasks run until the last one is dropped.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub(crate) struct Shared {
    pub latchkey: Latchkey,
    pub issuer: OnceLock<String>,
    pub keys: RwLock<Keys>,
    pub keys_wanted: Arc<Notify>,
    pub keys_fetched: watch::Sender<u64>,
    pub trust: RwLock<Trust>,
    pub connected: watch::Sender<bool>,
    pub clock: Arc<dyn Clock>,
    without_lease: WithoutLease,
    introspections: Semaphore,
    waiting_for_keys: Semaphore,
    on_event: Option<Box<OnEvent>>,
}

impl Shared {
    pub fn emit(&self, event: &VerifierEvent) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }
}

/// The settings of a [`Verifier`].
#[must_use]
pub struct Builder {
    url: String,
    key: String,
    issuer: Option<String>,
    without_lease: WithoutLease,
    on_event: Option<Box<OnEvent>>,
    clock: Arc<dyn Clock>,
}

impl Builder {
    /// The issuer and audience of tokens: Latchkey's public URL. By default Latchkey is asked for it.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// What to do with a token when it is not known whether it was revoked.
    pub fn without_lease(mut self, without_lease: WithoutLease) -> Self {
        self.without_lease = without_lease;
        self
    }

    /// What to call when something happens, for metrics and logs.
    pub fn on_event(mut self, on_event: impl Fn(&VerifierEvent) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Where the time comes from.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Creates the verifier, and waits up to 3 seconds until it can check tokens without requests. An
    /// unreachable Latchkey is no error: it is tried again and again.
    ///
    /// Call it within a Tokio runtime.
    ///
    /// # Errors
    /// When the URL or the key can't be used.
    pub async fn connect(self) -> Result<Verifier, ConnectError> {
        let issuer = self.issuer.map_or_else(OnceLock::new, OnceLock::from);
        let shared = Arc::new(Shared {
            latchkey: Latchkey::new(&self.url, &self.key)?,
            issuer,
            keys: RwLock::default(),
            keys_wanted: Arc::new(Notify::new()),
            keys_fetched: watch::Sender::new(0),
            trust: RwLock::default(),
            connected: watch::Sender::new(false),
            clock: self.clock,
            without_lease: self.without_lease,
            introspections: Semaphore::new(INTROSPECTIONS),
            waiting_for_keys: Semaphore::new(WAITING_FOR_KEYS),
            on_event: self.on_event,
        });
        let (mut connected, mut fetched) = (
            shared.connected.subscribe(),
            shared.keys_fetched.subscribe(),
        );
        let weak = Arc::downgrade(&shared);
        let tasks = [
            tokio::spawn(follow_revocations(weak.clone())).abort_handle(),
            tokio::spawn(follow_keys(weak)).abort_handle(),
        ];
        let verifier = Verifier(Arc::new(Inner { shared, tasks }));
        let ready = async {
            let _ = connected.wait_for(|is_connected| *is_connected).await;
            let _ = fetched.wait_for(|number| *number > 0).await;
        };
        let _ = timeout(CONNECT_TIMEOUT, ready).await;
        Ok(verifier)
    }
}

impl Verifier {
    /// The settings of a verifier: where Latchkey is, and a service key with the scope `tokens:verify`.
    pub fn builder(url: impl Into<String>, key: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            key: key.into(),
            issuer: None,
            without_lease: WithoutLease::default(),
            on_event: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Creates a verifier with the default settings. See [`Builder::connect`].
    ///
    /// # Errors
    /// When the URL or the key can't be used.
    pub async fn connect(
        url: impl Into<String>,
        key: impl Into<String>,
    ) -> Result<Self, ConnectError> {
        Self::builder(url, key).connect().await
    }

    /// Verifies a token with what is known here, without a request.
    ///
    /// # Errors
    /// `Unknown` while that is not enough; see [`Self::check`].
    pub fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let result = self.verify_here(token).map_err(|why| match why {
            Unread::Error(error) => error,
            Unread::UnknownKey | Unread::NoKeys => VerifyError::Unknown,
        });
        let outcome = result.as_ref().map(drop).map_err(|error| *error);
        self.0.shared.emit(&VerifierEvent::Verified(outcome));
        result
    }

    /// Verifies a token: with what is known here or, while that is not enough, as
    /// [`Builder::without_lease`] says.
    ///
    /// # Errors
    /// `Unknown` when Latchkey shall not be asked or does not respond.
    pub async fn check(&self, token: &str) -> Result<Claims, VerifyError> {
        let result = match self.verify_here(token) {
            Err(Unread::UnknownKey) => {
                self.fetch_keys().await;
                self.verify_here(token)
            }
            result => result,
        };
        let result = match result {
            Ok(claims) => Ok(claims),
            Err(Unread::Error(VerifyError::Unknown) | Unread::NoKeys) => {
                return self.without_lease(token).await;
            }
            Err(Unread::Error(error)) => Err(error),
            Err(Unread::UnknownKey) => Err(VerifyError::Invalid),
        };
        let outcome = result.as_ref().map(drop).map_err(|error| *error);
        self.0.shared.emit(&VerifierEvent::Verified(outcome));
        result
    }

    /// Whether tokens can be checked without requests at this moment.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        let shared = &self.0.shared;
        let trust = shared.trust.read().unwrap_or_else(PoisonError::into_inner);
        !trust.left(shared.clock.uptime()).is_zero()
    }

    fn verify_here(&self, token: &str) -> Result<Claims, Unread> {
        let shared = &self.0.shared;
        // The time is taken first: what is known later is only more.
        let uptime = shared.clock.uptime();
        let claims = {
            let keys = shared.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.read(token, uptime, shared.clock.unix_seconds())?
        };
        let trust = shared.trust.read().unwrap_or_else(PoisonError::into_inner);
        match trust.judge(&claims, shared.clock.uptime()) {
            Verdict::Accepted => Ok(claims),
            Verdict::Revoked => Err(Unread::Error(VerifyError::Revoked)),
            Verdict::Unknown => Err(Unread::Error(VerifyError::Unknown)),
        }
    }

    /// Has newer keys fetched, unless that was done a moment ago, and waits for them.
    async fn fetch_keys(&self) {
        let shared = &self.0.shared;
        let Ok(_place) = shared.waiting_for_keys.try_acquire() else {
            return;
        };
        let mut fetched = shared.keys_fetched.subscribe();
        shared.keys_wanted.notify_one();
        let _ = timeout(KEYS_TIMEOUT, fetched.changed()).await;
    }

    async fn without_lease(&self, token: &str) -> Result<Claims, VerifyError> {
        let shared = &self.0.shared;
        let result = match shared.without_lease {
            WithoutLease::Refuse => Err(VerifyError::Unknown),
            WithoutLease::Introspect => self.introspect(token).await,
        };
        let outcome = result.as_ref().map(drop).map_err(|error| *error);
        let event = match shared.without_lease {
            WithoutLease::Refuse => VerifierEvent::Verified(outcome),
            WithoutLease::Introspect => VerifierEvent::Introspected(outcome),
        };
        shared.emit(&event);
        result
    }

    async fn introspect(&self, token: &str) -> Result<Claims, VerifyError> {
        let shared = &self.0.shared;
        let asking = async {
            let _place = shared.introspections.acquire().await;
            shared.latchkey.introspect::<Claims>(token).await
        };
        let answer = timeout(INTROSPECTION_TIMEOUT, asking).await;
        let answer = answer.map_err(|_| VerifyError::Unknown)?;
        let answer = answer.map_err(|_| VerifyError::Unknown)?;
        match answer.claims {
            Some(claims) if answer.active => Ok(claims),
            _ => Err(VerifyError::Invalid),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("has_lease", &self.has_lease())
            .finish_non_exhaustive()
    }
}
