//! The table `invitations`: accounts that administrators have prepared, and that wait for the owner of the
//! email address to choose a password. It contains only the hash of the emailed token.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    profile::{NewProfile, Roles},
    request_id::request_id,
    store::{
        administrators::ChangedBy,
        audit_events::Actor,
        database::Database,
        email_limits,
        email_tokens::LinkPurpose,
        filter::Filter,
        outbox::{self, NewEmail},
        statement::Statement,
        transaction::Transaction,
    },
};

/// An invitation that waits to be accepted.
#[derive(Clone, Debug, FromRow)]
pub struct Invitation {
    /// The id that the user will have.
    pub id: Id,
    /// The email address that it was sent to.
    pub email: String,
    /// The name that the user starts with; empty if there is none.
    pub name: String,
    /// The roles that the user starts with.
    #[sqlx(try_from = "String")]
    pub roles: Roles,
    /// Whether the user will be an administrator.
    pub is_admin: bool,
    /// A JSON object that the user will be able to change.
    pub metadata: String,
    /// A JSON object that only administrators will be able to change.
    pub app_metadata: String,
    /// When it was sent.
    pub created_at: Timestamp,
    /// From when on it can't be accepted.
    pub expires_at: Timestamp,
    /// What kind of actor has sent it: `user` or `service_key`; `None` for an operator.
    pub actor_kind: Option<String>,
    /// The id of that administrator or service key.
    pub actor_id: Option<Id>,
    /// The administrator's email address, or the name of the service key, if there still is one.
    pub actor_name: Option<String>,
    /// The id of the request that sent it; `None` for an operator.
    pub request_id: Option<String>,
}

/// An invitation to be sent.
pub(crate) struct NewInvitation<'a> {
    /// The id that the user will have, unless an invitation of the same address waits.
    pub id: Id,
    pub hash: Vec<u8>,
    pub email: &'a EmailAddress,
    pub profile: &'a NewProfile,
    pub is_admin: bool,
    pub actor: Option<Actor>,
    pub now: Timestamp,
    /// The email with the link, and the key of the limit on such emails.
    pub message: NewEmail,
    pub limit: Vec<u8>,
    pub by: ChangedBy,
}

/// The result of sending an invitation.
pub(crate) enum Sent {
    /// It waits, under this id.
    Done(Id),
    /// An account has the email address, or a service would replace the invitation of an administrator.
    Refused,
    /// Another one was sent to the address a short time ago.
    TooSoon,
}

const HEAD: &str = "
    SELECT invitations.id, invitations.email, invitations.name, invitations.roles,
        invitations.is_admin, invitations.metadata, invitations.app_metadata,
        invitations.created_at, invitations.expires_at, actor_kind, actor_id,
        invitations.request_id, COALESCE(actors.email, service_keys.name) AS actor_name
    FROM invitations
        LEFT JOIN users AS actors ON actor_kind = 'user' AND actors.id = actor_id
        LEFT JOIN service_keys ON actor_kind = 'service_key' AND service_keys.id = actor_id";

/// Whether the invitation with the token hash `$1` can be accepted at the time `$2`. One that grants
/// something needs a sender who is still allowed to: an administrator who has lost the role must not
/// regain it through an invitation.
macro_rules! can_be_accepted {
    () => {
        "invitations.hash = $1 AND invitations.expires_at > $2 AND (
            invitations.actor_kind IS NULL
            OR (NOT invitations.is_admin AND invitations.roles = '[]')
            OR EXISTS (
                SELECT 1 FROM users AS senders
                WHERE invitations.actor_kind = 'user' AND senders.id = invitations.actor_id
                    AND senders.is_admin AND senders.is_active
            )
            OR EXISTS (
                SELECT 1 FROM service_keys AS keys
                WHERE invitations.actor_kind = 'service_key' AND keys.id = invitations.actor_id
                    AND (keys.expires_at IS NULL OR keys.expires_at > $2)
            )
        )"
    };
}

impl NewInvitation<'_> {
    /// Adds the invitation, in the place of one that waits for the same address, and its email. If the
    /// email may not be sent now, nothing changes.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn insert(&self, database: &Database) -> Result<Sent, Error> {
        let mut transaction = self.by.begin(database).await?;
        let Some((id,)) = transaction.fetch_optional(self.statement()).await? else {
            return Ok(Sent::Refused);
        };
        if !email_limits::grant(&mut transaction, &self.limit, self.now).await? {
            return Ok(Sent::TooSoon);
        }
        outbox::enqueue(&mut transaction, &self.message).await?;
        self.by.commit(transaction).await?;
        Ok(Sent::Done(id))
    }

    fn statement(&self) -> Statement<'_> {
        const SQL: &str = "
            INSERT INTO invitations (id, hash, email, address, name, roles, is_admin, metadata,
                app_metadata, created_at, expires_at, actor_kind, actor_id, request_id)
            SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
            WHERE NOT EXISTS (SELECT 1 FROM users WHERE email_key IN ($15, $16, $17))
            ON CONFLICT (address) DO UPDATE SET
                hash = excluded.hash, email = excluded.email, name = excluded.name,
                roles = excluded.roles, is_admin = excluded.is_admin,
                metadata = excluded.metadata, app_metadata = excluded.app_metadata,
                created_at = excluded.created_at, expires_at = excluded.expires_at,
                actor_kind = excluded.actor_kind, actor_id = excluded.actor_id,
                request_id = excluded.request_id
            WHERE NOT (invitations.is_admin AND $18)
            RETURNING id";
        let [former, current, shown] = self.email.keys();
        let (actor_kind, actor_id) = Actor::columns(self.actor);
        Statement::new(SQL)
            .bind(self.id)
            .bind(&self.hash)
            .bind(self.email.as_str())
            .bind(self.email.to_lowercase())
            .bind(&self.profile.name)
            .bind(self.profile.roles.to_json())
            .bind(self.is_admin)
            .bind(&self.profile.metadata)
            .bind(&self.profile.app_metadata)
            .bind(self.now)
            .bind(self.now.plus(LinkPurpose::Invitation.lifetime()))
            .bind(actor_kind)
            .bind(actor_id)
            .bind(request_id())
            .bind(former)
            .bind(current)
            .bind(shown)
            .bind(self.by.guard.spares_administrators)
    }
}

impl Invitation {
    /// Returns the hash of the token that was sent to an address, in lower case.
    pub(crate) async fn hash_of_address(
        database: &Database,
        address: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        const SQL: &str = "SELECT hash FROM invitations WHERE address = $1";
        let statement = Statement::new(SQL).bind(address);
        let row: Option<(Vec<u8>,)> = database.fetch_optional(statement).await?;
        Ok(row.map(|(hash,)| hash))
    }

    /// Finds the invitation with this token hash, if it can be accepted.
    pub(crate) async fn find(
        database: &Database,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let sql = sqlx::AssertSqlSafe(format!("{HEAD} WHERE {}", can_be_accepted!()));
        let statement = Statement::new(sql).bind(hash).bind(now);
        database.fetch_optional(statement).await
    }

    /// Returns up to `limit` invitations that have not expired, newest first, from this position on.
    pub(crate) async fn list(
        database: &Database,
        after: Option<(Timestamp, Id)>,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        let mut filter = Filter::default();
        filter.add("invitations.expires_at > ?", [now.into()]);
        if let Some((at, id)) = after {
            let condition = "(invitations.created_at, invitations.id) < (?, ?)";
            filter.add(condition, [at.into(), id.into()]);
        }
        let order = "ORDER BY invitations.created_at DESC, invitations.id DESC";
        database.fetch_all(filter.query(HEAD, order, limit)).await
    }

    /// Deletes an invitation, so that it can't be accepted.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied` if the administrator is none any more, and for a service, if the
    /// invited user would be one.
    pub(crate) async fn delete(database: &Database, id: Id, by: &ChangedBy) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM invitations WHERE id = $1 RETURNING is_admin";
        let mut transaction = by.begin(database).await?;
        let deleted = transaction.fetch_optional(Statement::new(SQL).bind(id));
        let (is_admin,): (bool,) = deleted.await?.ok_or(Error::NotFound)?;
        if is_admin && by.guard.spares_administrators {
            return Err(Error::PermissionDenied);
        }
        by.commit(transaction).await
    }
}

/// Uses up the invitation with this token hash. Returns `false` if it was accepted, replaced or revoked in
/// the meantime.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = concat!("DELETE FROM invitations WHERE ", can_be_accepted!());
    let statement = Statement::new(SQL).bind(hash).bind(now);
    Ok(transaction.execute(statement).await? > 0)
}
