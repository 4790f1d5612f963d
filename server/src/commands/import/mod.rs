//! `latchkey user import` and `latchkey user export`. Neither holds more than a batch of users in memory.

mod csv;
mod django;
mod jsonl;
mod record;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use accounts::{Accounts, ImportResult, ImportedFields, UserImport, printable};

use self::record::{Record, Records};
use super::{
    json_line,
    users::{error_line, with_accounts, with_new_accounts},
};
use crate::{config::Config, failure::Failure};

/// The number of users that are imported in one transaction. It takes some 50 ms, for which other changes
/// wait on SQLite.
const BATCH: usize = 200;

/// The number of users that are read at a time for an export.
const PAGE_SIZE: u32 = 500;

const EXISTS: &str = "email: A user with that email already exists.";

/// The format of a file with users.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum ImportFormat {
    /// One JSON object per line.
    Jsonl,
    /// The output of Django's dumpdata.
    Django,
    /// Comma-separated values below a line with the names of the fields.
    Csv,
}

/// How users are imported.
pub struct ImportOptions {
    /// The format of the file.
    pub format: ImportFormat,
    /// Whether nothing is changed.
    pub is_dry_run: bool,
    /// Whether email addresses count as verified where the file does not say.
    pub are_verified: bool,
}

/// `latchkey user import`: prints a line for each user who was not imported, and how many were.
pub fn import(config: &Config, file: &Path, options: &ImportOptions) -> Result<(), Failure> {
    let shown = file.display();
    let input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file).and_then(|file| match file.metadata()?.is_dir() {
            true => Err(ErrorKind::IsADirectory.into()),
            false => Ok(file),
        });
        let opened = opened.map_err(|error| Failure::new(format!("can't read {shown}: {error}")));
        Box::new(BufReader::new(opened?))
    };
    let mut records: Box<dyn Records> = match options.format {
        ImportFormat::Jsonl => Box::new(jsonl::JsonLines::new(input)),
        ImportFormat::Django => Box::new(django::Objects::new(input)),
        ImportFormat::Csv => {
            let rows = csv::Rows::new(input);
            Box::new(rows.map_err(|reason| Failure::new(format!("{shown}: {reason}")))?)
        }
    };
    with_new_accounts(config, async |accounts| {
        let import = accounts.import_users(options.is_dry_run, options.are_verified);
        let mut run = Run {
            import: import.await.map_err(Failure::new)?,
            count: Count::default(),
        };
        let end = run.all(&mut *records).await;
        run.count.print(options.is_dry_run, &records.ignored());
        end.map_err(|reason| Failure::new(format!("{shown}: {reason}")))?;
        run.count.result()
    })
}

/// An import, and what became of the users so far.
struct Run<'a> {
    import: UserImport<'a>,
    count: Count,
}

#[derive(Default)]
struct Count {
    imported: u64,
    existing: u64,
    rejected: u64,
}

impl Run<'_> {
    /// Imports all users that can be read. The error is the reason why the rest can't.
    async fn all(&mut self, records: &mut dyn Records) -> Result<(), String> {
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            let end = loop {
                if batch.len() == BATCH {
                    break None;
                }
                match records.next() {
                    Ok(Some(record)) => batch.push(record),
                    Ok(None) => break Some(Ok(())),
                    Err(reason) => break Some(Err(reason)),
                }
            };
            let added = self.add(batch).await;
            added.map_err(|error| error.to_string())?;
            if let Some(end) = end {
                return end;
            }
        }
    }

    async fn add(&mut self, batch: Vec<Record>) -> Result<(), accounts::Error> {
        let valid = batch.iter().filter_map(|record| record.user.as_ref().ok());
        let users: Vec<ImportedFields> = valid.cloned().collect();
        let mut results = self.import.add(&users).await?.into_iter();
        for record in batch {
            let reason = match record.user {
                Err(reason) => {
                    self.count.rejected += 1;
                    reason
                }
                Ok(_) => match results.next() {
                    Some(ImportResult::Imported) | None => {
                        self.count.imported += 1;
                        continue;
                    }
                    Some(ImportResult::Exists) => {
                        self.count.existing += 1;
                        EXISTS.to_owned()
                    }
                    Some(ImportResult::Rejected(error)) => {
                        self.count.rejected += 1;
                        error_line(&error)
                    }
                },
            };
            report(record.line, &record.email, &reason);
        }
        Ok(())
    }
}

/// Prints why a user was not imported. An import is not stopped because nobody reads that.
fn report(line: u64, email: &str, reason: &str) {
    let email = if email.is_empty() {
        "(no email)"
    } else {
        email
    };
    let text = format!("line {line}: {email}: {reason}");
    let _ = writeln!(io::stdout(), "{}", printable(&text));
}

impl Count {
    fn print(&self, is_dry_run: bool, ignored: &[String]) {
        let mut out = io::stdout();
        let users = users(self.imported);
        let _ = if is_dry_run {
            writeln!(out, "{users} can be imported")
        } else {
            writeln!(out, "Imported {users}")
        };
        if !ignored.is_empty() {
            let names = printable(&ignored.join(", ")).into_owned();
            let _ = writeln!(out, "Ignored fields: {names}");
        }
    }

    fn result(&self) -> Result<(), Failure> {
        if self.existing + self.rejected == 0 {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} left out: {} existed already, {} rejected",
            users(self.existing + self.rejected),
            self.existing,
            self.rejected
        )))
    }
}

fn users(count: u64) -> String {
    match count {
        1 => "1 user".to_owned(),
        count => format!("{count} users"),
    }
}

/// `latchkey user export`: writes one JSON object per line, to a new file or to standard output.
pub fn export(config: &Config, file: Option<&Path>) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let Some(file) = file.filter(|file| *file != Path::new("-")) else {
            return match write_users(accounts, io::stdout().lock()).await? {
                // The reader has closed the pipe, as `head` does.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                written => written.map_err(Failure::new),
            };
        };
        let failure = |error| Failure::new(format!("can't write to {}: {error}", file.display()));
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        let created = options.open(file).map_err(failure)?;
        let written = match write_users(accounts, &created).await {
            Ok(written) => written.and_then(|()| created.sync_all()).map_err(failure),
            Err(error) => Err(error),
        };
        if written.is_err() {
            // Part of the users could be mistaken for all of them.
            let _ = fs::remove_file(file);
        }
        written
    })
}

/// Writes all users. The outer error is the database's.
async fn write_users(accounts: &Accounts, out: impl Write) -> Result<io::Result<()>, Failure> {
    let mut out = BufWriter::new(out);
    let mut after = None;
    loop {
        let page = accounts.exported_users(after, PAGE_SIZE).await;
        let page = page.map_err(Failure::new)?;
        for user in &page {
            if let Err(error) = writeln!(out, "{}", json_line(user)) {
                return Ok(Err(error));
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE_SIZE as usize => after = Some(last.user.id),
            _ => return Ok(out.flush()),
        }
    }
}
