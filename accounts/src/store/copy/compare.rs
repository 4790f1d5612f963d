//! The comparison of two databases after a copy.

use sha2::{Digest, Sha256};

use super::{
    BATCH, CopiedTable, CopyProgress, CopyStep, end::End, error::CopyError, plan::Table,
    value::append_line,
};

/// What is compared of a table.
#[derive(PartialEq, Eq)]
struct Contents {
    rows: i64,
    sha256: [u8; 32],
}

/// Reads all rows of both databases. Returns all tables if they are the same.
pub(super) async fn compare(
    source: &mut End,
    target: &mut End,
    tables: &[Table],
    report: &mut impl FnMut(CopyProgress<'_>),
) -> Result<Vec<CopiedTable>, CopyError> {
    let mut same = Vec::with_capacity(tables.len());
    let mut different = Vec::new();
    for table in tables {
        let total = source.count(table).await?;
        let report = |rows| {
            report(CopyProgress {
                step: CopyStep::Comparing,
                table: &table.name,
                rows,
                total,
            });
        };
        let (there, here) = tokio::join!(
            contents(source, table, report),
            contents(target, table, |_| {})
        );
        let (there, here) = (there?, here?);
        if there == here {
            same.push(CopiedTable {
                name: table.name.clone(),
                rows: here.rows,
                sha256: hex::encode(here.sha256),
            });
        } else {
            different.push(format!(
                "{} ({} rows in the source, {} in the target)",
                table.name, there.rows, here.rows
            ));
        }
    }
    match different.is_empty() {
        true => Ok(same),
        false => Err(CopyError::Different(different.join(", "))),
    }
}

/// Reads all rows of a table.
async fn contents(
    end: &mut End,
    table: &Table,
    mut report: impl FnMut(i64),
) -> Result<Contents, CopyError> {
    let (mut rows, mut hash) = (0, Sha256::new());
    let mut after = None;
    loop {
        let batch = end.read(table, after.as_deref(), BATCH).await?;
        let Some(last) = batch.last() else { break };
        after = Some(table.key_of(last));
        let mut lines = Vec::new();
        for row in &batch {
            append_line(row, &mut lines);
            rows += 1;
        }
        hash.update(&lines);
        report(rows);
    }
    Ok(Contents {
        rows,
        sha256: hash.finalize().into(),
    })
}
