//! Endpoints below `/api/user/email`.

mod change;
