//! `latchkey passwords build`: makes the file of breached passwords from the public list.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, IsTerminal},
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use accounts::{BuildError, BuiltFilter, build_breached_passwords, is_breached_passwords_file};
use tempfile::TempPath;
use tokio::sync::oneshot;

use super::{
    print_line, runtime,
    staging::{folder_of, replace},
};
use crate::{failure::Failure, signals};

/// The part of the list that is read at once, in bytes.
const BUFFER: usize = 1024 * 1024;

/// `latchkey passwords build FILE`: reads the list from this file or from standard input, and takes the
/// hashes that were seen at least `min_count` times. The file is complete or as it was.
pub fn build(file: &Path, list: Option<&Path>, min_count: u64) -> Result<(), Failure> {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::new(format!("can't build {}: {reason}", file.display()))
    };
    check_replaceable(file).map_err(|reason| failed(&reason))?;
    let list = open_list(list)?;
    let built = runtime()?.block_on(async {
        let stop = signals::stop()?;
        let temporary = tempfile::Builder::new()
            .prefix(".latchkey-")
            .tempfile_in(folder_of(file));
        let (output, path) = temporary.map_err(|error| failed(&error))?.into_parts();
        let built = tokio::select! {
            built = in_thread(list, output, min_count) => built?,
            // The temporary file is removed, whatever the thread does until the program exits.
            () = stop => return Err(Failure::new("stopped before the file was complete")),
        };
        let built = built.map_err(|error| failed(&error))?;
        put_in_place(path, file).map_err(|error| failed(&error))?;
        Ok(built)
    })?;
    print_line(format_args!(
        "Wrote {}: {} hashes, {} bytes",
        file.display(),
        built.keys,
        built.length
    ))
}

/// Refuses to replace anything but such a file, as the name may be a mistake.
fn check_replaceable(file: &Path) -> Result<(), String> {
    const OTHER: &str = "there is another kind of file already";
    let present = match fs::symlink_metadata(file) {
        Ok(present) => present,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !present.is_file() {
        return Err(OTHER.to_owned());
    }
    let is_filter = File::open(file).and_then(is_breached_passwords_file);
    match is_filter.map_err(|error| error.to_string())? {
        true => Ok(()),
        false => Err(OTHER.to_owned()),
    }
}

fn open_list(list: Option<&Path>) -> Result<Box<dyn BufRead + Send>, Failure> {
    let Some(list) = list else {
        if io::stdin().is_terminal() {
            return Err(Failure::new(
                "name the list with --from, or send it to standard input",
            ));
        }
        return Ok(Box::new(BufReader::with_capacity(BUFFER, io::stdin())));
    };
    let opened = File::open(list);
    let opened = opened.map_err(|error| {
        Failure::new(format!("can't read the list {}: {error}", list.display()))
    })?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, opened)))
}

/// Builds the file in a thread, which nobody has to wait for: reading standard input can't be stopped.
async fn in_thread(
    list: Box<dyn BufRead + Send>,
    output: File,
    min_count: u64,
) -> Result<Result<BuiltFilter, BuildError>, Failure> {
    let (sender, built) = oneshot::channel();
    thread::Builder::new()
        .spawn(move || {
            // Nobody waits for it when the program is told to stop.
            let _ = sender.send(build_breached_passwords(list, &output, min_count));
        })
        .map_err(Failure::new)?;
    built.await.map_err(Failure::new)
}

/// The file is readable for all, as the list is public, and the server may run as another user.
fn put_in_place(path: TempPath, file: &Path) -> io::Result<()> {
    fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    replace(path, file)
}
