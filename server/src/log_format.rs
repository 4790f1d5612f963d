//! Whether the line that says why the program stops belongs to a log in JSON. That must be known where the settings
//! could not be read, too.

use std::ffi::OsString;

use clap::{ArgMatches, Command};

use crate::environment::Environment;

const VARIABLE: &str = "LATCHKEY_LOG_FORMAT";
const FLAG: &str = "--log-format";

/// Whether these arguments are of a command that writes a log, and the log is JSON. Other commands are for people.
pub fn is_json(command: Command, arguments: &[OsString]) -> bool {
    format(arguments).as_deref() == Some("json") && writes_log(command, arguments)
}

/// Looks at the command line, and then at the environment. If the `.env` file can't be read, the variables can.
fn format(arguments: &[OsString]) -> Option<String> {
    let arguments: Vec<&str> = arguments.iter().filter_map(|one| one.to_str()).collect();
    let joined = arguments.iter().filter_map(|one| {
        let value = one.strip_prefix(FLAG)?;
        value.strip_prefix('=')
    });
    let separate = arguments.windows(2).filter(|pair| pair[0] == FLAG);
    let given = joined.chain(separate.map(|pair| pair[1])).last();
    given.map(str::to_owned).or_else(|| {
        let environment = Environment::read().unwrap_or_else(|_| Environment::of_process());
        let value = environment.value(VARIABLE).ok().flatten()?;
        value.text.into_string().ok()
    })
}

/// Whether the command is `serve`, which is the default, or `backup --every`. Of a command line with an error, the
/// part before it counts.
fn writes_log(command: Command, arguments: &[OsString]) -> bool {
    let matches = command
        .ignore_errors(true)
        .try_get_matches_from(arguments)
        .ok();
    let subcommand = matches.as_ref().and_then(ArgMatches::subcommand);
    match subcommand {
        None | Some(("serve", _)) => true,
        Some(("backup", matches)) => matches.contains_id("every"),
        Some(_) => false,
    }
}
