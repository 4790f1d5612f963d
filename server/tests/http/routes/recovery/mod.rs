mod create;
mod login;
