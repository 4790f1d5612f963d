//! Why an email was not sent.

/// Why an email was not sent. The texts are for the log. They never quote a reply of the server,
/// which may contain the email address.
#[derive(Debug)]
pub(crate) enum SendError {
    /// This email can never be sent.
    Refused(String),
    /// This email was not sent; it may be later.
    Deferred(String),
    /// The server takes no email at all at present. This one was not tried.
    Server(ServerError),
}

/// Why a server takes no email.
#[derive(Debug)]
pub(crate) struct ServerError {
    /// What has failed, for the log.
    pub reason: String,
    /// Whether it takes a change of the settings, of this program or of the server.
    pub is_permanent: bool,
}

impl ServerError {
    /// An error that may pass by itself.
    pub fn temporary(reason: String) -> Self {
        Self {
            reason,
            is_permanent: false,
        }
    }
}
