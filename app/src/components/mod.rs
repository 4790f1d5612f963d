//! The components that pages consist of.

mod account_menu;
mod alert;
mod button;
mod clipboard;
mod code_field;
mod dialog;
mod email_field;
mod email_suggestion;
mod emailed_code_field;
mod field;
mod focus;
mod header;
mod icon;
mod live_text;
mod logo;
mod message;
mod new_password_field;
mod notice;
mod password_field;
mod recovery_code_field;
mod recovery_codes;
mod relative_time;
mod resend;
mod submission;
mod sync_children;
mod sync_hydrate;

pub use alert::Alert;
pub use button::Button;
pub use clipboard::CopyButton;
pub use code_field::CodeField;
pub use dialog::{DIALOG_TITLE, Dialog};
pub use email_field::EmailField;
pub use email_suggestion::{EmailSuggestion, look_for_slip};
pub use emailed_code_field::EmailedCodeField;
pub use field::{Field, input_value};
pub use focus::{focus_new_page, focus_soon};
pub use header::Header;
pub use icon::{Icon, IconName};
pub use live_text::LiveText;
pub use logo::Logo;
pub use message::{Message, Status};
pub use new_password_field::NewPasswordField;
pub use notice::Notice;
pub use password_field::PasswordField;
pub use recovery_code_field::RecoveryCodeField;
pub use recovery_codes::RecoveryCodes;
pub use relative_time::{
    ClockTime, RelativeTime, local_date, local_day, local_time, milliseconds, since,
};
pub use resend::{Resend, ResendButton};
pub use submission::Submission;
pub use sync_children::{SyncChildren, SyncChildrenFn};
pub use sync_hydrate::{IntoAnySync, SyncHydrate};
