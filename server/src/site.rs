//! The built site: finds the hashed files of the browser app.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use app::Site;

use crate::failure::Failure;

/// The name of the built files: `output-name` in Cargo.toml.
const NAME: &str = "latchkey";

/// The folder of the site's hashed files.
const PKG: &str = "pkg";

/// The built site.
#[derive(Clone, Debug)]
pub struct SiteFiles {
    /// Its folder.
    pub root: PathBuf,
    site: Site,
    /// Whether `cargo leptos watch` runs, which replaces the files while the server runs.
    is_watched: bool,
}

impl SiteFiles {
    /// Finds the files of the site in its folder.
    ///
    /// # Errors
    /// Fails if the folder contains no built site.
    pub fn find(root: &Path) -> Result<Self, Failure> {
        let site = scan(root).ok_or_else(|| {
            Failure::new(format!(
                "LATCHKEY_SITE_ROOT: there is no built site in {}; build it with `make build`, or name its folder",
                root.display()
            ))
        })?;
        Ok(Self {
            root: root.to_owned(),
            site,
            is_watched: std::env::var_os("LEPTOS_WATCH").is_some(),
        })
    }

    /// Returns the files that a page loads.
    pub fn current(&self) -> Site {
        let fresh = self.is_watched.then(|| scan(&self.root)).flatten();
        fresh.unwrap_or_else(|| self.site.clone())
    }

    /// Returns whether `cargo leptos watch` runs.
    pub fn is_watched(&self) -> bool {
        self.is_watched
    }
}

fn scan(root: &Path) -> Option<Site> {
    let url = |extension| newest(&root.join(PKG), extension).map(|name| format!("/{PKG}/{name}"));
    Some(Site {
        css: url("css")?,
        js: url("js")?,
        wasm: url("wasm")?,
    })
}

/// Returns the newest `latchkey.<hash>.<extension>` or `latchkey.<extension>` in a folder, which
/// may contain files of earlier builds.
fn newest(folder: &Path, extension: &str) -> Option<String> {
    std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix(NAME)?.strip_suffix(extension)?;
            let is_ours = rest.starts_with('.') && rest.ends_with('.');
            let modified = entry
                .metadata()
                .and_then(|file| file.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH);
            is_ours.then_some((modified, name))
        })
        .max()
        .map(|(_, name)| name)
}
