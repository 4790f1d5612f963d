//! The parts that pages are made of.

mod alert;
mod button;
mod dialog;
mod email_field;
mod field;
mod focus;
mod header;
mod mark;
mod password_field;
mod relative_time;
mod submission;

pub use alert::Alert;
pub use button::Button;
pub use dialog::{close_dialog, open_dialog};
pub use email_field::EmailField;
pub use field::Field;
pub use focus::focus_soon;
pub use header::Header;
pub use mark::Mark;
pub use password_field::PasswordField;
pub use relative_time::RelativeTime;
pub use submission::Submission;
