mod confirm;
mod create;
mod delete;
mod login;
