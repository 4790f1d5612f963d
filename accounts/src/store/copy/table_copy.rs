//! The copy of one table.

use super::{
    BATCH, CopyProgress, CopyStep,
    end::End,
    error::CopyError,
    plan::{Table, quoted},
    progress::Progress,
    value::{Row, Value},
};

/// The copy of one table, and how far it is.
pub(super) struct TableCopy<'a> {
    pub source: &'a mut End,
    pub target: &'a mut End,
    pub table: &'a Table,
    pub progress: Progress,
}

impl TableCopy<'_> {
    /// Copies the rows that the target does not have yet.
    pub async fn run(
        &mut self,
        report: &mut impl FnMut(CopyProgress<'_>),
    ) -> Result<(), CopyError> {
        if self.progress.is_complete {
            return Ok(());
        }
        let table = self.table;
        let total = self.source.count(table).await?;
        let mut position = self.progress.position(table);
        let mut rows = self.source.read(table, position.as_deref(), BATCH).await?;
        while let Some(last) = rows.last() {
            let last = table.key_of(last);
            // The source reads the next batch while the target writes this one.
            let (next, written) = tokio::join!(
                self.source.read(table, Some(&last), BATCH),
                write(self.target, table, &mut self.progress, &rows, &last),
            );
            written?;
            rows = next?;
            position = Some(last);
            report(CopyProgress {
                step: CopyStep::Copying,
                table: &table.name,
                rows: self.progress.rows_copied,
                total,
            });
        }
        self.complete(position.as_deref()).await
    }

    /// Notes that all rows were copied. New rows get numbers that no other row has had.
    async fn complete(&mut self, last: Option<&[Value]>) -> Result<(), CopyError> {
        let table = self.table;
        begin(self.target, table, &self.progress).await?;
        if table.is_numbered {
            let mut number = self.source.last_number(table).await?;
            if let Some([Value::Integer(last)]) = last {
                number = number.max(*last);
            }
            self.target.continue_after(table, number).await?;
        }
        self.progress.complete(self.target).await?;
        self.target.commit(&table.name).await?;
        self.target.analyze(table).await
    }
}

/// Adds rows to the target in one transaction. The last of them has this key.
async fn write(
    target: &mut End,
    table: &Table,
    progress: &mut Progress,
    rows: &[Row],
    last: &[Value],
) -> Result<(), CopyError> {
    begin(target, table, progress).await?;
    // The note comes first: of two processes, one waits here for the other, and then fails.
    progress.advance(target, last, rows.len()).await?;
    target.write(table, rows).await?;
    target.commit(&table.name).await
}

/// Begins a transaction. The first one of a table removes what is to be replaced.
async fn begin(target: &mut End, table: &Table, progress: &Progress) -> Result<(), CopyError> {
    target.begin(&table.name).await?;
    if table.is_replaced() && progress.position(table).is_none() {
        let delete = format!("DELETE FROM {}", quoted(&table.name));
        target.run(&table.name, "emptied", delete).await?;
    }
    Ok(())
}
