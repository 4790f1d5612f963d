//! The built site: finds the hashed files of the browser app.

use std::{collections::HashMap, path::Path, sync::Arc};

use app::{Registration, Site};

use crate::{
    appearance::Brand, embedded_site::EmbeddedSite, failure::Failure, site_source::SiteSource,
};

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
    /// Where its files come from.
    pub source: SiteSource,
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
        Self::from_source(SiteSource::Folder(root.to_owned())).ok_or_else(|| {
            Failure::new(format!(
                "LATCHKEY_SITE_ROOT: there is no built site in {}; build it with `make build`, or name its folder",
                root.display()
            ))
        })
    }

    /// Finds the files of the site in the program.
    ///
    /// # Errors
    /// Fails if what is embedded is no built site.
    pub fn embedded(site: EmbeddedSite) -> Result<Self, Failure> {
        Self::from_source(SiteSource::Embedded(site)).ok_or_else(|| {
            Failure::new("the site in this program is incomplete; build both with `make build`, or name the folder of a built site in LATCHKEY_SITE_ROOT")
        })
    }

    fn from_source(source: SiteSource) -> Option<Self> {
        Some(Self {
            site: scan(&source)?.into(),
            source,
            home_url: None,
            registration: Registration::Open,
            brand: Arc::default(),
            is_watched: is_watched(),
        })
    }

    /// Returns the files that a page loads.
    pub fn current(&self) -> Arc<Site> {
        let scan = || scan(&self.source);
        let fresh = self.is_watched.then(scan).flatten();
        fresh.map_or_else(|| self.site.clone(), Arc::new)
    }

    /// Returns the URL paths of the files that pages load.
    pub fn files(&self) -> Vec<String> {
        let in_folder = |folder: &'static str| {
            // What is compressed is not asked for by its name.
            let is_loaded = |name: &String| is_plain(name) && !is_compressed(name);
            let names = self.source.names(folder).into_iter().filter(is_loaded);
            names.map(move |name| format!("/{folder}/{name}"))
        };
        let others = OTHER_FILES.into_iter();
        let others = others.filter(|name| self.source.has(name));
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

/// Whether `cargo leptos watch` runs.
pub fn is_watched() -> bool {
    std::env::var_os("LEPTOS_WATCH").is_some()
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

fn scan(source: &SiteSource) -> Option<Site> {
    let names = source.names(PKG);
    let url = |name: String| format!("/{PKG}/{name}");
    let newest = |extension| newest(&names, NAME, extension);
    let js = newest("js")?;
    let split_js = split_script(source, &js);
    // Files of an earlier build may be there, which was split.
    let chunks = split_js.as_ref().and_then(|_| read_chunks(source, &names));
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
fn split_script(source: &SiteSource, js: &str) -> Option<String> {
    let script = source.read(&format!("{PKG}/{js}"))?;
    let script = str::from_utf8(&script).ok()?;
    let (_, import) = script.split_once(&format!("\"./{SPLIT}."))?;
    let (rest, _) = import.split_once('"')?;
    Some(format!("{SPLIT}.{rest}"))
}

/// Returns the URL paths of the WebAssembly files of each chunk, by the chunk's name.
fn read_chunks(source: &SiteSource, names: &[String]) -> Option<HashMap<String, Vec<String>>> {
    let manifest = newest(names, MANIFEST, "json")?;
    let manifest = source.read(&format!("{PKG}/{manifest}"))?;
    let mut chunks: HashMap<String, Vec<String>> = serde_json::from_slice(&manifest).ok()?;
    for file in chunks.values_mut().flatten() {
        *file = format!("/{PKG}/{file}.wasm");
    }
    Some(chunks)
}

/// Returns the newest `<name>.<hash>.<extension>` or `<name>.<extension>` of these files, the newest of
/// which is the last. There may be some of earlier builds.
fn newest(files: &[String], name: &str, extension: &str) -> Option<String> {
    let is_ours = |file: &&String| {
        let rest = file.strip_prefix(name);
        let rest = rest.and_then(|rest| rest.strip_suffix(extension));
        rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with('.'))
    };
    files.iter().rfind(is_ours).cloned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{SiteSource, scan};

    #[test]
    fn pages_name_the_chunks_of_a_split_build_only() {
        let root = std::env::temp_dir().join(format!("latchkey-site-{}", std::process::id()));
        let folder = root.join("pkg");
        fs::create_dir_all(&folder).unwrap();
        let source = SiteSource::Folder(root.clone());
        for name in ["latchkey.x.css", "latchkey.x.wasm"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let manifest = r#"{"home":["chunk_1.x","split_home.x"]}"#;
        fs::write(folder.join("__wasm_split_manifest.x.json"), manifest).unwrap();

        fs::write(folder.join("latchkey.x.js"), "let e;").unwrap();
        let whole = scan(&source).unwrap();
        assert_eq!(whole.split_js, None);
        assert!(whole.chunks.is_empty());

        let import =
            r#"import*as t from"./__wasm_split.x.js";import*as u from"./__wasm_split.x.js";"#;
        fs::write(folder.join("latchkey.x.js"), import).unwrap();
        let split = scan(&source).unwrap();
        assert_eq!(split.split_js.unwrap(), "/pkg/__wasm_split.x.js");
        assert_eq!(
            split.chunks["home"],
            ["/pkg/chunk_1.x.wasm", "/pkg/split_home.x.wasm"]
        );
        fs::remove_dir_all(root).unwrap();
    }
}
