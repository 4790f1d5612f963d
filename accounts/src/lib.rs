//! The domain of Latchkey: users and their passwords, the tokens they hold, the sessions on their
//! devices, and where all of that is stored. It knows nothing of HTTP.
//!
//! [`Accounts`] is the way in: one method for each thing that a person can do.

mod audit;
mod cache;
mod cleanup;
mod clock;
mod database;
mod device;
mod device_token;
mod email;
mod error;
mod fields;
mod id;
mod link;
mod mail;
mod metrics;
mod password;
mod random;
mod second_factor;
mod secret;
mod service;
mod session;
mod sign_in_failure;
mod token;
mod user;

pub use audit::AuditEvent;
pub use cache::{CacheSettings, Hearing};
pub use cleanup::Cleanup;
pub use clock::{Clock, SystemClock, Timestamp};
pub use database::{Database, DatabaseSettings, DatabaseUrl, InvalidDatabaseUrl, Postgres};
pub use device::{ClientNetwork, Device};
pub use error::Error;
pub use fields::{FieldErrors, Given};
pub use id::Id;
pub use mail::{InvalidMailFrom, InvalidSmtpUrl, MailFrom, MailSender, MailTransport, SmtpUrl};
pub use password::{HashingCost, InvalidHashingCost};
pub use random::{OsRandom, Random};
pub use second_factor::TotpSetup;
pub use secret::{InvalidMasterSecret, MasterSecrets};
pub use service::{Accounts, Authorized, Identified, Lifetimes, Registered, Settings, SignedIn};
pub use session::Session;
pub use token::{Claims, Method, TokenPair, TokenType};
pub use user::{User, UserRecord};
