//! The command line, the settings, the files, the log, and how the program starts and stops.

mod command_line;
mod lifecycle;
mod logs;
mod settings;
