mod create;
mod delete;
mod login;
mod logout;
mod logout_all;
mod sessions;
mod view;
