//! Use cases: what users, operators and background tasks can do, one file each.

mod accounts;
mod activate;
mod administer;
mod audit_log;
mod authorize;
mod caller;
mod change_email;
mod change_password;
mod confirm_password;
mod delete_account;
mod email_proof;
mod failed_sign_ins;
mod fields;
mod issue_tokens;
mod login;
mod login_attempts;
mod logout;
mod manage_sessions;
mod process_email_requests;
mod queue_email;
mod read_gauges;
mod readiness;
mod record_deliveries;
mod recovery_codes;
mod refresh_tokens;
mod register;
mod reset_password;
mod totp;
mod verify_second_factor;

pub use accounts::{Accounts, Lifetimes, Settings};
pub use caller::{Authorized, Caller};
pub use email_proof::{EmailProof, LinkInfo};
pub use login::SignedIn;
pub use readiness::Readiness;
pub(crate) use record_deliveries::Delivery;
pub use register::Registered;
