//! The components that pages consist of.

mod alert;
mod button;
mod code_field;
mod dialog;
mod email_field;
mod field;
mod focus;
mod header;
mod logo;
mod notice;
mod password_field;
mod recovery_code_field;
mod recovery_codes;
mod relative_time;
mod resend;
mod submission;
mod sync_hydrate;

pub use alert::Alert;
pub use button::Button;
pub use code_field::CodeField;
pub use dialog::{DIALOG_TITLE, Dialog};
pub use email_field::EmailField;
pub use field::{Field, input_value};
pub use focus::{focus_new_page, focus_soon};
pub use header::Header;
pub use logo::Logo;
pub use notice::Notice;
pub use password_field::{PASSWORD_HINT, PasswordField};
pub use recovery_code_field::RecoveryCodeField;
pub use recovery_codes::RecoveryCodes;
pub use relative_time::RelativeTime;
pub use resend::{Resend, ResendButton};
pub use submission::Submission;
pub use sync_hydrate::SyncHydrate;
