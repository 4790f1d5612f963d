//! `latchkey copy`: moves an installation from SQLite to PostgreSQL, or back.

use std::{
    io::{Write, stderr},
    time::{Duration, Instant},
};

use accounts::{
    CopiedTable, CopyProgress, CopyStep, DatabaseUrl, InvalidDatabaseUrl, copy_database, printable,
};
use serde_json::json;

use super::{json_line, runtime, write_lines};
use crate::{config::Config, failure::Failure, signals};

/// How often the progress is printed.
const INTERVAL: Duration = Duration::from_secs(1);

/// `latchkey copy --from URL --to URL`: prints a line per table, once they are the same in both databases.
pub fn copy(config: &Config, from: &str, to: &str, is_json: bool) -> Result<(), Failure> {
    let (from, to) = (url("--from", from)?, url("--to", to)?);
    let mut progress = ProgressLine::default();
    let copied = runtime()?.block_on(async {
        signals::survive()?;
        let stop = signals::stop()?;
        let copy = copy_database(&from, &to, config.database(), |now| progress.print(now));
        tokio::select! {
            copied = copy => copied.map_err(|error| Failure::new(format!("can't copy: {error}"))),
            () = stop => Err(Failure::new(
                "stopped before the copy was complete; run the same command again to continue it",
            )),
        }
    })?;
    write_lines(copied.iter().map(|table| match is_json {
        true => json(table),
        false => line(table),
    }))?;
    print_to_stderr(format_args!(
        "Both databases have the same content. {to} needs the same master secret: move secret.key or \
         LATCHKEY_SECRET, too, and then set DATABASE_URL"
    ));
    Ok(())
}

/// Parses a URL. It may contain a password, so that an error must not quote it, as clap's would.
fn url(flag: &str, text: &str) -> Result<DatabaseUrl, Failure> {
    let url = text.trim().parse();
    url.map_err(|error: InvalidDatabaseUrl| Failure::Usage(format!("{flag}: {error}")))
}

fn line(table: &CopiedTable) -> String {
    format!("{}\t{}\t{}", table.name, table.rows, table.sha256)
}

fn json(table: &CopiedTable) -> String {
    json_line(&json!({
        "table": table.name,
        "rows": table.rows,
        "sha256": table.sha256,
    }))
}

/// The progress on standard error.
struct ProgressLine {
    last: Instant,
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self {
            last: Instant::now(),
        }
    }
}

impl ProgressLine {
    /// Prints how far the copy is, unless that was printed just before.
    fn print(&mut self, progress: CopyProgress<'_>) {
        if self.last.elapsed() < INTERVAL {
            return;
        }
        self.last = Instant::now();
        let step = match progress.step {
            CopyStep::Copying => "copying",
            CopyStep::Comparing => "comparing",
        };
        let CopyProgress {
            table, rows, total, ..
        } = progress;
        print_to_stderr(format_args!("{step} {table}: {rows} of {total} rows"));
    }
}

/// Prints a line, whatever text from elsewhere is in it. Nobody may be reading it.
fn print_to_stderr(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(stderr(), "{}", printable(&line.to_string()));
}
