//! Endpoints below `/api/user`.

mod activation;
mod activity;
mod create;
mod delete;
mod email;
mod export;
mod link;
mod login;
mod logout;
mod logout_all;
mod password;
mod reauthenticate;
mod sessions;
mod trusted_devices;
mod update;
mod view;
