//! What works, but hardly as the operator wants it, in one sentence each: for the start and for `latchkey check`.

use crate::{config::Config, data_dir};

/// All warnings.
pub fn all(config: &Config) -> impl Iterator<Item = String> {
    [public_url, passkeys, sender, data_folder]
        .into_iter()
        .filter_map(|warning| warning(config))
}

/// Emailed links lead to an address that others can't reach, or know by another name.
pub fn public_url(config: &Config) -> Option<String> {
    let is_unknown = config.public_url.is_none() && !config.listen.ip().is_loopback();
    is_unknown.then(|| {
        format!(
            "LATCHKEY_PUBLIC_URL is not set, so emailed links lead to http://{}; set it to the URL that users see",
            config.listen
        )
    })
}

/// Browsers refuse passkeys at the address that users see. Without such an address, this is a trial.
pub fn passkeys(config: &Config) -> Option<String> {
    let url = config.public_url.as_ref()?;
    accounts::passkeys_unavailable(url)?;
    Some(format!(
        "LATCHKEY_PUBLIC_URL: browsers refuse passkeys at {url}; they need HTTPS and a host name, or http://localhost"
    ))
}

/// The sender is at a domain that only this machine knows.
pub fn sender(config: &Config) -> Option<String> {
    let sender = config.appearance.sender(config.email.mail_from.clone());
    let is_refused = config.email.smtp_url.is_some() && sender.is_local();
    is_refused.then(|| {
        format!(
            "LATCHKEY_MAIL_FROM: mail servers refuse emails from {}; set an address of your own domain",
            sender.address()
        )
    })
}

/// The data folder is open to others.
pub fn data_folder(config: &Config) -> Option<String> {
    data_dir::is_readable_by_others(&config.data_dir).then(|| {
        format!(
            "LATCHKEY_DATA_DIR: other users can read the folder {}; set its mode to 0700",
            config.data_dir.display()
        )
    })
}
