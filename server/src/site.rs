//! The built site: finds the hashed files of the browser app.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use app::{Registration, Site};

use crate::{appearance::Brand, failure::Failure};

/// The name of the built files: `output-name` in Cargo.toml.
const NAME: &str = "latchkey";

/// The name of the script that fetches chunks of the WebAssembly.
const SPLIT: &str = "__wasm_split";

/// The name of the file that lists the WebAssembly files of each chunk.
const MANIFEST: &str = "__wasm_split_manifest";

/// The folder of the site's hashed files.
const PKG: &str = "pkg";

/// The folder of the fonts.
const FONTS: &str = "fonts";

/// What pages load besides.
const OTHER_FILES: [&str; 2] = ["icon.svg", "manifest.webmanifest"];

/// The built site.
#[derive(Clone, Debug)]
pub struct SiteFiles {
    /// Its folder.
    pub root: PathBuf,
    /// Where the home page redirects to.
    pub home_url: Option<String>,
    /// Who may create an account.
    pub registration: Registration,
    /// What the pages look like.
    pub brand: Arc<Brand>,
    site: Arc<Site>,
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
            home_url: None,
            registration: Registration::Open,
            brand: Arc::default(),
            site: site.into(),
            is_watched: std::env::var_os("LEPTOS_WATCH").is_some(),
        })
    }

    /// Returns the files that a page loads.
    pub fn current(&self) -> Arc<Site> {
        let scan = || scan(&self.root);
        let fresh = self.is_watched.then(scan).flatten();
        fresh.map_or_else(|| self.site.clone(), Arc::new)
    }

    /// Returns the URL paths of the files that pages load.
    pub fn files(&self) -> Vec<String> {
        let in_folder = |folder: &'static str| {
            let entries = fs::read_dir(self.root.join(folder));
            let names = entries.into_iter().flatten().flatten();
            let names = names.filter_map(|entry| entry.file_name().into_string().ok());
            // What is compressed is not asked for by its name.
            let names = names.filter(|name| is_plain(name) && !is_compressed(name));
            names.map(move |name| format!("/{folder}/{name}"))
        };
        let exists = |name: &&str| self.root.join(name).is_file();
        let others = OTHER_FILES.into_iter().filter(exists);
        let others = others.map(|name| format!("/{name}"));
        others
            .chain([PKG, FONTS].into_iter().flat_map(in_folder))
            .collect()
    }

    /// Returns whether `cargo leptos watch` runs.
    pub fn is_watched(&self) -> bool {
        self.is_watched
    }
}

/// Whether a name means nothing special in a route.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.bytes().all(is_plain)
}

fn is_compressed(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension == "br" || extension == "gz")
}

fn scan(root: &Path) -> Option<Site> {
    let folder = root.join(PKG);
    let url = |name: String| format!("/{PKG}/{name}");
    let newest = |extension| newest(&folder, NAME, extension);
    let js = newest("js")?;
    let split_js = split_script(&folder, &js);
    // Files of an earlier build may be there, which was split.
    let chunks = split_js.as_ref().and_then(|_| read_chunks(&folder));
    Some(Site {
        css: url(newest("css")?),
        js: url(js),
        wasm: url(newest("wasm")?),
        split_js: split_js.map(url),
        chunks: chunks.unwrap_or_default(),
    })
}

/// Returns the name of the script that fetches chunks, which the app's script imports if the
/// WebAssembly is split.
fn split_script(folder: &Path, js: &str) -> Option<String> {
    let script = fs::read_to_string(folder.join(js)).ok()?;
    let (_, import) = script.split_once(&format!("\"./{SPLIT}."))?;
    let (rest, _) = import.split_once('"')?;
    Some(format!("{SPLIT}.{rest}"))
}

/// Returns the URL paths of the WebAssembly files of each chunk, by the chunk's name.
fn read_chunks(folder: &Path) -> Option<HashMap<String, Vec<String>>> {
    let manifest = fs::read(folder.join(newest(folder, MANIFEST, "json")?)).ok()?;
    let mut chunks: HashMap<String, Vec<String>> = serde_json::from_slice(&manifest).ok()?;
    for file in chunks.values_mut().flatten() {
        *file = format!("/{PKG}/{file}.wasm");
    }
    Some(chunks)
}

/// Returns the newest `<name>.<hash>.<extension>` or `<name>.<extension>` in a folder, which may
/// contain files of earlier builds.
fn newest(folder: &Path, name: &str, extension: &str) -> Option<String> {
    fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let rest = file.strip_prefix(name)?.strip_suffix(extension)?;
            let is_ours = rest.starts_with('.') && rest.ends_with('.');
            let modified = entry
                .metadata()
                .and_then(|file| file.modified())
                .unwrap_or(SystemTime::UNIX_EPOCH);
            is_ours.then_some((modified, file))
        })
        .max()
        .map(|(_, file)| file)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::scan;

    #[test]
    fn pages_name_the_chunks_of_a_split_build_only() {
        let root = std::env::temp_dir().join(format!("latchkey-site-{}", std::process::id()));
        let folder = root.join("pkg");
        fs::create_dir_all(&folder).unwrap();
        for name in ["latchkey.x.css", "latchkey.x.wasm"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let manifest = r#"{"home":["chunk_1.x","split_home.x"]}"#;
        fs::write(folder.join("__wasm_split_manifest.x.json"), manifest).unwrap();

        fs::write(folder.join("latchkey.x.js"), "let e;").unwrap();
        let whole = scan(&root).unwrap();
        assert_eq!(whole.split_js, None);
        assert!(whole.chunks.is_empty());

        let import =
            r#"import*as t from"./__wasm_split.x.js";import*as u from"./__wasm_split.x.js";"#;
        fs::write(folder.join("latchkey.x.js"), import).unwrap();
        let split = scan(&root).unwrap();
        assert_eq!(split.split_js.unwrap(), "/pkg/__wasm_split.x.js");
        assert_eq!(
            split.chunks["home"],
            ["/pkg/chunk_1.x.wasm", "/pkg/split_home.x.wasm"]
        );
        fs::remove_dir_all(root).unwrap();
    }
}
