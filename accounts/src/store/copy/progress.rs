//! How far a copy is, noted in the target in the transactions that write the rows. The table is there only
//! while the copy is unfinished; until then no server starts with the target.

use std::{fs, iter};

use sqlx::{AssertSqlSafe, FromRow};

use super::{
    end::End,
    error::CopyError,
    plan::{Table, quoted},
    value::Value,
};
use crate::store::{database_url::DatabaseUrl, migrations::COPY_TABLE, statement::Statement};

/// How far the copy of one table is.
#[derive(Debug, FromRow)]
pub(super) struct Progress {
    name: String,
    /// The source of the copy.
    source: String,
    /// The primary key of the last row, as a JSON array of texts.
    position: Option<String>,
    /// The number of rows that were copied.
    pub rows_copied: i64,
    /// Whether that is all rows.
    pub is_complete: bool,
}

impl Progress {
    /// The primary key of the last row that was copied, if any was.
    pub fn position(&self, table: &Table) -> Option<Vec<Value>> {
        let texts: Vec<String> = serde_json::from_str(self.position.as_deref()?).ok()?;
        let values = iter::zip(&texts, table.key_columns())
            .map(|(text, column)| Value::parse(text, column.kind));
        values.collect()
    }

    /// Notes, in a transaction, that these rows were copied, of which the last one has this key.
    pub async fn advance(
        &mut self,
        target: &mut End,
        key: &[Value],
        rows: usize,
    ) -> Result<(), CopyError> {
        const ADVANCE: &str = "
            UPDATE latchkey_copy SET position = $1, rows_copied = rows_copied + $2
            WHERE name = $3 AND position IS NOT DISTINCT FROM $4 AND NOT is_complete";
        let texts: Vec<_> = key.iter().map(Value::text).collect();
        let position = serde_json::Value::from(texts).to_string();
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let advance = Statement::new(ADVANCE)
            .bind(&position)
            .bind(rows)
            .bind(&self.name)
            .bind(self.position.as_deref());
        if target.execute(&self.name, &advance).await? == 0 {
            return Err(CopyError::Concurrent(target.name().to_owned()));
        }
        self.position = Some(position);
        self.rows_copied += rows;
        Ok(())
    }

    /// Notes, in a transaction, that all rows were copied.
    pub async fn complete(&mut self, target: &mut End) -> Result<(), CopyError> {
        const COMPLETE: &str = "UPDATE latchkey_copy SET is_complete = TRUE WHERE name = $1";
        let complete = Statement::new(COMPLETE).bind(&self.name);
        target.execute(&self.name, &complete).await?;
        self.is_complete = true;
        Ok(())
    }
}

/// Notes that a copy of this source begins, if the target is empty.
pub(super) async fn begin(
    target: &mut End,
    source: &str,
    tables: &[Table],
) -> Result<(), CopyError> {
    const CREATE: &str = "
        CREATE TABLE latchkey_copy (
            name        TEXT NOT NULL PRIMARY KEY,
            source      TEXT NOT NULL,
            position    TEXT,
            rows_copied BIGINT NOT NULL DEFAULT 0,
            is_complete BOOLEAN NOT NULL DEFAULT FALSE
        )";
    const INSERT: &str = "INSERT INTO latchkey_copy (name, source) VALUES ($1, $2)";
    target.begin(COPY_TABLE).await?;
    for table in tables.iter().filter(|table| !table.is_replaced()) {
        check_is_empty(target, table).await?;
    }
    target.run(COPY_TABLE, "created", CREATE.to_owned()).await?;
    for table in tables {
        let insert = Statement::new(INSERT).bind(&table.name).bind(source);
        target.execute(COPY_TABLE, &insert).await?;
    }
    target.commit(COPY_TABLE).await
}

/// Returns how far the copy of this source is, for each of the tables.
pub(super) async fn read(
    target: &mut End,
    source: &str,
    tables: &[Table],
) -> Result<Vec<Progress>, CopyError> {
    const ALL: &str = "SELECT name, source, position, rows_copied, is_complete FROM latchkey_copy";
    let mut rows: Vec<Progress> = target.fetch_all(COPY_TABLE, &Statement::new(ALL)).await?;
    if let Some(other) = rows.iter().find(|row| row.source != source) {
        return Err(CopyError::OtherCopy {
            database: target.name().to_owned(),
            other: other.source.clone(),
        });
    }
    let mut all = Vec::with_capacity(tables.len());
    for table in tables {
        let Some(index) = rows.iter().position(|row| row.name == table.name) else {
            return Err(CopyError::OtherVersion(target.name().to_owned()));
        };
        all.push(rows.swap_remove(index));
    }
    Ok(all)
}

/// Commits a transaction that removes the table: the copy is complete.
pub(super) async fn end(target: &mut End) -> Result<(), CopyError> {
    let sql = format!("DROP TABLE {COPY_TABLE}");
    target.run(COPY_TABLE, "removed", sql).await?;
    target.commit(COPY_TABLE).await
}

/// What a source is recognized by when the copy continues.
pub(super) fn identity(source: &DatabaseUrl) -> String {
    let file = source.file().and_then(|file| fs::canonicalize(file).ok());
    file.map_or_else(|| source.to_string(), |file| file.display().to_string())
}

async fn check_is_empty(target: &mut End, table: &Table) -> Result<(), CopyError> {
    let sql = format!("SELECT 1 FROM {} LIMIT 1", quoted(&table.name));
    let any = Statement::new(AssertSqlSafe(format!(
        "SELECT count(*) FROM ({sql}) AS found"
    )));
    if target.number(&table.name, any).await? == 0 {
        return Ok(());
    }
    Err(CopyError::NotEmpty {
        database: target.name().to_owned(),
        table: table.name.clone(),
    })
}
