//! The command line, the settings, the files, the log, and how the program starts and stops.

mod backup;
mod checks;
mod command_line;
mod container;
mod existing_data;
mod lifecycle;
mod logs;
mod settings;
mod systemd;
