//! The domain of Latchkey: users and passwords, tokens, sessions, emails, and how they are stored. It
//! knows nothing of HTTP.
//!
//! [`Accounts`] is the entry point, with one method per use case. [`Tasks`] runs the background tasks
//! of a server.

mod backoff;
mod breached_passwords;
mod cache;
mod clock;
mod clock_watch;
mod crypto;
mod device;
mod email;
mod error;
mod file;
mod id;
mod metrics;
mod policies;
mod profile;
mod providers;
mod random;
mod request_id;
mod revocations;
mod service;
mod store;
mod tasks;
mod text;
mod validation;
mod webhooks;

pub use breached_passwords::{
    BreachedPasswords, BuildError, BuiltFilter, InvalidFilter, build as build_breached_passwords,
    is_filter as is_breached_passwords_file,
};
pub use cache::CacheSettings;
pub use clock::{Clock, SystemClock, Timestamp};
pub use crypto::{
    device_token::DEVICE_TOKEN_LIFETIME,
    master_secrets::{InvalidMasterSecret, MasterSecrets},
    passkeys::passkeys_unavailable,
    password::{HashingCost, InvalidHashingCost, Strength},
    server_keys::{InvalidTokenAlgorithm, TokenAlgorithm},
    token::{Claims, Method, TokenPair, TokenType},
    totp::TotpSetup,
};
pub use device::{ClientNetwork, Device, device_name};
pub use email::{
    address::email_for_display,
    design::{EmailDesign, EmailLinks, InvalidLinkUrl, LinkUrl},
    palette::{AccentColor, InvalidAccentColor, Palette, Shades},
    sender::{EmailFrom, InvalidEmailFrom},
    smtp::{
        CaCertificates, InvalidCaCertificates,
        url::{InvalidSmtpUrl, SmtpUrl},
    },
    template_files::{EmailTemplates, InvalidTemplates},
    transport::EmailTransport,
};
pub use error::{Error, FieldErrors};
pub use file::{create_file, read_file};
pub use id::Id;
pub use policies::{
    InvalidRegistrationPolicy, InvalidSecondFactorPolicy, RegistrationPolicy, SecondFactorPolicy,
};
pub use profile::Roles;
pub use providers::{
    InvalidIssuer, InvalidProviderName, Issuer, ProviderKind, ProviderName, ProviderSettings,
};
pub use random::{OsRandom, Random};
pub use request_id::with_request_id;
pub use revocations::{
    Encoded, RevocationEntry, RevocationNews, RevocationReader, RevocationSnapshot,
};
pub use service::{
    Acceptance, Accounts, Administrator, Authorized, Caller, DeliveryListFields, DeliveryPage,
    EmailProof, Enrolling, EventListFields, EventPage, ImportResult, ImportedFields,
    InvitationPage, Lifetimes, LinkInfo, NewUserFields, PasswordRating, PasswordState,
    ProviderResponse, Readiness, Registered, Settings, SignedIn, SocialFailure, SocialLink,
    SocialStep, UserFields, UserImport, UserListFields, UserPage, WebhookFields,
};
pub use store::{
    administration::ManagedUser,
    audit_log::AuditEvent,
    authenticator_apps::AuthenticatorApp,
    bulk_changes::BulkStatus,
    copy::{CopiedTable, CopyError, CopyProgress, CopyStep, copy_database},
    database::Database,
    database_settings::DatabaseSettings,
    database_url::DatabaseUrl,
    email_tokens::LinkPurpose,
    identities::Identity,
    inspection::Inspection,
    invalid_database_url::InvalidDatabaseUrl,
    invitations::Invitation,
    migrations::{MigrationError, Schema},
    passkeys::Passkey,
    postgres::Postgres,
    postgres_servers::PostgresServers,
    recovery_codes::RecoveryCodesLeft,
    service_keys::{InvalidScope, Scope, ServiceKey},
    sessions::Session,
    trusted_devices::TrustedDevice,
    user_exports::{SentLink, UserExport},
    user_transfers::ExportedUser,
    users::User,
    webhook_deliveries::WebhookDelivery,
    webhooks::{InvalidWebhookEvent, Webhook, WebhookEvent},
};
pub use tasks::{EmailWorker, InvalidationListener, RevocationFollower, Tasks, WebhookWorker};
pub use text::{is_control, printable};
