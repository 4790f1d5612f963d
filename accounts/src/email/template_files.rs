//! The templates of emails: Latchkey's own, and those in a folder of the operator.

use std::{
    fmt::{self, Write},
    fs, io,
    path::{Path, PathBuf},
};

use crate::file::read_file;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

/// The longest template, in bytes.
const MAX_LENGTH: u64 = 256 * 1024;

/// How many files the folder may have.
const MAX_FILES: usize = 100;

/// The layout of all emails that have no template of their own.
const LAYOUT: &str = "email";

/// What the names of files begin with that others include.
const PARTIAL: char = '_';

/// What the name of the template of a subject line ends with.
const SUBJECT: &str = ".subject.txt";

/// The formats of each email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Text,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "txt",
        }
    }
}

/// The templates, in the language of Jinja.
#[derive(Clone)]
pub struct EmailTemplates(Environment<'static>);

impl Default for EmailTemplates {
    /// Latchkey's own.
    fn default() -> Self {
        let mut environment = environment();
        // A test renders both.
        for (name, source) in [
            ("email.html", include_str!("../../templates/email.html")),
            ("email.txt", include_str!("../../templates/email.txt")),
        ] {
            let _ = environment.add_template(name, source);
        }
        Self(environment)
    }
}

/// Templates can't be used. The message names the file, and the line if there is one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTemplates {
    /// The folder or a file can't be read.
    #[error("can't read {}: {reason}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No email has this name.
    #[error(
        "{name} is the template of no email; those that others include begin with _, and end with .html or .txt"
    )]
    Unknown {
        /// The name of the file.
        name: String,
    },
    /// The template can't be read, or not be filled in.
    #[error("{name}: {reason}")]
    Template {
        /// The name of the file.
        name: String,
        /// Why.
        reason: String,
    },
    /// The email would have no subject.
    #[error("{name}.subject.txt is empty")]
    NoSubject {
        /// The name of the email.
        name: String,
    },
    /// What the included template inserts would not be escaped.
    #[error("{name} includes a template of text: give that the extension .html")]
    TextInHtml {
        /// The name of the file.
        name: String,
    },
    /// The email would have a link that nobody sees.
    #[error("{name} lacks the link: write {{{{ link.url }}}} where it belongs")]
    NoLink {
        /// The name of the email.
        name: String,
    },
    /// The email would be about a code that nobody sees.
    #[error("{name} lacks the code: write {{{{ code }}}} where it belongs")]
    NoCode {
        /// The name of the email.
        name: String,
    },
}

impl EmailTemplates {
    /// Reads the templates in a folder: `email.html` and `email.txt` for all emails, and for the email
    /// of each of `names` `<name>.html`, `<name>.txt` and `<name>.subject.txt`.
    ///
    /// # Errors
    /// When the folder can't be read, or contains another file, or a template can't be parsed.
    pub(super) fn read(folder: &Path, names: &[&str]) -> Result<Self, InvalidTemplates> {
        let Self(mut environment) = Self::default();
        for path in files(folder).map_err(unreadable(folder))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.into_owned();
            if !is_known(&name, names) {
                return Err(InvalidTemplates::Unknown { name });
            }
            let source = read(&path).map_err(unreadable(&path))?;
            if name.ends_with(".html") && includes_text(&source) {
                return Err(InvalidTemplates::TextInHtml { name });
            }
            if let Err(error) = environment.add_template_owned(name.clone(), source) {
                return Err(InvalidTemplates::failed(&name, &error));
            }
        }
        Ok(Self(environment))
    }

    /// Writes an email as text or HTML. A layout of the operator's that does not write what this email is for,
    /// because it is older than such emails, gives way to Latchkey's own.
    pub(super) fn write(
        &self,
        name: &str,
        format: Format,
        context: &Value,
        essential: Option<&str>,
    ) -> Result<String, Error> {
        let extension = format.extension();
        if let Ok(own) = self.0.get_template(&format!("{name}.{extension}")) {
            return own.render(context);
        }
        let layout = format!("{LAYOUT}.{extension}");
        let text = self.0.get_template(&layout)?.render(context)?;
        match essential {
            Some(essential) if !text.contains(essential) => {
                Self::default().0.get_template(&layout)?.render(context)
            }
            _ => Ok(text),
        }
    }

    /// Writes the subject line of an email, if the operator has a template of it.
    pub(super) fn write_subject(
        &self,
        name: &str,
        context: &Value,
    ) -> Result<Option<String>, Error> {
        let Ok(template) = self.0.get_template(&format!("{name}{SUBJECT}")) else {
            return Ok(None);
        };
        let subject = template.render(context)?;
        // A line break would end the header.
        Ok(Some(
            subject.split_whitespace().collect::<Vec<_>>().join(" "),
        ))
    }
}

impl InvalidTemplates {
    /// An email can't be written with these templates.
    pub(super) fn failed(name: &str, error: &Error) -> Self {
        let name = error.name().unwrap_or(name).to_owned();
        let what = error
            .detail()
            .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
        let reason = match error.line() {
            Some(line) => format!("line {line}: {what}"),
            None => what,
        };
        Self::Template { name, reason }
    }
}

impl fmt::Debug for EmailTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.templates().map(|(name, _)| name).collect();
        f.debug_tuple("EmailTemplates").field(&names).finish()
    }
}

/// Whether a tag of a template names a file of text.
fn includes_text(source: &str) -> bool {
    let tags = source.split("{%").skip(1);
    let mut tags = tags.filter_map(|rest| rest.split("%}").next());
    tags.any(|tag| tag.contains(".txt"))
}

fn is_known(file: &str, names: &[&str]) -> bool {
    if file.starts_with(PARTIAL) {
        // The extension decides what is escaped.
        return file.ends_with(".html") || file.ends_with(".txt");
    }
    let of_layout = |name: &str| name == LAYOUT;
    let of_email = |name: &str| names.contains(&name);
    if let Some(name) = file.strip_suffix(SUBJECT) {
        return of_email(name);
    }
    [Format::Html, Format::Text].iter().any(|format| {
        let name = file
            .strip_suffix(format.extension())
            .and_then(|name| name.strip_suffix('.'));
        name.is_some_and(|name| of_layout(name) || of_email(name))
    })
}

/// Returns the files of a folder that are not hidden, as editors and systems add those.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        files.push(entry.path());
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!(
                "it has more than {MAX_FILES} files"
            )));
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> io::Result<String> {
    let Some(content) = read_file(path, MAX_LENGTH)? else {
        let reason = format!("it is longer than {} KiB", MAX_LENGTH / 1024);
        return Err(io::Error::other(reason));
    };
    String::from_utf8(content).map_err(|_| io::Error::other("it is not valid UTF-8"))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> InvalidTemplates + use<> {
    let path = path.to_owned();
    move |error| InvalidTemplates::Unreadable {
        path: path.clone(),
        reason: error.to_string(),
    }
}

/// Returns an environment for templates without files in it. What they insert into HTML is escaped.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(write_value);
    environment
}

/// Writes a value into a template. In HTML, it escapes what has a meaning there. The library's own way
/// also escapes slashes, which makes links unreadable in the source.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let is_html = matches!(state.auto_escape(), AutoEscape::Html);
    let text = match value.as_str() {
        Some(text) if is_html && !value.is_safe() => text,
        _ => return minijinja::escape_formatter(out, state, value),
    };
    for character in text.chars() {
        match character {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&quot;"),
            '\'' => out.write_str("&#39;"),
            other => out.write_char(other),
        }?;
    }
    Ok(())
}
