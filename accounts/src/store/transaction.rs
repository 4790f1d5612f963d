//! A transaction on either database.

use crate::{
    error::Error,
    store::{
        connection::Connection,
        statement::{Row, Statement},
    },
};

/// A transaction. It is rolled back when it is dropped without a commit.
///
/// A rollback happens in the background, and the connection returns to its pool only when the
/// database has confirmed it. So a request that is canceled at any point, even while it begins or
/// commits, leaves no open transaction behind for the next user of the connection.
pub(crate) struct Transaction(Option<Connection>);

impl Transaction {
    /// Begins a transaction on a connection.
    pub(super) async fn begin(connection: Connection) -> Result<Self, Error> {
        let mut transaction = Self(Some(connection));
        transaction.connection()?.begin().await?;
        Ok(transaction)
    }

    /// Commits all changes.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.connection()?.commit().await?;
        self.0 = None;
        Ok(())
    }

    /// Runs a statement. Returns the number of affected rows.
    pub async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, Error> {
        self.connection()?.execute(&statement).await
    }

    /// Runs a statement. Returns the number of affected rows, and 0 if a unique index rejects it. On
    /// PostgreSQL the transaction can't continue after that.
    pub async fn execute_unless_duplicate(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<u64, Error> {
        self.connection()?
            .execute_unless_duplicate(&statement)
            .await
    }

    /// Runs a statement. Returns its first row, if any.
    pub async fn fetch_optional<T: Row>(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<T>, Error> {
        self.connection()?.fetch_optional(&statement).await
    }

    /// Runs a statement. Returns its first row; having none is an error.
    pub async fn fetch_one<T: Row>(&mut self, statement: Statement<'_>) -> Result<T, Error> {
        self.connection()?.fetch_one(&statement).await
    }

    /// Runs a statement. Returns all its rows.
    pub async fn fetch_all<T: Row>(&mut self, statement: Statement<'_>) -> Result<Vec<T>, Error> {
        self.connection()?.fetch_all(&statement).await
    }

    /// Whether no other transaction can write until this one ends.
    pub fn is_only_writer(&self) -> bool {
        self.0.as_ref().is_some_and(Connection::is_sqlite)
    }

    /// The connection, which is there until the transaction ends.
    fn connection(&mut self) -> Result<&mut Connection, Error> {
        self.0.as_mut().ok_or(Error::internal(
            "database transaction",
            "the transaction has ended",
        ))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // Without a runtime, when the process ends, the database rolls it back.
        if let Some(connection) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(connection.roll_back());
        }
    }
}
