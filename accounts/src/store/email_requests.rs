//! The table `mail_requests`: requested emails to addresses that may not belong to any account.
//! While a request is handled, a row is inserted, which is the same for every address. Whether there
//! is an account is looked up afterwards, so that neither the response nor its time reveals it.

use languages::Language;
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    device::Device,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    request_id::request_id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// The kinds of emails that can be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmailRequestKind {
    /// A link to choose a new password.
    Reset,
    /// The activation link, again.
    Activation,
    /// The link of the registration with the same id; or, if there is an account, a notice to its
    /// owner that someone tried to register with the address.
    Registration,
    /// A code to sign in with.
    SignInCode,
}

impl EmailRequestKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Activation => "activation",
            Self::Registration => "registration",
            Self::SignInCode => "sign_in_code",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Reset,
            Self::Activation,
            Self::Registration,
            Self::SignInCode,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// An email request to be added.
pub(crate) struct NewEmailRequest<'a> {
    pub id: Id,
    pub kind: EmailRequestKind,
    pub email: &'a EmailAddress,
    pub device: Option<&'a Device>,
    /// Whether it comes from a session or a known device of the account.
    pub is_own: bool,
    /// The language that the client has stated.
    pub language: Option<Language>,
    /// The hash of the random value that a code to sign in is bound to.
    pub flow_hash: Option<Vec<u8>>,
    pub now: Timestamp,
}

impl NewEmailRequest<'_> {
    /// Adds the request.
    pub async fn insert(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SQL: &str = "
            INSERT INTO mail_requests (id, purpose, email, created_at, ip, user_agent, is_own,
                language, request_id, flow_hash)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.kind.as_str())
            .bind(self.email.as_entered())
            .bind(self.now)
            .bind(self.device.map(|device| device.ip.to_string()))
            .bind(self.device.map(|device| device.user_agent.as_str()))
            .bind(self.is_own)
            .bind(self.language.map(Language::code))
            .bind(request_id())
            .bind(self.flow_hash.as_deref());
        transaction.execute(statement).await.map(drop)
    }
}

/// An email request that has not been processed yet.
#[derive(FromRow)]
pub(crate) struct EmailRequest {
    pub id: Id,
    purpose: String,
    pub email: String,
    pub created_at: Timestamp,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// Whether it comes from a session or a known device of the account.
    pub is_own: bool,
    pub request_id: Option<String>,
    language: Option<String>,
    /// The hash of the random value that a code to sign in is bound to.
    pub flow_hash: Option<Vec<u8>>,
}

impl EmailRequest {
    /// Returns the oldest requests, in the same order on every server.
    pub async fn oldest(database: &Database, limit: u32) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, purpose, email, created_at, ip, user_agent, is_own, language,
                request_id, flow_hash
            FROM mail_requests ORDER BY created_at, id LIMIT $1";
        let statement = Statement::new(SQL).bind(limit);
        database.fetch_all(statement).await
    }

    /// The language that the client has stated.
    pub fn language(&self) -> Option<Language> {
        Language::from_tag(self.language.as_deref()?)
    }

    /// The kind of email that is requested.
    pub fn kind(&self) -> Option<EmailRequestKind> {
        EmailRequestKind::parse(&self.purpose)
    }
}

/// Removes a request in order to process it. Returns `false` if another server already has.
pub(crate) async fn claim(transaction: &mut Transaction, id: Id) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM mail_requests WHERE id = $1";
    let deleted = transaction.execute(Statement::new(SQL).bind(id)).await?;
    Ok(deleted == 1)
}
